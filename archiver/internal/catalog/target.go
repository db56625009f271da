package catalog

import (
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Target names a state of the database's history. The zero value is the newest
// one. At most one of Backup, Epoch and Time is set.
type Target struct {
	Backup uint64     // the state at the end of this backup, 0 for none
	Epoch  *uint64    // the state at this epoch
	Time   *time.Time // the state after the last commit at or before this time

	// Within is the precision of Time, if it was cut off: the target is the last moment
	// before Time + Within that the archive knows of. For a database whose commits have
	// no times, it is the backup that was taken then.
	Within time.Duration

	// Timeline limits the choice to one timeline. 0 means the newest one that has the
	// target, and for a time the one that was backed up next.
	Timeline int
}

// IsEnd reports whether the target is the end of a backup that is known without reading
// the other manifests.
func (t Target) IsEnd() bool { return t.Epoch == nil && t.Time == nil && t.Timeline == 0 }

// Route says which backups give a target, and where their log is cut for it.
type Route struct {
	Chain []*manifest.Committed // not empty, the full backup first

	// The log is cut after the last commit of at most this epoch, or time. At most one is
	// set; with neither, the target is the end of the chain.
	Epoch *uint64
	Time  *time.Time

	OtherTimelines []int // those that have the target as well
}

// Last returns the backup in which the route ends.
func (r *Route) Last() *manifest.Committed { return r.Chain[len(r.Chain)-1] }

// IsCut reports whether the log is cut before the end of the chain.
func (r *Route) IsCut() bool { return r.Epoch != nil || r.Time != nil }

// CutsOff reports whether a commit of this epoch and time is after the target.
func (r *Route) CutsOff(epoch uint64, at time.Time) bool {
	return r.Epoch != nil && epoch > *r.Epoch || r.Time != nil && at.After(*r.Time)
}
