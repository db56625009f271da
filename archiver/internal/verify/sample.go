package verify

import (
	"context"
	"strings"

	"github.com/gbak-s3/gbak-s3/archiver/internal/fetch"
	"github.com/gbak-s3/gbak-s3/archiver/internal/progress"
	"github.com/gbak-s3/gbak-s3/archiver/internal/ring"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Read is what was read of the segments that are objects.
type Read struct {
	From, To manifest.Place // the arc whose segments were read, as in [manifest.Arc]
	UpTo     manifest.Seq   // all that the backups of records up to this one name there
	Segments Amount         // that were read
	All      Amount         // that there are
	Findings int            // about the segments of the arc, or about which segments there are
}

// Amount is a number of segments, and how many bytes they have.
type Amount struct {
	Segments int
	Bytes    int64
}

func (a *Amount) add(s *manifest.Segment) {
	a.Segments++
	a.Bytes += s.StoredBytes
}

// reading is what is known of the reading of segments.
type reading struct {
	Read

	share  float64
	choice *ring.Choice
	broken map[string]bool // objects of the arc that are missing or damaged
}

func newReading(o Options) *reading {
	share := o.Sample
	if o.Deep {
		share = 1
	}
	return &reading{share: share, choice: ring.NewChoice(o.From), broken: map[string]bool{}}
}

// add tells of a segment, once for each object.
func (r *reading) add(s *manifest.Segment) {
	if r != nil {
		r.All.add(s)
		r.choice.Add(manifest.PlaceOf(s.SHA256), s.StoredBytes)
	}
}

// choose chooses the arc, when all segments are known.
func (r *reading) choose(records *records) {
	r.From, r.To = r.choice.Arc(r.share)
	r.UpTo = records.decided()
}

// decided returns the newest record up to which it is known which ones are backups. Those
// that were merged from others, and that no keep has seen yet, may become some.
func (r *records) decided() manifest.Seq {
	keep := manifest.Seq(0)
	if r.list.Keep != nil {
		keep = r.list.Keep.Seq
	}
	for _, m := range r.read {
		if m.Kind == manifest.Merged && m.Seq > keep {
			return m.Seq - 1
		}
	}
	return r.list.Last()
}

// sample reads the segments of the arc, each once, and decompresses them if there is a key.
func (v *verification) sample(ctx context.Context, indexes []*manifest.Index) error {
	arc := manifest.Arc{From: v.reading.From, To: v.reading.To}
	some := manifest.NewIndexBuilder()
	for _, ix := range indexes {
		if ix != nil {
			addArc(some, ix, arc)
		}
	}
	total := int64(0)
	for i := range some.Index().Segments {
		s := &some.Index().Segments[i]
		v.reading.Segments.add(s)
		total += s.RawBytes
	}
	_, err := fetch.All(ctx, fetch.Options{
		Store: v.store, Workers: v.workers, Index: some.Index(), StoredOnly: v.report.Unopened, Everything: true,
		Tracker: progress.Track(ctx, total),
		Broken:  func(_ int, err *manifest.ObjectError) { v.breaks(err) },
	})
	return err
}

// addArc adds the segments of ix that are on an arc, with all their frames.
func addArc(some *manifest.IndexBuilder, ix *manifest.Index, arc manifest.Arc) {
	part := some.From(ix)
	isOn := make([]bool, len(ix.Segments))
	for i, s := range ix.Segments {
		if isOn[i] = !s.IsInline() && arc.Contains(manifest.PlaceOf(s.SHA256)); isOn[i] {
			part.AddSegment(i)
		}
	}
	for n, f := range ix.Frames {
		if isOn[f.Segment] {
			part.Frame(n)
		}
	}
}

// breaks notes what is wrong with an object that was read. It may be called concurrently.
func (v *verification) breaks(err *manifest.ObjectError) {
	v.find(err.Key, err.Problem)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.reading.broken[err.Key] = true
}

// tellRead puts what was read into the report. Of the findings, those count that are about
// segments that were to be read, and about manifests and indexes, by which it is known which
// segments there are.
func (v *verification) tellRead() {
	r := v.reading
	if r == nil {
		return
	}
	if v.deep {
		r.Segments = r.All
	}
	for _, f := range v.report.Findings {
		if r.broken[f.Key] || strings.HasPrefix(f.Key, manifest.ManifestPrefix) || strings.HasPrefix(f.Key, manifest.IndexPrefix) {
			r.Findings++
		}
	}
	v.report.Read = &r.Read
}
