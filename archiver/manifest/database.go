package manifest

import "fmt"

// Database names what was backed up.
type Database struct {
	Generation string `json:"generation"` // "0.5" or "0.6"
	ID         string `json:"id"`         // 0.6: 32 hex digits; 0.5: made from its creation time, or from its first commit
	Name       string `json:"name"`       // base name of its file, for people

	// Layout is [Directory] for a database of 0.5 that is a directory with a log in
	// it and no image; it is left out for a file.
	Layout string `json:"layout,omitempty"`

	// From the image's headers, when they were read.
	Iteration     uint64 `json:"iteration"`
	ImageEpoch    uint64 `json:"image_epoch"`
	CheckpointLSN uint64 `json:"checkpoint_lsn"`    // (0.6), else 0
	HeadersCRC32C uint32 `json:"headers_crc32c"`    // of its first three pages: equal for equal images
	Content       uint32 `json:"content,omitempty"` // (0.6) equal for images that hold the same
}

// Directory is the [Database.Layout] of a database without an image.
const Directory = "directory"

// UnknownID is the [Database.ID] of a directory whose log has no first commit, yet or
// any more.
const UnknownID = "log-unknown"

// IsDirectory reports whether the database is a log in a directory, without an image.
func (d *Database) IsDirectory() bool { return d.Layout == Directory }

// Is reports whether the two can be the same database.
func (d *Database) Is(o *Database) bool {
	unknown := d.ID == UnknownID || o.ID == UnknownID
	return d.ID == o.ID || unknown && d.IsDirectory() && o.IsDirectory()
}

// validateLayout checks that a database without an image has nothing of one.
func (d *Database) validateLayout() error {
	switch {
	case d.Layout == "":
	case !d.IsDirectory() || d.Generation != "0.5":
		return fmt.Errorf("layout %q in generation %s", d.Layout, d.Generation)
	case d.Iteration != 0 || d.ImageEpoch != 0 || d.CheckpointLSN != 0 || d.HeadersCRC32C != 0:
		return fmt.Errorf("a directory with an image")
	}
	return nil
}
