package archiver

import (
	"context"
	"errors"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/seal"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// KeyList is who can open an archive, and since when.
type KeyList struct {
	ArchiveID   string
	Record      uint64 // that has the list, 0 for archive.json
	Generations []KeyGeneration
	Recipients  []KeyRecipient
}

// KeyGeneration is the keys that encrypt everything from a record on.
type KeyGeneration struct {
	Number  int
	From    uint64
	Revoked bool // the hosts that had the keys before did not get these
}

// KeyRecipient is somebody who can open an archive.
type KeyRecipient struct {
	Name string // an age public key or, of a passphrase, a name such as passphrase-1
	Kind string // "x25519", "hybrid" or "passphrase"
}

// keyListOf returns a key list as callers get it.
func keyListOf(archiveID string, record manifest.Seq, l *manifest.KeyList) KeyList {
	k := KeyList{ArchiveID: archiveID, Record: uint64(record)}
	for _, g := range l.Generations {
		k.Generations = append(k.Generations, KeyGeneration{g.Number, uint64(g.From), g.Number > 1 && g.Handover == nil})
	}
	for _, r := range l.Recipients {
		k.Recipients = append(k.Recipients, KeyRecipient{r.Recipient, string(r.Kind)})
	}
	return k
}

// KeyListReport is what [Archive.ListKeys] has found.
type KeyListReport struct {
	Keys *KeyList // nil if the archive is not encrypted

	// Proved reports that a key on this host proves that the list was written by somebody
	// with the archive's keys. Otherwise, it is only what the store returned.
	Proved bool

	Requests storage.RequestCounts
	Elapsed  time.Duration
}

// ListKeys returns who can open the archive. That needs no key.
func (a *Archive) ListKeys(ctx context.Context) (KeyListReport, error) {
	var r KeyListReport
	requests, elapsed, err := run(ctx, nil, func(ctx context.Context) error {
		_, err := a.existing(ctx)
		if _, isKey := errors.AsType[*seal.KeyError](err); isKey {
			id, record, list, err := a.journal.PublicKeys(ctx)
			if err == nil && list != nil {
				keys := keyListOf(id, record, list)
				r.Keys = &keys
			}
			return err
		}
		if err != nil || !a.objects.Ring.IsSealed() {
			return err
		}
		record, list, err := a.objects.Ring.ListLeft(ctx)
		if err == nil {
			keys := keyListOf(a.objects.Ring.ArchiveID(), record, list)
			r.Keys, r.Proved = &keys, true
		}
		return err
	})
	if err != nil {
		return KeyListReport{}, err
	}
	r.Requests, r.Elapsed = requests, elapsed
	return r, nil
}
