package archiver

import (
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
)

// Target names a state of the database's history. The zero value is the newest one.
type Target struct{ of catalog.Target }

// AtBackup is the state at the end of the backup with this number, which is 1 or
// higher.
func AtBackup(seq uint64) Target { return Target{catalog.Target{Backup: seq}} }

// AtEpoch is the state after the last commit whose epoch is epoch or lower.
func AtEpoch(epoch uint64) Target { return Target{catalog.Target{Epoch: &epoch}} }

// AtTime is the state after the last commit at or before t.
func AtTime(t time.Time) Target { return Target{catalog.Target{Time: &t}} }

// Within says how much of the time was cut off: what is meant is a moment from the
// time of [AtTime] on that is less than span later, the last of them that the archive
// knows. Databases without times of commits have the backup that was taken then.
func (t Target) Within(span time.Duration) Target {
	t.of.Within = span
	return t
}

// OnTimeline limits the choice to one timeline; timelines are numbered from 1. Without
// it, the newest timeline that has the target is used, and for a time the one that was
// backed up next.
func (t Target) OnTimeline(timeline int) Target {
	t.of.Timeline = timeline
	return t
}
