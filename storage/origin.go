package storage

import "context"

// OriginChecker is a [Storage] behind a network, where something on the way may answer
// in the store's place or change its answers. A backend need not be one.
type OriginChecker interface {
	// CheckOrigin asks again for an object that had other bytes than expected. It
	// returns [ErrForeign] if the store evidently has other bytes than those that
	// arrive, and nil if there is no sign of that.
	CheckOrigin(ctx context.Context, key string) error
}
