// Package fetch reads archived bytes back.
//
// [All] reads everything that an index describes: each segment once, whole. Its SHA-256
// is checked before anything of it is used, its frames are decompressed, and the parts
// that the extents name go to their files. A segment that stands in the manifest was
// checked when that was decoded. [Open] reads files where they are, in any order, with ranged
// requests.
//
// The package knows which bytes belong at which offset of which file of an index. It does
// not know what these files are, nor where they are written.
package fetch

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/internal/progress"
	"github.com/gbak-s3/gbak-s3/archiver/internal/resume"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/archiver/segment"
	"github.com/gbak-s3/gbak-s3/internal/crc32combine"
)

// Options say what is fetched, and where it goes.
type Options struct {
	Store   *objects.Store
	Workers int // how many large segments are read at a time, at least 1
	Index   *manifest.Index
	Tracker *progress.Tracker // counts the bytes that Use received

	// ManifestKey returns the key of the manifest that a file of the index is of. What is
	// wrong with the file, or with bytes of it that stand in the manifest, is a
	// [*manifest.ObjectError] about that.
	ManifestKey func(file int) string

	// Use receives the bytes at offset of a file of the index. They are valid until it
	// returns. It is called concurrently, in any order.
	Use func(file int, offset int64, p []byte) error

	// StoredOnly says that segments are read and compared with their digests, and not opened: Use
	// receives nothing, and there are no sums to check.
	StoredOnly bool

	// Everything says that objects, and frames in these, of which no file needs anything are
	// read, too.
	Everything bool

	// Notes, if not nil, say what is written already, and are told what is written.
	Notes *resume.Notes

	// Broken, if not nil, is told what is wrong with a segment of the index, and the
	// others are still read. Without it, the first broken segment ends the run. It is
	// called concurrently.
	Broken func(segment int, err *manifest.ObjectError)
}

// Sums are the checksums of the files that were fetched.
type Sums struct {
	index       *manifest.Index
	manifestKey func(file int) string
	parts       []*crc32combine.Parts // one for each file
}

// All fetches everything. If it returns no error and no segment is broken, Use has
// received every byte of every extent, except those that were noted and are right. That
// all of this belongs where it is remains to be checked with the sums that it returns.
func All(ctx context.Context, o Options) (*Sums, error) {
	f := &fetching{opts: o, sums: &Sums{index: o.Index, manifestKey: o.ManifestKey}}
	for i := range o.Index.Files {
		f.sums.parts = append(f.sums.parts, &crc32combine.Parts{From: o.Index.Files[i].From})
	}
	f.assign()
	// Small segments take no memory, so it is the store's latency that counts.
	isSmall := func(s *manifest.Segment) bool { return s.RawBytes <= smallSegment && s.StoredBytes <= smallSegment }
	err := f.read(ctx, smallReaders*o.Workers, smallSegment, isSmall)
	if err == nil {
		isLarge := func(s *manifest.Segment) bool { return !isSmall(s) }
		err = f.read(ctx, o.Workers, segment.FrameBytes, isLarge)
	}
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return f.sums, nil
}

// Check compares the checksums of whole files, holes included: they show that everything
// that was fetched belongs where it was put. If not, the error is a
// [*manifest.ObjectError].
func (s *Sums) Check() error {
	for i := range s.index.Files {
		if err := s.CheckFile(i); err != nil {
			return err
		}
	}
	return nil
}

// CheckFile compares the checksum of one file.
func (s *Sums) CheckFile(i int) *manifest.ObjectError {
	file := &s.index.Files[i]
	if got := s.parts[i].Sum(file.Bytes); got != file.CRC32 {
		return &manifest.ObjectError{
			Key: s.manifestKey(i), Problem: fmt.Sprintf("file %s has checksum %08x instead of %08x", file.Name, got, file.CRC32),
		}
	}
	return nil
}

const (
	// smallSegment is how many bytes a segment may have to be read beside many others.
	smallSegment = 256 << 10
	// smallReaders is how many small segments are read at a time for each large one.
	smallReaders = 8
)

// fetching is one run of [All].
type fetching struct {
	opts     Options
	sums     *Sums
	framesOf [][]int  // of each segment, those that are needed
	partsOf  [][]part // of each frame
}

// part is what a frame gives to a file.
type part struct {
	file int
	manifest.Extent
}

// assign sorts extents by frame and frames by segment.
func (f *fetching) assign() {
	f.framesOf = make([][]int, len(f.opts.Index.Segments))
	f.partsOf = make([][]part, len(f.opts.Index.Frames))
	for i := range f.opts.Index.Files {
		for _, e := range f.opts.Index.Files[i].Extents {
			f.partsOf[e.Frame] = append(f.partsOf[e.Frame], part{i, e})
		}
	}
	for i, frame := range f.opts.Index.Frames {
		if len(f.partsOf[i]) > 0 || f.readsUnused(frame.Segment) {
			f.framesOf[frame.Segment] = append(f.framesOf[frame.Segment], i)
		}
	}
}

// isNeeded reports whether a segment is to be read.
func (f *fetching) isNeeded(segment int) bool {
	return len(f.framesOf[segment]) > 0 || f.readsUnused(segment)
}

// readsUnused reports whether all of a segment is read, whether a file needs it or not.
func (f *fetching) readsUnused(segment int) bool {
	return f.opts.Everything && !f.opts.Index.Segments[segment].IsInline()
}

// read reads the segments that are wanted, so many at a time, with memory for frames of
// so many bytes.
func (f *fetching) read(ctx context.Context, concurrency, frameBytes int, isWanted func(*manifest.Segment) bool) error {
	largest := int64(0)
	for i := range f.opts.Index.Segments {
		s := &f.opts.Index.Segments[i]
		if f.isNeeded(i) && isWanted(s) && s.StoredBytes <= maxAtOnce {
			largest = max(largest, s.StoredBytes)
		}
	}
	readers := make(chan *reader, concurrency)
	for range cap(readers) {
		readers <- &reader{fetching: f, frameBytes: frameBytes, storedBytes: largest}
	}
	g, running := errgroup.WithContext(ctx)
	g.SetLimit(concurrency)
	for i := range f.opts.Index.Segments {
		if running.Err() != nil {
			break
		}
		if !f.isNeeded(i) || !isWanted(&f.opts.Index.Segments[i]) {
			continue
		}
		g.Go(func() error {
			r := <-readers
			defer func() { readers <- r }()
			err := r.segment(running, i)
			if object, ok := errors.AsType[*manifest.ObjectError](err); ok && f.opts.Broken != nil {
				f.opts.Broken(i, object)
				return nil
			}
			return err
		})
	}
	err := g.Wait()
	for range cap(readers) {
		r := <-readers
		r.close()
	}
	return err
}
