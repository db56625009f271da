package capture

import (
	"context"
	"fmt"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Succession finds out how the database continues the archive whose newest
// backup is the parent. If it is the one of the parent, it is "". If it is another one that the
// archive may go on with, it says why, and that is a new timeline: what its upgrade to
// 0.6 has made of it, one that the archive has backups of, or, with newDatabase, any. All else
// is an [*OtherDatabaseError] or a [*MaybeUpgradedError].
func (q *Query) Succession(ctx context.Context) (why string, err error) {
	path, head := q.Path, q.Parent
	if head == nil {
		return "", nil
	}
	image, err := grafeo.ReadDatabase(path)
	if err != nil {
		return "", err
	}
	wrong := (&Source{Path: path, Image: image}).Belongs(head)
	if wrong == nil {
		return "", nil
	}
	if upgradedFrom(path, image, head) {
		return fmt.Sprintf("the database has been upgraded to %s since backup %d, which gave it a new id: %s is what it was", image.Generation, head.Seq, grafeo.PreUpgrade(path)), nil
	}
	if known, err := q.Knows(ctx, image.DatabaseID); err != nil {
		return "", err
	} else if known {
		return fmt.Sprintf("backup %d belongs to another of the archive's databases", head.Seq), nil
	}
	if q.NewDatabase {
		return fmt.Sprintf("it was said to be the successor of the database in backup %d", head.Seq), nil
	}
	return "", perhapsUpgraded(path, image, head, wrong)
}

// upgradedFrom reports whether the database at path is what the upgrade to 0.6 has made
// of that of backup b. The old one, which Grafeo keeps beside it, shows that by its id or,
// if it is a directory, by the commit that b ends with.
func upgradedFrom(path string, image *grafeo.Image, b *manifest.Committed) bool {
	if image.Generation != grafeo.Gen06 || b.Database.Generation != string(grafeo.Gen05) {
		return false
	}
	old, err := grafeo.ReadDatabase(grafeo.PreUpgrade(path))
	if err != nil || old.Generation != grafeo.Gen05 {
		return false
	}
	if old.Directory { // whose id is only what its log begins with
		return hasCommit(grafeo.PreUpgrade(path), b)
	}
	return old.DatabaseID == b.Database.ID
}

// hasCommit reports whether the log of the 0.5 database at path has the commit that b
// ends with.
func hasCommit(path string, b *manifest.Committed) bool {
	mark := b.Position.Commit
	if mark == nil {
		return false
	}
	t := newTrail(grafeo.LogDir(path), mark, grafeo.Gen05)
	_, err := grafeo.ScanLog(grafeo.LogDir(path), grafeo.Gen05, grafeo.ScanOptions{Borders: catalog.Borders(b), Visit: t.visit})
	return err == nil && t.found
}

// MaybeUpgradedError is the error for a database of 0.6 that may be the archive's after its
// upgrade from 0.5, and nothing shows that.
type MaybeUpgradedError struct {
	Old string // where the upgrade leaves the old database, which would show it; "" if a directory is there that does not
	Err error
}

func (e *MaybeUpgradedError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *MaybeUpgradedError) Unwrap() error { return e.Err }

// perhapsUpgraded adds to wrong, the error for a database that is not that of head, that
// it may be that one after its upgrade.
func perhapsUpgraded(path string, image *grafeo.Image, head *manifest.Committed, wrong error) error {
	if image.Generation != grafeo.Gen06 || head.Database.Generation != string(grafeo.Gen05) {
		return wrong
	}
	missing := grafeo.PreUpgrade(path)
	traces := missing + " is not there"
	if old, err := grafeo.ReadDatabase(missing); err == nil {
		traces = missing + " is " + old.DatabaseID
		if old.Directory { // it is there: that its log, such as an empty one, shows nothing cannot be helped
			missing = ""
		}
	}
	return &MaybeUpgradedError{
		missing,
		fmt.Errorf("%w. An upgrade from 0.5 to 0.6 gives a database a new id, and nothing shows that this is one: %s", wrong, traces),
	}
}
