package capture

import (
	"errors"
	"fmt"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// NotContinuedError says why there is no incremental source: the log of the database does
// not continue the parent, or lacks something that is new. A full source is still
// possible.
type NotContinuedError struct{ Why string }

func (e *NotContinuedError) Error() string { return e.Why }

func notContinued(format string, args ...any) error {
	return &NotContinuedError{fmt.Sprintf(format, args...)}
}

// incremental returns the part of the log of the database at path that was written after
// its backup parent. Without any commit there, nothing is new. The error is a
// [*NotContinuedError] if that part is not all that is new.
func incremental(path string, parent *manifest.Committed, held, skips bool, places *Places) (*Source, error) {
	generation, err := grafeo.Identify(path)
	if err != nil {
		return nil, err
	}
	image, err := grafeo.ReadDatabase(path)
	if err != nil {
		return nil, err
	}
	if err := CheckDatabase(image, parent); err != nil {
		return nil, err
	}
	if was := parent.Database.Generation; string(generation) != was {
		return nil, notContinued("the database is of generation %s now and was of %s at backup %d", generation, was, parent.Seq)
	}
	scan, err := scanFrom(path, image, parent, skips, places)
	if gap, ok := errors.AsType[*grafeo.GapError](err); ok {
		return nil, notContinued("the log does not continue backup %d: %v", parent.Seq, gap)
	}
	if err != nil {
		return nil, err
	}
	if err := scan.checkContinues(image, parent, held); err != nil {
		return nil, err
	}
	places.noteEnds(scan)
	if why := scan.unexplained(image, parent); why != "" {
		return nil, &NotContinuedError{why}
	}
	spilled, err := checkSpillUnchanged(path, parent)
	if err != nil {
		return nil, err
	}
	s := &Source{
		Path: path, Kind: manifest.Incremental, Image: image, Parent: parent, Continues: true, Spilled: spilled,
		StartEpoch: parent.EndEpoch, EndEpoch: parent.EndEpoch, EndTime: parent.EndTime, Position: parent.Position,
	}
	if scan.newCommits > 0 {
		s.addNew(scan)
	}
	return s, nil
}

// scanFrom scans the log from the end of the parent on. If that is a sync mark, the scan begins
// before it, so that the commit before it is seen: where that begins, if the places know it and what
// comes before was read already; else where the file with the mark begins; and if that does not show it
// or is not there, where the log does.
func scanFrom(path string, image *grafeo.Image, parent *manifest.Committed, skips bool, places *Places) (*continuityScan, error) {
	mark := parent.Position.Commit
	opts := grafeo.ScanOptions{DatabaseID: image.DatabaseID, Borders: catalog.Borders(parent)}
	if mark != nil && image.Generation == grafeo.Gen06 && mark.End-mark.Start == grafeo.SyncMarkLength {
		if at := places.before(mark); skips && at != nil {
			scan, err := scanAt(path, image, mark, opts, &grafeo.Position{LSN: *at}, true)
			if err == nil && scan.found && scan.up != nil {
				return scan, nil
			}
		}
		scan, err := scanAt(path, image, mark, opts, &grafeo.Position{LSN: mark.StartFile}, false)
		if err == nil && (!scan.found || scan.up != nil) || err != nil && !errors.Is(err, grafeo.ErrGap) {
			return scan, err
		}
		scan, err = scanAt(path, image, mark, opts, nil, false)
		if !errors.Is(err, grafeo.ErrGap) {
			return scan, err
		}
	}
	return scanAt(path, image, mark, opts, endOf(parent, image.Generation), skips && mark != nil)
}

func scanAt(path string, image *grafeo.Image, mark *manifest.Commit, opts grafeo.ScanOptions, from *grafeo.Position, skips bool) (*continuityScan, error) {
	scan := newScan(path, image.Generation, mark)
	opts.From, opts.SkipBefore = from, skips
	return scan, scan.run(opts)
}

// addNew adds what a scan has found after its mark.
func (s *Source) addNew(scan *continuityScan) {
	s.LeftOut = scan.leftOut()
	s.Commits, s.CommitTimes = scan.newCommits, scan.commitsFrom(0)
	s.StartEpoch, s.EndEpoch = scan.firstNew.Epoch, scan.lastNew.Epoch
	if !scan.lastNew.Time.IsZero() {
		s.StartTime, s.EndTime = &scan.firstNew.Time, &scan.lastNew.Time
	}
	firstRun := 0
	if scan.mark != nil {
		firstRun = scan.mark.Run
	}
	s.Position = scan.position(firstRun)
	for i := range scan.log.Files {
		f := &scan.log.Files[i]
		r := f.Range()
		if scan.at != nil {
			if i < scan.at.File {
				continue
			}
			if i == scan.at.File {
				r = f.RangeAfter(*scan.at)
			}
		}
		if r.Length > 0 || f.Size == 0 && scan.isBeforeEnd(i) {
			s.addLog(f, r)
		}
	}
}

// endOf returns where a scan has to begin to meet the last commit of a backup, nil for the
// beginning of the log.
func endOf(b *manifest.Committed, generation grafeo.Generation) *grafeo.Position {
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

// checkContinues returns a [*NotContinuedError] if the log does not continue the parent.
func (s *continuityScan) checkContinues(image *grafeo.Image, parent *manifest.Committed, held bool) error {
	continues, err := s.continues(image, parent, held)
	if err == nil && !continues {
		err = &NotContinuedError{s.whyNotContinued(parent)}
	}
	return err
}

func (s *continuityScan) whyNotContinued(parent *manifest.Committed) string {
	switch {
	case s.mark == nil && parent.Database.IsDirectory():
		return fmt.Sprintf("the database was empty at backup %d", parent.Seq)
	case s.mark != nil && !s.found && s.last == nil:
		return fmt.Sprintf("the log that backup %d ends in is gone, or ends before that place", parent.Seq)
	case s.mark != nil && !s.found:
		return fmt.Sprintf("the history has forked: the log has a different commit where backup %d ends", parent.Seq)
	case s.newRun: // threads that commit at the same moment may write their epochs in the other order
		return fmt.Sprintf("the epochs in the log do not continue from backup %d: "+
			"the database was opened again, or several threads committed at once", parent.Seq)
	case s.mark == nil && s.newCommits > 0 && s.generation == grafeo.Gen05:
		return fmt.Sprintf("backup %d ends without a commit in a log, and nothing shows that the log continues from there", parent.Seq)
	case s.mark == nil:
		return fmt.Sprintf("the database has changed since backup %d, and its log does not show how", parent.Seq)
	}
	if parent.Database.IsDirectory() {
		return fmt.Sprintf("the log is not the file that backup %d was made from: it was copied or restored", parent.Seq)
	}
	return fmt.Sprintf("the database has been closed since backup %d, and its log begins again", parent.Seq)
}
