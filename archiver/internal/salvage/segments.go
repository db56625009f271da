package salvage

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/gbak-s3/gbak-s3/archiver/internal/fetch"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/internal/progress"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// readIndexes reads where the content of all records is.
func (s *Survey) readIndexes(ctx context.Context) error {
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(journal.Readers)
	for seq, m := range s.read {
		if !m.Kind.HasContent() {
			continue
		}
		g.Go(func() error {
			ix, err := s.journal.Index(ctx, m)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				s.indexes[seq] = ix
				return nil
			}
			key := m.Key()
			if m.Index != nil {
				key = m.Index.Key
			}
			if !s.counts(seq) && journal.IsDamaged(err) {
				return nil // it may be deleted
			}
			return s.pass(key, err)
		})
	}
	return g.Wait()
}

// counts reports whether a record is, or describes, a backup as far as the newest keep says.
func (s *Survey) counts(seq manifest.Seq) bool {
	k := s.list.Keep
	return k == nil || seq >= k.Seq || k.Keeping.Alive.Contains(seq)
}

// checkSegments finds out which segments are there, and unless the survey is quick, whether
// their bytes are those that were stored.
func (s *Survey) checkSegments(ctx context.Context, o Options) error {
	rest := map[string]int64{}
	for info, err := range s.store.List(ctx, manifest.SegmentPrefix, objects.MaxSegments) {
		if err != nil {
			return err
		}
		rest[info.Key] = info.Size
		if g, ok := manifest.ParseGeneration(info.Key); ok {
			s.generation = max(s.generation, g)
		}
	}
	sizes := map[string]int64{}
	var whole []manifest.Segment // those that are there, by their size
	unlisted := map[string]manifest.Segment{}
	isNamed := map[string]bool{}
	for seq, ix := range s.indexes {
		for _, g := range ix.Segments {
			if s.spare[g.Key] = !s.counts(seq) && (s.spare[g.Key] || !isNamed[g.Key]); g.IsInline() || isNamed[g.Key] {
				continue
			}
			isNamed[g.Key] = true
			if size, ok := rest[g.Key]; ok {
				sizes[g.Key] = size
				whole = append(whole, g)
			} else {
				unlisted[g.Key] = g
			}
		}
	}
	if err := s.lookFor(ctx, unlisted, sizes); err != nil {
		return err
	}
	for key, g := range unlisted {
		if _, ok := sizes[key]; ok {
			whole = append(whole, g)
		} else {
			s.Damage(key, "it is missing")
		}
	}
	for key := range isNamed {
		delete(rest, key)
	}
	s.Unnamed = len(rest)
	present := whole[:0]
	for _, g := range whole {
		if sizes[g.Key] == g.StoredBytes {
			present = append(present, g)
		} else {
			s.Damage(g.Key, fmt.Sprintf("it has %d bytes instead of %d", sizes[g.Key], g.StoredBytes))
		}
	}
	if o.Quick {
		return nil
	}
	return s.readSegments(ctx, o, present)
}

// readSegments compares segments with their digests.
func (s *Survey) readSegments(ctx context.Context, o Options, segments []manifest.Segment) error {
	all := manifest.NewIndexBuilder()
	all.AddFile(manifest.File{})
	var raw int64
	for i, g := range segments { // something of each is needed, so that it is read
		frame := all.AddFrame(g, manifest.Frame{StoredBytes: 1, RawBytes: 1})
		all.AddExtent(0, manifest.Extent{Offset: int64(2 * i), Bytes: 1, Frame: frame})
		s.Read += g.StoredBytes
		raw += g.RawBytes
	}
	var mu sync.Mutex
	_, err := fetch.All(ctx, fetch.Options{
		Store: s.store, Workers: o.Workers, Index: all.Index(), StoredOnly: true, Tracker: progress.Track(ctx, raw),
		ManifestKey: func(int) string { return "" },
		Broken: func(_ int, err *manifest.ObjectError) {
			mu.Lock()
			defer mu.Unlock()
			s.Damage(err.Key, err.Problem)
		},
	})
	return err
}

// lookFor asks for segments that no list shows, which may be late, and adds the sizes of those
// that are there.
func (s *Survey) lookFor(ctx context.Context, segments map[string]manifest.Segment, sizes map[string]int64) error {
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(journal.Readers)
	for key := range segments {
		g.Go(func() error {
			info, err := s.store.Storage.Head(ctx, key)
			if errors.Is(err, storage.ErrNotExist) {
				return nil
			}
			if err == nil {
				mu.Lock()
				sizes[key] = info.Size
				mu.Unlock()
			}
			return err
		})
	}
	return g.Wait()
}
