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

// Fill fetches the content of a way into the staging folder, and cuts the log
// where it wants.
func (f *Filler) Fill(ctx context.Context, s *staging.Folder, w *catalog.Way) error {
	progress.Tell(ctx, progress.Phase("fetch"))
	files := make([]disk.File, len(w.Files))
	writers := make([]*disk.Writer, len(w.Files))
	defer func() {
		for i, f := range files {
			writers[i].Close()
			if f != nil {
				_ = f.Close() // was synced, or the restore has failed
			}
		}
	}()
	for i, f := range w.Files {
		var err error
		if files[i], err = s.Create(f.Name, f.Bytes); err != nil {
			return err
		}
		writers[i] = disk.NewWriter(files[i], f.Bytes)
	}
	if err := settleIn(s, w, files); err != nil {
		return err
	}
	for i := range w.Index.Files {
		if err := reserve(writers[w.FileOf[i]], w.Index.Files[i].Extents); err != nil {
			return err
		}
	}
	from := &fetch.Fetch{Store: f.Store, Workers: f.Workers, Index: w.Index, Tracker: progress.Track(ctx, w.Result.RawBytes), Journal: s.Journal}
	s.Journal.Of(files, w.FileOf, s.HeldBack(w.FileNames()))
	from.Use = func(file int, offset int64, p []byte) error {
		to := w.FileOf[file]
		if w.Files[to].Name == manifest.ImageName {
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
	if err := from.Check(w.KeyOf); err != nil {
		return err
	}
	if w.Route.Epoch != nil || w.Route.Time != nil {
		if err := cutStaged(s, w); err != nil {
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
func reserve(w *disk.Writer, extents []manifest.Extent) (err error) {
	catalog.Covered(extents, func(from, end int64) {
		if err == nil {
			err = w.Reserve(from, end-from)
		}
	})
	return err
}

// cutStaged makes the staged log end where the route wants, and notes which epoch
// that is.
func cutStaged(s *staging.Folder, w *catalog.Way) error {
	base := w.Route.Chain[0]
	c, err := cutLog(s.Disk, s.LogFolder(), grafeo.Generation(base.Database.Generation), w.Route)
	if err != nil {
		return fmt.Errorf("cutting the restored log: %w", err)
	}
	w.Result.Epoch, w.Result.Time = base.StartEpoch, base.StartTime
	if c != nil && c.Epoch >= base.StartEpoch {
		w.Result.Epoch, w.Result.Time = c.Epoch, nil
		if !c.Time.IsZero() {
			w.Result.Time = &c.Time
		}
	}
	return nil
}

// Trim leaves out of the staged log what the image has already, as the full backup
// that w begins with says.
func Trim(s *staging.Folder, w *catalog.Way) (replay.Moved, error) {
	if w.Replay == nil {
		return nil, nil //nolint:nilnil // nothing moves
	}
	m, err := replay.Trim(s.Disk, s.Path(staging.WalFolder), w.Replay)
	switch {
	case errors.Is(err, grafeo.ErrDamaged):
		return nil, &manifest.ObjectError{Key: w.Route.Chain[0].Seq.Key(), Problem: fmt.Sprintf("what it says of its log: %v", err)}
	case err != nil:
		return nil, fmt.Errorf("trimming the restored log: %w", err)
	}
	return m, nil
}

// settleIn makes what an earlier restore has left in the staging folder be nothing but
// what a way has. In a log that was cut or trimmed, or was about to be, there may be
// other files, and other bytes where the way has a hole, which nobody would read back.
func settleIn(s *staging.Folder, w *catalog.Way, files []disk.File) error {
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
	for i := range w.Index.Files {
		f, to := &w.Index.Files[i], w.FileOf[i]
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
		if err := files[to].Truncate(w.Files[to].Bytes); err != nil {
			return err
		}
	}
	return nil
}
