package salvage

import (
	"context"
	"slices"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// span is a full backup, or what is left of one, and the parts by which its log goes on.
type span struct {
	chain    []*part
	from, to uint64 // epochs
	sure     bool   // with all commits of the last one
	isGone   bool   // some part of it is no backup any more
}

func (sp *span) base() *part { return sp.chain[0] }
func (sp *span) last() *part { return sp.chain[len(sp.chain)-1] }

// has reports whether an epoch is one of the span, as a whole archive would give it.
func (sp *span) has(epoch uint64) bool {
	return sp.from <= epoch && (epoch < sp.to || epoch == sp.to && sp.sure)
}

// allSpans returns the spans of the whole archive: first those of backups alone, then those
// with parts that are none any more. Within these, newer full backups come first.
func (s *Survey) allSpans(ctx context.Context) ([]*span, error) {
	if s.spans != nil {
		return s.spans, nil
	}
	for {
		known := len(s.holes)
		spans, err := s.findSpans(ctx)
		if err != nil {
			return nil, err
		}
		if len(s.holes) == known { // looking for rests may have found others
			s.spans = spans
			return spans, nil
		}
	}
}

func (s *Survey) findSpans(ctx context.Context) ([]*span, error) {
	s.rests = map[restOf]*part{}
	spans := []*span{}
	for _, withGone := range []bool{false, true} {
		t := s.newTracer(withGone)
		for _, base := range slices.Backward(t.parts) {
			if base.m.Kind != manifest.Full || !s.hasImage(base) {
				continue
			}
			sp, err := s.spanFrom(ctx, t, base)
			if err != nil {
				return nil, err
			}
			if sp != nil && (!withGone || sp.isGone) {
				spans = append(spans, sp)
			}
		}
	}
	return spans, nil
}

// spanFrom returns the span that begins with a full backup whose image is whole, nil if
// nothing can be had of it.
func (s *Survey) spanFrom(ctx context.Context, t *tracer, base *part) (*span, error) {
	sp := &span{from: base.m.StartEpoch}
	if s.hasLog(base) {
		for p := base; p != nil; p = t.next[p] {
			sp.chain = append(sp.chain, p)
		}
		longest, err := s.longestRest(ctx, t, sp.chain)
		if err != nil {
			return nil, err
		}
		if longest != nil {
			sp.chain = append(sp.chain, longest)
		}
	} else {
		rest, err := s.rest(ctx, nil, base)
		if rest == nil || err != nil {
			return nil, err
		}
		sp.chain, sp.from = []*part{rest}, min(rest.m.StartEpoch, rest.m.EndEpoch)
	}
	sp.to, sp.sure = sp.last().m.EndEpoch, s.endsSurely(sp.last())
	sp.isGone = slices.ContainsFunc(sp.chain, func(p *part) bool { return p.isGone })
	return sp, nil
}

// longestRest returns the rest of a part that follows a chain which goes furthest, nil if
// there is none.
func (s *Survey) longestRest(ctx context.Context, t *tracer, chain []*part) (*part, error) {
	var longest *part
	end := chain[len(chain)-1]
	for _, p := range t.following(end, func(p *part) bool { return s.holes[p.m.Key()] == "" && !s.hasLog(p) }) {
		rest, err := s.rest(ctx, chain, p)
		if err != nil {
			return nil, err
		}
		if rest != nil && rest.m.EndEpoch >= end.m.EndEpoch && (longest == nil || rest.m.EndEpoch > longest.m.EndEpoch) {
			longest = rest
		}
	}
	return longest, nil
}

// tracer finds out how far the log goes on from each part.
type tracer struct {
	parts    []*part // ascending
	children map[manifest.Seq][]*part
	fulls    map[int][]*part // by timeline, ascending
	next     map[*part]*part // by which the log goes furthest
	far      map[*part]manifest.Seq
}

func (s *Survey) newTracer(withGone bool) *tracer {
	t := &tracer{children: map[manifest.Seq][]*part{}, fulls: map[int][]*part{}, next: map[*part]*part{}, far: map[*part]manifest.Seq{}}
	for _, p := range s.parts {
		if p.isGone && !withGone {
			continue
		}
		t.parts = append(t.parts, p)
		if p.m.Kind == manifest.Full {
			t.fulls[p.m.Timeline] = append(t.fulls[p.m.Timeline], p)
		} else if p.m.Continues != nil {
			t.children[*p.m.Continues] = append(t.children[*p.m.Continues], p)
		}
	}
	for _, p := range slices.Backward(t.parts) {
		t.far[p] = p.m.Seq
		for _, next := range t.following(p, s.hasLog) {
			if t.far[next] > t.far[p] {
				t.next[p], t.far[p] = next, t.far[next]
			}
		}
	}
	return t
}

// following returns the parts of a kind whose log goes on where p ends: those that continue
// it first, then the first full backup that does.
func (t *tracer) following(p *part, is func(*part) bool) []*part {
	var list []*part
	for _, child := range t.children[p.m.Seq] {
		if child.m.Seq > p.m.Seq && is(child) && child.follows(p) {
			list = append(list, child)
		}
	}
	for _, full := range t.fulls[p.m.Timeline] {
		if full.m.Seq <= p.m.Seq || !is(full) {
			continue
		}
		if full.follows(p) {
			return append(list, full)
		}
		if full.beginsAfter(p) {
			break
		}
	}
	return list
}

// beginsAfter reports whether the log of p begins after the end of before, and with it that of
// all later full backups.
func (p *part) beginsAfter(before *part) bool {
	files := p.logFiles()
	if len(files) == 0 {
		return false
	}
	if p.generation() == grafeo.Gen06 {
		return files[0].Name > grafeo.LogName(grafeo.Gen06, before.m.Position.LSN)
	}
	c := before.m.Position.Commit
	return c != nil && files[0].Name > grafeo.LogName(grafeo.Gen05, c.EndFile)
}

// endsSurely reports whether the end of p is the state at its last epoch, as a whole archive
// would give it: no commit of that epoch follows in a record that is lost.
func (s *Survey) endsSurely(p *part) bool {
	if p.isRest {
		return p.sure
	}
	found := false
	for _, m := range s.known {
		if !m.Kind.HasContent() || m.Continues == nil || *m.Continues != p.m.Seq || m.Timeline != p.m.Timeline {
			continue
		}
		found = true
		if m.Kind != manifest.Full && m.StartEpoch > p.m.EndEpoch || m.Kind == manifest.Full && s.beginsLater(m, p) {
			return true
		}
	}
	if found || p.isGone {
		return false
	}
	next := s.nextBackup(p.m)
	for _, seq := range s.lost {
		if seq > p.m.Seq && (next == nil || seq < next.Seq) {
			return false
		}
	}
	return true
}

// endsEpoch reports whether a backup, which may be lost, ends with all of its last epoch.
func (s *Survey) endsEpoch(m *manifest.Committed) bool { return s.endsSurely(&part{m: m}) }

// nextBackup returns the next backup of the timeline of m that is known, nil if there is none.
func (s *Survey) nextBackup(m *manifest.Committed) *manifest.Committed {
	for _, e := range s.list.Backups {
		if e.Seq <= m.Seq {
			continue
		}
		if next := s.known[e.Record]; next != nil && next.Kind.HasContent() && next.Timeline == m.Timeline {
			return next
		}
	}
	return nil
}

// beginsLater reports whether the commits that a full backup lists show that none of the last
// epoch of p comes after p. In 0.5 they do not: the last commit of p may end later in its list.
func (s *Survey) beginsLater(full *manifest.Committed, p *part) bool {
	ix := s.indexes[full.RecordSeq()]
	if ix == nil || ix.Commits == nil || p.generation() == grafeo.Gen05 {
		return false
	}
	w := &part{m: full, index: ix}
	n := 0
	if c := p.m.Position.Commit; c != nil && w.has(p) && w.logFiles()[0].Name <= grafeo.LogName(w.generation(), c.StartFile) {
		n = 1 // it is that with which p ends
	}
	for _, c := range ix.Commits {
		if c[0] == p.m.EndEpoch {
			n--
		}
	}
	return n >= 0
}
