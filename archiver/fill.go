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

// fill fetches the content of a way into the staging folder, and cuts the log
// where it wants.
func (a *Archive) fill(ctx context.Context, s *staging, w *way, observe Observer) error {
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
	if err := s.settleIn(w, files); err != nil {
		return err
	}
	for i := range w.index.Files {
		if err := reserve(writers[w.fileOf[i]], w.index.Files[i].Extents); err != nil {
			return err
		}
	}
	f := &fetch{store: a.objects, workers: a.workers, index: w.index, tracker: track(observe, w.plan.RawBytes), journal: s.journal}
	s.journal.of(files, w.fileOf)
	f.use = func(file int, offset int64, p []byte) error {
		to := w.fileOf[file]
		if w.files[to].name == manifest.ImageName {
			return s.writeImage(writers[to], offset, p)
		}
		_, err := writers[to].WriteAt(p, offset)
		return err
	}
	if err := f.run(ctx); err != nil {
		if s.keeps(err) {
			s.journal.flush()
		}
		return err
	}
	s.spoiled = true // until it is checked, and cut
	if err := f.check(w.keyOf); err != nil {
		return err
	}
	if w.route.epoch != nil || w.route.time != nil {
		if err := w.cut(s); err != nil {
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

// cut makes the staged log end where the route wants, and notes which epoch
// that is.
func (w *way) cut(s *staging) error {
	base := w.route.chain[0]
	c, err := cutLog(s.disk, s.logFolder(), grafeo.Generation(base.Database.Generation), w.route)
	if err != nil {
		return fmt.Errorf("cutting the restored log: %w", err)
	}
	w.plan.Epoch, w.plan.Time = base.StartEpoch, base.StartTime
	if c != nil && c.Epoch >= base.StartEpoch {
		w.plan.Epoch, w.plan.Time = c.Epoch, nil
		if !c.Time.IsZero() {
			w.plan.Time = &c.Time
		}
	}
	return nil
}

// trim leaves out of the staged log what the image has already: see
// [manifest.Replay]. Each file that changes is written anew, and its bytes are
// durable. The folder is removed if no log is left.
func (w *way) trim(s *staging) error {
	r := w.replay
	if r == nil {
		return nil
	}
	t := trimmer{disk: s.disk, dir: s.path(walFolder), replay: r, moved: map[uint64][]shift{}}
	err := t.run()
	if errors.Is(err, grafeo.ErrDamaged) {
		return &manifest.ObjectError{Key: w.route.chain[0].Seq.Key(), Problem: fmt.Sprintf("what it says of its log: %v", err)}
	}
	if err != nil {
		return fmt.Errorf("trimming the restored log: %w", err)
	}
	w.moved = t.moved
	return nil
}

// settleIn makes what an earlier restore has left in the staging folder be nothing but
// what a way has. In a log that was cut or trimmed, or was about to be, there may be
// other files, and other bytes where the way has a hole, which nobody would read back.
func (s *staging) settleIn(w *way, files []disk.File) error {
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
