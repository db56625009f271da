package rebuild

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/internal/replay"
	"github.com/gbak-s3/gbak-s3/archiver/internal/staging"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// cut makes the staged log end where the plan does, and notes in the plan which state
// that is.
func cut(s *staging.Folder, plan *catalog.Plan) error {
	base := plan.Route.Chain[0]
	c, name, err := cutLog(s.Disk, s.LogDir(), grafeo.Generation(base.Database.Generation), plan.Route)
	if err != nil {
		return fmt.Errorf("cutting the restored log: %w", err)
	}
	plan.State.Epoch, plan.State.Time = base.StartEpoch, base.StartTime
	if number, ok := grafeo.LogNumber05(name); ok {
		plan.State.LogFile, plan.State.LogEnd = number, c.End
	}
	if c != nil && c.Epoch >= base.StartEpoch {
		plan.State.Epoch, plan.State.Time = c.Epoch, nil
		if !c.Time.IsZero() {
			plan.State.Time = &c.Time
		}
	}
	return nil
}

// cutLog cuts the log in dir right after the last commit that a route wants, and removes
// later files, so that the database that replays it ends there. It returns that commit,
// and the name of the file in which it ends. If there is none, it returns nil, and removes
// the log: the image is the state. A directory, which has no image, keeps an empty file.
func cutLog(d disk.Disk, dir string, generation grafeo.Generation, r *catalog.Route) (*grafeo.Commit, string, error) {
	var commits cutPoint
	opts := grafeo.ScanOptions{Borders: catalog.Borders(r.Chain...), WithoutEmpty: true, Visit: func(c grafeo.Commit) error {
		commits.visit(&c, r)
		return nil
	}}
	log, err := grafeo.ScanLog(dir, generation, opts)
	if err != nil {
		return nil, "", err
	}
	at := commits.at
	for i, f := range log.Files {
		path := filepath.Join(dir, f.Name)
		switch {
		case at == nil && i == 0 && r.Last().Database.IsDirectory():
			err = d.Truncate(path, 0)
		case at == nil || i > at.File:
			err = d.Remove(path)
		case i == at.File:
			err = d.Truncate(path, at.End)
		}
		if err != nil {
			return nil, "", err
		}
	}
	if at != nil {
		return at, log.Files[at.File].Name, nil
	}
	if !r.Last().Database.IsDirectory() {
		if err := d.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, "", err
		}
	}
	return nil, "", nil
}

// cutPoint finds the last commit that is wanted.
type cutPoint struct {
	at   *grafeo.Commit // to cut after
	last *grafeo.Commit // of all
	over bool           // commits after at are not wanted
}

func (p *cutPoint) visit(c *grafeo.Commit, r *catalog.Route) {
	if !c.HasEpoch {
		return
	}
	if p.last != nil && c.Run != p.last.Run {
		// Only epochs of the last run count (0.5), and it begins where the one before it
		// ends.
		p.at, p.over = p.last, false
	}
	p.last = c
	if r.CutsOff(c.Epoch, c.Time) {
		p.over = true
	}
	if !p.over {
		p.at = c
	}
}

// Trim removes from the staged log what the image already has, according to the full
// backup that the plan begins with (0.5). It returns where the rest has moved to, nil if
// nothing has moved.
func Trim(s *staging.Folder, plan *catalog.Plan) (replay.Moved, error) {
	if plan.Replay == nil {
		return nil, nil
	}
	m, err := replay.Trim(s.Disk, s.Path(staging.LogFolder), plan.Replay)
	switch {
	case errors.Is(err, grafeo.ErrDamaged):
		return nil, &manifest.ObjectError{
			Key: plan.Route.Chain[0].Key(), Problem: fmt.Sprintf("what it says of its log: %v", err),
		}
	case err != nil:
		return nil, fmt.Errorf("trimming the restored log: %w", err)
	}
	return m, nil
}
