package rebuild

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/internal/fetch"
	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/internal/progress"
	"github.com/gbak-s3/gbak-s3/archiver/internal/replay"
	"github.com/gbak-s3/gbak-s3/archiver/internal/staging"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// Filler puts databases together in staging folders.
type Filler struct {
	Store   *objects.Store
	Workers int
}

// Fill fetches the content of a plan into the staging folder, and cuts the log
// where it wants.
func (f *Filler) Fill(ctx context.Context, s *staging.Folder, plan *catalog.Plan) error {
	progress.Tell(ctx, progress.Phase("fetch"))
	files := make([]disk.File, len(plan.Files))
	writers := make([]*disk.Writer, len(plan.Files))
	defer func() {
		for i, f := range files {
			writers[i].Close()
			if f != nil {
				_ = f.Close() // was synced, or the restore has failed
			}
		}
	}()
	for i, f := range plan.Files {
		var err error
		if files[i], err = s.Create(f.Name, f.Bytes); err != nil {
			return err
		}
		writers[i] = disk.NewWriter(files[i], f.Bytes)
	}
	if err := settleIn(s, plan, files); err != nil {
		return err
	}
	for i := range plan.Index.Files {
		if err := reserve(writers[plan.FileOf[i]], plan.Index.Files[i].Extents); err != nil {
			return err
		}
	}
	from := &fetch.Fetch{Store: f.Store, Workers: f.Workers, Index: plan.Index, Tracker: progress.Track(ctx, plan.Cost.RawBytes), Journal: s.Journal}
	s.Journal.Of(files, plan.FileOf, s.HeldBack(plan.FileNames()))
	from.Use = func(file int, offset int64, p []byte) error {
		to := plan.FileOf[file]
		if plan.Files[to].Name == manifest.ImageName {
			return s.WriteImage(writers[to], offset, p)
		}
		_, err := writers[to].WriteAt(p, offset)
		return err
	}
	if err := from.Run(ctx); err != nil {
		if s.Keeps(err, objects.IsFromStore(err)) {
			s.Journal.Flush()
		}
		return err
	}
	s.Spoiled = true // until it is checked, and cut
	if err := from.Check(plan.ManifestKey); err != nil {
		return err
	}
	if plan.Route.IsCut() {
		if err := cutStaged(s, plan); err != nil {
			return err
		}
	}
	for _, f := range files {
		if err := f.Sync(); err != nil {
			return err
		}
	}
	s.Spoiled = false
	s.Journal.Synced()
	return nil
}

// reserve makes room for what extents cover.
func reserve(w *disk.Writer, extents []manifest.Extent) error {
	for from, end := range catalog.Covered(extents) {
		if err := w.Reserve(from, end-from); err != nil {
			return err
		}
	}
	return nil
}

// cutStaged makes the staged log end where the route wants, and notes which epoch
// that is.
func cutStaged(s *staging.Folder, plan *catalog.Plan) error {
	base := plan.Route.Chain[0]
	c, err := cutLog(s.Disk, s.LogFolder(), grafeo.Generation(base.Database.Generation), plan.Route)
	if err != nil {
		return fmt.Errorf("cutting the restored log: %w", err)
	}
	plan.State.Epoch, plan.State.Time = base.StartEpoch, base.StartTime
	if c != nil && c.Epoch >= base.StartEpoch {
		plan.State.Epoch, plan.State.Time = c.Epoch, nil
		if !c.Time.IsZero() {
			plan.State.Time = &c.Time
		}
	}
	return nil
}

// Trim leaves out of the staged log what the image has already, as the full backup
// that plan begins with says.
func Trim(s *staging.Folder, plan *catalog.Plan) (replay.Moved, error) {
	if plan.Replay == nil {
		return nil, nil // nothing moves
	}
	m, err := replay.Trim(s.Disk, s.Path(staging.WalFolder), plan.Replay)
	switch {
	case errors.Is(err, grafeo.ErrDamaged):
		return nil, &manifest.ObjectError{Key: plan.Route.Chain[0].Seq.Key(), Problem: fmt.Sprintf("what it says of its log: %v", err)}
	case err != nil:
		return nil, fmt.Errorf("trimming the restored log: %w", err)
	}
	return m, nil
}

// settleIn makes what an earlier restore has left in the staging folder be nothing but
// what a plan has. In a log that was cut or trimmed, or was about to be, there may be
// other files, and other bytes where the plan has a hole, which nobody would read back.
func settleIn(s *staging.Folder, plan *catalog.Plan, files []disk.File) error {
	if !s.Journal.Resumes() {
		return nil
	}
	ours := map[string]bool{}
	for _, f := range files {
		ours[f.Name()] = true
	}
	for _, folder := range []string{staging.WalFolder, staging.DatabaseFolder, staging.SpillFolder} {
		err := filepath.WalkDir(s.Path(folder), func(path string, d fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return nil
			case err != nil || d.IsDir() || ours[path]:
				return err
			}
			return s.Disk.Remove(path)
		})
		if err != nil {
			return err
		}
	}
	for i := range plan.Index.Files {
		f, to := &plan.Index.Files[i], plan.FileOf[i]
		bytes := f.Bytes - f.From
		for _, e := range f.Extents {
			bytes -= e.Bytes
		}
		if f.Name == manifest.ImageName || bytes == 0 {
			continue
		}
		if err := files[to].Truncate(0); err != nil {
			return err
		}
		if err := files[to].Truncate(plan.Files[to].Bytes); err != nil {
			return err
		}
	}
	return nil
}
