package salvage

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/internal/fetch"
	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/internal/seal"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// restOf says of which part something is left, and after which one.
type restOf struct{ p, after *part }

// rest returns what is left of a part whose log has a hole, as a part that is whole; nil if
// nothing is. chain is what it follows; nil if it is to be the full backup with which a span
// begins, whose image is whole. The log is read up to the hole.
func (s *Survey) rest(ctx context.Context, chain []*part, p *part) (*part, error) {
	key := restOf{p: p}
	if len(chain) > 0 {
		key.after = chain[len(chain)-1]
	}
	if r, ok := s.rests[key]; ok {
		return r, nil
	}
	r, err := s.findRest(ctx, chain, p)
	if object, ok := errors.AsType[*manifest.ObjectError](err); ok && s.holes[object.Key] == "" {
		s.holes[object.Key] = object.Problem // one more, see allSpans
	}
	_, isKey := errors.AsType[*seal.KeyError](err)
	if isKey && !slices.Contains(s.Doubts, unopened) {
		s.Doubts = append(s.Doubts, unopened)
	}
	if isKey || err != nil && ctx.Err() == nil && !objects.IsFromStore(err) {
		r, err = nil, nil // what is left does not fit, or cannot be opened here
	}
	if r == nil && err == nil && len(chain) == 0 {
		r = s.imageOf(p)
	}
	if err == nil {
		s.rests[key] = r
	}
	return r, err
}

// unopened is what is in doubt without a key to the data.
const unopened = "there is no key to the data here: what is left of damaged logs was not looked into"

func (s *Survey) findRest(ctx context.Context, chain []*part, p *part) (*part, error) {
	before := s.beforeHole(p, len(chain) > 0)
	if before == nil {
		return nil, nil
	}
	cut := *p.m.Manifest
	cut.Position.Commit = nil // where it ends is not known yet
	r := &part{m: &manifest.Committed{Manifest: &cut, Digest: p.m.Digest, Record: p.m.RecordSeq()}, index: before, isGone: p.isGone, isRest: true}
	plan, err := planOf(append(slices.Clone(chain), r))
	if err != nil {
		return nil, err
	}
	log, err := s.scan(ctx, plan)
	if err != nil {
		return nil, err
	}
	from := grafeo.Position{}
	if len(chain) > 0 {
		from = chain[len(chain)-1].end()
	} else if p.generation() == grafeo.Gen06 {
		from.LSN = p.m.Database.CheckpointLSN
	}
	if !log.reaches(from, p) {
		return nil, nil
	}
	return r, log.cutAfterLast(ctx, s, r, p)
}

// beforeHole returns the index of a part with its log up to the first hole, nil if nothing of
// the log is left. isLogOnly says that there is to be nothing else.
func (s *Survey) beforeHole(p *part, isLogOnly bool) *manifest.Index {
	ix := *p.index
	ix.Files = nil
	if !isLogOnly {
		for _, f := range p.index.Files {
			if !manifest.IsLogName(f.Name) {
				ix.Files = append(ix.Files, f)
			}
		}
	}
	others := len(ix.Files)
	for _, f := range p.logFiles() {
		left := *f
		i := slices.IndexFunc(f.Extents, func(e manifest.Extent) bool {
			g := &ix.Segments[ix.Frames[e.Frame].Segment]
			return !g.IsInline() && s.holes[g.Key] != ""
		})
		if i < 0 {
			ix.Files = append(ix.Files, left)
			continue
		}
		if left.Bytes, left.Extents = f.Extents[i].Offset, f.Extents[:i]; left.Bytes > left.From {
			ix.Files = append(ix.Files, left)
		}
		break
	}
	if len(ix.Files) == others {
		return nil
	}
	return &ix
}

// planOf returns the plan to the end of a chain.
func planOf(chain []*part) (*catalog.Plan, error) {
	r := &catalog.Route{}
	var indexes []*manifest.Index
	for _, p := range chain {
		r.Chain, indexes = append(r.Chain, p.m), append(indexes, p.index)
	}
	return catalog.NewPlan(r, indexes, catalog.Target{})
}

// end returns the place in the log at which a part ends.
func (p *part) end() grafeo.Position {
	at := grafeo.Position{LSN: p.m.Position.LSN}
	if c := p.m.Position.Commit; c != nil {
		at.File, at.Offset = c.EndFile, c.End
	}
	return at
}

// cutAfterLast makes r end with the last commit of the log.
func (l *scanned) cutAfterLast(ctx context.Context, s *Survey, r, of *part) error {
	last := l.commits[len(l.commits)-1]
	ix := r.index
	kept := ix.Files[:0:0]
	for _, f := range ix.Files {
		i := slices.IndexFunc(l.files, func(o *manifest.File) bool { return o.Name == f.Name })
		switch {
		case i < 0: // the image, or a spilled vector
		case i > last.file:
			continue
		case i == last.file:
			f.Bytes = last.end
			f.Extents = within(f.Extents, last.end)
		}
		kept = append(kept, f)
	}
	ix.Files = kept
	if rp := ix.Replay; rp != nil && !isIn(ix, rp) {
		return fmt.Errorf("the image has all of the log up to there")
	}
	m := r.m.Manifest
	m.EndEpoch, m.EndTime = last.Epoch, nil
	if !last.Time.IsZero() {
		m.EndTime = &last.Time
	}
	m.Position = manifest.Position{LSN: last.EndLSN}
	if of.m.Kind == manifest.Full && of.generation() == grafeo.Gen06 && len(kept) > 0 {
		m.EndEpoch = max(m.EndEpoch, m.Database.ImageEpoch)
	}
	r.m.Digest = manifest.Sum(fmt.Appendf(nil, "%s %d %d", of.m.Digest, last.file, last.end)) // it has other bytes
	r.sure = l.isFollowedBySureEpoch(of)
	return s.sum(ctx, ix)
}

// isFollowedBySureEpoch reports whether the list of commits of a part shows that the commit
// after the last one that was scanned is of a later epoch.
func (l *scanned) isFollowedBySureEpoch(p *part) bool {
	first := p.logFiles()[0]
	n := 0 // of the part
	for _, c := range l.commits {
		f := l.files[c.file]
		if len(f.Name) > len(first.Name) || f.Name > first.Name || f.Name == first.Name && c.end > first.From {
			n++
		}
	}
	list := p.index.Commits
	epoch := l.commits[len(l.commits)-1].Epoch
	return n > 0 && n < len(list) && list[n-1][0] == epoch && list[n][0] > epoch
}

func isIn(ix *manifest.Index, r *manifest.Replay) bool {
	return slices.ContainsFunc(ix.Files, func(f manifest.File) bool {
		number, ok := grafeo.LogNumber05(f.Name)
		return ok && number == r.File && r.Offset <= f.Bytes
	})
}

// within returns the extents of a file before an offset.
func within(extents []manifest.Extent, end int64) []manifest.Extent {
	var list []manifest.Extent
	for _, e := range extents {
		if e.Bytes = min(e.Bytes, end-e.Offset); e.Bytes > 0 {
			list = append(list, e)
		}
	}
	return list
}

// sum sets the checksums of the log files of an index, some of which were cut.
func (s *Survey) sum(ctx context.Context, ix *manifest.Index) error {
	archive, err := fetch.Open(ctx, s.store, ix)
	if err != nil {
		return err
	}
	defer archive.Close()
	for i := range ix.Files {
		f := &ix.Files[i]
		if !manifest.IsLogName(f.Name) {
			continue
		}
		sum := crc32.NewIEEE()
		if _, err := io.Copy(sum, io.NewSectionReader(archive.Of(f), f.From, f.Bytes-f.From)); err != nil {
			return err
		}
		f.CRC32 = sum.Sum32()
	}
	return nil
}

// imageOf returns the image of a full backup alone, as far as its state is one of the
// timeline; nil if it has none. In 0.5, it is that of a checkpoint before the first epoch that
// can be restored, or at it.
func (s *Survey) imageOf(p *part) *part {
	image := p.index.Image()
	if image == nil {
		return nil
	}
	ix := *p.index
	ix.Files, ix.Commits, ix.Replay = nil, []manifest.CommitTime{}, nil
	for _, f := range p.index.Files {
		if !manifest.IsLogName(f.Name) {
			ix.Files = append(ix.Files, f)
		}
	}
	m := *p.m.Manifest
	m.EndEpoch = catalog.EpochWithoutLog(p.m)
	m.EndTime, m.Commits = m.StartTime, 0
	m.Position = manifest.Position{LSN: m.Database.CheckpointLSN}
	r := &part{m: &manifest.Committed{Manifest: &m, Record: p.m.RecordSeq()}, index: &ix, isGone: p.isGone, isRest: true}
	r.m.Digest = manifest.Sum(fmt.Appendf(nil, "%s image", p.m.Digest))
	r.sure = p.generation() == grafeo.Gen06 && p.index.Commits != nil &&
		!slices.ContainsFunc(p.index.Commits, func(c manifest.CommitTime) bool { return c[0] == m.EndEpoch })
	return r
}
