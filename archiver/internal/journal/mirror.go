package journal

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// Every list of manifests that reaches their end also shows, without a request of its own,
// whether the archive is a mirror. So a writer learns it whenever it reads the head, whatever
// it remembers.

// marks says which of the two documents of a mirror a list has shown.
type marks struct{ mirror, detached bool }

func (m *marks) note(key string) {
	m.mirror = m.mirror || key == manifest.MirrorKey
	m.detached = m.detached || key == manifest.DetachedKey
}

// listJournal lists manifests, and after them the documents of a mirror. What others keep in the
// same place under names with the same beginning, such as an archive in "media/", is passed over,
// however much that is.
func listJournal(ctx context.Context, s *objects.Store, after string) iter.Seq2[storage.ObjectInfo, error] {
	return func(yield func(storage.ObjectInfo, error) bool) {
		for hasMore := true; hasMore; {
			hasMore = false
			for info, err := range s.ListAfter(ctx, manifest.JournalPrefix, after, objects.MaxManifests) {
				if failed, ok := errors.AsType[*storage.Error](err); ok && failed.Key == manifest.JournalPrefix {
					named := *failed
					named.Key, err = manifest.ManifestPrefix, &named // which is what people know
				}
				if err == nil && info.Key > manifest.MirrorKey {
					return
				}
				if err == nil {
					if after, hasMore = pastOthers(info.Key); hasMore {
						break
					}
				}
				if !yield(info, err) {
					return
				}
			}
		}
	}
}

// pastOthers returns after what the journal goes on, if an object is none of it, by its key: and so
// is none that comes before that.
func pastOthers(key string) (after string, isOther bool) {
	const mirrors = "mirror." // what the documents of a mirror begin with
	switch {
	case strings.HasPrefix(key, manifest.ManifestPrefix), key >= mirrors:
		return "", false
	case key < manifest.ManifestPrefix:
		return manifest.ManifestPrefix, true // no manifest has that key, and "manifests-old" comes before it
	}
	return mirrors, true
}

// MirrorError is the error for a writer to a mirror.
type MirrorError struct {
	Address string
	Source  string // of which it is a mirror
	At      time.Time
}

func (e *MirrorError) Error() string {
	return fmt.Sprintf("%s is a mirror of %s, since %s: only mirroring writes there", e.Address, e.Source, e.At.UTC().Format("2006-01-02 15:04:05 UTC"))
}

// IsMirror reports whether the list has shown that the archive is a mirror, and was not
// detached.
func (l *List) IsMirror() bool { return l.marks.mirror && !l.marks.detached }

// CheckMirror returns a [*MirrorError] if the archive of l is a mirror. It takes a request only if
// it may be one.
func (j *Journal) CheckMirror(ctx context.Context, l *List) error {
	if !l.IsMirror() {
		return nil
	}
	m, err := ReadMirror(ctx, j.store)
	switch {
	case err != nil:
		return err
	case m == nil:
		return nil // it was there, and is not: somebody has deleted it
	case l.Archive != nil && m.ArchiveID != l.Archive.ArchiveID:
		j.log.Warn("somebody began to mirror another archive here, which came too late", "source", m.Source, "at", m.At)
		return nil
	}
	return &MirrorError{Address: j.Address(), Source: m.Source, At: m.At}
}

// ReadMirror reads what the archive is a mirror of, nil if it is none. If that is damaged, the
// error is a [*manifest.ObjectError].
func ReadMirror(ctx context.Context, s *objects.Store) (*manifest.Mirror, error) {
	return readMirror(ctx, s, manifest.MirrorKey, manifest.DecodeMirror)
}

// ReadDetached reads what says that the archive is a mirror no more, nil if nothing does.
func ReadDetached(ctx context.Context, s *objects.Store) (*manifest.Mirror, error) {
	return readMirror(ctx, s, manifest.DetachedKey, manifest.DecodeDetached)
}

func readMirror(ctx context.Context, s *objects.Store, key string, decode func([]byte) (*manifest.Mirror, error)) (*manifest.Mirror, error) {
	b, err := s.Read(ctx, key, manifest.MaxManifestBytes, manifest.Intact)
	if errors.Is(err, storage.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	m, err := decode(b)
	switch {
	case errors.Is(err, manifest.ErrDamaged):
		return nil, &manifest.ObjectError{Key: key, Problem: err.Error()}
	case err != nil:
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return m, nil
}
