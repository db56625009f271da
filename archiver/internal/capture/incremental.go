package capture

import (
	"errors"
	"fmt"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Incremental finds out what the log of the database at path has behind the end
// of the backup before. If the log does not continue there, it says why not,
// and there is no source. A source without commits means that nothing is new.
//
// That the log continues is told by content, see [trail.continues]; and all that
// changed must be in it, see [trail.unexplained].
func Incremental(path string, before *manifest.Committed, held bool) (s *Source, why string, err error) {
	generation, err := grafeo.Identify(path)
	if err != nil {
		return nil, "", err
	}
	image, err := grafeo.ReadDatabase(path)
	if err != nil {
		return nil, "", err
	}
	s = &Source{Path: path, Kind: manifest.Incremental, Image: image, Before: before, Continues: true}
	if err := s.Belongs(before); err != nil {
		return nil, "", err
	}
	if string(generation) != before.Database.Generation {
		return nil, fmt.Sprintf("the database is of generation %s now and was of %s at backup %d", generation, before.Database.Generation, before.Seq), nil
	}
	mark := before.Position.Commit
	t := newTrail(grafeo.LogDir(path), mark, generation)
	log, err := grafeo.ScanLog(grafeo.LogDir(path), generation, grafeo.ScanOptions{
		DatabaseID: image.DatabaseID, From: startOf(before, generation), Borders: catalog.Borders(before), Visit: t.visit,
	})
	var gap *grafeo.GapError
	if errors.As(err, &gap) {
		return nil, fmt.Sprintf("the log does not continue backup %d: %v", before.Seq, gap), nil
	}
	if err != nil {
		return nil, "", err
	}
	if goesOn, err := t.continues(log, image, before, held); err != nil {
		return nil, "", err
	} else if !goesOn {
		return nil, t.breach(before), nil
	}
	if why := t.unexplained(image, before); why != "" {
		return nil, why, nil
	}
	if s.Spilled, why, err = spillSince(path, before); err != nil || why != "" {
		return nil, why, err
	}
	s.StartEpoch, s.EndEpoch, s.EndTime, s.Position = before.EndEpoch, before.EndEpoch, before.EndTime, before.Position
	if t.commits == 0 {
		return s, "", nil
	}
	s.LeftOut = leftOut(log)
	s.Commits, s.Listed = t.commits, t.commitsFrom(0)
	s.StartEpoch, s.EndEpoch = t.firstNew.Epoch, t.lastNew.Epoch
	if !t.lastNew.Time.IsZero() {
		s.StartTime, s.EndTime = &t.firstNew.Time, &t.lastNew.Time
	}
	firstRun := 0
	if mark != nil {
		firstRun = mark.Run
	}
	s.Position = t.position(log, firstRun)
	for i := range log.Files {
		f := &log.Files[i]
		r := f.Range()
		if t.at != nil {
			if i < t.at.File {
				continue
			}
			if i == t.at.File {
				r = f.RangeAfter(*t.at)
			}
		}
		if r.Length > 0 {
			s.addLog(f, r)
		}
	}
	return s, "", nil
}

// startOf is where a scan has to begin that shall meet the last commit of b.
func startOf(b *manifest.Committed, generation grafeo.Generation) *grafeo.Position {
	c := b.Position.Commit
	switch {
	case c != nil && generation == grafeo.Gen06:
		return &grafeo.Position{LSN: c.LSN}
	case c != nil:
		return &grafeo.Position{File: c.StartFile, Offset: c.Start}
	case generation == grafeo.Gen06:
		return &grafeo.Position{LSN: b.Position.LSN}
	}
	return nil
}

// breach says why the log that t has seen does not continue before.
func (t *trail) breach(before *manifest.Committed) string {
	switch {
	case t.mark == nil && before.Database.IsDirectory():
		return fmt.Sprintf("the database was empty at backup %d", before.Seq)
	case t.mark != nil && !t.found && t.last == nil:
		return fmt.Sprintf("the log that backup %d ends in is gone, or ends before that place", before.Seq)
	case t.mark != nil && !t.found:
		return fmt.Sprintf("the history has forked: the log has a different commit where backup %d ends", before.Seq)
	case t.newRun: // threads that commit at the same moment may write their epochs in the other order
		return fmt.Sprintf("the epochs in the log do not continue from backup %d: the database was opened again, or several threads committed at once", before.Seq)
	case t.mark == nil && t.commits > 0 && t.generation == grafeo.Gen05:
		return fmt.Sprintf("backup %d ends without a commit in a log, and nothing shows that the log continues from there", before.Seq)
	case t.mark == nil:
		return fmt.Sprintf("the database has changed since backup %d, and its log does not show how", before.Seq)
	}
	if before.Database.IsDirectory() {
		return fmt.Sprintf("the log is not the file that backup %d was made from: it was copied or restored", before.Seq)
	}
	return fmt.Sprintf("the database has been closed since backup %d, and its log begins again", before.Seq)
}
