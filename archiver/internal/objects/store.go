package objects

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// Store is the objects of an archive: each is created once and never changed.
// What a store does wrong for a while, such as being busy, it bears with. All
// methods may be called concurrently.
type Store struct {
	Storage  storage.Storage
	Patience time.Duration // how long a store may be busy or gone
	Log      *slog.Logger
}

// ReadDocument reads archive.json or a manifest.
func (s *Store) ReadDocument(ctx context.Context, key string) ([]byte, error) {
	return s.Read(ctx, key, manifest.MaxManifestBytes, manifest.Intact)
}

// Read reads a whole object of at most limit bytes. One that is not intact
// is read once more: if it is so again, that is not the network's doing, and the
// caller will find it.
func (s *Store) Read(ctx context.Context, key string, limit int64, intact func([]byte) bool) ([]byte, error) {
	var b []byte
	var err error
	for range 2 {
		var object *manifest.ObjectError
		if b, err = s.readOnce(ctx, key, limit); err == nil && intact(b) || err != nil && !errors.As(err, &object) {
			return b, err
		}
	}
	if foreign := s.checkOrigin(ctx, key); foreign != nil {
		return nil, foreign
	}
	return b, err
}

// checkOrigin is called before an object is called damaged: what has arrived, twice,
// may not be what the store keeps. Then that is the error.
func (s *Store) checkOrigin(ctx context.Context, key string) error {
	if c, ok := s.Storage.(storage.OriginChecker); ok {
		return c.CheckOrigin(ctx, key)
	}
	return nil
}

// Blame is the error for an object whose bytes, as they have arrived twice, are not
// those that were stored.
func (s *Store) Blame(ctx context.Context, key, problem string) error {
	if foreign := s.checkOrigin(ctx, key); foreign != nil {
		return Permanent(foreign)
	}
	return &manifest.ObjectError{Key: key, Problem: problem}
}

func (s *Store) readOnce(ctx context.Context, key string, limit int64) ([]byte, error) {
	return Retry(ctx, s.Patience, func() ([]byte, error) {
		body, info, err := s.Get(ctx, key, storage.Range{})
		if err != nil {
			return nil, Permanent(err)
		}
		defer body.Close()
		if info.Size > limit {
			return nil, &manifest.ObjectError{Key: key, Problem: "it is larger than any object of its kind can be"}
		}
		return ReadWhole(body, nil, info.Size)
	})
}

// ReadSealed reads an object whose bytes are known by their digest.
func (s *Store) ReadSealed(ctx context.Context, key string, bytes int64, sum manifest.Digest) ([]byte, error) {
	intact := func(b []byte) bool { return int64(len(b)) == bytes && manifest.Sum(b) == sum }
	b, err := s.Read(ctx, key, bytes, intact)
	if errors.Is(err, storage.ErrNotExist) { // a manifest names it
		b, err = s.Read(ctx, key, bytes, intact)
	}
	switch {
	case errors.Is(err, storage.ErrNotExist):
		return nil, &manifest.ObjectError{Key: key, Problem: "it is missing"}
	case err != nil:
		return nil, err
	case !intact(b):
		return nil, &manifest.ObjectError{Key: key, Problem: "its bytes are not those that were stored"}
	}
	return b, nil
}
