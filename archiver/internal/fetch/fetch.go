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
	"github.com/gbak-s3/gbak-s3/internal/disk"
	"github.com/gbak-s3/gbak-s3/storage"
)

// Fetch is the way of a backup's bytes out of its segments: each segment is
// read once, whole, its hash is checked before anything of it is used, its
// frames are decompressed, and their parts are given to use, a file and an
// offset each. It is done by concurrent workers in any order.
type Fetch struct {
	Store   *objects.Store
	Workers int
	Index   *manifest.Index
	sums    []*crc32combine.Parts // a file each
	Tracker *progress.Tracker

	// use gets the bytes at offset of file number file; they are valid until it
	// returns.
	Use func(file int, offset int64, p []byte) error

	// journal, if set, knows what is written already, and hears what was.
	Journal *resume.Notes

	// broken, if set, hears what is wrong with segment number segment; then the
	// others are still read. Without it the first broken segment ends the run.
	Broken func(segment int, err *manifest.ObjectError)
}

// part is what a frame gives to a file.
type part struct {
	file int
	manifest.Extent
}

// Run reads everything. If broken is not set and run returns nil, use has got
// every byte of every extent, and all files have the checksums that they had
// when they were backed up.
func (f *Fetch) Run(ctx context.Context) error {
	framesOf, partsOf := f.plan()
	for i := range f.Index.Files {
		f.sums = append(f.sums, &crc32combine.Parts{From: f.Index.Files[i].From})
	}
	// Small segments take no memory, so it is the store's latency that counts.
	small := func(s *manifest.Segment) bool { return s.RawBytes <= smallSegment && s.StoredBytes <= smallSegment }
	err := f.read(ctx, smallReaders*f.Workers, smallSegment, small, framesOf, partsOf)
	if err == nil {
		large := func(s *manifest.Segment) bool { return !small(s) }
		err = f.read(ctx, f.Workers, segment.FrameBytes, large, framesOf, partsOf)
	}
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

const (
	// smallSegment is how large one may be to be read beside many others.
	smallSegment = 256 << 10
	// smallReaders is how many of them are read for each large one.
	smallReaders = 8
)

// read reads the segments that are wanted, so many at a time, with buffers for
// frames of so many bytes.
func (f *Fetch) read(ctx context.Context, concurrency, frameBytes int, wanted func(*manifest.Segment) bool, framesOf [][]int, partsOf [][]part) error {
	largest := int64(0)
	for i := range f.Index.Segments {
		if s := &f.Index.Segments[i]; len(framesOf[i]) > 0 && wanted(s) && s.StoredBytes <= maxAtOnce {
			largest = max(largest, s.StoredBytes)
		}
	}
	readers := make(chan *reader, concurrency)
	for range cap(readers) {
		readers <- &reader{Fetch: f, frameBytes: frameBytes, storedBytes: largest}
	}
	g, running := errgroup.WithContext(ctx)
	g.SetLimit(concurrency)
	for i := range f.Index.Segments {
		if running.Err() != nil {
			break
		}
		if len(framesOf[i]) == 0 || !wanted(&f.Index.Segments[i]) {
			continue
		}
		g.Go(func() error {
			r := <-readers
			defer func() { readers <- r }()
			err := r.segment(running, i, framesOf[i], partsOf)
			var object *manifest.ObjectError
			if f.Broken != nil && errors.As(err, &object) {
				f.Broken(i, object)
				return nil
			}
			return err
		})
	}
	err := g.Wait()
	for range cap(readers) {
		if r := <-readers; r.decoder != nil {
			r.decoder.Close()
		}
	}
	return err
}

// plan sorts frames by segment and extents by frame.
func (f *Fetch) plan() (framesOf [][]int, partsOf [][]part) {
	framesOf = make([][]int, len(f.Index.Segments))
	partsOf = make([][]part, len(f.Index.Frames))
	for i := range f.Index.Files {
		for _, e := range f.Index.Files[i].Extents {
			partsOf[e.Frame] = append(partsOf[e.Frame], part{i, e})
		}
	}
	for i, frame := range f.Index.Frames {
		if len(partsOf[i]) > 0 {
			framesOf[frame.Segment] = append(framesOf[frame.Segment], i)
		}
	}
	return framesOf, partsOf
}

// reader has what one goroutine needs again for every segment.
type reader struct {
	*Fetch
	frameBytes  int
	storedBytes int64 // of the largest segment that is an ordinary one
	decoder     *segment.Decoder
	stored, raw []byte
}

// prepare makes what the first segment needs, and all others again.
func (r *reader) prepare() (err error) {
	if r.decoder == nil {
		r.decoder, err = segment.NewDecoder(manifest.MaxFrameBytes)
		r.raw = disk.AlignedBuffer(r.frameBytes)
	}
	return err
}

func (r *reader) segment(ctx context.Context, number int, frames []int, partsOf [][]part) error {
	s := &r.Index.Segments[number]
	if err := r.prepare(); err != nil {
		return err
	}
	if r.Journal != nil && r.readBack(number, frames, partsOf) {
		return nil
	}
	note := r.Journal.Begin(number)
	if err := r.get(ctx, s); err != nil {
		return err
	}
	for _, i := range frames {
		frame := r.Index.Frames[i]
		raw, err := r.decoder.Frame(r.raw, r.stored[frame.Offset:frame.Offset+frame.StoredBytes], frame.RawBytes)
		if err != nil {
			return &manifest.ObjectError{Key: s.Key, Problem: fmt.Sprintf("frame at %d: %v", frame.Offset, err)}
		}
		if cap(raw) > cap(r.raw) {
			r.raw = raw
		}
		for _, p := range partsOf[i] {
			b := raw[p.FrameOffset : p.FrameOffset+p.Bytes]
			r.sums[p.file].Add(crc32combine.PartOf(p.Offset, b))
			if err := r.Use(p.file, p.Offset, b); err != nil {
				return err
			}
			note.Add(p.file, p.Offset, b)
			r.Tracker.Add(p.Bytes)
		}
	}
	r.Journal.Add(note)
	return nil
}

// maxAtOnce is how large a segment may be for its memory to be made at once, which
// ordinary segments are: that of a larger one grows with what arrives.
const maxAtOnce = 25 << 20

// get reads the stored bytes of s and checks their hash. What is said to be
// missing, or arrives with other bytes, is asked for once more.
func (r *reader) get(ctx context.Context, s *manifest.Segment) error {
	wrong := 0
	blame := func(problem string) error {
		if wrong++; wrong > 1 {
			return r.Store.Blame(ctx, s.Key, problem) // not the network's doing
		}
		return errors.New(problem)
	}
	_, err := objects.Retry(ctx, r.Store.Patience, func() (struct{}, error) {
		body, info, err := r.Store.Get(ctx, s.Key, storage.Range{})
		if errors.Is(err, storage.ErrNotExist) {
			return struct{}{}, blame("it is missing")
		}
		if err != nil {
			return struct{}{}, objects.Permanent(err)
		}
		defer body.Close()
		if info.Size != s.StoredBytes {
			return struct{}{}, blame(fmt.Sprintf("it has %d bytes instead of %d", info.Size, s.StoredBytes))
		}
		if int64(cap(r.stored)) < info.Size && info.Size <= maxAtOnce {
			r.stored = make([]byte, r.storedBytes) // what is not touched costs nothing
		}
		if r.stored, err = objects.ReadWhole(body, r.stored, info.Size); errors.Is(err, storage.ErrNotExist) {
			return struct{}{}, blame("it is missing")
		} else if err != nil {
			return struct{}{}, err
		}
		if manifest.Sum(r.stored) != s.SHA256 {
			return struct{}{}, blame("its bytes are not those that were stored")
		}
		return struct{}{}, nil
	})
	return err
}

// Check compares the checksums of whole files, holes included: they show that
// everything that was fetched belongs where it was put. keyOf names the
// manifest that a file is from.
func (f *Fetch) Check(keyOf func(file int) string) error {
	for i := range f.Index.Files {
		if err := f.CheckFile(i, keyOf(i)); err != nil {
			return err
		}
	}
	return nil
}

// CheckFile compares the checksum of one file, of the manifest with this key.
func (f *Fetch) CheckFile(i int, key string) *manifest.ObjectError {
	file := &f.Index.Files[i]
	if got := f.sums[i].Sum(file.Bytes); got != file.CRC32 {
		return &manifest.ObjectError{Key: key, Problem: fmt.Sprintf("file %s has checksum %08x instead of %08x", file.Name, got, file.CRC32)}
	}
	return nil
}
