package journal

import (
	"context"
	"errors"
	"fmt"

	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/internal/seal"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/archiver/segment"
)

// Index returns where a backup's content is. It agrees with the manifest, or the error is
// a [*manifest.ObjectError].
func (j *Journal) Index(ctx context.Context, m *manifest.Committed) (*manifest.Index, error) {
	ix := m.Content
	if ix == nil {
		var err error
		if ix, err = readIndex(ctx, j.store, m.Index); err != nil {
			return nil, err
		}
	}
	if err := m.Fits(ix); err != nil {
		return nil, &manifest.ObjectError{Key: m.Key(), Problem: err.Error()}
	}
	return ix, nil
}

// Keys calls use with the key and the size of each object that a backup names: its index,
// segments, and digests of pages. An index that is an object is not held in memory as a whole. If it cannot
// be read, the error is a [*manifest.ObjectError], and use may have been called with some
// keys.
func (j *Journal) Keys(ctx context.Context, m *manifest.Committed, use func(key string, bytes int64)) error {
	if m.Index != nil {
		use(m.Index.Key, m.Index.StoredBytes)
		return j.indexKeys(ctx, m.Index, use)
	}
	if m.Content == nil {
		return nil // a record without content
	}
	for _, s := range m.Content.Segments {
		if !s.IsInline() {
			use(s.Key, s.StoredBytes)
		}
	}
	if image := m.Content.Image(); image != nil {
		for _, p := range image.Pages {
			use(p.Key, p.StoredBytes)
		}
	}
	return nil
}

func (j *Journal) indexKeys(ctx context.Context, ref *manifest.ObjectRef, use func(key string, bytes int64)) error {
	b, err := readPacked(ctx, j.store, ref)
	if err != nil {
		return err
	}
	raw, err := segment.NewReader(b, ref.RawBytes)
	if err != nil {
		return err
	}
	defer raw.Close()
	err = manifest.ReadIndexKeys(raw, use)
	switch {
	case errors.Is(err, manifest.ErrDamaged), errors.Is(err, segment.ErrDamaged):
		return &manifest.ObjectError{Key: ref.Key, Problem: err.Error()}
	case err != nil:
		return fmt.Errorf("%s: %w", ref.Key, err)
	}
	return nil
}

// readPacked reads an index that is an object of its own, as it is without encryption.
func readPacked(ctx context.Context, s *objects.Store, ref *manifest.ObjectRef) ([]byte, error) {
	b, err := s.ReadSealed(ctx, ref.Key, ref.StoredBytes, ref.SHA256, nil)
	if err != nil {
		return nil, err
	}
	b, err = s.Ring.OpenCatalog(ctx, b)
	if damage, ok := errors.AsType[*seal.DamageError](err); ok {
		err = &manifest.ObjectError{Key: ref.Key, Problem: damage.Problem}
	}
	return b, err
}

// readIndex reads an index that is an object of its own.
func readIndex(ctx context.Context, s *objects.Store, ref *manifest.ObjectRef) (*manifest.Index, error) {
	b, err := readPacked(ctx, s, ref)
	if err != nil {
		return nil, err
	}
	raw, err := UnpackIndex(b, ref.RawBytes)
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

// UnpackIndex decompresses an encoded index. The manifest has bounded rawBytes by the size
// of packed.
func UnpackIndex(packed []byte, rawBytes int64) ([]byte, error) {
	d, err := segment.NewDecoder(rawBytes)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Frame(nil, packed, rawBytes)
}
