package archiver

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/internal/export"
	"github.com/gbak-s3/gbak-s3/archiver/internal/progress"
	"github.com/gbak-s3/gbak-s3/archiver/internal/rebuild"
	"github.com/gbak-s3/gbak-s3/archiver/internal/staging"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// ExportOptions modify one export. The zero value exports everything up to the newest
// state.
type ExportOptions struct {
	// Target is the newest state that the folder should contain.
	Target Target

	// WithoutSpilled exports a database without its spilled vectors, which native
	// backups cannot hold. If it is false, such a database is not exported.
	WithoutSpilled bool

	// Observer is told what the run does; it may be nil.
	Observer Observer
}

// ExportReport describes what one export did.
type ExportReport struct {
	Folder             string
	FromEpoch, ToEpoch uint64 // that can be restored from it
	Files              int    // in it, including the list of backups
	RawBytes           int64  // of these files
	StoredBytes        int64  // of the segments that they were made from
	Spill              *Spill // spilled vectors that were left out; nil if there were none
	Requests           storage.RequestCounts
	Elapsed            time.Duration
}

// Export writes a folder of native backups, in the format of the database's generation,
// from which Grafeo's own restoreToEpoch restores every epoch that the archive has up to
// opts.Target.
//
// A native folder has no timelines. It holds the timeline of the target. For lower
// epochs than the first one of that timeline it holds what [Archive.Restore] would
// restore, from older timelines.
//
// The folder appears when it is whole and on disk. If something exists at its path, the
// error is [CodeTargetExists]. If Export fails or is killed, there is no folder, and the
// same call works again.
func (a *Archive) Export(ctx context.Context, folder string, opts ExportOptions) (ExportReport, error) {
	var r ExportReport
	requests, elapsed, err := run(ctx, opts.Observer, func(ctx context.Context) (err error) {
		r, err = a.export(ctx, folder, opts)
		return err
	})
	if err != nil {
		return ExportReport{}, err
	}
	r.Requests, r.Elapsed = requests, elapsed
	return r, nil
}

func (a *Archive) export(ctx context.Context, folder string, opts ExportOptions) (ExportReport, error) {
	if folder == "" {
		return ExportReport{}, errors.New("there is no path to export to")
	}
	folder, err := filepath.Abs(folder)
	if err != nil {
		return ExportReport{}, err
	}
	if err := staging.CheckNothingAt(folder); err != nil {
		return ExportReport{}, err
	}
	var r ExportReport
	err = pursue(ctx, a, opts.Target.of, func(p *pursuit) (err error) {
		stretches, err := a.stretches(ctx, p)
		if err == nil {
			r, err = a.exportStretches(ctx, folder, stretches, opts)
		}
		return err
	})
	return r, err
}

// exportStretches exports what is planned to folder.
func (a *Archive) exportStretches(ctx context.Context, folder string, stretches []catalog.Stretch, opts ExportOptions) (ExportReport, error) {
	if last := stretches[len(stretches)-1].Route.Last(); last.Database.IsDirectory() {
		return ExportReport{}, &noNativeFormError{last.Database.Name}
	}
	leftOut := spilledIn(stretches)
	if leftOut != nil && !opts.WithoutSpilled {
		return ExportReport{}, fmt.Errorf("%w in %d files, %d bytes, which Grafeo's own backups cannot hold", ErrSpilled, leftOut.Files, leftOut.Bytes)
	}
	s, err := staging.Open(a.disk, folder, staging.Options{})
	if err != nil {
		return ExportReport{}, err
	}
	defer func() {
		if left := s.Discard(); left != nil {
			a.log.Warn("the export could not remove its hidden folder; the next one to this path does", "folder", s.Dir, "err", left)
		}
	}()
	if err := checkExportFits(ctx, a, folder, stretches); err != nil {
		return ExportReport{}, err
	}
	w, err := export.NewWriter(s)
	if err != nil {
		return ExportReport{}, err
	}
	r := ExportReport{Folder: folder, Spill: leftOut, FromEpoch: stretches[0].Route.Chain[0].StartEpoch}
	for _, stretch := range stretches {
		plan, err := a.journal.Plan(ctx, stretch.Route, stretch.Target)
		if err != nil {
			return ExportReport{}, err
		}
		plan.DropSpill()
		if err := newFiller(a).Fill(ctx, s, plan); err != nil {
			return ExportReport{}, err
		}
		moved, err := rebuild.Trim(s, plan)
		if err != nil {
			return ExportReport{}, err
		}
		if err := w.Add(plan, moved, stretch.Continues); err != nil {
			return ExportReport{}, fmt.Errorf("writing native backups: %w", err)
		}
		r.ToEpoch = plan.State.Epoch
		r.StoredBytes += plan.Cost.StoredBytes
	}
	progress.Tell(ctx, PhasePublish)
	if err := w.Publish(); err != nil {
		return ExportReport{}, err
	}
	if problem := s.AccessProblem(); problem != "" {
		a.log.Warn("the export does not have the owner and mode of the folder that it is in", "err", problem)
	}
	r.Files, r.RawBytes = w.Files(), w.Bytes()
	return r, nil
}

// spilledIn returns the spilled vectors of the newest full backup that has any, among
// those that the stretches begin with.
func spilledIn(stretches []catalog.Stretch) *Spill {
	for _, s := range slices.Backward(stretches) {
		if spill := spillIn(s.Route.Chain[0]); spill != nil {
			return spill
		}
	}
	return nil
}

// checkExportFits checks that there is enough space for an export: for all images and logs, and
// a second time for the log that is being divided.
func checkExportFits(ctx context.Context, a *Archive, folder string, stretches []catalog.Stretch) error {
	var written, most int64
	continues := false
	for _, stretch := range stretches {
		plan, err := a.journal.Plan(ctx, stretch.Route, stretch.Target)
		if err != nil {
			return err
		}
		plan.DropSpill()
		image, first, more := plan.NeededBytes()
		most = max(most, written+image+first+2*more)
		if written += more; !continues { // else its image is not used, see export.Writer.Add
			written += image
		}
		continues = stretch.Continues
	}
	return staging.CheckSpace(folder, most, a.space)
}

// stretches reads what the archive has, and returns the stretches to a target.
func (a *Archive) stretches(ctx context.Context, p *pursuit) ([]catalog.Stretch, error) {
	h, t := p.list, p.target
	if t.IsEnd() {
		record := h.Last()
		if e, ok := h.Find(manifest.Seq(t.Backup)); ok {
			record = e.Record
		}
		if _, err := a.journal.Load(ctx, h.Archive.ArchiveID, record); err != nil { // else it might be taken for one that is not there
			return nil, h.AboutNewest(err)
		}
	}
	c, err := a.journal.Catalog(ctx, h)
	if err != nil {
		return nil, err
	}
	stretches, err := c.Stretches(t)
	if err != nil {
		return nil, err
	}
	var routes []*catalog.Route
	for _, s := range stretches {
		routes = append(routes, s.Route)
	}
	p.planned(routes...)
	return stretches, nil
}
