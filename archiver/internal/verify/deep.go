package verify

import (
	"context"
	"errors"
	"fmt"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/fetch"
	"github.com/gbak-s3/gbak-s3/archiver/internal/progress"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// deep is one backup of those that are read together.
type deep struct {
	*manifest.Committed
	index  *manifest.Index
	image  *manifest.File
	proof  *grafeo.Proof
	first  int // of its files in the index of all
	broken bool
}

// contents reads all that there is, each segment once, however many backups need
// it, and compares the checksums of each stored object, of each frame, of each
// file, and those that the database keeps inside of its images. It gives the
// indexes of those backups of which all was right.
func (v *verification) contents(ctx context.Context, backups []*manifest.Committed, indexes []*manifest.Index) (map[manifest.Seq]*manifest.Index, error) {
	all := manifest.NewIndexBuilder()
	var total int64
	var read []*deep
	var of []*deep // a file each
	for i, ix := range indexes {
		if ix == nil {
			continue
		}
		d := &deep{Committed: backups[i], index: ix, image: ix.Image(), first: len(all.Index().Files)}
		if err := v.prepare(ctx, d); err != nil {
			return nil, err
		}
		total += addAll(all, ix)
		read = append(read, d)
		for range ix.Files {
			of = append(of, d)
		}
	}
	needs := map[manifest.Segment][]*deep{}
	for _, d := range read {
		for _, s := range d.index.Segments {
			needs[s] = append(needs[s], d)
		}
	}
	sums, err := fetch.All(ctx, fetch.Options{
		Store: v.Store, Workers: v.Workers, Index: all.Index(), Tracker: progress.Track(ctx, total),
		Use: func(file int, offset int64, p []byte) error {
			if d := of[file]; d.proof != nil && &d.index.Files[file-d.first] == d.image {
				d.proof.Add(offset, p)
			}
			return nil
		},
		Broken: func(segment int, err *manifest.ObjectError) {
			v.find(err.Key, err.Problem)
			v.mu.Lock()
			defer v.mu.Unlock()
			for _, d := range needs[all.Index().Segments[segment]] {
				d.broken = true
			}
		},
	})
	if err != nil {
		return nil, err
	}
	whole := map[manifest.Seq]*manifest.Index{}
	for _, d := range read {
		if !d.broken && v.sums(d, sums) { // what is missing is named; the sums can only be wrong
			whole[d.Seq] = d.index
		}
	}
	return whole, nil
}

// prepare reads the headers and the directory of a backup's image, by which the
// rest is proved.
func (v *verification) prepare(ctx context.Context, d *deep) error {
	if d.image == nil {
		return nil
	}
	read, err := v.image(ctx, d.Committed, d.index, d.image)
	if err != nil {
		return err
	}
	if d.broken = read == nil; d.broken {
		return nil
	}
	d.proof = read.NewProof()
	if err := describes(d.Committed, d.index, read); err != nil {
		v.find(d.Seq.Key(), err.Error())
	}
	return nil
}

// sums checks a backup whose segments are whole.
func (v *verification) sums(d *deep, sums *fetch.Sums) bool {
	for i := range d.index.Files {
		if err := sums.CheckFile(d.first+i, d.Seq.Key()); err != nil {
			v.find(d.Seq.Key(), err.Problem)
			return false
		}
	}
	if d.proof == nil {
		return true
	}
	addHoles(d.proof, d.image)
	if err := d.proof.Check(); err != nil {
		v.find(d.Seq.Key(), fmt.Sprintf("the image: %v", err))
		return false
	}
	return true
}

// addAll adds the files of ix and returns the bytes that these have in frames. The
// frames keep the order that they were stored in.
func addAll(all *manifest.IndexBuilder, ix *manifest.Index) (bytes int64) {
	part := all.From(ix)
	for n := range ix.Frames {
		part.Frame(n)
	}
	for _, f := range ix.Files {
		part.AddFile(f)
		for _, e := range f.Extents {
			bytes += e.Bytes
		}
	}
	return bytes
}

// addHoles gives the proof what no extent covers.
func addHoles(proof *grafeo.Proof, image *manifest.File) {
	at := int64(0)
	for _, e := range image.Extents {
		proof.AddZeros(at, e.Offset-at)
		at = e.Offset + e.Bytes
	}
	proof.AddZeros(at, image.Bytes-at)
}

// image reads the headers and the directory of an archived image. It is nil if
// they cannot be had; why is a finding then.
func (v *verification) image(ctx context.Context, m *manifest.Committed, ix *manifest.Index, f *manifest.File) (*grafeo.Image, error) {
	r, err := fetch.Open(ctx, v.Store, ix, f)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	image, err := grafeo.ReadImage(r, f.Bytes, manifest.ImageName)
	if err == nil {
		return image, nil
	}
	var object *manifest.ObjectError
	switch {
	case errors.As(err, &object):
		v.find(object.Key, object.Problem)
	case errors.Is(err, grafeo.ErrDamaged), errors.Is(err, grafeo.ErrNotDatabase), errors.Is(err, grafeo.ErrUnsupportedVersion):
		v.find(m.Seq.Key(), err.Error())
	default:
		return nil, err
	}
	return nil, nil // the finding is the answer
}
