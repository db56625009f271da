package storage

import "context"

// Copier is a [Storage] that can copy objects from another store without sending them through
// this host. A backend need not be one.
type Copier interface {
	// CopyFrom copies the object under key in from to the same key, and overwrites what may be
	// there. A missing object is [ErrNotExist]. If the two stores are not in the same place, or
	// it refuses, the error is another one, and nothing was copied. Head shows what was copied.
	CopyFrom(ctx context.Context, key string, from Storage) error
}

// CopierOf returns s, or the store that it wraps, as a [Copier]; nil if it is none.
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

// Innermost returns the store behind all its wrappers.
func Innermost(s Storage) Storage {
	for {
		front, ok := s.(interface{ Unwrap() Storage })
		if !ok {
			return s
		}
		s = front.Unwrap()
	}
}
