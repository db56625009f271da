package grafeo

import (
	"errors"
	"io/fs"
)

// IsTorn reports whether err can come from reading a database that somebody is
// writing to.
func IsTorn(err error) bool {
	return errors.Is(err, ErrDamaged) || errors.Is(err, ErrGap) || errors.Is(err, fs.ErrNotExist)
}
