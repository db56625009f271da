package rebuild

import (
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// cutLog cuts the log in dir right behind the last commit that a route wants,
// and removes later files, so that the database that replays it ends there. It
// returns that commit, nil if there is none, and then there is no log any more:
// the image is the state. Of a directory, which has no image, an empty file stays.
func cutLog(d disk.Disk, dir string, generation grafeo.Generation, r *catalog.Route) (*grafeo.Commit, error) {
	var commits cutPoint
	log, err := grafeo.ScanLog(dir, generation, grafeo.ScanOptions{Borders: catalog.Borders(r.Chain...), Visit: func(c grafeo.Commit) error {
		commits.visit(&c, r)
		return nil
	}})
	if err != nil {
		return nil, err
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
			return nil, err
		}
	}
	if at == nil && !r.Last().Database.IsDirectory() {
		if err := d.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return at, nil
}

// cutPoint finds the last commit that is wanted.
type cutPoint struct {
	at   *grafeo.Commit // to cut behind
	last *grafeo.Commit // of all
	over bool           // commits behind at are not wanted
}

func (p *cutPoint) visit(c *grafeo.Commit, r *catalog.Route) {
	if !c.HasEpoch {
		return
	}
	if p.last != nil && c.Run != p.last.Run {
		// Only epochs of the last run count (0.5), and it begins where the one
		// before it ends.
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
