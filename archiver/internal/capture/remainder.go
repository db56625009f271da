package capture

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/internal/openlog"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// remainder returns what the parent lacks of a log that the database has removed, nil for
// nothing. Files of such a log that are of no use any more are closed.
func (q *Query) remainder() *Source {
	if err := q.Logs.Look(q.Path); err != nil {
		q.Log.Warn("the log files cannot be kept open: what the database commits right before it is closed may be lost", "err", err)
	}
	if q.Parent == nil {
		return nil
	}
	removed, err := q.Logs.Removed()
	if removed == nil && err == nil {
		return nil
	}
	var s *Source
	if err == nil {
		s, err = q.remainderOf(removed, true)
	}
	if err == nil && s != nil {
		return s
	}
	if err != nil {
		q.Log.Info("the log that the database has removed is of no use", "why", err)
	}
	if removed != nil {
		q.Logs.Drop(removed)
	}
	return nil
}

// beforeImage returns what the parent lacks of the log in the log folder and a full source with
// the present image could not show: of runs that were killed, and, of a run that has written a
// checkpoint, what came before that. It is nil if there is nothing.
func (q *Query) beforeImage() *Source {
	if q.Parent == nil {
		return nil
	}
	log, err := q.Logs.Current()
	if log == nil || err != nil {
		return nil
	}
	s, err := q.remainderOf(log, false)
	if err != nil {
		q.Log.Debug("the log shows nothing that comes before the image", "why", err)
		return nil
	}
	return s
}

// startRun makes a full source begin with the first state of its log's last run, if it is known
// that its image was written before the log began.
func (q *Query) startRun(s *Source) {
	log, err := q.Logs.Current()
	if err != nil || log == nil || s == nil || s.Commits == 0 || s.Image.Directory {
		return
	}
	if log.Whole && log.Began != 0 && log.Began == s.Image.HeadersCRC32C() {
		s.StartEpoch = min(1, s.EndEpoch)
	}
}

// remainderOf returns what the parent lacks of a log, nil for nothing: the rest of the run
// that it ends in, or else the next run. If that is the last one of a log that has not ended,
// and the present image is the one on which it began, it is all that there is, and no
// remainder. The error is a [*NotContinuedError] if the log does not continue the parent.
func (q *Query) remainderOf(log *openlog.Log, hasEnded bool) (*Source, error) {
	parent := q.Parent
	if parent.Imported != nil || parent.Database.Generation != string(grafeo.Gen05) || parent.Database.IsDirectory() {
		return nil, notContinued("backup %d is not one of its database", parent.Seq)
	}
	mark := parent.Position.Commit
	scan, err := q.scanRemoved(log, nil, mark)
	if err != nil {
		return nil, err
	}
	sameImage := log.Image != 0 && log.Image == parent.Database.HeadersCRC32C
	otherImage := log.Image != 0 && !sameImage
	isLast := func(c *grafeo.Commit) bool { return !hasEnded && (c == nil || c.Run == scan.lastWithEpoch.Run) }
	switch {
	case mark == nil:
		return q.runOf(log, scan, scan.lastOfRun, hasEnded, isLast(scan.lastOfRun) && !otherImage)
	case !scan.found || !sameImage && !scan.isSameFile():
		return nil, notContinued("it is not the log that backup %d ends in", parent.Seq)
	case scan.lastOfRun == nil && scan.newRun:
		return q.runOf(log, scan, scan.lastOfNext, hasEnded, isLast(scan.lastOfNext) && !otherImage)
	case scan.lastOfRun == nil, isLast(scan.lastOfRun):
		return nil, nil
	case scan.newRun:
		if scan, err = q.scanRemoved(log, log.Files.UpTo(scan.log, *scan.lastOfRun), mark); err != nil {
			return nil, err
		}
	}
	s, err := q.newRemainder(manifest.Incremental, log, hasEnded)
	if err != nil {
		return nil, err
	}
	s.Continues, s.EndTime = true, parent.EndTime
	s.addNew(scan)
	s.readFrom(log.Files)
	return s, nil
}

// runOf returns all of a log up to its commit last, nil for nothing, as a full source: of a
// run that no backup has seen. Its image is that of the newest full backup, if that backup has
// the beginning of the log as well, or if the log began on that image. isAll says that the
// database has nothing else.
func (q *Query) runOf(log *openlog.Log, scan *continuityScan, last *grafeo.Commit, hasEnded, isAll bool) (*Source, error) {
	if last == nil || isAll && (q.Full || log.Image == 0) {
		return nil, nil
	}
	began := q.Parent.Position.Commit != nil || log.Began != 0 && log.Began == q.Parent.Database.HeadersCRC32C
	if !began || !log.Whole || q.NoArchived {
		return nil, notContinued("the archive does not have the image on which a run began")
	}
	leftOut := int64(0)
	if isAll {
		leftOut = scan.leftOut()
	}
	scan, err := q.scanRemoved(log, log.Files.UpTo(scan.log, *last), nil)
	if err != nil {
		return nil, err
	}
	s, err := q.newRemainder(manifest.Full, log, hasEnded)
	if err != nil {
		return nil, err
	}
	if len(s.Spilled) > 0 {
		return nil, notContinued("there are spilled vectors")
	}
	s.Archived, s.Remainder, s.LeftOut = true, !isAll, leftOut
	s.Why = fmt.Sprintf("a run of the database has begun since backup %d", q.Parent.Seq)
	s.addLogs05(scan)
	s.StartEpoch = min(1, s.EndEpoch) // the image is of an earlier run
	s.readFrom(log.Files)
	return s, nil
}

// newRemainder returns a source that has nothing yet.
func (q *Query) newRemainder(kind manifest.Kind, log *openlog.Log, hasEnded bool) (*Source, error) {
	spilled, err := checkSpillUnchanged(q.Path, q.Parent)
	if err != nil {
		return nil, err
	}
	s := &Source{
		Path: q.Path, Kind: kind, Parent: q.Parent, Remainder: true, Spilled: spilled, ReadFrom: q.Parent.CreatedAt,
		Image: &grafeo.Image{Path: q.Path, Generation: grafeo.Gen05, DatabaseID: q.Parent.Database.ID},
	}
	if hasEnded && log.Seen.After(s.ReadFrom) {
		s.ReadFrom = log.Seen // what was committed later may be in another run
	}
	if info, err := os.Stat(q.Path); err == nil {
		s.Image.Size = info.Size()
	}
	return s, nil
}

// scanRemoved scans a part of a removed log, or all of it if part is nil: from the mark on,
// or from the beginning if that is nil.
func (q *Query) scanRemoved(log *openlog.Log, part *grafeo.OpenLog, mark *manifest.Commit) (*continuityScan, error) {
	scan := &continuityScan{
		dir: log.Files.Dir, open: part, generation: grafeo.Gen05, mark: mark, found: mark == nil,
		identity: func(name string) string { return log.Identities[name] },
	}
	var opts grafeo.ScanOptions
	if part == nil {
		scan.open = log.Files
	}
	if mark != nil {
		opts = grafeo.ScanOptions{From: endOf(q.Parent, grafeo.Gen05), Borders: catalog.Borders(q.Parent)}
	}
	return scan, scan.run(opts)
}

// readFrom makes the log files of the source be read from a log that is open.
func (s *Source) readFrom(log *grafeo.OpenLog) {
	for i := range s.Files {
		for _, f := range log.Files {
			if f.Name == s.Files[i].Name {
				s.Files[i].Content = &openFile{f.Content, filepath.Join(log.Dir, f.Name)}
			}
		}
	}
}

// openFile is a file that was removed and is still open. That it ends too early is damage.
type openFile struct {
	io.ReaderAt
	path string
}

func (f *openFile) ReadAt(p []byte, offset int64) (int, error) {
	n, err := f.ReaderAt.ReadAt(p, offset)
	if n == len(p) {
		return n, nil
	}
	if errors.Is(err, io.EOF) {
		err = &grafeo.DamageError{Path: f.path, Offset: offset + int64(n), What: "the file ends here, although more belongs to it"}
	}
	return n, fmt.Errorf("reading what the database has removed: %w", err)
}
