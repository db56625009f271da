package archiver

import (
	"context"
	"errors"
	"fmt"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// content reads all of one backup and compares the checksums of each stored
// object, of each frame, of each file, and those that the database keeps inside
// of its image. It tells whether all was right.
func (v *verification) content(ctx context.Context, m *committed, ix *manifest.Index, progress *tracker) (bool, error) {
	key := m.Seq.Key()
	image := ix.Image()
	var proof *grafeo.Proof
	if image != nil {
		read, err := v.image(ctx, m, ix, image)
		if err != nil {
			return false, err
		}
		if read != nil {
			proof = read.NewProof()
			if err := describes(m, ix, read); err != nil {
				v.find(key, err.Error())
			}
		}
	}
	broken := image != nil && proof == nil
	f := &fetch{
		archive: v.archive, index: ix, tracker: progress,
		use: func(file int, offset int64, p []byte) error {
			if proof != nil && &ix.Files[file] == image {
				proof.Add(offset, p)
			}
			return nil
		},
		broken: func(err *ObjectError) {
			v.find(err.Key, err.Problem)
			v.mu.Lock()
			defer v.mu.Unlock()
			broken = true
		},
	}
	if err := f.run(ctx); err != nil {
		return false, err
	}
	if broken {
		return false, nil // what is missing is named; the sums can only be wrong
	}
	if err := f.check(func(int) string { return key }); err != nil {
		return false, v.pass(err)
	}
	if proof != nil {
		if err := proof.Check(); err != nil {
			v.find(key, fmt.Sprintf("the image: %v", err))
			return false, nil
		}
	}
	return true, nil
}

// image reads the headers and the directory of an archived image. It is nil if
// they cannot be had; why is a finding then.
func (v *verification) image(ctx context.Context, m *committed, ix *manifest.Index, f *manifest.File) (*grafeo.Image, error) {
	r, err := v.archive.openFile(ctx, ix, f)
	if err != nil {
		return nil, err
	}
	defer r.close()
	image, err := grafeo.ReadImage(r, f.Bytes, manifest.ImageName)
	if err == nil {
		return image, nil
	}
	var object *ObjectError
	switch {
	case errors.As(err, &object):
		v.find(object.Key, object.Problem)
	case errors.Is(err, grafeo.ErrDamaged), errors.Is(err, grafeo.ErrNotDatabase), errors.Is(err, grafeo.ErrUnsupportedVersion):
		v.find(m.Seq.Key(), err.Error())
	default:
		return nil, err
	}
	return nil, nil //nolint:nilnil // the finding is the answer
}
