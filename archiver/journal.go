package archiver

import (
	"log/slog"
)

// Journal is the archive's log of commits: archive.json, and a manifest a backup,
// each of which names the one before. All methods may be called concurrently.
type Journal struct {
	store *Store
	name  string // what people call the archive
	tool  string
	log   *slog.Logger
}

// address is how messages call the archive.
func (j *Journal) address() string { return addressOf(j.name) }

// addressOf is how messages call an archive of this name.
func addressOf(name string) string {
	if name == "" {
		return "this address"
	}
	return name
}
