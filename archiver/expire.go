package archiver

import (
	"context"
	"fmt"
	"time"

	"github.com/gbak-s3/gbak-s3/storage"
)

// noRulesError is the error for an expiry without rules.
type noRulesError struct{}

func (*noRulesError) Error() string {
	return "there are no rules that say which backups stay, neither given nor stored in the archive"
}

// headMovedError is the error for an archive that is not the one that was looked at.
type headMovedError struct{ was, is uint64 }

func (e *headMovedError) Error() string {
	return fmt.Sprintf("the archive has changed: its newest record is %d, and was %d", e.is, e.was)
}

// DefaultGrace is how long what was removed stays in the store by default: 23 hours, so
// that a daily expiry frees what the one of the day before has removed.
const DefaultGrace = 23 * time.Hour

// NoGrace is a grace of nothing.
const NoGrace time.Duration = -1

// ExpireOptions say which backups go, and what is done about it.
type ExpireOptions struct {
	// Rules say which backups stay. nil means those that are stored in the archive; if it
	// has none, the error is [CodeNoRules]. With Remove, and without rules of its own, an
	// expiry only removes these.
	Rules *Rules

	// Remove are backups to give up, with all that needs them, readable or not. The newest
	// backup, and pinned ones, are refused ([CodeNeeded]).
	Remove []uint64

	// Apply removes backups. Otherwise nothing is changed, and the report says what would
	// be.
	Apply bool

	// IfHead applies only if this is the archive's newest record still, as an earlier
	// report's Head says, else the error is [CodeConflict]. 0 means any.
	IfHead uint64

	// Grace is how long what was removed stays in the store, by the store's clock. Running
	// restores can finish meanwhile; backups need no grace. 0 means [DefaultGrace], and
	// [NoGrace] none.
	Grace time.Duration

	// MarkOnly removes backups from the list and deletes nothing: for credentials without
	// that right. An expiry elsewhere deletes later.
	MarkOnly bool

	// CommitTimeout is how long the commit waits for a clear answer from the store; 0
	// means [DefaultCommitTimeout].
	CommitTimeout time.Duration

	// Observer is told what the run does; nil for nobody.
	Observer Observer
}

// Amount is a number of objects, and their bytes.
type Amount struct {
	Objects int64
	Bytes   int64
}

// RefusedKey is an object that the store did not delete.
type RefusedKey struct {
	Key  string
	Code Code // [CodePermission], [CodeStore], or another code of a store's error
	Err  error
}

// ExpireReport says what an expiry did, or would do.
type ExpireReport struct {
	Applied bool
	Head    uint64 // the archive's newest record when it was looked at
	Keep    uint64 // the record that was committed; 0 if nothing had to be

	Verdicts      []Verdict // on each backup, the oldest first
	Removed, Kept int       // numbers of backups
	Unreadable    []uint64  // backups given up that could not be read
	Disbelieved   []uint64  // backups whose hosts' clocks are not believed

	Before, After []Stretch // what can be restored, before and after

	// ChainsOnly are the backups that stay for others alone. A full backup for each that
	// stays would free them.
	ChainsOnly Amount

	Deleted Amount // deleted, or to be deleted now
	Removes Amount // what goes when the backups that are removed now are out of their grace
	Waiting Amount // removed by this or an earlier expiry, or left behind by runs that were killed, and within the grace

	// WaitingUntil is when the first of Waiting can go; nil if nothing waits, or that is
	// not known.
	WaitingUntil *time.Time

	Orphans     int64        // objects of killed runs among those deleted and waiting
	Unknown     int64        // objects that no run of this program wrote; they stay
	Survivors   int64        // objects that the store said it had deleted, but has still
	Refused     int64        // objects that the store did not delete
	RefusedKeys []RefusedKey // some of these

	Grace     time.Duration
	Versioned bool // the bucket keeps versions of what is deleted: bytes are free when its own rules remove them
	Locked    bool // the bucket locks objects: they can be deleted later

	Requests storage.RequestCounts
	Elapsed  time.Duration
}

// Stretch is a range of epochs of one timeline each of which can be restored.
type Stretch struct {
	Timeline           int
	FromEpoch, ToEpoch uint64
}

// Expire removes backups that no rule keeps, and deletes what no backup needs any more. It
// is safe beside backups, restores and other expiries on any host, and may be killed: the
// next one continues.
//
// A backup is off the list at once. Its bytes go by a later expiry, when the grace is over.
// If a backup, or anything that says which backups exist, is damaged, nothing is removed
// ([CodeDamagedArchive]): an older backup may be the last good one. In an archive on a store
// without conditional writes nothing can be removed ([CodeUnsafeStore]).
//
// With an error of [CodePermission] or [CodeStore], and a report that says Applied, the
// list has changed, but not everything could be deleted: the next expiry tries again.
func (a *Archive) Expire(ctx context.Context, opts ExpireOptions) (ExpireReport, error) {
	return ExpireReport{}, nil
}
