package journal

import (
	"log/slog"

	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
)

// Journal is the log of one archive. It holds no state: every method asks the store. All
// methods may be called concurrently.
type Journal struct {
	store *objects.Store
	name  string // of the archive, for people; may be ""
	log   *slog.Logger

	recovers bool // see [Journal.Recovering]
}

// New returns the journal of the archive in store. name is what messages call it, "" for
// "this address".
func New(store *objects.Store, name string) *Journal {
	return &Journal{store: store, name: name, log: store.Log}
}

// Store returns the store in which the archive is.
func (j *Journal) Store() *objects.Store { return j.store }

// Through returns the same journal, read through another store.
func (j *Journal) Through(store *objects.Store) *Journal {
	through := New(store, j.name)
	through.recovers = j.recovers
	return through
}

// Address is what messages call the archive.
func (j *Journal) Address() string { return addressOf(j.name) }

// addressOf is what messages call an archive of this name.
func addressOf(name string) string {
	if name == "" {
		return "this address"
	}
	return name
}
