package storage

import (
	"context"
	"iter"
	"time"
)

// VersionTurner is a [Storage] that reads one of several versions of each object, and may
// have chosen a wrong one. A backend need not be one.
type VersionTurner interface {
	// TurnVersion makes the store read another version of an object that had other bytes
	// than expected: the next one, and after the last one the first. It returns how many
	// versions can be tried, 0 if there is no choice.
	TurnVersion(ctx context.Context, key string) (versions int, err error)
}

// VersionDeleter is a [Storage] whose bucket may keep versions of overwritten and deleted
// objects. A backend need not be one.
type VersionDeleter interface {
	// KeepsVersions reports whether the bucket keeps versions, or once did. That takes
	// a request, and a permission of its own.
	KeepsVersions(ctx context.Context) (bool, error)

	// ListVersions yields all versions of objects whose keys begin with prefix, and the
	// markers that hide them, in ascending order of their keys. The first error ends the
	// sequence.
	ListVersions(ctx context.Context, prefix string) iter.Seq2[ObjectVersion, error]

	// DeleteVersions deletes versions for good, at most [MaxDelete]. The map has an entry
	// for each that is not known to be deleted: [ErrLocked] if it is locked. An error is
	// about the call as a whole, as in [BatchDeleter].DeleteAll.
	DeleteVersions(ctx context.Context, versions []VersionID) (map[VersionID]error, error)
}

// VersionID names a version of an object, or a marker.
type VersionID struct{ Key, ID string }

// ObjectVersion is a version of an object, or a marker that hides the versions before it.
type ObjectVersion struct {
	VersionID
	Size     int64
	ModTime  time.Time
	IsMarker bool
}

// VersionsOf returns s, or the store that it wraps, as a [VersionDeleter]; nil if it is
// none.
func VersionsOf(s Storage) VersionDeleter {
	for {
		if d, ok := s.(VersionDeleter); ok {
			return d
		}
		front, ok := s.(interface{ Unwrap() Storage })
		if !ok {
			return nil
		}
		s = front.Unwrap()
	}
}
