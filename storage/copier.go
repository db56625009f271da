package storage

import "context"

// Copier is a [Storage] that can copy objects from another store without sending them through
// this host. A backend need not be one.
type Copier interface {
	// CopyFrom copies the object at key of from to the same key, over what may be there. A
	// missing one is [ErrNotExist]. If the place of the two is not the same, or refuses, the error is
	// another one, and nothing was copied. What it has copied, Head shows.
	CopyFrom(ctx context.Context, key string, from Storage) error
}

// CopierOf returns s, or what it stands in front of and Unwrap returns, as a [Copier]; nil if it
// is none.
func CopierOf(s Storage) Copier {
	for {
		if c, ok := s.(Copier); ok {
			return c
		}
		front, ok := s.(interface{ Unwrap() Storage })
		if !ok {
			return nil
		}
		s = front.Unwrap()
	}
}

// Innermost returns the store behind all that only stands in front of it.
func Innermost(s Storage) Storage {
	for {
		front, ok := s.(interface{ Unwrap() Storage })
		if !ok {
			return s
		}
		s = front.Unwrap()
	}
}
