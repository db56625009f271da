package manifest

import (
	"crypto/rand"
	"encoding/hex"
	"time"
)

// Committed is a manifest as it was read from the archive, or committed to it, and
// the digest of its object, which the next manifest names.
type Committed struct {
	*Manifest
	Digest Digest // of the object; zero if the manifest is only an outline of it

	// Record is the number of the record that describes the backup, if it is not the
	// backup's own: that of a merged one, which stands in for it.
	Record Seq
}

// Key returns the key of the object that describes the backup.
func (c *Committed) Key() string { return c.RecordSeq().Key() }

// RecordSeq returns the number of the record that describes the backup.
func (c *Committed) RecordSeq() Seq {
	if c.Record != 0 {
		return c.Record
	}
	return c.Seq
}

// ObjectError says what is wrong with one object of an archive.
type ObjectError struct {
	Key     string
	Problem string
}

func (e *ObjectError) Error() string { return e.Key + ": " + e.Problem }

// NewestFull returns the number of the newest full backup up to and including c, nil
// if that is not known.
func (c *Committed) NewestFull() *Seq {
	if c.Kind == Full {
		return &c.Seq
	}
	return c.LastFull
}

// NewestBackup returns the number of the newest backup up to and including c.
func (c *Committed) NewestBackup() Seq {
	if c.LastBackup != nil {
		return *c.LastBackup
	}
	return c.Seq
}

// NewestKeep returns the number of the newest keep up to and including m, 0 if there is
// none.
func (m *Manifest) NewestKeep() Seq {
	if m.Kind == Keep {
		return m.Seq
	}
	return m.Keep
}

// HoleBytes is the shortest run of zeros that a backup leaves out and a restore makes
// a hole: a shorter one costs less in a frame than in the index.
const HoleBytes = 64 << 10

// NewID returns an identifier for an archive, a commit or a key: 128 random bits as 32
// hex digits.
func NewID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}

// Now returns the current time as documents have it: UTC, and without a monotonic
// clock.
func Now() time.Time { return time.Now().UTC().Round(0) }
