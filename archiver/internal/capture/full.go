package capture

import (
	"errors"
	"math"
	"path/filepath"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/internal/replay"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// full returns the state of the database at path as a full source, the files of the spill
// folder included. The spill folder is listed before anything else is read: if it is the
// same when all is stored, it was at every moment between, whatever image was read then.
func full(path string, parent *manifest.Committed, held bool) (*Source, error) {
	spill, err := ListSpill(path)
	if err != nil {
		return nil, err
	}
	s, err := imageAndLog(path, parent, held)
	if err != nil {
		return nil, err
	}
	s.spill = spill
	for _, f := range spill {
		s.Files = append(s.Files, File{Name: spillName(&f), Path: f.Path, Bytes: f.Info.Size()})
	}
	return s, nil
}

// ImageOf returns the image of the database at path as it is now, without its log: files of a
// full source, or none if the database is a directory. parent is the newest backup of the archive,
// nil for none.
func ImageOf(path string, parent *manifest.Committed) (*Source, error) {
	image, err := grafeo.ReadDatabase(path)
	if err != nil {
		return nil, err
	}
	if CheckDatabase(image, parent) != nil {
		parent = nil
	}
	s := &Source{Path: path, Kind: manifest.Full, Image: image, Parent: parent}
	s.addImage()
	return s, nil
}

// imageAndLog finds out which state of the database at path can be copied now: an image
// and the log after it. The order of reading decides what is consistent
// (docs/grafeo-format.md, section 9.1): 0.6 log first, then image; 0.5 image first, then
// log. If the log still has the end of the parent, nil for none, the source takes the log
// from there on, so that no epoch between the two is lost.
func imageAndLog(path string, parent *manifest.Committed, held bool) (*Source, error) {
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
	s := &Source{Path: path, Kind: manifest.Full, Image: image, Parent: parent}
	for n := 1; ; n++ {
		scan, reaches, err := scanFull(path, s.Image, parent)
		if err != nil {
			return nil, err
		}
		if parent != nil && reaches && string(generation) == parent.Database.Generation {
			if s.Continues, err = fullContinues(scan, path, s.Image, parent, held); err != nil {
				return nil, err
			}
		}
		s.LeftOut = scan.leftOut()
		if generation == grafeo.Gen05 {
			s.join05(scan)
			return s, nil
		}
		old := s.Image.CheckpointLSN
		if s.Image, err = grafeo.ReadDatabase(path); err != nil {
			return nil, err
		}
		// A checkpoint after the scan may be after the end of the log that was scanned: then
		// the commits between the two are in neither.
		if s.Image.CheckpointLSN == old || scan.end() >= s.Image.CheckpointLSN || n == maxReads {
			return s, s.join06(scan)
		}
	}
}

// fullContinues reports whether the log of a full source shows the history of the parent. A
// parent of 0.5 that was made between a TransactionCommit and its EpochAdvance ends where a
// scan of the whole log sees no commit end: such an end shows only to a scan that looks for
// it.
func fullContinues(scan *continuityScan, path string, image *grafeo.Image, parent *manifest.Committed, held bool) (bool, error) {
	if !scan.found && image.Generation == grafeo.Gen05 {
		scan = newScan(path, image.Generation, parent.Position.Commit)
		err := scan.run(grafeo.ScanOptions{DatabaseID: image.DatabaseID, Borders: catalog.Borders(parent)})
		if err != nil {
			return false, err
		}
	}
	return scan.continues(image, parent, held)
}

// scanFull scans the log for a full source, and reports whether it reaches back to the end
// of the parent.
func scanFull(path string, image *grafeo.Image, parent *manifest.Committed) (scan *continuityScan, reaches bool, err error) {
	var mark *manifest.Commit
	parentEnd := uint64(math.MaxUint64)
	if parent != nil {
		mark, parentEnd = parent.Position.Commit, parent.Position.LSN
	}
	if mark != nil {
		parentEnd = mark.LSN
	}
	firstFile := uint64(0)
	scanFrom := func(from *grafeo.Position) error {
		scan = newScan(path, image.Generation, mark)
		scan.listAll = true
		return scan.run(grafeo.ScanOptions{DatabaseID: image.DatabaseID, From: from, FirstFile: firstFile})
	}
	err = scanFrom(nil)
	if image.Directory && err == nil && scan.log.Reopened {
		// What the database has skipped at an open is no part of it any more.
		if firstFile, err = grafeo.FirstFile05(scan.dir); err == nil && firstFile > 0 {
			err = scanFrom(nil)
		}
	}
	if image.Generation == grafeo.Gen05 {
		return scan, true, err
	}
	// Segments that were left behind before a gap do not matter.
	from := min(parentEnd, image.CheckpointLSN)
	if errors.Is(err, grafeo.ErrGap) {
		err = scanFrom(&grafeo.Position{LSN: from})
	}
	if errors.Is(err, grafeo.ErrGap) && from < image.CheckpointLSN {
		err = scanFrom(&grafeo.Position{LSN: image.CheckpointLSN})
	}
	// A log that is gone reaches nothing, unless there is nothing between.
	reaches = parentEnd == image.CheckpointLSN || err == nil && scan.last != nil && scan.log.Files[0].FirstLSN <= parentEnd
	return scan, reaches, err
}

// join06 joins the image with the part of the log that it needs, or that continues the
// parent.
func (s *Source) join06(scan *continuityScan) error {
	s.addImage()
	s.StartEpoch, s.EndEpoch = s.Image.Epoch, s.Image.Epoch
	if !s.Image.Time.IsZero() {
		s.StartTime, s.EndTime = &s.Image.Time, &s.Image.Time
	}
	s.Position = manifest.Position{LSN: s.Image.CheckpointLSN}
	// If no log accounts for the image, some of its epochs cannot be restored: another
	// timeline.
	s.Continues = s.Continues && scan.unexplained(s.Image, s.Parent) == ""
	if scan.last == nil || scan.end() < s.Image.CheckpointLSN {
		return nil // the log ends before the image, which alone counts then
	}
	need := s.Image.CheckpointLSN
	if s.Continues {
		need = min(need, s.Parent.Position.LSN)
	}
	first := -1
	for i := range scan.log.Files {
		f := &scan.log.Files[i]
		if f.EndLSN <= need {
			continue
		}
		if first < 0 {
			if first = i; f.FirstLSN > s.Image.CheckpointLSN {
				return &grafeo.GapError{
					Path: scan.dir, What: "a segment with the log position of the image's checkpoint",
					Want: s.Image.CheckpointLSN, Got: f.FirstLSN,
				}
			}
		}
		s.addLog(f, f.Range())
	}
	if first >= 0 {
		s.Commits, s.CommitTimes = scan.countFrom(first), scan.commitsFrom(first)
		s.StartTime = KnownFrom(s.CommitTimes, s.Image)
	}
	if last := scan.lastWithEpoch; last != nil && scan.end() > s.Image.CheckpointLSN && last.Epoch >= s.EndEpoch {
		s.EndEpoch, s.EndTime = last.Epoch, nil
		if !last.Time.IsZero() { // Grafeo gives all commits one; nothing says that it must
			s.EndTime = &last.Time
		}
	}
	s.Position = scan.position(0)
	return nil
}

// join05 joins the image with all of the log. Its epochs are those of the log's last run:
// they cannot be compared with epochs of other runs, the image's among them
// (docs/grafeo-format.md, section 5.4).
func (s *Source) join05(scan *continuityScan) {
	s.addImage()
	s.StartEpoch, s.EndEpoch = s.Image.Epoch, s.Image.Epoch
	s.addLogs05(scan)
	// The image may be of this run if the run reaches its epoch. Then no epoch before it
	// can be restored from it. If the image is of an earlier run, this run's first state
	// can.
	if scan.log.Last != nil && (s.Image.Empty || s.Image.Epoch > s.EndEpoch) {
		s.StartEpoch = min(1, s.EndEpoch)
	}
}

// addLogs05 adds all of the log.
func (s *Source) addLogs05(scan *continuityScan) {
	for i := range scan.log.Files {
		// Without a log, a directory is no database.
		if scan.isBeforeEnd(i) || i == 0 && s.Image.Directory {
			f := &scan.log.Files[i]
			s.addLog(f, f.Range())
		}
	}
	if scan.log.Last == nil {
		return
	}
	s.Commits, s.CommitTimes = scan.log.Commits, scan.commitsFrom(0)
	s.EndEpoch = scan.log.Last.Epoch
	s.Position = scan.position(0)
}

func (s *Source) addImage() {
	if s.Image.Directory {
		return
	}
	s.Files = append(s.Files, File{
		Name: manifest.ImageName, Path: s.Image.Path, Bytes: s.Image.Size, Proof: s.Image.NewProof(), free: s.Image.Free(),
	})
}

// addLog adds the part r of a log file.
func (s *Source) addLog(f *grafeo.LogFile, r grafeo.Range) {
	path := filepath.Join(grafeo.LogDir(s.Path), f.Name)
	s.Files = append(s.Files, File{
		Name: f.Name, Path: path, From: r.Offset, Bytes: r.Offset + r.Length, Proof: grafeo.NewProof(path, []grafeo.Range{r}),
	})
}

// findReplay finds out which part of its log a full source of 0.5 is restored with, and
// which epoch its image is of.
func (s *Source) findReplay() error {
	end := s.Position.Commit
	if s.Remainder || s.Archived || s.Kind != manifest.Full || s.Image.Generation != grafeo.Gen05 || s.Image.Empty || s.Image.Directory || end == nil {
		return nil
	}
	first, ok := s.firstLog05()
	if !ok {
		return nil
	}
	at := grafeo.Position{File: end.EndFile, Offset: end.End}
	found, start, err := replay.Find(grafeo.LogDir(s.Path), s.Image, first, at, s.EndEpoch)
	if start != nil {
		s.StartEpoch = *start
	}
	s.Replay = found
	return err
}

// firstLog05 returns the number of the first log file of the source.
func (s *Source) firstLog05() (uint64, bool) {
	for _, f := range s.Files {
		if number, ok := grafeo.LogNumber05(f.Name); ok {
			return number, true
		}
	}
	return 0, false
}

// KnownFrom returns the time from which the image, and the commits of the log after it,
// show every state: the time at which the image was written or, because others may commit
// meanwhile, that of the first commit after its epoch. It is nil if the image has no
// time.
func KnownFrom(commits []manifest.CommitTime, image *grafeo.Image) *time.Time {
	if image.Time.IsZero() {
		return nil
	}
	for _, c := range commits {
		if c[0] > image.Epoch {
			if t := time.UnixMilli(int64(c[1])).UTC(); t.Before(image.Time) {
				return &t
			}
			break
		}
	}
	return &image.Time
}
