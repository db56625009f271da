package archiver

import (
	"context"
	"fmt"
	"strings"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Encryption describes how an archive is encrypted. All of it is public.
type Encryption struct {
	// Recipients are who can open the archive now: age public keys, and names of passphrases
	// such as "passphrase-1".
	Recipients []string

	// Passphrases is how many of these are passphrases.
	Passphrases int

	// Generation is the number of its newest keys: 1, and one more for each time that a
	// recipient was removed or the keys were rotated.
	Generation int

	// WriterKey is the file on this host with its key to the list of backups; "" if there is
	// none in [Options.State].
	WriterKey string
}

// String describes it in one line, with hybrid public keys cut off.
func (e *Encryption) String() string {
	names := make([]string, len(e.Recipients))
	for i, name := range e.Recipients {
		names[i] = manifest.Recipient{Recipient: name}.Short()
	}
	s := fmt.Sprintf("age, %d recipients: %s", len(names), strings.Join(names, ", "))
	if len(names) == 1 {
		s = "age, 1 recipient: " + names[0]
	}
	if e.Generation > 1 {
		s += fmt.Sprintf("; generation %d of its keys", e.Generation)
	}
	return s
}

// encryption describes how the archive is encrypted, once archive.json was read; nil if it is not.
func (a *Archive) encryption(ctx context.Context) (*Encryption, error) {
	_, list, err := a.objects.Ring.ListLeft(ctx)
	if list == nil || err != nil {
		return nil, err
	}
	e := encryptionOf(list)
	if key := a.objects.Ring.WriterKey(); key != nil {
		e.WriterKey = a.records.KeyFile(key.ArchiveID)
	}
	return e, nil
}

func encryptionOf(list *manifest.KeyList) *Encryption {
	e := &Encryption{Recipients: []string{}, Generation: list.Newest().Number}
	for _, r := range list.Recipients {
		e.Recipients = append(e.Recipients, r.Recipient)
		if r.Kind == manifest.Passphrase {
			e.Passphrases++
		}
	}
	return e
}

// encryption says who can read the archive.
func (d *doctor) encryption(ctx context.Context) {
	e, err := d.archive.encryption(ctx)
	switch {
	case err != nil:
		d.fail("encryption", "reading who can open the archive", err)
	case e == nil:
		d.say("encryption", SeverityNote, "", "encryption none: whoever can read the store can read the database")
	case len(e.Recipients) == 1:
		d.say("encryption", SeverityNote, "Add a second one that is kept elsewhere, such as an identity on paper.",
			"encryption %s: if it is lost, nobody can restore", e)
	default:
		d.say("encryption", SeverityOK, "", "encryption %s", e)
	}
}
