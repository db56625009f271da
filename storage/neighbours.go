package storage

import "context"

// NeighbourLister is a [Storage] that can look around where it is: at other prefixes of
// its bucket, or other folders beside its own. A backend need not be one.
type NeighbourLister interface {
	// Neighbours returns the places beside this store, one level up from it, that have
	// an object under key: their addresses as people write them, without parameters,
	// in order. It looks at no more than [MaxNeighbours] places, since it is for
	// people who may have mistyped an address. It changes nothing. The error is an
	// [*Error] of [OpList]; it is [ErrNoStore] if the place in which the store would
	// be does not exist.
	Neighbours(ctx context.Context, key string) ([]string, error)
}

// MaxNeighbours is how many places a [NeighbourLister] looks at.
const MaxNeighbours = 20
