package ring

import (
	"math"
	"slices"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// shrink makes one arc of two neighbours until there are as few as a certificate carries.
// What the one says is true of both, and claims no more than either: the earlier begin, and
// the lower record. It joins those that lose least by it, and never the newest one, which
// says where the next sample begins.
func (r *Ring) shrink() {
	for len(r.arcs) > manifest.MaxArcs {
		i, j, ok := r.closest()
		if !ok { // none has a neighbour of its kind, so there are gaps already
			r.arcs = r.arcs[1:]
			continue
		}
		joined := join(r.arcs[i], r.arcs[j])
		r.arcs[min(i, j)] = joined // the earlier one of the two
		r.arcs = slices.Delete(r.arcs, max(i, j), max(i, j)+1)
	}
}

// closest returns two neighbours, the first of which ends where the other begins: those
// between whose begins there is the least time. They are both intact, or both not.
func (r *Ring) closest() (i, j int, ok bool) {
	least := time.Duration(math.MaxInt64)
	older := r.arcs[:len(r.arcs)-1]
	for m, a := range older {
		for n, b := range older {
			if m == n || a.To != b.From || a.IsIntact() != b.IsIntact() {
				continue
			}
			if d := a.BegunAt.Sub(b.BegunAt).Abs(); d < least {
				i, j, least, ok = m, n, d, true
			}
		}
	}
	return i, j, ok
}

// join returns an arc in place of two, the second of which begins where the first one ends.
func join(a, b manifest.Arc) manifest.Arc {
	joined := manifest.Arc{From: a.From, To: b.To, BegunAt: a.BegunAt, UpTo: min(a.UpTo, b.UpTo), Findings: a.Findings + b.Findings}
	if b.BegunAt.Before(a.BegunAt) {
		joined.BegunAt = b.BegunAt
	}
	return joined
}
