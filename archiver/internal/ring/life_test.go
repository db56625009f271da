package ring

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// life is an archive in which segments come, go and rot while samples are taken.
type life struct {
	t        *rapid.T
	now      time.Time     // what a right clock shows
	wrong    time.Duration // how far some clock may be off, at most
	record   manifest.Seq  // the newest one
	segments []*segment    // that backups name
	newest   []manifest.Arc
	lost     [][]manifest.Arc // certificates before the newest
	running  []*run
}

type segment struct {
	place     manifest.Place
	bytes     int64
	record    manifest.Seq // the first that names it
	isDamaged bool
	read      []time.Time // when runs that found it right have begun, by a right clock
}

// run is a sample that is being taken.
type run struct {
	arc   manifest.Arc
	began time.Time     // by a right clock
	clock time.Duration // how far its host's is off
	left  []*segment    // still to be read
}

// pass lets some time pass.
func (l *life) pass() {
	l.now = l.now.Add(time.Duration(rapid.IntRange(0, 1000).Draw(l.t, "seconds")) * time.Second)
}

// backUp adds a record with new segments, or with none.
func (l *life) backUp() {
	l.record++
	for range rapid.IntRange(0, 5).Draw(l.t, "new") {
		l.segments = append(l.segments, &segment{
			place: manifest.Place(rapid.Uint64().Draw(l.t, "place")), bytes: int64(rapid.IntRange(1, 1000).Draw(l.t, "bytes")), record: l.record,
		})
	}
}

// expire removes some segments: no backup names them any more. A compaction is this and
// a backup.
func (l *life) expire() {
	l.record++
	l.segments = slices.DeleteFunc(l.segments, func(*segment) bool { return rapid.IntRange(0, 3).Draw(l.t, "goes") == 0 })
}

func (l *life) rot() {
	if n := len(l.segments); n > 0 {
		l.segments[rapid.IntRange(0, n-1).Draw(l.t, "which")].isDamaged = true
	}
}

// begin begins a sample, perhaps beside others.
func (l *life) begin() {
	l.pass()
	r := &run{began: l.now, clock: time.Duration(rapid.Int64Range(-int64(l.wrong), int64(l.wrong)).Draw(l.t, "clock"))}
	began := l.now.Add(r.clock)
	choice := NewChoice(Of(l.newest, began).Next())
	for _, s := range l.segments {
		choice.Add(s.place, s.bytes)
	}
	r.arc.From, r.arc.To = choice.Arc(rapid.SampledFrom([]float64{0.01, 0.05, 0.3, 0.5, 1}).Draw(l.t, "share"))
	r.arc.BegunAt, r.arc.UpTo = began, l.record
	for _, s := range l.segments {
		if r.arc.Contains(s.place) {
			r.left = append(r.left, s)
		}
	}
	l.running = append(l.running, r)
}

// end reads all that a sample has still to read, and leaves its certificate. A sample that is
// killed leaves none, whatever it has read.
func (l *life) end() {
	if len(l.running) == 0 {
		return
	}
	l.pass()
	i := rapid.IntRange(0, len(l.running)-1).Draw(l.t, "which")
	r := l.running[i]
	l.running = slices.Delete(l.running, i, i+1)
	if rapid.IntRange(0, 5).Draw(l.t, "killed") == 0 {
		r.left = r.left[:len(r.left)/2]
	} else {
		defer func() {
			l.lost = append(l.lost, l.newest)
			now := l.now.Add(r.clock)
			l.newest = Of(l.newest, now).With(r.arc, now).Arcs()
		}()
	}
	for _, s := range r.left {
		switch {
		case !slices.Contains(l.segments, s): // removed meanwhile: it matters to nobody
		case s.isDamaged:
			r.arc.Findings++
		default:
			s.read = append(s.read, r.began)
		}
	}
}

// lose loses the newest certificate, or all.
func (l *life) lose() {
	switch n := len(l.lost); {
	case n == 0 || rapid.IntRange(0, 3).Draw(l.t, "all") == 0:
		l.newest, l.lost = nil, nil
	default:
		l.newest, l.lost = l.lost[n-1], l.lost[:n-1]
	}
}

// check compares what is claimed with what was read.
func (l *life) check(t *rapid.T) {
	ring := Of(l.newest, l.now)
	claim := ring.Claim()
	for _, s := range l.segments {
		arcs := on(ring.Arcs(), s.place)
		if s.record > claim.UpTo || len(arcs) == 0 && !claim.IsClosed() || len(arcs) == 1 && !arcs[0].IsIntact() {
			continue
		}
		isTrue := func(read time.Time) bool { return !read.Before(claim.Since.Add(-l.wrong)) }
		if !slices.ContainsFunc(s.read, isTrue) {
			t.Fatalf("%+v is claimed for the segment at %s of record %d, which was read at %v", claim, s.place, s.record, s.read)
		}
	}
}

// Whatever comes, goes and rots, whoever takes samples at once or is killed, and whichever
// certificates are lost: what is claimed was read. Clocks that are wrong make the time wrong,
// by as much as they are, and nothing else.
func TestNoClaimIsFalse(t *testing.T) {
	for name, wrong := range map[string]time.Duration{"right clocks": 0, "wrong clocks": time.Hour} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				l := &life{t: t, now: at(0), wrong: wrong, record: 1}
				act := func(do func()) func(*rapid.T) { return func(*rapid.T) { do() } }
				t.Repeat(map[string]func(*rapid.T){
					"back up": act(l.backUp), "back up again": act(l.backUp), "expire": act(l.expire), "rot": act(l.rot), "lose": act(l.lose),
					"begin": act(l.begin), "begin one more": act(l.begin), "end": act(l.end), "end one more": act(l.end), "": l.check,
				})
			})
		})
	}
}

// How many samples close the ring: each has at least its share of what there is then, and
// none of the bytes that another one of the round had. So they are at most as many as fit
// into all the bytes that there were during the round.
func TestHowManySamplesCloseTheRing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := &life{t: t, now: at(0), record: 1}
		share := rapid.Float64Range(0.02, 1).Draw(t, "share")
		for range 5 {
			l.backUp()
		}
		first, ever, least := l.record, int64(0), int64(math.MaxInt64)
		counted := map[*segment]bool{}
		r := Ring{}
		for n := 1; ; n++ {
			total := int64(0)
			choice := NewChoice(r.Next())
			for _, s := range l.segments {
				choice.Add(s.place, s.bytes)
				total += s.bytes
				if !counted[s] {
					counted[s] = true
					ever += s.bytes
				}
			}
			arc := manifest.Arc{BegunAt: l.now, UpTo: l.record}
			arc.From, arc.To = choice.Arc(share)
			r = r.With(arc, l.now)
			least = min(least, total)
			if c := r.Claim(); c.IsClosed() {
				if c.UpTo < first {
					t.Fatalf("what was there when the round began is not claimed: %+v", c)
				}
				return
			}
			if float64(n)*share*float64(least) >= float64(ever) {
				t.Fatalf("after %d samples of %v of at least %d bytes, of %d in all: %+v", n, share, least, ever, r.Claim())
			}
			l.now = l.now.Add(time.Second)
			if rapid.Bool().Draw(t, "grows") {
				l.backUp()
			}
			if rapid.IntRange(0, 4).Draw(t, "shrinks") == 0 {
				l.expire()
			}
		}
	})
}
