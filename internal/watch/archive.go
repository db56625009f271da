package watch

import (
	"context"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/internal/history"
	"github.com/gbak-s3/gbak-s3/storage"
)

// Archive is one archive together with one database, as a target needs them; [Adapt] makes
// one. Look, Backup, Check, Reread, GiveUp and Close are called one after another. Prepare and
// upkeep, Proofs, History and Drill go on beside them.
type Archive interface {
	// Look compares the database with what is known of the archive. It asks no store.
	Look(context.Context) (archiver.Look, error)

	// Keep opens what a 0.5 database may remove, see [archiver.Session.Keep]. It may be
	// called at any time.
	Keep() (wasClosed bool)

	// Backup backs up what is new.
	Backup(context.Context, archiver.SessionBackup) (archiver.BackupReport, error)

	// Prepare stores what a full backup needs, and commits nothing.
	Prepare(context.Context) error

	// Check finds out, with one request if the archive is known, whether the store answers
	// and the archive is as it is known.
	Check(context.Context) error

	// Reread reads the archive's end anew: others may have appended to it.
	Reread(context.Context) error

	// GiveUp releases the hold on the database's log.
	GiveUp(context.Context) error

	// Verify returns how many findings there are. With a share above 0, it also reads that
	// share of the archive, and goes on where the last one ended.
	Verify(ctx context.Context, share float64) (int, error)
	Expire(context.Context) error
	Compact(context.Context) error

	// Proofs reads what the archive's newest certificate says.
	Proofs(context.Context) (archiver.Proofs, error)

	// History reads what can be restored, and which drills there were.
	History(context.Context) (*history.History, error)

	// Drill restores a state into a folder for that, and checks it. That it found something
	// wrong is no error. When it returns, whatever it returns, the folder is removed.
	Drill(context.Context, DrillOrder) (archiver.DrillReport, error)

	// Requests returns how many requests all methods have sent so far. It may be called at
	// any time.
	Requests() storage.RequestCounts

	// Close gives up what is open. The hold stays.
	Close(context.Context) error
}

// DrillOrder says which drill is to be done.
type DrillOrder struct {
	DrillRules

	Random bool // of a state that is drawn from all that can be restored, and not of the newest
}
