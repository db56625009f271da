package capture

import (
	"context"
	"fmt"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// CheckDatabase returns an [*OtherDatabaseError] if the database with this image is not
// that of the parent, which may be nil. The id of a directory is unknown if its log has
// lost its beginning; then CheckDatabase sets the parent's id in image.
func CheckDatabase(image *grafeo.Image, parent *manifest.Committed) error {
	if parent == nil {
		return nil
	}
	if d := DatabaseOf(image, ""); !d.Is(&parent.Database) {
		return &OtherDatabaseError{parent.Database.Name, parent.Database.ID, image.DatabaseID}
	}
	if image.DatabaseID == manifest.UnknownID {
		image.DatabaseID = parent.Database.ID
	}
	return nil
}

// OtherDatabaseError is the error for a database that is not the archive's.
type OtherDatabaseError struct {
	Name, ID string // of the archive's
	This     string // the id of the other one
}

func (e *OtherDatabaseError) Error() string {
	return fmt.Sprintf("the archive belongs to another database: %s (%s), and this is %s", e.Name, e.ID, e.This)
}

// newTimeline returns why the archive continues with another database than the parent's, on
// a new timeline; "" if it is the parent's, or if there is no parent. The archive may continue
// with what the upgrade to 0.6 has made of the parent's database, with one that it has
// backups of, and with any if [Query.NewDatabase] is set. Any other database is an
// [*OtherDatabaseError] or a [*MaybeUpgradedError].
func (q *Query) newTimeline(ctx context.Context) (why string, err error) {
	if q.Parent == nil {
		return "", nil
	}
	image, err := grafeo.ReadDatabase(q.Path)
	if err != nil {
		return "", err
	}
	other := CheckDatabase(image, q.Parent)
	if other == nil {
		return "", nil
	}
	if isUpgradeOf(q.Path, image, q.Parent) {
		return fmt.Sprintf("the database has been upgraded to %s since backup %d, which gave it a new id: %s is what it was",
			image.Generation, q.Parent.Seq, grafeo.PreUpgrade(q.Path)), nil
	}
	known, err := q.Knows(ctx, image.DatabaseID)
	switch {
	case err != nil:
		return "", err
	case known:
		return fmt.Sprintf("backup %d belongs to another of the archive's databases", q.Parent.Seq), nil
	case q.NewDatabase:
		return fmt.Sprintf("it was said to be the successor of the database in backup %d", q.Parent.Seq), nil
	}
	return "", orMaybeUpgraded(other, q.Path, image, q.Parent)
}

// isUpgradeOf reports whether the database at path is what the upgrade to 0.6 has made of
// that of a backup. The old one, which Grafeo keeps beside it, shows that by its id or, if
// it is a directory, by the commit that the backup ends with.
func isUpgradeOf(path string, image *grafeo.Image, b *manifest.Committed) bool {
	if image.Generation != grafeo.Gen06 || b.Database.Generation != string(grafeo.Gen05) {
		return false
	}
	old, err := grafeo.ReadDatabase(grafeo.PreUpgrade(path))
	if err != nil || old.Generation != grafeo.Gen05 {
		return false
	}
	if old.Directory { // whose id is only what its log begins with
		return hasEndOf(grafeo.PreUpgrade(path), b)
	}
	return old.DatabaseID == b.Database.ID
}

// hasEndOf reports whether the log of the 0.5 database at path has the commit that a backup
// ends with.
func hasEndOf(path string, b *manifest.Committed) bool {
	mark := b.Position.Commit
	if mark == nil {
		return false
	}
	scan := newScan(path, grafeo.Gen05, mark)
	err := scan.run(grafeo.ScanOptions{Borders: catalog.Borders(b)})
	return err == nil && scan.found
}

// MaybeUpgradedError is the error for a 0.6 database that may be the archive's database
// after its upgrade from 0.5, although nothing proves it.
type MaybeUpgradedError struct {
	Old string // where the upgrade leaves the old database, which would show it; "" if a directory is there that does not
	Err error  // an [*OtherDatabaseError] with what was found
}

func (e *MaybeUpgradedError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *MaybeUpgradedError) Unwrap() error { return e.Err }

// orMaybeUpgraded returns other, the error for a database that is not the parent's, or a
// [*MaybeUpgradedError] with it if the database may be the parent's after its upgrade.
func orMaybeUpgraded(other error, path string, image *grafeo.Image, parent *manifest.Committed) error {
	if image.Generation != grafeo.Gen06 || parent.Database.Generation != string(grafeo.Gen05) {
		return other
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
		fmt.Errorf("%w. An upgrade from 0.5 to 0.6 gives a database a new id, and nothing shows that this is one: %s", other, traces),
	}
}
