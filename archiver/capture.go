package archiver

import (
	"errors"
	"math"
	"path/filepath"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// capture finds out which state of the database at path can be copied now, as
// a full backup: an image and the log behind it. The order of reading decides
// what is consistent (docs/grafeo-format.md, section 9.1): 0.6 log first, then
// image; 0.5 image first, then log. before is the newest backup, or nil; if the
// log still contains its end, the full backup takes the log from there on, so
// that no epoch between the two is lost. held tells that the log was held for it
// ever since.
func capture(path string, before *manifest.Committed, held bool) (*source, error) {
	generation, err := grafeo.Identify(path)
	if err != nil {
		return nil, err
	}
	image, err := grafeo.ReadDatabase(path)
	if err != nil {
		return nil, err
	}
	s := &source{path: path, kind: manifest.Full, image: image, before: before}
	if err := s.belongs(before); err != nil {
		return nil, err
	}
	for n := 1; ; n++ {
		log, t, reaches, err := scanFull(path, s.image, before)
		if err != nil {
			return nil, err
		}
		if before != nil && reaches && string(generation) == before.Database.Generation {
			if s.continues, err = t.continues(log, s.image, before, held); err != nil {
				return nil, err
			}
		}
		s.leftOut = leftOut(log)
		if generation == grafeo.Gen05 {
			s.assemble05(log, t)
			return s, nil
		}
		old := s.image.CheckpointLSN
		if s.image, err = grafeo.ReadDatabase(path); err != nil {
			return nil, err
		}
		// A checkpoint after the scan may lie behind its end: then the commits
		// between the two are in neither.
		if s.image.CheckpointLSN == old || t.end() >= s.image.CheckpointLSN || n == maxCaptures {
			return s, s.assemble06(log, t)
		}
	}
}

// scanFull scans the log for a full backup, and tells whether it reaches back to
// the end of before.
func scanFull(path string, image *grafeo.Image, before *manifest.Committed) (log *grafeo.Log, t *trail, reaches bool, err error) {
	var mark *manifest.Commit
	older := uint64(math.MaxUint64)
	if before != nil {
		mark, older = before.Position.Commit, before.Position.LSN
	}
	if mark != nil {
		older = mark.LSN
	}
	firstFile := uint64(0)
	scan := func(from *grafeo.Position) error {
		t = newTrail(grafeo.LogDir(path), mark, image.Generation)
		t.keepAll = true
		log, err = grafeo.ScanLog(grafeo.LogDir(path), image.Generation, grafeo.ScanOptions{
			DatabaseID: image.DatabaseID, From: from, FirstFile: firstFile, Visit: t.visit,
		})
		return err
	}
	err = scan(nil)
	if image.Directory && err == nil && log.Reopened {
		// What the database has skipped at an open is no part of it any more.
		if firstFile, err = grafeo.FirstFile05(grafeo.LogDir(path)); err == nil && firstFile > 0 {
			err = scan(nil)
		}
	}
	if image.Generation == grafeo.Gen05 {
		return log, t, true, err
	}
	// Segments may have been left behind before a gap that is of no concern.
	from := min(older, image.CheckpointLSN)
	if errors.Is(err, grafeo.ErrGap) {
		err = scan(&grafeo.Position{LSN: from})
	}
	if errors.Is(err, grafeo.ErrGap) && from < image.CheckpointLSN {
		err = scan(&grafeo.Position{LSN: image.CheckpointLSN})
	}
	// A log that is gone reaches nothing, unless there is nothing between.
	reaches = older == image.CheckpointLSN || err == nil && t.last != nil && log.Files[0].FirstLSN <= older
	return log, t, reaches, err
}

// assemble06 joins the image with the part of the log that it needs, or that
// continues the backup before.
func (s *source) assemble06(log *grafeo.Log, t *trail) error {
	s.addImage()
	s.startEpoch, s.endEpoch = s.image.Epoch, s.image.Epoch
	if !s.image.Time.IsZero() {
		s.startTime, s.endTime = &s.image.Time, &s.image.Time
	}
	s.position = manifest.Position{LSN: s.image.CheckpointLSN}
	// What no log accounts for has epochs that cannot be had: another timeline.
	s.continues = s.continues && t.unexplained(s.image, s.before) == ""
	if t.last == nil || t.end() < s.image.CheckpointLSN {
		return nil // the log ends before the image, which alone counts then
	}
	need := s.image.CheckpointLSN
	if s.continues {
		need = min(need, s.before.Position.LSN)
	}
	first := -1
	for i := range log.Files {
		f := &log.Files[i]
		if f.EndLSN <= need {
			continue
		}
		if first < 0 {
			if first = i; f.FirstLSN > s.image.CheckpointLSN {
				return &grafeo.GapError{
					Path: grafeo.LogDir(s.path), What: "a segment with the log position of the image's checkpoint",
					Want: s.image.CheckpointLSN, Got: f.FirstLSN,
				}
			}
		}
		s.addLog(f, f.Range())
	}
	if first >= 0 {
		s.commits, s.listed = t.commitsIn(first), t.commitsFrom(first)
		s.startTime = knownFrom(s.listed, s.image)
	}
	if last := t.lastEpoch; last != nil && t.end() > s.image.CheckpointLSN && last.Epoch >= s.endEpoch {
		s.endEpoch, s.endTime = last.Epoch, nil
		if !last.Time.IsZero() { // Grafeo gives all commits one; nothing says that it must
			s.endTime = &last.Time
		}
	}
	s.position = t.position(log, 0)
	return nil
}

// knownFrom is the time from which on the image and a log tell what the state was:
// when the image was written, or, as commits go on meanwhile, when the first commit
// behind its epoch was made.
func knownFrom(listed []manifest.CommitTime, image *grafeo.Image) *time.Time {
	if image.Time.IsZero() {
		return nil
	}
	for _, c := range listed {
		if c[0] > image.Epoch {
			if t := time.UnixMilli(int64(c[1])).UTC(); t.Before(image.Time) { //nolint:gosec // a time of the database
				return &t
			}
			break
		}
	}
	return &image.Time
}

// assemble05 joins the image with all of the log. Its epochs are those of the
// log's last run: epochs of other runs, the image's among them, cannot be
// compared with them (docs/grafeo-format.md, section 5.4).
func (s *source) assemble05(log *grafeo.Log, t *trail) {
	s.addImage()
	s.startEpoch, s.endEpoch = s.image.Epoch, s.image.Epoch
	for i := range log.Files {
		// Without a log, a directory is no database.
		if f := &log.Files[i]; f.End > 0 || i == 0 && s.image.Directory {
			s.addLog(f, f.Range())
		}
	}
	if log.Last == nil {
		return
	}
	s.commits, s.listed = log.Commits, t.commitsFrom(0)
	s.endEpoch = log.Last.Epoch
	// The image may be of this run if the run reaches its epoch; then epochs
	// before it cannot be had from it. If not, the run's first state can.
	if s.image.Empty || s.image.Epoch > s.endEpoch {
		s.startEpoch = min(1, s.endEpoch)
	}
	s.position = t.position(log, 0)
}

func (s *source) addImage() {
	if s.image.Directory {
		return
	}
	s.files = append(s.files, sourceFile{
		name: manifest.ImageName, path: s.image.Path, bytes: s.image.Size, proof: s.image.NewProof(), free: s.image.Free(),
	})
}

// addLog adds the part r of a log file, up to its end.
func (s *source) addLog(f *grafeo.LogFile, r grafeo.Range) {
	path := filepath.Join(grafeo.LogDir(s.path), f.Name)
	s.files = append(s.files, sourceFile{
		name: f.Name, path: path, from: r.Offset, bytes: r.Offset + r.Length, proof: grafeo.NewProof(path, []grafeo.Range{r}),
	})
}

// findReplay finds out what of its log a full backup of 0.5 is restored with.
func (s *source) findReplay() error {
	end := s.position.Commit
	if s.kind != manifest.Full || s.image.Generation != grafeo.Gen05 || s.image.Empty || s.image.Directory || end == nil {
		return nil
	}
	first, ok := s.firstLog05()
	if !ok {
		return nil
	}
	at := grafeo.Position{File: end.EndFile, Offset: end.End}
	replay, start, err := findReplay(grafeo.LogDir(s.path), s.image, first, at, s.endEpoch)
	if start != nil {
		s.startEpoch = *start
	}
	s.replay = replay
	return err
}

// firstLog05 is the number of the first log file of a source.
func (s *source) firstLog05() (uint64, bool) {
	for _, f := range s.files {
		if number, ok := grafeo.LogNumber05(f.name); ok {
			return number, true
		}
	}
	return 0, false
}
