package archiver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// filling puts databases together in staging folders.
type filling struct {
	store   *Store
	workers int
	observe progressFunc
}

// fill fetches the content of a way into the staging folder, and cuts the log
// where it wants.
func (f *filling) fill(ctx context.Context, s *staging, w *way) error {
	files := make([]disk.File, len(w.files))
	writers := make([]*disk.Writer, len(w.files))
	defer func() {
		for i, f := range files {
			writers[i].Close()
			if f != nil {
				_ = f.Close() // was synced, or the restore has failed
			}
		}
	}()
	for i, f := range w.files {
		var err error
		if files[i], err = s.create(f.name, f.bytes); err != nil {
			return err
		}
		writers[i] = disk.NewWriter(files[i], f.bytes)
	}
	if err := settleIn(s, w, files); err != nil {
		return err
	}
	for i := range w.index.Files {
		if err := reserve(writers[w.fileOf[i]], w.index.Files[i].Extents); err != nil {
			return err
		}
	}
	from := &fetch{store: f.store, workers: f.workers, index: w.index, tracker: track(f.observe, w.result.RawBytes), journal: s.journal}
	s.journal.of(files, w.fileOf, s.heldBack(w.fileNames()))
	from.use = func(file int, offset int64, p []byte) error {
		to := w.fileOf[file]
		if w.files[to].name == manifest.ImageName {
			return s.writeImage(writers[to], offset, p)
		}
		_, err := writers[to].WriteAt(p, offset)
		return err
	}
	if err := from.run(ctx); err != nil {
		if s.keeps(err, isFromStore(err)) {
			s.journal.flush()
		}
		return err
	}
	s.spoiled = true // until it is checked, and cut
	if err := from.check(w.keyOf); err != nil {
		return err
	}
	if w.route.epoch != nil || w.route.time != nil {
		if err := cutStaged(s, w); err != nil {
			return err
		}
	}
	for _, f := range files {
		if err := f.Sync(); err != nil {
			return err
		}
	}
	s.spoiled = false
	s.journal.synced()
	return nil
}

// reserve makes room for what extents cover.
func reserve(w *disk.Writer, extents []manifest.Extent) (err error) {
	covered(extents, func(from, end int64) {
		if err == nil {
			err = w.Reserve(from, end-from)
		}
	})
	return err
}

// cutStaged makes the staged log end where the route wants, and notes which epoch
// that is.
func cutStaged(s *staging, w *way) error {
	base := w.route.chain[0]
	c, err := cutLog(s.disk, s.logFolder(), grafeo.Generation(base.Database.Generation), w.route)
	if err != nil {
		return fmt.Errorf("cutting the restored log: %w", err)
	}
	w.result.Epoch, w.result.Time = base.StartEpoch, base.StartTime
	if c != nil && c.Epoch >= base.StartEpoch {
		w.result.Epoch, w.result.Time = c.Epoch, nil
		if !c.Time.IsZero() {
			w.result.Time = &c.Time
		}
	}
	return nil
}

// trim leaves out of the staged log what the image has already, as the full backup
// that w begins with says.
func trim(s *staging, w *way) (moved, error) {
	if w.replay == nil {
		return nil, nil //nolint:nilnil // nothing moves
	}
	m, err := trimLog(s.disk, s.path(walFolder), w.replay)
	switch {
	case errors.Is(err, grafeo.ErrDamaged):
		return nil, &manifest.ObjectError{Key: w.route.chain[0].Seq.Key(), Problem: fmt.Sprintf("what it says of its log: %v", err)}
	case err != nil:
		return nil, fmt.Errorf("trimming the restored log: %w", err)
	}
	return m, nil
}

// settleIn makes what an earlier restore has left in the staging folder be nothing but
// what a way has. In a log that was cut or trimmed, or was about to be, there may be
// other files, and other bytes where the way has a hole, which nobody would read back.
func settleIn(s *staging, w *way, files []disk.File) error {
	if !s.journal.goesOn() {
		return nil
	}
	ours := map[string]bool{}
	for _, f := range files {
		ours[f.Name()] = true
	}
	for _, folder := range []string{walFolder, databaseFolder, spillFolder} {
		err := filepath.WalkDir(s.path(folder), func(path string, d fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return nil
			case err != nil || d.IsDir() || ours[path]:
				return err
			}
			return s.disk.Remove(path)
		})
		if err != nil {
			return err
		}
	}
	for i := range w.index.Files {
		f, to := &w.index.Files[i], w.fileOf[i]
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
		if err := files[to].Truncate(w.files[to].bytes); err != nil {
			return err
		}
	}
	return nil
}
