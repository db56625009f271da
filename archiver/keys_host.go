package archiver

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"

	"github.com/gbak-s3/gbak-s3/archiver/internal/record"
	"github.com/gbak-s3/gbak-s3/archiver/internal/seal"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// WriterKeyFile returns a function for [Keys] that reads the writer key from a file, such as a
// mounted secret, and never writes it. The archive must then exist, be encrypted, and belong to
// this key: anything else is [CodeNotEncrypted] or [CodeKeyWrong].
func WriterKeyFile(path string, log *slog.Logger) func(archiveID string) (*WriterKey, error) {
	f := &record.Folder{Log: cmp.Or(log, slog.New(slog.DiscardHandler))}
	return func(archiveID string) (*WriterKey, error) {
		key, err := f.ReadWriterKey(path)
		if err == nil && key.ArchiveID != archiveID {
			err = &otherKeyError{path, key.ArchiveID, archiveID}
		}
		if err != nil {
			return nil, err
		}
		return key, nil
	}
}

// expectations are what is known of an archive's keys before it is read, from what was given and
// from what this host has seen. An archive that does not meet them may have been replaced by
// somebody who wants to be sent plaintext, or backups for other keys.
type expectations struct {
	address string
	records *record.Folder
	given   Keys
	ring    *seal.Ring // what this process has seen itself
}

// completed returns keys with what this host has of them, and with the check of what is expected.
func (e *expectations) completed() Keys {
	k := e.given
	if k.WriterKey == nil {
		k.WriterKey = e.records.WriterKey
		if k.OnChange == nil {
			k.OnChange = e.keep
		}
	}
	if k.Begun == nil {
		k.Begun = e.begun
	}
	if k.OnFirst == nil {
		k.OnFirst = func(key *seal.WriterKey, document []byte) error {
			// Not of the run: what is begun is written to its end. The lock that it needs is given up
			// after 30 seconds.
			return e.records.Begin(context.Background(), e.address, key, document)
		}
	}
	also := k.Check
	k.Check = func(archiveID string, keys *manifest.KeyList) error {
		if err := e.check(archiveID, keys); err != nil || also == nil {
			return err
		}
		return also(archiveID, keys)
	}
	return k
}

// keep stores a writer key that has changed, also when the run is being interrupted: hosts go on with
// it. The lock that this needs is given up after 30 seconds.
func (e *expectations) keep(key *seal.WriterKey) {
	if err := e.records.PutWriterKey(context.Background(), key); err != nil {
		e.records.Log.Warn("the newest writer key of the archive could not be stored on this host", "err", err)
	}
}

// begun returns archive.json of an encrypted archive that this host has begun, if it is for the
// recipients that are given now.
func (e *expectations) begun() ([]byte, error) {
	b, err := e.records.Begun(e.address)
	if b == nil || err != nil {
		return nil, err
	}
	var document struct{ Encryption *manifest.Encryption }
	line, _, _ := bytes.Cut(b, []byte("\n"))
	if json.Unmarshal(line, &document) != nil || document.Encryption == nil || seal.CheckRecipients(&document.Encryption.Keys, e.given.Recipients) != nil {
		return nil, nil //nolint:nilerr // then it begins with other keys
	}
	return b, nil
}

// check compares an archive with what is expected. keys is nil if it is not encrypted.
func (e *expectations) check(archiveID string, keys *manifest.KeyList) error {
	if keys == nil {
		if why := e.whyEncrypted(); why != "" {
			return &notEncryptedError{address: e.address, why: why}
		}
		return nil
	}
	other := e.checkSame(archiveID)
	if other == nil || e.given.Required && other.was.IsSeen {
		return nil // or the identities are tried, and then it is compared with what was there
	}
	key, err := e.writerKey(archiveID)
	if err == nil && key == nil {
		err = other
	}
	return err
}

// checkSame returns an error if this host knows another archive at the address, an encrypted one. One
// that it has only begun is none: another host may have begun this one at the same time, or since.
func (e *expectations) checkSame(archiveID string) *otherArchiveError {
	pin := e.records.Pinned(e.address)
	if pin == nil || !pin.Encrypted || pin.IsBegun || pin.ArchiveID == archiveID {
		return nil
	}
	return &otherArchiveError{e.address, archiveID, *pin}
}

// adopt stores a writer key that was made anew, and pins the archive if this host knows none. If it
// knows another one, that is an error.
func (e *expectations) adopt(ctx context.Context, key *seal.WriterKey) error {
	if other := e.checkSame(key.ArchiveID); other != nil {
		return other
	}
	if err := e.records.PutWriterKey(ctx, key); err != nil {
		return err
	}
	if pin := e.records.Pinned(e.address); pin != nil && pin.ArchiveID == key.ArchiveID {
		return nil
	}
	return e.records.Pin(ctx, e.address, key.ArchiveID)
}

// writerKey returns the writer key of an archive, nil if there is none.
func (e *expectations) writerKey(archiveID string) (*seal.WriterKey, error) {
	if e.given.WriterKey != nil {
		return e.given.WriterKey(archiveID)
	}
	return e.records.WriterKey(archiveID)
}

// mayBegin returns an error if an archive is expected, and would begin anew without encryption.
func (e *expectations) mayBegin() error {
	if e.given.WriterKey != nil {
		return &lonelyKeyError{e.address}
	}
	if why := e.whyEncrypted(); why != "" && len(e.given.Recipients) == 0 {
		return &notEncryptedError{e.address, true, why}
	}
	return nil
}

// mustSeal reports whether nothing may be stored without encryption, whatever the archive says.
func (e *expectations) mustSeal() bool {
	return len(e.given.Recipients) > 0 || e.given.WriterKey != nil || e.given.Required
}

// whyEncrypted says why the archive should be encrypted, "" if nothing says so.
func (e *expectations) whyEncrypted() string {
	if len(e.given.Recipients) > 0 {
		return "recipients were given, who alone are to read it"
	}
	if e.given.WriterKey != nil {
		return "a writer key was given for it"
	}
	if e.given.Required {
		return "an identity was given, which is to open it"
	}
	if e.ring.IsSealed() {
		return "it was before in this run"
	}
	switch pin := e.records.Pinned(e.address); {
	case pin == nil || !pin.Encrypted:
		return ""
	case pin.IsBegun:
		return fmt.Sprintf("this host has begun an encrypted one there, of which it has seen no backup (%s says so)", pin.Source)
	default:
		return fmt.Sprintf("it was when this host saw it last (%s says so)", pin.Source)
	}
}
