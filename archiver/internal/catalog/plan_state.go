package catalog

import (
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// stateOf returns the state that a route to t leads to, as far as manifests and ix, the
// index of its last backup, show it.
func stateOf(r *Route, ix *manifest.Index, t Target) State {
	base, last := r.Chain[0], r.Last()
	s := State{Epoch: last.EndEpoch, Time: last.EndTime, Exact: t.Time == nil || r.Time != nil}
	if !r.IsCut() {
		if c := last.Position.Commit; c != nil && last.Database.Generation == string(grafeo.Gen05) {
			s.LogFile, s.LogEnd = c.EndFile, c.End
		}
		return s
	}
	// The cut is in the last backup's log, or right at its beginning.
	s.Epoch, s.Time = base.StartEpoch, base.StartTime
	if n := len(r.Chain); n > 1 {
		s.Epoch, s.Time = r.Chain[n-2].EndEpoch, r.Chain[n-2].EndTime
	}
	if ix.Commits == nil && last.Commits > 0 {
		s.Exact = false
		if r.Epoch != nil {
			s.Epoch = *r.Epoch
		}
		return s
	}
	if epoch, at, ok := lastKept(ix.Commits, r); ok && epoch >= s.Epoch {
		s.Epoch, s.Time = epoch, nil
		if at.UnixMilli() != 0 {
			s.Time = &at
		}
	}
	return s
}

// lastKept returns the epoch and time of the last commit of a list that a route does not
// cut off, if there is one.
func lastKept(list []manifest.CommitTime, r *Route) (epoch uint64, at time.Time, ok bool) {
	for _, c := range list {
		t := time.UnixMilli(int64(c[1])).UTC()
		if r.CutsOff(c[0], t) {
			break
		}
		epoch, at, ok = c[0], t, true
	}
	return epoch, at, ok
}
