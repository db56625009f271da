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
		s, err = q.remainderOf(removed)
	}
	if err == nil && s != nil {
		return s
	}
	if err != nil {
		q.Log.Info("what the database has committed before it removed its log is not archived by itself", "why", err)
	}
	q.Logs.Drop()
	return nil
}

// remainderOf returns what the parent lacks of a log, nil for nothing. The error is a
// [*NotContinuedError] if the log does not continue the parent.
func (q *Query) remainderOf(removed *openlog.Removed) (*Source, error) {
	parent := q.Parent
	mark := parent.Position.Commit
	if mark == nil || parent.Imported != nil || parent.Database.Generation != string(grafeo.Gen05) || parent.Database.IsDirectory() {
		return nil, notContinued("backup %d ends without a commit in it", parent.Seq)
	}
	scan := q.scanRemoved(removed, removed.Log)
	opts := grafeo.ScanOptions{From: endOf(parent, grafeo.Gen05), Borders: catalog.Borders(parent)}
	if err := scan.run(opts); err != nil {
		return nil, err
	}
	sameImage := removed.Image != 0 && removed.Image == parent.Database.HeadersCRC32C
	switch {
	case !scan.found || !sameImage && !scan.isSameFile():
		return nil, notContinued("it is not the log that backup %d ends in", parent.Seq)
	case scan.lastOfRun == nil:
		return nil, nil
	case scan.newRun:
		// Its epochs cannot be told from those before.
		part := removed.Log.UpTo(scan.log, *scan.lastOfRun)
		if scan = q.scanRemoved(removed, part); scan.run(opts) != nil || scan.lastOfRun == nil {
			return nil, notContinued("it has changed while it was read")
		}
	}
	spilled, err := checkSpillUnchanged(q.Path, parent)
	if err != nil {
		return nil, err
	}
	s := &Source{
		Path: q.Path, Kind: manifest.Incremental, Parent: parent, Continues: true, Remainder: true, Spilled: spilled,
		Image:    &grafeo.Image{Path: q.Path, Generation: grafeo.Gen05, DatabaseID: parent.Database.ID},
		EndTime:  parent.EndTime,
		ReadFrom: parent.CreatedAt,
	}
	if removed.Seen.After(s.ReadFrom) {
		s.ReadFrom = removed.Seen // what was committed later may be in another log
	}
	if info, err := os.Stat(q.Path); err == nil {
		s.Image.Size = info.Size()
	}
	s.addNew(scan)
	s.readFrom(scan.open)
	return s, nil
}

// scanRemoved returns a scan of a removed log, or a part of it.
func (q *Query) scanRemoved(removed *openlog.Removed, log *grafeo.OpenLog) *continuityScan {
	return &continuityScan{
		dir: log.Dir, open: log, generation: grafeo.Gen05, mark: q.Parent.Position.Commit,
		identity: func(name string) string { return removed.Identities[name] },
	}
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
