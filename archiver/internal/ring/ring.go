package ring

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Ring is what samples have read so far. The zero value is for none.
type Ring struct {
	arcs []manifest.Arc // disjoint, in the order in which they began
	next manifest.Place
}

// Of returns what the arcs of a certificate say now. Those that begin later are left out:
// some clock was wrong, and nobody knows when they were read. The next sample still begins
// where the last one ended.
func Of(arcs []manifest.Arc, now time.Time) Ring {
	var r Ring
	if n := len(arcs); n > 0 {
		r.next = arcs[n-1].To
	}
	for _, a := range arcs {
		if !a.BegunAt.After(now) {
			r.add(a)
		}
	}
	return r
}

// Next returns the place at which the next sample begins.
func (r Ring) Next() manifest.Place { return r.next }

// With returns the ring with one more sample, as of now. Where arcs meet, the one that has begun
// later counts: it knows more.
func (r Ring) With(sample manifest.Arc, now time.Time) Ring {
	r = Of(r.arcs, now)
	r.add(sample)
	r.shrink()
	r.next = r.arcs[len(r.arcs)-1].To
	return r
}

// Joined returns the arcs that say what those of two certificates say. Joining them again with
// either changes nothing.
func Joined(arcs, more []manifest.Arc) []manifest.Arc {
	var r Ring
	for _, a := range slices.Concat(more, arcs) {
		r.add(a)
	}
	r.shrink()
	return r.arcs
}

// Arcs returns the arcs, for a certificate, at most [manifest.MaxArcs]: the last one ends
// where the next sample begins.
func (r Ring) Arcs() []manifest.Arc { return slices.Clone(r.arcs) }

// add adds an arc. Of each place, the one says more that has begun later.
func (r *Ring) add(a manifest.Arc) {
	parts := []manifest.Arc{a}
	var arcs []manifest.Arc
	for _, o := range r.arcs {
		if compare(o, a) <= 0 {
			arcs = append(arcs, without(o, a)...)
			continue
		}
		arcs = append(arcs, o)
		var left []manifest.Arc
		for _, p := range parts {
			left = append(left, without(p, o)...)
		}
		parts = left
	}
	r.arcs = append(arcs, parts...)
	r.mend()
}

// compare orders arcs by when they began. It is 0 only if they say the same.
func compare(a, b manifest.Arc) int {
	return cmp.Or(a.BegunAt.Compare(b.BegunAt), cmp.Compare(a.UpTo, b.UpTo), cmp.Compare(a.Findings, b.Findings))
}

// mend puts the arcs in order, and makes one of neighbours that say the same: parts of what
// one sample has read.
func (r *Ring) mend() {
	slices.SortFunc(r.arcs, func(a, b manifest.Arc) int { return cmp.Or(compare(a, b), cmp.Compare(a.From, b.From)) })
	for i := 0; i < len(r.arcs); i++ {
		next := func(o manifest.Arc) bool { return o.From == r.arcs[i].To && compare(o, r.arcs[i]) == 0 }
		if j := slices.IndexFunc(r.arcs, next); j >= 0 && j != i {
			r.arcs[min(i, j)].From, r.arcs[min(i, j)].To = r.arcs[i].From, r.arcs[j].To
			r.arcs = slices.Delete(r.arcs, max(i, j), max(i, j)+1)
			i = -1 // from the beginning
		}
	}
}

// without returns what is left of arc a where b is not: up to two parts.
func without(a, b manifest.Arc) (parts []manifest.Arc) {
	if b.IsWholeRing() {
		return nil
	}
	part := func(from, to manifest.Place) {
		p := a
		p.From, p.To = from, to
		parts = append(parts, p)
	}
	if a.IsWholeRing() {
		part(b.To, b.From)
		return parts
	}
	// Counted from the end of b, what b leaves is from 0 to end, both included.
	from, to, end := a.From-b.To, a.To-1-b.To, b.From-1-b.To
	if from > to { // a has the place from which is counted
		part(b.To, b.To+min(to, end)+1)
		to = end
	}
	if from <= end {
		part(a.From, b.To+min(to, end)+1)
	}
	return parts
}

// Claim is what the arcs of a ring say: every segment with a place on the covered part of the
// ring that backups of records up to UpTo name was read since Since, and was right.
type Claim struct {
	Covered float64 // share of the ring: 1 if it is closed, and never otherwise
	UpTo    manifest.Seq
	Since   time.Time
	Damaged float64 // share of the ring that was read, and on which something was wrong
}

// IsClosed reports whether the claim is about all segments.
func (c Claim) IsClosed() bool { return c.Covered == 1 }

// Claim returns what all arcs say together. UpTo and Since are zero if they cover nothing.
func (r Ring) Claim() Claim {
	var c Claim
	left := []manifest.Arc{{}} // of the whole ring
	for _, a := range r.arcs {
		if !a.IsIntact() {
			c.Damaged += length(a)
			continue
		}
		if c.Covered == 0 || a.UpTo < c.UpTo {
			c.UpTo = a.UpTo
		}
		if c.Covered == 0 || a.BegunAt.Before(c.Since) {
			c.Since = a.BegunAt
		}
		c.Covered += length(a)
		var rest []manifest.Arc
		for _, l := range left {
			rest = append(rest, without(l, a)...)
		}
		left = rest
	}
	c.Covered = min(c.Covered, math.Nextafter(1, 0))
	if len(left) == 0 {
		c.Covered = 1
	}
	return c
}

// length returns how long an arc is, as a share of the ring.
func length(a manifest.Arc) float64 {
	if a.IsWholeRing() {
		return 1
	}
	return float64(a.To-a.From) / (1 << 64)
}
