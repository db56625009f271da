package capture

import (
	"errors"
	"math"
	"path/filepath"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/replay"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// capture finds out which state of the database at path can be copied now, as
// a full backup: an image and the log behind it. The order of reading decides
// what is consistent (docs/grafeo-format.md, section 9.1): 0.6 log first, then
// image; 0.5 image first, then log. before is the newest backup, or nil; if the
// log still contains its end, the full backup takes the log from there on, so
// that no epoch between the two is lost. held tells that the log was held for it
// ever since.
func capture(path string, before *manifest.Committed, held bool) (*Source, error) {
	generation, err := grafeo.Identify(path)
	if err != nil {
		return nil, err
	}
	image, err := grafeo.ReadDatabase(path)
	if err != nil {
		return nil, err
	}
	s := &Source{Path: path, Kind: manifest.Full, Image: image, Before: before}
	if err := s.Belongs(before); err != nil {
		return nil, err
	}
	for n := 1; ; n++ {
		log, t, reaches, err := scanFull(path, s.Image, before)
		if err != nil {
			return nil, err
		}
		if before != nil && reaches && string(generation) == before.Database.Generation {
			if s.Continues, err = t.continues(log, s.Image, before, held); err != nil {
				return nil, err
			}
		}
		s.LeftOut = leftOut(log)
		if generation == grafeo.Gen05 {
			s.assemble05(log, t)
			return s, nil
		}
		old := s.Image.CheckpointLSN
		if s.Image, err = grafeo.ReadDatabase(path); err != nil {
			return nil, err
		}
		// A checkpoint after the scan may lie behind its end: then the commits
		// between the two are in neither.
		if s.Image.CheckpointLSN == old || t.end() >= s.Image.CheckpointLSN || n == maxCaptures {
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
func (s *Source) assemble06(log *grafeo.Log, t *trail) error {
	s.addImage()
	s.StartEpoch, s.EndEpoch = s.Image.Epoch, s.Image.Epoch
	if !s.Image.Time.IsZero() {
		s.StartTime, s.EndTime = &s.Image.Time, &s.Image.Time
	}
	s.Position = manifest.Position{LSN: s.Image.CheckpointLSN}
	// What no log accounts for has epochs that cannot be had: another timeline.
	s.Continues = s.Continues && t.unexplained(s.Image, s.Before) == ""
	if t.last == nil || t.end() < s.Image.CheckpointLSN {
		return nil // the log ends before the image, which alone counts then
	}
	need := s.Image.CheckpointLSN
	if s.Continues {
		need = min(need, s.Before.Position.LSN)
	}
	first := -1
	for i := range log.Files {
		f := &log.Files[i]
		if f.EndLSN <= need {
			continue
		}
		if first < 0 {
			if first = i; f.FirstLSN > s.Image.CheckpointLSN {
				return &grafeo.GapError{
					Path: grafeo.LogDir(s.Path), What: "a segment with the log position of the image's checkpoint",
					Want: s.Image.CheckpointLSN, Got: f.FirstLSN,
				}
			}
		}
		s.addLog(f, f.Range())
	}
	if first >= 0 {
		s.Commits, s.Listed = t.commitsIn(first), t.commitsFrom(first)
		s.StartTime = KnownFrom(s.Listed, s.Image)
	}
	if last := t.lastEpoch; last != nil && t.end() > s.Image.CheckpointLSN && last.Epoch >= s.EndEpoch {
		s.EndEpoch, s.EndTime = last.Epoch, nil
		if !last.Time.IsZero() { // Grafeo gives all commits one; nothing says that it must
			s.EndTime = &last.Time
		}
	}
	s.Position = t.position(log, 0)
	return nil
}

// KnownFrom is the time from which on the image and a log tell what the state was:
// when the image was written, or, as commits go on meanwhile, when the first commit
// behind its epoch was made.
func KnownFrom(listed []manifest.CommitTime, image *grafeo.Image) *time.Time {
	if image.Time.IsZero() {
		return nil
	}
	for _, c := range listed {
		if c[0] > image.Epoch {
			if t := time.UnixMilli(int64(c[1])).UTC(); t.Before(image.Time) {
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
func (s *Source) assemble05(log *grafeo.Log, t *trail) {
	s.addImage()
	s.StartEpoch, s.EndEpoch = s.Image.Epoch, s.Image.Epoch
	for i := range log.Files {
		// Without a log, a directory is no database.
		if f := &log.Files[i]; f.End > 0 || i == 0 && s.Image.Directory {
			s.addLog(f, f.Range())
		}
	}
	if log.Last == nil {
		return
	}
	s.Commits, s.Listed = log.Commits, t.commitsFrom(0)
	s.EndEpoch = log.Last.Epoch
	// The image may be of this run if the run reaches its epoch; then epochs
	// before it cannot be had from it. If not, the run's first state can.
	if s.Image.Empty || s.Image.Epoch > s.EndEpoch {
		s.StartEpoch = min(1, s.EndEpoch)
	}
	s.Position = t.position(log, 0)
}

func (s *Source) addImage() {
	if s.Image.Directory {
		return
	}
	s.Files = append(s.Files, File{
		Name: manifest.ImageName, Path: s.Image.Path, Bytes: s.Image.Size, Proof: s.Image.NewProof(), free: s.Image.Free(),
	})
}

// addLog adds the part r of a log file, up to its end.
func (s *Source) addLog(f *grafeo.LogFile, r grafeo.Range) {
	path := filepath.Join(grafeo.LogDir(s.Path), f.Name)
	s.Files = append(s.Files, File{
		Name: f.Name, Path: path, From: r.Offset, Bytes: r.Offset + r.Length, Proof: grafeo.NewProof(path, []grafeo.Range{r}),
	})
}

// findReplay finds out what of its log a full backup of 0.5 is restored with.
func (s *Source) findReplay() error {
	end := s.Position.Commit
	if s.Kind != manifest.Full || s.Image.Generation != grafeo.Gen05 || s.Image.Empty || s.Image.Directory || end == nil {
		return nil
	}
	first, ok := s.firstLog05()
	if !ok {
		return nil
	}
	at := grafeo.Position{File: end.EndFile, Offset: end.End}
	replay, start, err := replay.Find(grafeo.LogDir(s.Path), s.Image, first, at, s.EndEpoch)
	if start != nil {
		s.StartEpoch = *start
	}
	s.Replay = replay
	return err
}

// firstLog05 is the number of the first log file of a source.
func (s *Source) firstLog05() (uint64, bool) {
	for _, f := range s.Files {
		if number, ok := grafeo.LogNumber05(f.Name); ok {
			return number, true
		}
	}
	return 0, false
}
