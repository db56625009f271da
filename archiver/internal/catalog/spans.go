package catalog

import (
	"cmp"
	"slices"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Span is a range of epochs of a timeline each of which can be restored. After a removal, a
// timeline may have several. An epoch at which nothing was committed does not part a span.
type Span struct {
	Timeline           int
	FromEpoch, ToEpoch uint64       // equal if there is a single state
	First, Last        manifest.Seq // of the backups that give it
	Backups            int          // how many these are
}

// Spans returns what can be restored, the newest timeline first and of each the lowest
// epochs first. It looks at each backup once, in order: the one that it continues comes
// before it.
func (c *Catalog) Spans() []Span {
	roots := map[manifest.Seq]int{} // for each backup with a chain, the span that this is in
	var spans []Span
	for _, m := range c.backups {
		root, ok := 0, false
		if parent := c.parent(m); parent != nil && parent.Timeline == m.Timeline {
			root, ok = roots[parent.Seq]
		}
		switch {
		case ok:
			s := &spans[root]
			s.ToEpoch, s.Last = max(s.ToEpoch, m.EndEpoch), m.Seq
			s.Backups++
		case m.Kind == manifest.Full:
			root = len(spans)
			spans = append(spans, Span{m.Timeline, m.StartEpoch, m.EndEpoch, m.Seq, m.Seq, 1})
		default:
			continue
		}
		if m.Kind == manifest.Full {
			spans[root].FromEpoch = min(spans[root].FromEpoch, m.StartEpoch)
		}
		roots[m.Seq] = root
	}
	return joined(spans)
}

// joined sorts spans and joins those that overlap or meet.
func joined(spans []Span) []Span {
	slices.SortFunc(spans, func(a, b Span) int {
		return cmp.Or(cmp.Compare(b.Timeline, a.Timeline), cmp.Compare(a.FromEpoch, b.FromEpoch), cmp.Compare(a.First, b.First))
	})
	var all []Span
	for _, s := range spans {
		if n := len(all); n > 0 && all[n-1].Timeline == s.Timeline && (s.FromEpoch <= all[n-1].ToEpoch || s.FromEpoch == all[n-1].ToEpoch+1) {
			o := &all[n-1]
			o.ToEpoch, o.Backups = max(o.ToEpoch, s.ToEpoch), o.Backups+s.Backups
			o.First, o.Last = min(o.First, s.First), max(o.Last, s.Last)
			continue
		}
		all = append(all, s)
	}
	return all
}
