package hold

import (
	"errors"
	"math"
	"slices"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
)

// Report says what a database keeps its log for.
type Report struct {
	Holds    []Held
	LogBytes int64 // of the whole log, whatever it is kept for

	// ForeignCursor reports that the cursor is somebody else's: then there are no holds.
	ForeignCursor bool
}

// Held is a hold and the log that it costs.
type Held struct {
	Entry Entry

	// Bytes is the log that the database keeps for this hold and does not need itself;
	// OnlyBytes is the part of it that no other hold needs, and that releasing this one
	// frees.
	Bytes     int64
	OnlyBytes int64

	// Age is the time since the hold last moved; negative if that is in the future by
	// this host's clock.
	Age time.Duration

	// Abandoned reports that nobody seems to back up into the archive any more: the log
	// that the database keeps for it, beyond what the archive that needs least needs, is
	// older than [abandonedAge], or is more than [abandonedBytes] and more than a quarter
	// of the database's image. Archives that are both backed up are not that far apart.
	Abandoned bool
}

const (
	abandonedAge   = 14 * 24 * time.Hour // more than the pause of a weekly backup
	abandonedBytes = 1 << 20
)

// Measure reports what the holds of the database at path cost, with ages as of now.
func Measure(path string, now time.Time) (Report, error) {
	var r Report
	entries, err := Read(path)
	if errors.Is(err, ErrForeignCursor) {
		r.ForeignCursor, err = true, nil
	}
	if err != nil {
		return Report{}, err
	}
	log, err := readLog(path)
	if err != nil {
		return Report{}, err
	}
	r.LogBytes = log.total
	for i, e := range entries {
		others := slices.Delete(slices.Clone(entries), i, i+1)
		all := log.keptBetween(e.LSN, math.MaxUint64)
		held := Held{Entry: e, Bytes: all, OnlyBytes: all, Age: now.Sub(e.UpdatedAt)}
		beyond, much := all, int64(math.MaxInt64) // a single one may be backed up seldom
		if len(others) > 0 {
			held.OnlyBytes = log.keptBetween(e.LSN, lowest(others).LSN)
			beyond, much = log.keptBetween(e.LSN, highest(others).LSN), max(abandonedBytes, log.image/4)
		}
		held.Abandoned = beyond > 0 && (held.Age > abandonedAge || beyond > much)
		r.Holds = append(r.Holds, held)
	}
	return r, nil
}

// keptLog is the log of a database, as far as holds are concerned.
type keptLog struct {
	files      []grafeo.SegmentFile // of 0.6: in 0.5 nothing holds the log
	total      int64                // bytes of all log files, of both generations
	checkpoint uint64               // the database itself needs what ends above it
	image      int64                // its size
}

// readLog lists the log of the database at path. While a checkpoint is being made, it may
// not be known what the database needs itself: then it is taken to need nothing.
func readLog(path string) (keptLog, error) {
	files, err := grafeo.ListSegments(grafeo.LogDir(path))
	if err != nil {
		return keptLog{}, err
	}
	log := keptLog{files: files, checkpoint: math.MaxUint64}
	if image, err := grafeo.ReadDatabase(path); err == nil {
		log.checkpoint, log.image = image.CheckpointLSN, image.Size
	}
	log.total, err = grafeo.LogBytes(grafeo.LogDir(path))
	return log, err
}

// keptBetween counts the bytes that a hold at one position keeps and one at the other would
// not: a hold keeps each file that ends above it.
func (l *keptLog) keptBetween(from, to uint64) int64 {
	n := int64(0)
	for _, f := range l.files {
		if f.FirstLSN < f.EndLSN && f.EndLSN > from && f.EndLSN <= min(to, l.checkpoint) {
			n += f.Bytes
		}
	}
	return n
}
