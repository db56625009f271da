package storage

import "context"

// Surroundings are settings of the place where a store is that decide what
// becomes of its objects later. What a backend does not have, or cannot see,
// has its zero value.
type Surroundings struct {
	Versioning string // "on", "off" or "suspended"
	ObjectLock string // "off", "on", or the retention that every new object gets

	// Expiry and Transitions are the rules that delete objects of this store, or
	// move them to another storage class: a line each.
	Expiry, Transitions []string

	FreeBytes *int64 // that the file system has left for us

	// Unseen are the settings that could not be asked for, and why: a line each.
	Unseen []string
}

// Surveyor is a [Storage] that knows its [Surroundings]. A backend need not be
// one.
type Surveyor interface {
	// Survey asks for the surroundings. It changes nothing; what it may not see is
	// no error.
	Survey(ctx context.Context) Surroundings
}
