package salvage

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/internal/fetch"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// scanned is what was read of a log.
type scanned struct {
	files   []*manifest.File
	commits []scannedCommit
}

// scannedCommit is a commit with an epoch, and where it ends.
type scannedCommit struct {
	grafeo.Commit
	file int   // of the files that were scanned
	end  int64 // in it
}

// scan reads the log of a plan up to where it is torn.
func (s *Survey) scan(ctx context.Context, plan *catalog.Plan) (*scanned, error) {
	archive, err := fetch.Open(ctx, s.store, plan.Index)
	if err != nil {
		return nil, err
	}
	defer archive.Close()
	log := &scanned{files: plan.LogFiles()}
	if grafeo.Generation(plan.Route.Last().Database.Generation) == grafeo.Gen06 {
		return log, log.scan06(archive)
	}
	return log, log.scan05(archive, catalog.Borders(plan.Route.Chain...))
}

func (l *scanned) scan06(archive *fetch.Files) error {
	for i, f := range l.files {
		r, err := grafeo.NewReader06(io.NewSectionReader(archive.Of(f), 0, f.Bytes), f.Name)
		for err == nil {
			var c grafeo.Commit
			if c, err = r.Next(); err == nil && c.HasEpoch {
				l.commits = append(l.commits, scannedCommit{c, i, c.End})
			}
		}
		if !errors.Is(err, io.EOF) {
			return isTorn(err)
		}
	}
	return nil
}

func (l *scanned) scan05(archive *fetch.Files, ends []grafeo.Position) error {
	var readers []io.Reader
	var starts, borders []int64
	bytes := int64(0)
	for _, f := range l.files {
		for _, end := range ends {
			if f.Name == grafeo.LogName(grafeo.Gen05, end.File) {
				borders = append(borders, bytes+end.Offset)
			}
		}
		readers, starts = append(readers, io.NewSectionReader(archive.Of(f), 0, f.Bytes)), append(starts, bytes)
		bytes += f.Bytes
	}
	r := grafeo.NewReader05(io.MultiReader(readers...), "log", borders...)
	for {
		c, err := r.Next()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return isTorn(err)
		}
		if c.Kind == grafeo.Closing && !slices.Contains(borders, c.End) {
			return nil // it goes on, or not: that is in the hole
		}
		i := len(starts) - 1
		for starts[i] >= c.End {
			i--
		}
		l.commits = append(l.commits, scannedCommit{c, i, c.End - starts[i]})
	}
}

// isTorn returns nil if err is the end of a log before a hole, and err otherwise.
func isTorn(err error) error {
	if errors.Is(err, grafeo.ErrDamaged) {
		return nil
	}
	return err
}

// reaches reports whether the log has a commit after a place, and of the run of p (0.5).
func (l *scanned) reaches(from grafeo.Position, p *part) bool {
	if len(l.commits) == 0 {
		return false
	}
	last := &l.commits[len(l.commits)-1]
	if p.generation() == grafeo.Gen06 {
		return last.EndLSN > from.LSN
	}
	if c := p.m.Position.Commit; c == nil || p.m.Kind == manifest.Full && last.Run != c.Run {
		return false
	}
	number, ok := grafeo.LogNumber05(l.files[last.file].Name)
	return ok && (number > from.File || number == from.File && last.end > from.Offset)
}
