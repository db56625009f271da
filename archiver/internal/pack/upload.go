package pack

import (
	"context"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/gbak-s3/gbak-s3/archiver/internal/capture"
	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/internal/progress"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/archiver/segment"
	"github.com/gbak-s3/gbak-s3/internal/crc32combine"
)

// upload stores one source's bytes in segments. Concurrent workers read, compress, hash and
// store stripes, and add the very same bytes to the proof of the source.
type upload struct {
	objects *objects.Store
	workers int
	files   []capture.File
	folder  string // prefix of the segments' keys
	level   segment.Level
	total   int64 // raw bytes of all files

	unproved []manifest.Segment // those that no answer of the store has proved

	base  *base  // what is referred to; nil for nothing
	pages *pages // the digests of the image's pages; nil if they are not kept

	present map[string]int64      // sizes of the segments of an interrupted run, and of those of base, by key
	sums    []*crc32combine.Parts // a file each
	tracker *progress.Tracker
	cores   chan *core

	// What run has found out about the segments: how many it has sent, their
	// stored bytes, and the raw bytes of those that were there already.
	sent, storedBytes, reusedBytes int64
}

// stored is the result of one stripe, or of a part of it that became a segment of its own.
type stored struct {
	segment *sent // that has the frames; nil if nothing of it is new
	frames  []manifest.Frame
	extents []extent
}

// sent is a segment, and what became of it.
type sent struct {
	manifest.Segment
	objects.Created
}

// extent is a part of a file, in a frame of its stripe or of the base.
type extent struct {
	file int
	manifest.Extent
	old bool
}

// run stores the files and returns where they are, once the stored bytes have proved to
// have every checksum of the source. The error for a source that is damaged, or changed
// meanwhile, is a [*grafeo.DamageError] or one of the file system.
func (u *upload) run(ctx context.Context, segmentBytes int64) (*manifest.Index, error) {
	for _, f := range u.files {
		u.sums = append(u.sums, &crc32combine.Parts{From: f.From})
	}
	stripes := cut(u.files, segmentBytes)
	results := make([][]*stored, len(stripes))
	objectBytes := min(segmentBytes, max(segmentBytes/3, ordinarySegment))
	join := &join{limit: objectBytes, waiting: map[int]leftover{}}
	u.cores = make(chan *core, min(u.workers, runtime.GOMAXPROCS(0)))
	for range cap(u.cores) {
		u.cores <- &core{}
	}
	workers := make(chan *worker, u.workers)
	for range cap(workers) {
		workers <- &worker{upload: u, objectBytes: objectBytes, join: join}
	}
	g, running := errgroup.WithContext(ctx)
	g.SetLimit(u.workers)
	for i, s := range stripes {
		if running.Err() != nil {
			break
		}
		g.Go(func() (err error) {
			w := <-workers
			defer func() { workers <- w }()
			results[i], err = w.stripe(running, i, s)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err := u.storeJoined(ctx, join.rest()); err != nil {
		return nil, err
	}
	for _, f := range u.files {
		if err := f.Proof.Check(); err != nil {
			return nil, err
		}
	}
	return u.index(results), nil
}

// worker makes one segment after the other, and waits until the store has it.
type worker struct {
	*upload
	*core             // while it reads and compresses
	objectBytes int64 // that a segment may have, apart from what compression adds
	join        *join
	out         []byte // the segment
}

// core has the memory for reading and compressing. There are as many as the machine has
// cores: with more, workers would only compete for the caches.
type core struct {
	encoder  *segment.Encoder
	raw      []byte
	gathered gathered
	digests  []pageDigest
}

// prepare makes the buffers, once, and large enough for data that does not compress: memory
// that is not touched costs nothing, while growing leaves garbage.
func (w *worker) prepare() (err error) {
	if w.encoder == nil {
		if w.encoder, err = segment.NewEncoder(w.level); err != nil {
			return err
		}
		w.raw = make([]byte, min(segment.FrameBytes, w.objectBytes))
	}
	if w.out == nil {
		w.out = make([]byte, 0, segment.Bound(min(w.objectBytes, w.total)))
	}
	w.out = w.out[:0]
	w.gathered.raw, w.gathered.extents = w.gathered.raw[:0], w.gathered.extents[:0] // left by a worker that failed
	return nil
}

// stripe stores the frames of s: as one segment, or several if they compress little.
func (w *worker) stripe(ctx context.Context, n int, s stripe) (parts []*stored, err error) {
	for {
		r, rest, err := w.fill(ctx, s)
		if err != nil {
			return nil, err
		}
		if len(rest) > 0 {
			r.segment, err = w.store(ctx, n, w.out, r.rawBytes())
		} else {
			err = w.put(ctx, n, r)
		}
		if err != nil {
			return nil, err
		}
		for _, f := range s[:len(s)-len(rest)] {
			w.tracker.Add(f.bytes())
		}
		parts = append(parts, r)
		if len(rest) == 0 {
			return parts, nil
		}
		s = rest
	}
}

// fill reads and compresses the first frames of s, as many as a segment has room for, and
// returns those that are left.
func (w *worker) fill(ctx context.Context, s stripe) (r *stored, rest stripe, err error) {
	w.core = <-w.cores
	defer func() { w.cores <- w.core; w.core = nil }()
	if err := w.prepare(); err != nil {
		return nil, nil, err
	}
	r = &stored{}
	for i, f := range s {
		if err := context.Cause(ctx); err != nil {
			return nil, nil, err
		}
		if w.isFull(f.bytes()) {
			rest = s[i:]
			break
		}
		b := w.raw[:f.bytes()]
		if err := w.read(b, f); err != nil {
			return nil, nil, err
		}
		if err := w.frame(ctx, r, f, b); err != nil {
			return nil, nil, err
		}
	}
	return r, rest, w.flush(r)
}

// isFull reports whether the segment may have no room for n more raw bytes, if they and
// what was gathered do not compress.
func (w *worker) isFull(n int64) bool {
	more := segment.Bound(n+int64(len(w.gathered.raw))) + segment.Bound(0) // two frames
	return len(w.out) > 0 && int64(len(w.out))+more > int64(cap(w.out))
}

// rawBytes returns how many bytes the frames have, decompressed.
func (r *stored) rawBytes() (n int64) {
	for _, f := range r.frames {
		n += f.RawBytes
	}
	return n
}

// put stores the frames of a stripe, or of its last part: as a segment, or, where
// little of it is new, together with those of other stripes.
func (w *worker) put(ctx context.Context, n int, r *stored) error {
	raw := r.rawBytes()
	if w.base != nil && raw <= w.objectBytes/4 {
		return w.storeJoined(ctx, w.join.add(n, r, w.out, raw))
	}
	if err := w.storeJoined(ctx, w.join.add(n, nil, nil, 0)); err != nil {
		return err
	}
	if raw == 0 {
		return nil // zeros
	}
	var err error
	r.segment, err = w.store(ctx, n, w.out, raw)
	return err
}

// compress adds a frame to those of the stripe, and returns its number.
func (w *worker) compress(r *stored, raw []byte) (n int, err error) {
	start := len(w.out)
	if w.out, err = w.encoder.AppendFrame(w.out, raw); err != nil {
		return 0, err
	}
	r.frames = append(r.frames, manifest.Frame{
		Offset: int64(start), StoredBytes: int64(len(w.out) - start), RawBytes: int64(len(raw)),
	})
	return len(r.frames) - 1, nil
}

// read fills raw with the pieces of f, and adds them to the proof and the checksums.
func (w *worker) read(raw []byte, f frame) error {
	for _, p := range f {
		part := raw[:p.bytes]
		raw = raw[p.bytes:]
		file := &w.files[p.file]
		if err := file.Read(part, p.offset); err != nil {
			return err
		}
		file.Proof.Add(p.offset, part)
		w.sums[p.file].Add(crc32combine.PartOf(p.offset, part))
	}
	return nil
}

// store stores a segment, unless the store has it already.
func (u *upload) store(ctx context.Context, n int, body []byte, raw int64) (*sent, error) {
	s := &sent{Segment: manifest.Segment{StoredBytes: int64(len(body)), RawBytes: raw, SHA256: manifest.Sum(body)}}
	s.Key = manifest.SegmentKey(u.folder, n, s.SHA256)
	size, there := u.present[s.Key]
	var err error
	s.Created, err = u.objects.Create(ctx, &s.Key, s.SHA256, body, there && size == s.StoredBytes)
	return s, err
}

func (u *upload) storeJoined(ctx context.Context, full []*joined) error {
	for _, j := range full {
		s, err := u.store(ctx, j.first, j.body, j.raw)
		if err != nil {
			return err
		}
		for _, r := range j.stripes {
			r.segment = s
		}
	}
	return nil
}

// confirm looks for the segments that this run has sent and no answer has proved, as
// a manifest may only name what is there. What the store or something on the way to
// it has made up is [errVanished]: the caller makes the copy again, which sends only
// that.
func (u *upload) confirm(ctx context.Context) error {
	if len(u.unproved) == 0 {
		return nil
	}
	sizes := map[string]int64{}
	for info, err := range u.objects.List(ctx, u.folder, objects.MaxSegments) {
		if err != nil {
			return err
		}
		sizes[info.Key] = info.Size
	}
	for _, s := range u.unproved {
		if size, ok := sizes[s.Key]; !ok || size != s.StoredBytes {
			if err := u.objects.CheckStored(ctx, s.Key, s.StoredBytes); err != nil { // a list may be behind
				return err
			}
		}
	}
	return nil
}
