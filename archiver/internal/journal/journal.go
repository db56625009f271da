package journal

import (
	"log/slog"

	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
)

// Journal is the archive's log of commits: archive.json, and a manifest a backup,
// each of which names the one before. All methods may be called concurrently.
type Journal struct {
	Store *objects.Store
	Name  string // what people call the archive
	Tool  string
	Log   *slog.Logger
}

// Address is how messages call the archive.
func (j *Journal) Address() string { return addressOf(j.Name) }

// addressOf is how messages call an archive of this name.
func addressOf(name string) string {
	if name == "" {
		return "this address"
	}
	return name
}
