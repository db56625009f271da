package structure

import (
	"context"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
)

// state is where a database is.
type state struct {
	epoch uint64
	time  time.Time // of the last commit; zero if it has none, or if there is none
	lsn   uint64    // (0.6)
}

// CheckLog reads the log in dir and compares its end with what the manifests say. It is for
// a log that is going to be trimmed: of what is left of it, the end does not tell the state
// any more. Its errors are those of [Check].
func CheckLog(ctx context.Context, dir string, want Want) error {
	want.Trimmed = false
	log, err := readLog(ctx, dir, &want)
	if err != nil {
		return about("the log", err)
	}
	found := log.state(&want)
	return log.compare(&want, &found)
}

// state finds out which state the database will have once the log is replayed on the image,
// which is the one that the manifests describe.
func (l *log) state(want *Want) (s state) {
	image, gen05 := &want.Image, want.Image.Generation == string(grafeo.Gen05)
	s = state{epoch: image.ImageEpoch, lsn: image.CheckpointLSN}
	if l.last != nil {
		s.lsn = max(s.lsn, l.last.EndLSN)
	}
	c := l.lastWithEpoch
	switch {
	case gen05 && want.End == nil && (c == nil || c.Epoch < want.start):
		s.epoch = want.start // which no file shows: the image's epoch may be of another run
	case c == nil, !gen05 && (s.lsn == image.CheckpointLSN || c.Epoch < image.ImageEpoch):
	default:
		s.epoch, s.time = c.Epoch, c.Time
	}
	return s
}

// compare compares the end of the log with what the manifests say.
func (l *log) compare(want *Want, s *state) error {
	checkpoint := want.Image.CheckpointLSN
	if l.last != nil && l.last.EndLSN >= checkpoint && !l.joined && checkpoint > 0 {
		return about("the log", &grafeo.GapError{What: "no group begins at the image's checkpoint", Want: checkpoint, Got: l.last.EndLSN})
	}
	switch {
	case l.tooLate != nil:
		return mismatch("the log has a commit of epoch %d, which is after the target", l.tooLate.Epoch)
	case want.Trimmed:
		return nil
	case want.Epoch != nil && s.epoch != *want.Epoch:
		return mismatch("the database is at epoch %d, and the backup says %d", s.epoch, *want.Epoch)
	case want.End == nil:
		return nil
	}
	return l.compareEnd(want, s)
}

// compareEnd compares the place and the checksum of the last commit.
func (l *log) compareEnd(want *Want, s *state) error {
	if s.lsn != want.End.LSN {
		return mismatch("the log ends at position %d, and the backup says %d", s.lsn, want.End.LSN)
	}
	says, generation := want.End.Commit, grafeo.Generation(want.Image.Generation)
	if l.last == nil {
		// A log of which the image has everything is not stored (0.6).
		if says != nil && generation == grafeo.Gen05 {
			return mismatch("there is no commit, and the backup ends with the one at %d of file %d", says.End, says.EndFile)
		}
		return nil
	}
	if says == nil {
		return mismatch("the log has commits, and the backup ends without one")
	}
	file := l.files[l.last.File].name
	if name := grafeo.LogName(generation, says.EndFile); file != name || l.last.End != says.End {
		return mismatch("the last commit ends at %d of %s, and the backup says %d of %s", l.last.End, file, says.End, name)
	}
	if l.last.LSN != says.LSN {
		return mismatch("the last commit begins at position %d, and the backup says %d", l.last.LSN, says.LSN)
	}
	if l.last.CRC32C != says.CRC32C {
		return mismatch("the last commit has the checksum %d, and the backup says %d", l.last.CRC32C, says.CRC32C)
	}
	return nil
}
