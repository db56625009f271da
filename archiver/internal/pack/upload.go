package pack

import (
	"context"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/gbak-s3/gbak-s3/archiver/internal/capture"
	"github.com/gbak-s3/gbak-s3/archiver/internal/memory"
	"github.com/gbak-s3/gbak-s3/archiver/internal/pages"
	"github.com/gbak-s3/gbak-s3/archiver/internal/progress"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/archiver/segment"
)

// upload takes the bytes of one source into segments, with concurrent workers.
type upload struct {
	source       *capture.Source
	level        segment.Level
	workers      int
	segmentBytes int64           // raw bytes of a stripe
	objectBytes  int64           // that a segment may have, but for what compression adds
	frameBytes   int64           // of the largest frame
	total        int64           // raw bytes of all files
	image        *manifest.Index // has the image of the source, nil if the source has it
	proves       bool            // the checksums of the source are compared with what was read
	mayInline    bool            // if it becomes one small segment, that needs no object

	reader    *reader
	reference *pages.Reference // nil if nothing is referred to
	pages     *pages.Digests   // nil if no digests of pages are kept
	join      *join
	segments  *segments
	tracker   *progress.Tracker
	memory    *memory.Pool

	compressors chan *compressor // idle ones; nil for one that is not made yet
}

// ordinarySegment is how many bytes a segment may have, but for what compression adds,
// unless a large size was asked for: a worker has memory for so many. With less, a stripe
// that compresses to a third would need two segments.
const ordinarySegment = 20 << 20

// objectBytes returns how many bytes a segment may have, but for what compression adds, if
// a stripe has segmentBytes.
func objectBytes(segmentBytes int64) int64 {
	return min(segmentBytes, max(segmentBytes/3, ordinarySegment))
}

// bodyBytes returns how many bytes a segment has at most.
func (u *upload) bodyBytes() int64 { return segment.Bound(min(u.objectBytes, u.total)) }

// stripeMemory returns what a worker needs for a stripe: a segment, and a compressor with
// a frame as it is read, one that is gathered and one in the encoder.
func (u *upload) stripeMemory() int64 {
	return int64(u.segments.front) + u.bodyBytes() + 3*u.frameBytes
}

func newUpload(
	s *capture.Source, segmentBytes int64, o Options, to *segments, reference *pages.Reference, digests *pages.Digests, t *progress.Tracker,
) *upload {
	u := &upload{
		source: s, level: o.Level, workers: o.Workers, segmentBytes: segmentBytes, total: s.Bytes(),
		objectBytes: objectBytes(segmentBytes),
		reader:      newReader(s.Files, o.BeforeRead), reference: reference, pages: digests, segments: to,
		tracker: t, memory: to.objects.Memory,
		compressors: make(chan *compressor, min(o.Workers, runtime.GOMAXPROCS(0))),
	}
	u.frameBytes = min(segment.FrameBytes, u.objectBytes, u.total)
	to.front = to.objects.Ring.Front(int(2 * u.bodyBytes())) // more than segments have that are joined
	u.join = newJoin(u.objectBytes, to.front)
	for range cap(u.compressors) {
		u.compressors <- nil
	}
	return u
}

// run stores the files and returns what became of each stripe, after every checksum of
// the source has been found right in the bytes that were stored. The error for a source
// that is damaged, or changed meanwhile, is a [*grafeo.DamageError] or one of the file
// system.
func (u *upload) run(ctx context.Context) ([][]*packed, error) {
	stripes := cut(u.source.Files, u.segmentBytes)
	u.mayInline = u.source.Kind != manifest.Full && len(stripes) == 1 // to a full one, later ones refer
	results := make([][]*packed, len(stripes))
	workers := make(chan *worker, u.workers)
	for range cap(workers) {
		workers <- &worker{upload: u}
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
	if err := u.segments.putJoined(ctx, u.join.rest()); err != nil {
		return nil, err
	}
	if u.proves {
		if err := u.reader.prove(); err != nil {
			return nil, err
		}
	}
	return results, nil
}

// worker makes one segment after another and waits for the store. To read and to
// compress, it borrows a compressor.
type worker struct {
	upload *upload
	body   []byte // memory of the segment
}

// stripe stores the frames of stripe number n: as one segment, or several if they
// compress little.
func (w *worker) stripe(ctx context.Context, n int, s stripe) (parts []*packed, err error) {
	give, err := w.upload.memory.Take(ctx, w.upload.stripeMemory())
	if err != nil {
		return nil, err
	}
	defer func() {
		if w.upload.memory.IsLimited() {
			w.body = nil
		}
		give()
	}()
	for {
		p, rest, err := w.fill(ctx, s)
		if err != nil {
			return nil, err
		}
		if len(rest) > 0 {
			p.segment, err = w.upload.segments.put(ctx, n, w.body, p.rawBytes())
		} else {
			err = w.put(ctx, n, p, len(parts) == 0)
		}
		if err != nil {
			return nil, err
		}
		for _, f := range s[:len(s)-len(rest)] {
			w.upload.tracker.Add(f.bytes())
		}
		parts = append(parts, p)
		if len(rest) == 0 {
			return parts, nil
		}
		s = rest
	}
}

// fill reads and compresses the first frames of s, as many as a segment has room for,
// and returns those that are left. The segment is in w.body.
func (w *worker) fill(ctx context.Context, s stripe) (p *packed, rest stripe, err error) {
	u := w.upload
	c := <-u.compressors
	defer func() {
		if u.memory.IsLimited() {
			c = nil
		}
		u.compressors <- c
	}()
	if c == nil {
		if c, err = newCompressor(u); err != nil {
			return nil, nil, err
		}
	}
	if w.body == nil {
		// Large enough for what does not compress: what is not touched costs nothing,
		// while growing leaves garbage.
		w.body = make([]byte, u.segments.front, int64(u.segments.front)+u.bodyBytes())
	}
	b := c.begin(w.body, u.segments.front)
	if rest, err = c.fill(ctx, b, s); err != nil {
		return nil, nil, err
	}
	w.body = b.body
	return b.packed, rest, nil
}

// put stores the frames of a stripe, or of its last part: as a segment, or, where little
// of it is fresh, together with those of other stripes. What is small and all there is of
// the source is left to the manifest.
func (w *worker) put(ctx context.Context, n int, p *packed, isWhole bool) error {
	u, raw := w.upload, p.rawBytes()
	if u.reference != nil && raw <= u.objectBytes/4 {
		return u.segments.putJoined(ctx, u.join.add(n, leftover{p, w.body[u.segments.front:], raw}))
	}
	if err := u.segments.putJoined(ctx, u.join.add(n, leftover{})); err != nil {
		return err
	}
	if raw == 0 {
		return nil // all of it is shared, or zeros
	}
	put := u.segments.put
	if isWhole && u.mayInline {
		put = u.segments.putSmall
	}
	var err error
	p.segment, err = put(ctx, n, w.body, raw)
	return err
}

// compressor has what reading and compressing need. There are as many as the machine has
// cores: more would only take the caches from each other.
type compressor struct {
	reader   *reader
	divider  *divider
	encoder  *segment.Encoder
	raw      []byte   // memory of a frame that is read
	gathered gathered // memory of a frame that is gathered
}

func newCompressor(u *upload) (*compressor, error) {
	encoder, err := segment.NewEncoder(u.level)
	if err != nil {
		return nil, err
	}
	return &compressor{
		reader: u.reader, divider: &divider{files: u.source.Files, reference: u.reference, pages: u.pages},
		encoder: encoder, raw: make([]byte, u.frameBytes), gathered: gathered{limit: u.frameBytes},
	}, nil
}

// begin returns a segment to be built in the memory of body, whose frames begin at front.
func (c *compressor) begin(body []byte, front int) *building {
	c.gathered.reset() // one that has failed may have left something
	return &building{encoder: c.encoder, gathered: &c.gathered, body: body[:front], front: front, packed: &packed{}}
}

// fill reads the frames of s into b until it is full, and returns those that are left.
func (c *compressor) fill(ctx context.Context, b *building, s stripe) (rest stripe, err error) {
	for i, f := range s {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		if !b.hasRoom(f.bytes()) {
			rest = s[i:]
			break
		}
		raw := c.raw[:f.bytes()]
		if err := c.reader.read(ctx, raw, f); err != nil {
			return nil, err
		}
		parts, err := c.divider.divide(ctx, f, raw)
		if err != nil {
			return nil, err
		}
		if err := b.add(parts, raw); err != nil {
			return nil, err
		}
	}
	return rest, b.flush()
}
