package retention

import (
	"fmt"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// NoBackupError says that the archive does not have a backup.
type NoBackupError struct {
	Backup manifest.Seq
}

func (e *NoBackupError) Error() string { return fmt.Sprintf("there is no backup %d", e.Backup) }

// NeededError says that a backup cannot be given up: it is the newest one, or pinned, or
// one that is needs it.
type NeededError struct {
	GiveUp   manifest.Seq
	Backup   manifest.Seq // the one that needs it, or GiveUp itself
	IsPinned bool         // otherwise it is the newest
}

func (e *NeededError) Error() string {
	why := "is the newest one"
	if e.IsPinned {
		why = "is pinned"
	}
	if e.Backup == e.GiveUp {
		return fmt.Sprintf("backup %d cannot be removed: it %s", e.GiveUp, why)
	}
	return fmt.Sprintf("backup %d cannot be removed: backup %d, which needs it, %s", e.GiveUp, e.Backup, why)
}
