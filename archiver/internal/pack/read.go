package pack

import (
	"context"

	"github.com/gbak-s3/gbak-s3/archiver/internal/capture"
	"github.com/gbak-s3/gbak-s3/internal/crc32combine"
)

// reader reads the files of a source, and collects from the very bytes that it returns
// the checksums that prove them. Its methods may be called concurrently.
type reader struct {
	files  []capture.File
	before func(ctx context.Context, bytes int) error
	sums   []*crc32combine.Parts // one for each file
}

func newReader(files []capture.File, before func(context.Context, int) error) *reader {
	if before == nil {
		before = func(context.Context, int) error { return nil }
	}
	r := &reader{files: files, before: before}
	for _, f := range files {
		r.sums = append(r.sums, &crc32combine.Parts{From: f.From})
	}
	return r
}

// read fills raw with the pieces of f.
func (r *reader) read(ctx context.Context, raw []byte, f frame) error {
	if err := r.before(ctx, len(raw)); err != nil {
		return err
	}
	for _, p := range f {
		b := raw[:p.bytes]
		raw = raw[p.bytes:]
		file := &r.files[p.file]
		if err := file.Read(b, p.offset); err != nil {
			return err
		}
		file.Proof.Add(p.offset, b)
		r.sums[p.file].Add(crc32combine.PartOf(p.offset, b))
	}
	return nil
}

// prove compares the checksums that the database keeps with what was read, once that is
// everything.
func (r *reader) prove() error {
	for _, f := range r.files {
		if err := f.Proof.Check(); err != nil {
			return err
		}
	}
	return nil
}
