package structure

import (
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Want is what a restored database should be, according to manifests.
type Want struct {
	Image      manifest.Database  // as the full backup describes it that the chain begins with
	Spill      []manifest.Spilled // of the same backup
	DatabaseID string             // as the last backup names it

	Epoch *uint64            // of the state; nil if only reading the log shows it
	End   *manifest.Position // where the log ends; nil if it is cut before the end of a backup

	// CutsOff reports whether a commit is after the target, at which the log is cut.
	CutsOff func(epoch uint64, at time.Time) bool

	// Trimmed says that the restore leaves out of the log what the image has (0.5). What is
	// left does not show the state: [CheckLog] does, before it is trimmed.
	Trimmed bool

	start   uint64            // epoch of the chain's first state
	borders []grafeo.Position // where backups of the chain end (0.5)
}

// WantOf returns what a plan's manifests say about the database. It must be called before
// the restore, which notes in the plan what it finds in the log.
func WantOf(plan *catalog.Plan) Want {
	base, last := plan.Route.Chain[0], plan.Route.Last()
	w := Want{
		Image: base.Database, Spill: base.Spill, DatabaseID: last.Database.ID,
		CutsOff: plan.Route.CutsOff, Trimmed: plan.Replay != nil, start: base.StartEpoch, borders: catalog.Borders(plan.Route.Chain...),
	}
	switch {
	case !plan.Route.IsCut():
		w.Epoch, w.End = &last.EndEpoch, &last.Position
	case plan.State.Exact:
		epoch := plan.State.Epoch
		w.Epoch = &epoch
	}
	return w
}
