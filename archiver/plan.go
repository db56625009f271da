package archiver

import (
	"context"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// Plan is what a restore would do.
type Plan struct {
	Full         uint64   // number of the full backup
	Incrementals []uint64 // numbers of the backups whose log continues it, ascending
	Backup       Backup   // the one in which the target lies

	Timeline int
	// OtherTimelines have the same epoch with other content.
	OtherTimelines []int

	// Epoch and Time are those of the resulting state; Time is nil where the database
	// keeps no times. Exact is false in two cases: the target is a time, the database
	// keeps no times, and so the state is that of the last backup before it; or the epoch
	// is not known before the log is read.
	Epoch uint64
	Time  *time.Time
	Exact bool

	Objects     int   // segments to fetch, without small ones, which stand in manifests
	StoredBytes int64 // of all segments
	RawBytes    int64 // of the files to write
	NeededBytes int64 // of these that take up space on the disk; the others are holes

	Spill *Spill // spilled vectors among the files; nil if there are none

	Requests storage.RequestCounts // that the planning took

	// RestoreRequests is what the whole restore asks of the store, unless requests fail or
	// an earlier restore has fetched something already. Only [Archive.Plan] sets it.
	RestoreRequests storage.RequestCounts

	// RestoreReceives is how many bytes the whole restore receives from the store, under
	// the same conditions: manifests, indexes and segments. Only [Archive.Plan] sets it.
	RestoreReceives int64
}

// Plan returns what Restore would do for a target. It reads manifests and indexes, but
// no segment.
func (a *Archive) Plan(ctx context.Context, target Target) (Plan, error) {
	var plan *catalog.Plan
	var received int64
	requests, _, err := run(ctx, nil, func(ctx context.Context) (err error) {
		return pursue(ctx, a, target.of, func(p *pursuit) (err error) {
			plan, err = a.planTo(ctx, p)
			received = storage.RequestsFrom(ctx).Received()
			return err
		})
	})
	if err != nil {
		return Plan{}, err
	}
	p := planOf(plan)
	p.Requests = requests
	p.RestoreRequests = requests.Plus(storage.RequestCounts{Get: int64(p.Objects)})
	p.RestoreReceives = received + plan.Cost.ObjectBytes
	return p, nil
}

// planTo plans the restore of a target.
func (a *Archive) planTo(ctx context.Context, p *pursuit) (*catalog.Plan, error) {
	r, err := a.journal.Route(ctx, p.list, p.target)
	if err != nil {
		return nil, err
	}
	p.planned(r)
	return a.journal.Plan(ctx, r, p.target)
}

// planOf returns what a restore of plan would do.
func planOf(plan *catalog.Plan) Plan {
	base, last := plan.Route.Chain[0], plan.Route.Last()
	p := Plan{
		Full: uint64(base.Seq), Backup: describe(last.Manifest), Timeline: last.Timeline, OtherTimelines: plan.Route.OtherTimelines,
		Epoch: plan.State.Epoch, Time: plan.State.Time, Exact: plan.State.Exact,
		Objects: plan.Cost.Objects, StoredBytes: plan.Cost.StoredBytes, RawBytes: plan.Cost.RawBytes, NeededBytes: plan.Cost.NeededBytes,
		Spill: spillIn(base),
	}
	for _, m := range plan.Route.Chain[1:] {
		p.Incrementals = append(p.Incrementals, uint64(m.Seq))
	}
	return p
}

// Spill is what is in the spill folder of a database.
type Spill struct {
	Files int
	Bytes int64
}

// spillIn is what a backup has of a spill folder.
func spillIn(m *manifest.Committed) *Spill {
	if len(m.Spill) == 0 {
		return nil
	}
	s := &Spill{Files: len(m.Spill)}
	for _, f := range m.Spill {
		s.Bytes += f.Bytes
	}
	return s
}

// spillOf sums up the files of a spill folder, nil if there is none.
func spillOf(files []grafeo.SpillFile) *Spill {
	if len(files) == 0 {
		return nil
	}
	s := &Spill{Files: len(files)}
	for _, f := range files {
		s.Bytes += f.Info.Size()
	}
	return s
}
