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

// content is the content of one of the backups that are read together.
type content struct {
	of     *manifest.Committed
	index  *manifest.Index
	image  *manifest.File // nil if it has none
	proof  *grafeo.Proof  // of the image; nil without an image
	first  int            // of its files in the index of all
	broken bool           // something of it is known to be wrong
}

// contents reads all segments, each once, however many backups need it, and compares the
// checksums of each stored object, of each frame, of each file, and those that the
// database keeps inside of its images. It returns the indexes of those backups of which
// everything was right; none if nothing is opened.
func (v *verification) contents(ctx context.Context, backups []*manifest.Committed, indexes []*manifest.Index) (map[manifest.Seq]*manifest.Index, error) {
	all := manifest.NewIndexBuilder()
	var total int64
	var read []*content
	var owners []*content // a file each
	for i, ix := range indexes {
		if ix == nil {
			continue
		}
		d := &content{of: backups[i], index: ix, image: ix.Image(), first: len(all.Index().Files)}
		if err := v.prepare(ctx, d); err != nil {
			return nil, err
		}
		total += addAll(all, ix)
		read = append(read, d)
		for range ix.Files {
			owners = append(owners, d)
		}
	}
	needs := map[manifest.Segment][]*content{}
	for _, d := range read {
		for _, s := range d.index.Segments {
			needs[s] = append(needs[s], d)
		}
	}
	sums, err := fetch.All(ctx, fetch.Options{
		Store: v.store, Workers: v.workers, Index: all.Index(), StoredOnly: v.report.Unopened, Everything: true, Tracker: progress.Track(ctx, total),
		ManifestKey: func(file int) string { return owners[file].of.Key() },
		Use: func(file int, offset int64, p []byte) error {
			if d := owners[file]; d.proof != nil && &d.index.Files[file-d.first] == d.image {
				d.proof.Add(offset, p)
			}
			return nil
		},
		Broken: func(segment int, err *manifest.ObjectError) {
			v.breaks(err)
			v.mu.Lock()
			defer v.mu.Unlock()
			for _, d := range needs[all.Index().Segments[segment]] {
				d.broken = true
			}
		},
	})
	if err != nil || v.report.Unopened {
		return nil, err
	}
	whole := map[manifest.Seq]*manifest.Index{}
	for _, d := range read {
		if !d.broken && v.sums(d, sums) { // what is missing is named; the sums can only be wrong
			whole[d.of.Seq] = d.index
		}
	}
	return whole, nil
}

// prepare reads the headers and the directory of a backup's image, which prove the rest
// of it.
func (v *verification) prepare(ctx context.Context, d *content) error {
	if d.image == nil || v.report.Unopened {
		return nil
	}
	read, ok, err := v.image(ctx, d)
	if d.broken = !ok; !ok {
		return err
	}
	d.proof = read.NewProof()
	if err := describes(d.of, d.index, read); err != nil {
		v.find(d.of.Key(), err.Error())
	}
	return nil
}

// sums checks a backup whose segments are whole.
func (v *verification) sums(d *content, sums *fetch.Sums) bool {
	for i := range d.index.Files {
		if err := sums.CheckFile(d.first + i); err != nil {
			v.find(d.of.Key(), err.Problem)
			return false
		}
	}
	if d.proof == nil {
		return true
	}
	addHoles(d.proof, d.image)
	if err := d.proof.Check(); err != nil {
		v.find(d.of.Key(), fmt.Sprintf("the image: %v", err))
		return false
	}
	return true
}

// addAll adds all of ix, and returns how many bytes of these are in frames. The
// frames keep the order that they were stored in.
func addAll(all *manifest.IndexBuilder, ix *manifest.Index) (bytes int64) {
	part := all.From(ix)
	for n := range ix.Segments {
		part.AddSegment(n)
	}
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

// addHoles adds to the proof what no extent covers, which are zeros.
func addHoles(proof *grafeo.Proof, image *manifest.File) {
	at := int64(0)
	for _, e := range image.Extents {
		proof.AddZeros(at, e.Offset-at)
		at = e.Offset + e.Bytes
	}
	proof.AddZeros(at, image.Bytes-at)
}

// image reads the headers and the directory of an archived image. It is not ok if they
// cannot be had; why is a finding, or an error of the store.
func (v *verification) image(ctx context.Context, d *content) (_ *grafeo.Image, ok bool, err error) {
	files, err := fetch.Open(ctx, v.store, d.index)
	if err != nil {
		return nil, false, err
	}
	defer files.Close()
	image, err := grafeo.ReadImage(files.Of(d.image), d.image.Bytes, manifest.ImageName)
	if err == nil {
		return image, true, nil
	}
	if object, ok := errors.AsType[*manifest.ObjectError](err); ok {
		v.find(object.Key, object.Problem)
		return nil, false, nil
	}
	for _, wrong := range []error{grafeo.ErrDamaged, grafeo.ErrNotDatabase, grafeo.ErrUnsupportedVersion} {
		if errors.Is(err, wrong) {
			v.find(d.of.Key(), err.Error())
			return nil, false, nil
		}
	}
	return nil, false, err
}
