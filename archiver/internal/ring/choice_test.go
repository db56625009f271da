package ring

import (
	"math/rand/v2"
	"testing"
	"unsafe"

	"pgregory.net/rapid"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// choose returns the arc of a share of segments, and how many bytes of them it has.
func choose(segments map[manifest.Place]int64, from manifest.Place, share float64) (arc manifest.Arc, bytes int64) {
	c := NewChoice(from)
	for p, n := range segments {
		c.Add(p, n)
	}
	arc.From, arc.To = c.Arc(share)
	for p, n := range segments {
		if arc.Contains(p) {
			bytes += n
		}
	}
	return arc, bytes
}

func drawSegments(t *rapid.T) map[manifest.Place]int64 {
	random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
	segments := map[manifest.Place]int64{}
	for range rapid.IntRange(0, 300).Draw(t, "segments") {
		bytes := int64(1 + random.IntN(1000))
		if random.IntN(20) == 0 {
			bytes *= 10_000
		}
		segments[manifest.Place(random.Uint64())] = bytes
	}
	return segments
}

// An arc has at least its share, and ends soon after; n samples of 1/n each close the ring.
func TestArcsOfAShareCloseTheRing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		segments := drawSegments(t)
		n := rapid.IntRange(1, 60).Draw(t, "n")
		total := int64(0)
		for _, bytes := range segments {
			total += bytes
		}
		r := Ring{}
		r.next = manifest.Place(rapid.Uint64().Draw(t, "from"))
		for i := range n {
			from := r.Next()
			arc, bytes := choose(segments, from, 1/float64(n))
			if bytes*int64(n) < total {
				t.Fatalf("sample %d has %d of %d bytes, less than 1/%d", i, bytes, total, n)
			}
			if len(segments) > 0 && bytes == 0 {
				t.Fatalf("sample %d has no segment", i)
			}
			arc.BegunAt, arc.UpTo = at(i), 1
			if r = r.With(arc, at(i)); r.Claim().IsClosed() {
				return
			}
		}
		t.Fatalf("after %d samples of 1/%d: %+v", n, n, r.Claim())
	})
}

// Of many segments, an arc has hardly more than its share: it ends with a box of the ring, of
// which there are 65536.
func TestAnArcIsNotMuchMoreThanItsShare(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	segments := map[manifest.Place]int64{}
	for range 20_000 {
		segments[manifest.Place(random.Uint64())] = 17 << 20
	}
	for _, share := range []float64{0.0001, 0.001, 0.05, 0.5, 0.999} {
		_, bytes := choose(segments, manifest.Place(random.Uint64()), share)
		if got := float64(bytes) / (20_000 * 17 << 20); got < share || got > share+0.0005 {
			t.Errorf("%v instead of %v", got, share)
		}
	}
}

func TestChoiceOfAFew(t *testing.T) {
	for name, c := range map[string]struct {
		segments map[manifest.Place]int64
		from     manifest.Place
		share    float64
		to       manifest.Place
		bytes    int64
	}{
		"none":              {nil, 5 * step, 0.05, 5 * step, 0},
		"one":               {map[manifest.Place]int64{7 * step: 10}, 5 * step, 0.05, 5 * step, 10},
		"two":               {map[manifest.Place]int64{7 * step: 10, 9 * step: 10}, 5 * step, 0.05, 9 * step, 10},
		"the second of two": {map[manifest.Place]int64{7 * step: 10, 9 * step: 10}, 9 * step, 0.05, 7 * step, 10},
		"a huge one":        {map[manifest.Place]int64{1 * step: 1, 2 * step: 1000, 3 * step: 1}, 1 * step, 0.05, 3 * step, 1001},
		"all":               {map[manifest.Place]int64{1 * step: 1, 2 * step: 1000, 3 * step: 1}, 2 * step, 1, 2 * step, 1002},
		"more than all":     {map[manifest.Place]int64{1 * step: 1, 2 * step: 1000, 3 * step: 1}, 2 * step, 7, 2 * step, 1002},
		"hardly any share":  {map[manifest.Place]int64{1 * step: 1, 2 * step: 1000, 3 * step: 1}, 0, 1e-300, 2 * step, 1},
	} {
		arc, bytes := choose(c.segments, c.from, c.share)
		if arc.From != c.from || arc.To != c.to || bytes != c.bytes {
			t.Errorf("%s: [%s, %s) with %d bytes", name, arc.From, arc.To, bytes)
		}
	}
}

// What a choice takes does not depend on how many segments there are.
func TestMemoryOfAChoice(t *testing.T) {
	if size := unsafe.Sizeof(Choice{}); size > 600<<10 {
		t.Errorf("it has %d bytes", size)
	}
	c := NewChoice(0)
	random := rand.New(rand.NewPCG(1, 2))
	if n := testing.AllocsPerRun(10_000, func() { c.Add(manifest.Place(random.Uint64()), 1) }); n != 0 {
		t.Errorf("a segment takes %v allocations", n)
	}
}
