package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// History is the archive's log of commits as a LIST has shown it: all of it, or
// its end.
type History struct {
	Archive *manifest.Archive // nil if there is none yet
	Seqs    []manifest.Seq    // ascending

	Document error // what is wrong with archive.json, see [Archive.byManifests]
}

// History asks the store what there is: archive.json and the names of the
// manifests.
func (j *Journal) History(ctx context.Context) (*History, error) {
	h, err := j.archiveDocument(ctx)
	if err != nil {
		return nil, err
	}
	for info, err := range j.Store.List(ctx, manifest.ManifestPrefix, objects.MaxManifests) {
		if err != nil {
			return nil, err
		}
		if seq, ok := manifest.ParseKey(info.Key); ok {
			h.Seqs = append(h.Seqs, seq)
		}
	}
	return h, j.check(ctx, h)
}

// historyBehind is history; with look it also looks behind the list.
func (j *Journal) historyBehind(ctx context.Context, look bool) (*History, error) {
	h, err := j.History(ctx)
	if err == nil && look {
		err = j.lookBehind(ctx, h)
	}
	return h, err
}

// lookBehind looks for what a list may not show yet: lists may be behind, or come
// out of a cache. A backup looks when its commit has met such a one.
func (j *Journal) lookBehind(ctx context.Context, h *History) error {
	for h.Archive != nil {
		next := h.Last() + 1
		if _, err := j.Store.Storage.Head(ctx, next.Key()); errors.Is(err, storage.ErrNotExist) {
			return nil
		} else if err != nil {
			return err
		}
		h.Seqs = append(h.Seqs, next)
	}
	return nil
}

// NoArchiveError is the error for an address at which there is no archive.
type NoArchiveError struct {
	Address string
	Err     error // what the store says of the bucket, if that is not there either
}

func (e *NoArchiveError) Error() string {
	if e.Err != nil {
		return e.Err.Error()
	}
	return "there is no archive at " + e.Address
}

// Unwrap returns Err.
func (e *NoArchiveError) Unwrap() error { return e.Err }

// Open is existing without the warning; if there is no archive, it is known
// from m whether there was one.
func (j *Journal) Open(ctx context.Context, m Memory) (*History, error) {
	h, err := j.historyBehind(ctx, true)
	if err != nil {
		h, err = j.byManifests(ctx, err)
	}
	err = m.NoStore(err)
	if _, gone := errors.AsType[*VanishedError](err); !gone && errors.Is(err, storage.ErrNoStore) {
		return nil, &NoArchiveError{j.Address(), err}
	}
	if err != nil {
		return nil, err
	}
	if h.Archive == nil {
		if lost := m.Lost(h); lost != nil {
			return nil, lost
		}
		return nil, &NoArchiveError{Address: j.Address()}
	}
	return h, nil
}

// Last is the number of the newest backup, 0 if there is none.
func (h *History) Last() manifest.Seq {
	if len(h.Seqs) == 0 {
		return 0
	}
	return h.Seqs[len(h.Seqs)-1]
}

// Load reads and checks one manifest of the archive with this id. What is wrong
// with it is said when it was so twice.
func (j *Journal) Load(ctx context.Context, archiveID string, seq manifest.Seq) (*manifest.Committed, error) {
	m, err := j.loadOnce(ctx, archiveID, seq)
	var object *manifest.ObjectError
	if errors.As(err, &object) {
		return j.loadOnce(ctx, archiveID, seq)
	}
	return m, err
}

func (j *Journal) loadOnce(ctx context.Context, archiveID string, seq manifest.Seq) (*manifest.Committed, error) {
	b, err := j.Store.ReadDocument(ctx, seq.Key())
	if errors.Is(err, storage.ErrNotExist) {
		return nil, &manifest.ObjectError{Key: seq.Key(), Problem: "it is missing"}
	}
	if err != nil {
		return nil, err
	}
	m, err := manifest.DecodeManifest(b)
	switch {
	case errors.Is(err, manifest.ErrDamaged):
		return nil, &manifest.ObjectError{Key: seq.Key(), Problem: err.Error()}
	case err != nil:
		return nil, fmt.Errorf("%s: %w", seq.Key(), err)
	case m.Seq != seq:
		return nil, &manifest.ObjectError{Key: seq.Key(), Problem: fmt.Sprintf("it is the manifest of backup %d", m.Seq)}
	case m.ArchiveID != archiveID:
		return nil, &manifest.ObjectError{Key: seq.Key(), Problem: "it belongs to another archive"}
	}
	return &manifest.Committed{Manifest: m, Digest: manifest.Sum(b)}, nil
}

// LoadAll reads the manifests of seqs, several at a time, and gives each one,
// or what is wrong with it, to use: in any order, but never two at once. What
// use returns ends the loading.
func (j *Journal) LoadAll(ctx context.Context, h *History, use func(i int, m *manifest.Committed, err error) error) error {
	type loaded struct {
		i   int
		m   *manifest.Committed
		err error
	}
	results := make(chan loaded)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(results)
		readers, ctx := errgroup.WithContext(ctx)
		readers.SetLimit(ManifestReaders)
		for i, seq := range h.Seqs {
			readers.Go(func() error {
				m, err := j.Load(ctx, h.Archive.ArchiveID, seq)
				select {
				case results <- loaded{i, m, err}:
					return nil
				case <-ctx.Done():
					return context.Cause(ctx)
				}
			})
		}
		return readers.Wait()
	})
	g.Go(func() error {
		for r := range results {
			if err := use(r.i, r.m, r.err); err != nil {
				return err
			}
		}
		return nil
	})
	return g.Wait()
}

// ManifestReaders is how many manifests are fetched at a time: they are small,
// so it is the store's latency that counts.
const ManifestReaders = 32

// Index gives where a backup's content is. The two agree.
func (j *Journal) Index(ctx context.Context, m *manifest.Manifest) (*manifest.Index, error) {
	ix := m.Content
	if ix == nil {
		var err error
		if ix, err = j.indexObject(ctx, m.Index); err != nil {
			return nil, err
		}
	}
	if err := m.Fits(ix); err != nil {
		return nil, &manifest.ObjectError{Key: m.Seq.Key(), Problem: err.Error()}
	}
	return ix, nil
}

// indexObject reads an index that is an object of its own.
func (j *Journal) indexObject(ctx context.Context, ref *manifest.ObjectRef) (*manifest.Index, error) {
	b, err := j.Store.ReadSealed(ctx, ref.Key, ref.StoredBytes, ref.SHA256, nil)
	if err != nil {
		return nil, err
	}
	raw, err := unpackIndex(b, ref.RawBytes)
	if err != nil {
		return nil, &manifest.ObjectError{Key: ref.Key, Problem: err.Error()}
	}
	ix, err := manifest.DecodeIndex(raw)
	if errors.Is(err, manifest.ErrDamaged) {
		return nil, &manifest.ObjectError{Key: ref.Key, Problem: err.Error()}
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ref.Key, err)
	}
	return ix, nil
}

// newArchive makes the document of an archive that there is not yet.
func (j *Journal) newArchive(c *manifest.Conditions) *manifest.Archive {
	return &manifest.Archive{ArchiveID: manifest.NewID(), CreatedAt: manifest.Now(), Tool: j.Tool, Conditions: c}
}

// ensureArchive creates archive.json from doc if this may be the first backup,
// and gives the one that is there, whatever was answered: of two first backups at
// the same time both go on with the same.
func (j *Journal) ensureArchive(ctx context.Context, doc *manifest.Archive, first bool) (*manifest.Archive, error) {
	if !first {
		return doc, nil
	}
	document := doc.Encode()
	sum := manifest.Sum(document)
	for range objects.Tries {
		result, err := objects.Retry(ctx, j.Store.Patience, func() (storage.PutResult, error) {
			return j.Store.Storage.Put(ctx, manifest.ArchiveKey, bytes.NewReader(document), storage.PutOptions{IfAbsent: true, SHA256: (*[32]byte)(&sum)})
		})
		if err == nil && result.Proved {
			return doc, nil
		}
		if err != nil && !objects.MayExist(err) {
			return nil, err
		}
		b, readErr := j.Store.ReadDocument(ctx, manifest.ArchiveKey)
		switch {
		case readErr == nil:
			return manifest.DecodeArchive(b)
		case err != nil && !errors.Is(err, storage.ErrPreconditionFailed):
			return nil, err
		case errors.Is(readErr, storage.ErrNotExist): // whatever was answered
		default:
			return nil, readErr
		}
	}
	return nil, fmt.Errorf("%w: %s", objects.ErrLost, manifest.ArchiveKey)
}

// NoBackupError is the error for a backup that the archive does not have. The zero value
// is that for an archive that has none at all.
type NoBackupError struct {
	Seq         uint64 // that was asked for
	First, Last uint64 // that there are
}

func (e *NoBackupError) Error() string {
	if e.Last == 0 {
		return "the archive has no backup"
	}
	return fmt.Sprintf("there is no backup %d: the archive has %d to %d", e.Seq, e.First, e.Last)
}
