package storage

import "context"

// VersionTurner is a [Storage] that reads one of several versions of each object, and may
// have chosen a wrong one. A backend need not be one.
type VersionTurner interface {
	// TurnVersion makes the store read another version of an object that had other bytes than
	// expected: the next one, and after the last one the first. It returns how many versions
	// there are to be tried, 0 if there is no choice.
	TurnVersion(ctx context.Context, key string) (versions int, err error)
}
