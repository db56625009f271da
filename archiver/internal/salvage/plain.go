package salvage

import (
	"slices"

	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// plain returns what an ordinary restore gives, along its very route. It returns nil if that needs
// a hole, or if a record of which nothing is known may be meant.
func (s *Survey) plain(t catalog.Target) *candidate {
	if len(s.lost) > 0 && t.Backup == 0 {
		return nil
	}
	route, err := catalog.New(s.knownBackups()).Route(t)
	if err != nil {
		return nil // s.aim says what is wrong with the target
	}
	c := &candidate{route: route, exact: true}
	for _, m := range route.Chain {
		i := slices.IndexFunc(s.parts, func(p *part) bool {
			return !p.isGone && p.m.Seq == m.Seq && p.m.RecordSeq() == m.RecordSeq()
		})
		if i < 0 || s.holes[m.Key()] != "" {
			return nil
		}
		c.indexes = append(c.indexes, s.parts[i].index)
	}
	plan, err := catalog.NewPlan(route, c.indexes, t)
	if err != nil || t.Time != nil && !plan.State.Exact {
		return nil
	}
	isHole := func(g manifest.Segment) bool { return !g.IsInline() && s.holes[g.Key] != "" }
	if slices.ContainsFunc(plan.Index.Segments, isHole) {
		return nil
	}
	return c
}
