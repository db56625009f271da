package hold

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Held is a hold and what it costs.
type Held struct {
	Claim

	// Bytes is the log that the database keeps for this hold and has no need of
	// itself; OnlyBytes the part of it that no other hold needs, which goes with
	// this one.
	Bytes     int64
	OnlyBytes int64

	// Age is the time since the hold was moved; negative if that is in the future
	// by this host's clock.
	Age time.Duration

	// Abandoned reports that it looks as if no backup goes to the archive any more:
	// the log that the database keeps for it, beyond what the archive that needs least
	// needs, is kept for more than two weeks, or is more than 1 MiB and than a quarter
	// of the database's image, which is more than archives that are both backed up
	// are apart.
	Abandoned bool
}

// Report is what holds the log of a database.
type Report struct {
	Holds    []Held
	LogBytes int64 // of all log that is there, whatever it is kept for

	// ForeignCursor reports that the cursor is somebody else's: then there are no
	// holds.
	ForeignCursor bool
}

const (
	abandonedAge   = 14 * 24 * time.Hour // more than the pause of a weekly backup
	abandonedBytes = 1 << 20
)

// OtherHolds looks at what holds of other archives than this one cost, at the end of
// a backup, and ends as many as limit wants. What fails here costs the backup
// nothing.
func (k Keeper) OtherHolds(ctx context.Context, path, archiveID string, limit int64) (abandoned, released []Held) {
	r, err := ReportOf(path, manifest.Now())
	if err != nil {
		k.Log.Debug("what the holds of the log cost could not be determined", "err", err)
		return nil, nil
	}
	if limit > 0 {
		for _, h := range r.over(archiveID, limit) {
			done, _, err := Release(ctx, k.Disk, path, func(o Claim) bool { return o == h.Claim })
			if err != nil {
				k.Log.Warn("a hold that keeps too much log could not be ended", "archive", h.Name, "err", err)
			} else if done { // it has not been moved meanwhile
				released = append(released, h)
			}
		}
	}
	for _, h := range r.Holds {
		if h.Abandoned && h.ArchiveID != archiveID && !slices.Contains(released, h) {
			abandoned = append(abandoned, h)
		}
	}
	return abandoned, released
}

// over gives the holds that have to go for the log that is held to be no more than
// limit: again and again the one that needs most, as long as the archive with this
// id needs less.
func (r *Report) over(archiveID string, limit int64) []Held {
	own := uint64(math.MaxUint64)
	for _, h := range r.Holds {
		if h.ArchiveID == archiveID {
			own = h.LSN
		}
	}
	var over []Held
	for _, h := range r.Holds {
		if h.LSN < own && h.Bytes > limit {
			over = append(over, h)
		}
	}
	return over
}

func ReportOf(path string, now time.Time) (Report, error) {
	var r Report
	c, err := ReadCursor(path)
	if errors.Is(err, ErrForeignCursor) {
		r.ForeignCursor, err = true, nil
	}
	if err != nil {
		return Report{}, err
	}
	log, err := readHeldLog(path)
	if err != nil {
		return Report{}, err
	}
	r.LogBytes = log.total
	if c == nil {
		return r, nil
	}
	for i, h := range c.Ours.Holds {
		others := slices.Delete(slices.Clone(c.Ours.Holds), i, i+1)
		held := Held{Claim: h, Bytes: log.bytes(h.LSN, math.MaxUint64), OnlyBytes: log.bytes(h.LSN, math.MaxUint64), Age: now.Sub(h.UpdatedAt)}
		beyond, much := held.Bytes, int64(math.MaxInt64) // a single one may be backed up seldom
		if len(others) > 0 {
			held.OnlyBytes = log.bytes(h.LSN, lowest(others).LSN)
			beyond, much = log.bytes(h.LSN, highest(others).LSN), max(abandonedBytes, log.image/4)
		}
		held.Abandoned = beyond > 0 && (held.Age > abandonedAge || beyond > much)
		r.Holds = append(r.Holds, held)
	}
	return r, nil
}

// highest is the position from which on the hold that needs least needs the log.
func highest(holds []Claim) Claim {
	return slices.MaxFunc(holds, func(a, b Claim) int { return cmp.Compare(a.LSN, b.LSN) })
}

// heldLog is the log of a 0.6 database, as far as holds are concerned.
type heldLog struct {
	files      []grafeo.SegmentFile
	total      int64  // bytes of all log files
	checkpoint uint64 // what ends above it, the database needs itself
	image      int64  // its size
}

// readHeldLog lists the log of the database at path. While a checkpoint is being
// made, it may not be known what the database needs itself: then it is nothing.
func readHeldLog(path string) (heldLog, error) {
	files, err := grafeo.ListSegments(grafeo.LogDir(path))
	if err != nil {
		return heldLog{}, err
	}
	log := heldLog{files: files, checkpoint: math.MaxUint64}
	if image, err := grafeo.ReadDatabase(path); err == nil {
		log.checkpoint, log.image = image.CheckpointLSN, image.Size
	}
	for _, f := range files {
		log.total += f.Bytes
	}
	return log, nil
}

// bytes counts what a hold from one position on keeps, and one from the other on
// would not: a hold keeps each file that ends above it.
func (l *heldLog) bytes(from, to uint64) int64 {
	n := int64(0)
	for _, f := range l.files {
		if f.FirstLSN < f.EndLSN && f.EndLSN > from && f.EndLSN <= min(to, l.checkpoint) {
			n += f.Bytes
		}
	}
	return n
}
