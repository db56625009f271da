package seal

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// KeyError says that this process has no key that opens something. It does not say that
// anything is wrong with the archive.
type KeyError struct {
	// What does not open, such as "the data" or "the list of backups".
	What string

	// IsWrong says that there were identities, and none of them opens it. Otherwise there
	// was none.
	IsWrong bool

	// Recipients can open it, as far as it is known.
	Recipients []manifest.Recipient
}

func (e *KeyError) Error() string {
	problem := "and there is no key to it here"
	if e.IsWrong {
		problem = "and none of the keys that are here opens it"
	}
	return fmt.Sprintf("%s of the archive is encrypted, %s%s", e.What, problem, e.who())
}

// who names those who can open it.
func (e *KeyError) who() string {
	var names []string
	for _, r := range e.Recipients {
		names = append(names, r.Short())
	}
	if names == nil {
		return ""
	}
	return "; it opens for " + strings.Join(names, ", ")
}

// ErrNotEncrypted: the archive is not encrypted, and what was given says that it must be.
var ErrNotEncrypted = errors.New("the archive is not encrypted")

// DamageError says that something is not what somebody with the keys has written.
type DamageError struct {
	Problem string
	Record  manifest.Seq // that is damaged, if it is another one than that which was read; else 0
}

func (e *DamageError) Error() string { return e.Problem }

func damagef(format string, args ...any) error {
	return &DamageError{Problem: fmt.Sprintf(format, args...)}
}
