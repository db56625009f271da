package archiver

import (
	"context"
	"errors"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/rebuild"
	"github.com/gbak-s3/gbak-s3/archiver/internal/salvage"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Salvaged says what a restore with [RestoreOptions.Salvage] has restored, compared with what was
// asked for.
type Salvaged struct {
	// Exact reports that it is the very state that was asked for. Otherwise it is the last one
	// before that which can be had, or with Unsure it may be the one: but whether all commits of
	// that epoch are in it cannot be known.
	Exact, Unsure bool

	// MayBeLater reports that it is Unsure because a record that is lost may have begun a later
	// timeline, which the target was to mean.
	MayBeLater bool

	// What was asked for, as far as that is known: Backup is 0 if it is not the end of one.
	WantedTimeline int
	WantedEpoch    *uint64
	WantedTime     *time.Time
	WantedBackup   uint64

	// ImageOnly reports that the state is the checkpoint of an image, without any log.
	ImageOnly bool

	// Removed are backups from which it was restored, and which had been removed: by an expiry, or
	// given up.
	Removed []uint64

	Holes  []Finding // the objects of the archive that are missing or damaged, as far as the restore has noticed
	Doubts []string  // as in [SalvageReport]
}

// salvageTo restores the best state at or before the target that opts say. It finds out by
// trying which segments are damaged.
func (a *Archive) salvageTo(ctx context.Context, target string, isFolder bool, opts RestoreOptions) (r RestoreReport, err error) {
	s, err := a.survey(ctx, true)
	if err != nil {
		return r, err
	}
	opts.inspect = rebuild.CheckCommits
	for {
		c, err := s.Choose(ctx, opts.Target.of)
		if err != nil {
			return r, err
		}
		to := target
		if isFolder {
			if to, err = inFolder(target, &c.Plan.Route.Last().Database); err == nil {
				err = mayRestore(to, opts.Force)
			}
			if err != nil {
				return r, err
			}
		}
		r, err = a.restorePlan(ctx, to, c.Plan, opts)
		if object, ok := errors.AsType[*manifest.ObjectError](err); ok && s.Damage(object.Key, object.Problem) {
			a.log.Warn("looking for another way", "err", err)
			continue
		}
		if err == nil {
			r.Salvaged = salvagedFrom(s, c)
		}
		return r, err
	}
}

func salvagedFrom(s *salvage.Survey, c *salvage.Choice) *Salvaged {
	var removed []uint64
	for _, seq := range c.Removed {
		removed = append(removed, uint64(seq))
	}
	return &Salvaged{
		Exact: c.Exact, Unsure: c.Unsure, ImageOnly: c.ImageOnly, MayBeLater: c.Wanted.MayBeLater, Removed: removed,
		WantedTimeline: c.Wanted.Timeline, WantedEpoch: c.Wanted.Epoch, WantedTime: c.Wanted.Time, WantedBackup: c.Wanted.Backup,
		Holes: findingsOf(s.Holes()), Doubts: s.Doubts,
	}
}
