package watch

import "context"

// Archive is one archive together with one database, as a target needs them. Its methods are
// called by one goroutine at a time, except Prepare and upkeep, which go on beside the others.
type Archive interface {
	// Check sends one request: it finds out whether the store answers, and whether the
	// archive is there still.
	Check(context.Context) error

	// Prepare stores what a full backup needs, and commits nothing.
	Prepare(context.Context) error

	// GiveUp releases the hold on the database's log.
	GiveUp(context.Context) error

	// Close gives up what is open. The hold stays.
	Close(context.Context) error
}
