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

// Witness is a [Storage] whose answers may be somebody else's, or changed on the
// way: one behind a network. A backend need not be one.
type Witness interface {
	// Testify asks again for an object whose bytes were not those that were
	// expected. The error is [ErrForeign] if they are not what the store keeps, as
	// far as that can be seen, and nil if they are, or nothing speaks against it.
	Testify(ctx context.Context, key string) error
}
