package archiver

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/record"
	"github.com/gbak-s3/gbak-s3/archiver/internal/seal"
)

// KeysError is the error for an encrypted archive that the given keys do not open, or that is
// encrypted for others than was wanted. Its code is [CodeKeyMissing], [CodeKeyWrong] or
// [CodeRecipients].
type KeysError struct {
	Recipients []string // who can open the archive, as far as that is known: public keys, and names of passphrases
	Err        error
}

func (e *KeysError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *KeysError) Unwrap() error { return e.Err }

// withRecipients returns err as a [*KeysError], nil if it is not about keys.
func withRecipients(err error) *KeysError {
	var names []string
	if e, ok := errors.AsType[*seal.KeyError](err); ok {
		for _, r := range e.Recipients {
			names = append(names, r.Recipient)
		}
		return &KeysError{names, err}
	}
	if e, ok := errors.AsType[*seal.RecipientsError](err); ok {
		for _, r := range e.Has {
			names = append(names, r.Recipient)
		}
		return &KeysError{names, err}
	}
	if e, ok := errors.AsType[*seal.PassphraseError](err); ok {
		return &KeysError{[]string{e.Name}, err}
	}
	if e, ok := errors.AsType[*seal.UnknownRecipientError](err); ok {
		for _, r := range e.Recipients {
			names = append(names, r.Recipient)
		}
		return &KeysError{names, err}
	}
	return nil
}

// notEncryptedError is the error for an archive that is not encrypted, or would begin so, and
// why it should be.
type notEncryptedError struct {
	address string
	isGone  bool // there is no archive
	why     string
}

func (e *notEncryptedError) Error() string {
	if e.isGone {
		return fmt.Sprintf("there is no archive at %s, and none is begun without encryption, as %s", e.address, e.why)
	}
	return fmt.Sprintf("the archive at %s is not encrypted, but %s", e.address, e.why)
}

// otherKeyError is the error for a writer key that is not that of the archive.
type otherKeyError struct{ path, of, archive string }

func (e *otherKeyError) Error() string {
	return fmt.Sprintf("the writer key %s is that of the archive %s, but the archive is %s", e.path, e.of, e.archive)
}

// lonelyKeyError is the error for a writer key of an archive that is not there.
type lonelyKeyError struct{ address string }

func (e *lonelyKeyError) Error() string {
	return fmt.Sprintf("there is no archive at %s, although a writer key was given for it", e.address)
}

// otherArchiveError is the error for an encrypted archive that is not the one that this host
// knows, and to which it has no key.
type otherArchiveError struct {
	address, archive string
	was              record.Pin
}

func (e *otherArchiveError) Error() string {
	return fmt.Sprintf("there is another archive at %s than before: %s instead of %s, which is encrypted (%s says so)",
		e.address, e.archive, e.was.ArchiveID, e.was.Source)
}

// isMissingKey reports whether err says that a key is missing.
func isMissingKey(err error) bool {
	if e, ok := errors.AsType[*seal.KeyError](err); ok {
		return !e.IsWrong
	}
	if e, ok := errors.AsType[*seal.PassphraseError](err); ok {
		return !e.IsWrong
	}
	return errors.Is(err, record.ErrNoPlace) || as[*record.KeyFileError](err) && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission))
}

// isWrongKey reports whether err says that a key is not the right one, or no key.
func isWrongKey(err error) bool {
	return as[*seal.KeyError](err) || as[*seal.PassphraseError](err) || as[*otherKeyError](err) || as[*lonelyKeyError](err) || as[*otherArchiveError](err) ||
		errors.Is(err, seal.ErrPassphrase) || as[*record.KeyFileError](err)
}

// isReplacedEncrypted reports whether err says that another archive is where an encrypted one was.
func isReplacedEncrypted(err error) bool {
	e, ok := errors.AsType[*journal.VanishedError](err)
	return ok && e.IsReplaced() && e.Was.Encrypted
}

// isReplacedPlain reports whether err says that an encrypted archive is where another one was.
func isReplacedPlain(err error) bool {
	e, ok := errors.AsType[*journal.VanishedError](err)
	return ok && e.IsReplaced() && !e.Was.Encrypted
}

// isRolledBack reports whether err says that an encrypted archive lacks what it had.
func isRolledBack(err error) bool {
	e, ok := errors.AsType[*journal.VanishedError](err)
	return ok && e.IsRolledBack()
}
