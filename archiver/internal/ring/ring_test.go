package ring

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// step is the distance of the places at which arcs begin and end in these tests: there are 16,
// so that they often meet.
const step = manifest.Place(1) << 60

func at(seconds int) time.Time { return time.Unix(1_800_000_000+int64(seconds), 0).UTC() }

// probes are places around all at which arcs begin and end.
var probes = func() (places []manifest.Place) {
	for i := range manifest.Place(16) {
		places = append(places, i*step-1, i*step, i*step+1)
	}
	return places
}()

func drawArc(t *rapid.T) manifest.Arc {
	return manifest.Arc{
		From: manifest.Place(rapid.IntRange(0, 15).Draw(t, "from")) * step, To: manifest.Place(rapid.IntRange(0, 15).Draw(t, "to")) * step,
		BegunAt: at(rapid.IntRange(0, 30).Draw(t, "begun")), UpTo: manifest.Seq(rapid.IntRange(1, 30).Draw(t, "up to")),
		Findings: max(0, rapid.IntRange(-3, 1).Draw(t, "findings")),
	}
}

// on returns the arcs that contain a place.
func on(arcs []manifest.Arc, p manifest.Place) (found []manifest.Arc) {
	for _, a := range arcs {
		if a.Contains(p) {
			found = append(found, a)
		}
	}
	return found
}

func TestWithout(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawArc(t), drawArc(t)
		parts := without(a, b)
		for _, p := range probes {
			want := 0
			if a.Contains(p) && !b.Contains(p) {
				want = 1
			}
			if got := on(parts, p); len(got) != want || want == 1 && (got[0].BegunAt != a.BegunAt || got[0].UpTo != a.UpTo) {
				t.Fatalf("%s is on %v, and [%s, %s) without [%s, %s) has it %d times", p, got, a.From, a.To, b.From, b.To, want)
			}
		}
	})
}

// Of each place, the ring says what the last sample says that has read it; that began later
// counts for later. No place is on two arcs.
func TestTheLatestSampleCounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		samples := rapid.SliceOfN(rapid.Custom(drawArc), 1, 20).Draw(t, "samples")
		now := at(100)
		var r Ring
		for _, s := range samples {
			r = Of(r.Arcs(), now).With(s, now)
		}
		sorted := slices.Clone(samples)
		slices.SortStableFunc(sorted, compare)
		for _, p := range probes {
			of, got := on(sorted, p), on(r.Arcs(), p)
			switch {
			case len(got) != min(1, len(of)):
				t.Fatalf("%s is on %d arcs", p, len(got))
			case len(got) == 1:
				want := of[len(of)-1]
				if compare(got[0], want) != 0 {
					t.Fatalf("%s is on %+v, and was read last by %+v", p, got[0], want)
				}
			}
		}
		last := sorted[len(sorted)-1]
		isAlone := len(sorted) == 1 || compare(sorted[len(sorted)-2], last) < 0 // otherwise the two may be joined
		if next := r.Next(); next != Of(r.Arcs(), now).Next() || isAlone && next != last.To {
			t.Fatalf("the next sample begins at %s, and the newest ended at %s", r.Next(), last.To)
		}
		c := r.Claim()
		isClosed := !slices.ContainsFunc(probes, func(p manifest.Place) bool {
			got := on(r.Arcs(), p)
			return len(got) == 0 || !got[0].IsIntact()
		})
		if c.IsClosed() != isClosed || c.Covered < 0 || c.Covered+c.Damaged > 1+1e-9 {
			t.Fatalf("%+v of %+v", c, r.Arcs())
		}
		for _, a := range r.Arcs() {
			if a.IsIntact() && (c.UpTo > a.UpTo || c.Since.After(a.BegunAt)) {
				t.Fatalf("%+v claims more than %+v", c, a)
			}
		}
	})
}

// What two certificates say, joined, says of each place what the later of the two arcs says; and
// who joins it again with one of them sees that this says nothing more.
func TestJoined(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		drawRing := func(name string) (r Ring) {
			for _, a := range rapid.SliceOfN(rapid.Custom(drawArc), 0, 12).Draw(t, name) {
				r.add(a)
			}
			return r
		}
		a, b := drawRing("a").Arcs(), drawRing("b").Arcs()
		joined := Joined(a, b)
		for _, p := range probes {
			of, got := slices.Concat(on(b, p), on(a, p)), on(joined, p)
			slices.SortStableFunc(of, compare)
			if len(got) != min(1, len(of)) || len(got) == 1 && compare(got[0], of[len(of)-1]) != 0 {
				t.Fatalf("%s is on %v, of %v", p, got, of)
			}
		}
		for _, one := range [][]manifest.Arc{joined, a, b, nil} {
			if again := Joined(joined, one); !slices.Equal(again, joined) {
				t.Fatalf("%v with %v is %v", joined, one, again)
			}
		}
	})
}

// However many arcs there are, a certificate carries 64 at most, which say no more of any
// place than all do, and the next sample begins where the newest one ended.
func TestShrink(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 200).Draw(t, "arcs")
		width := ^manifest.Place(0)/manifest.Place(n) + 1
		var r Ring
		for i := range n {
			if rapid.IntRange(0, 9).Draw(t, "gap") == 0 {
				continue
			}
			a := drawArc(t)
			a.From = width * manifest.Place(i)
			a.To = a.From + width
			r.add(a)
		}
		all := r.Arcs()
		if len(all) == 0 {
			return
		}
		r.shrink()
		arcs := r.Arcs()
		if len(arcs) > manifest.MaxArcs {
			t.Fatalf("%d arcs", len(arcs))
		}
		if arcs[len(arcs)-1] != all[len(all)-1] {
			t.Fatalf("the newest is %+v, and was %+v", arcs[len(arcs)-1], all[len(all)-1])
		}
		if !slices.IsSortedFunc(arcs, func(a, b manifest.Arc) int { return a.BegunAt.Compare(b.BegunAt) }) {
			t.Fatalf("they are not in the order in which they began: %v", arcs)
		}
		for i := range n {
			p := width * manifest.Place(i)
			was, is := on(all, p), on(arcs, p)
			if len(is) > len(was) {
				t.Fatalf("%s was on %v, and is on %v", p, was, is)
			}
			if len(is) == 1 && (is[0].UpTo > was[0].UpTo || is[0].BegunAt.After(was[0].BegunAt) || is[0].IsIntact() && !was[0].IsIntact()) {
				t.Fatalf("%s was on %+v, and is on %+v", p, was[0], is[0])
			}
		}
	})
}

// A ring that is read in many more samples than a certificate has arcs is closed nevertheless.
func TestManySmallSamples(t *testing.T) {
	const samples = 1000
	width := ^manifest.Place(0)/samples + 1
	var r Ring
	for i := range samples + 10 {
		from := r.Next()
		r = Of(r.Arcs(), at(i)).With(manifest.Arc{From: from, To: from + width, BegunAt: at(i), UpTo: manifest.Seq(1 + i)}, at(i))
	}
	c := r.Claim()
	if !c.IsClosed() || c.UpTo > 11 || c.Since.After(at(10)) {
		t.Fatalf("%+v", c)
	}
	if late := at(samples + 10 - samples - 100); c.Since.Before(late) {
		t.Errorf("since %v: joined arcs are more than a tenth of a round older", c.Since)
	}
}

// An arc that begins later than now is not believed; the next sample begins where it ended.
func TestFromTheFuture(t *testing.T) {
	arcs := []manifest.Arc{{From: 0, To: 8 * step, BegunAt: at(1), UpTo: 5}, {From: 8 * step, To: 9 * step, BegunAt: at(1000), UpTo: 5}}
	r := Of(arcs, at(10))
	if c := r.Claim(); c.Covered != 0.5 || r.Next() != 9*step {
		t.Errorf("%+v, and the next begins at %s", c, r.Next())
	}
	r = r.With(manifest.Arc{From: 9 * step, To: 10 * step, BegunAt: at(10), UpTo: 6}, at(11))
	if arcs := r.Arcs(); len(arcs) != 2 || r.Next() != 10*step {
		t.Errorf("%+v", arcs)
	}
}

// Of two samples at once, the one that ends last has begun first: it hides neither what the
// other one has read, nor where that ended.
func TestTwoAtOnce(t *testing.T) {
	short := manifest.Arc{From: 0, To: 2 * step, BegunAt: at(2), UpTo: 7, Findings: 1}
	long := manifest.Arc{From: 0, To: 4 * step, BegunAt: at(1), UpTo: 6}
	r := Ring{}.With(short, at(3)).With(long, at(4))
	want := []manifest.Arc{{From: 2 * step, To: 4 * step, BegunAt: at(1), UpTo: 6}, short}
	if got := r.Arcs(); !slices.Equal(got, want) || r.Next() != 2*step {
		t.Errorf("%+v", got)
	}
}

func TestClaimOfNothing(t *testing.T) {
	if c := (Ring{}).Claim(); c != (Claim{}) {
		t.Errorf("%+v", c)
	}
	whole := Ring{}.With(manifest.Arc{BegunAt: at(1), UpTo: 3}, at(1))
	if c := whole.Claim(); c != (Claim{Covered: 1, UpTo: 3, Since: at(1)}) {
		t.Errorf("%+v", c)
	}
	// One place is missing: too little for a fraction to show.
	almost := Ring{}.With(manifest.Arc{From: 1, To: 0, BegunAt: at(1), UpTo: 3}, at(1))
	if c := almost.Claim(); c.IsClosed() || c.Covered < 0.999 {
		t.Errorf("%+v", c)
	}
	damaged := Ring{}.With(manifest.Arc{BegunAt: at(1), UpTo: 3, Findings: 2}, at(1))
	if c := damaged.Claim(); c != (Claim{Damaged: 1}) {
		t.Errorf("%+v", c)
	}
}
