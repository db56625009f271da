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

// DefaultGrace is how long removed data stays in the store by default: 23 hours, so
// that a daily expiry frees what the expiry of the day before removed.
const DefaultGrace = 23 * time.Hour

// NoGrace means no grace at all.
const NoGrace time.Duration = -1

// ExpireOptions say which backups go, and whether to remove them.
type ExpireOptions struct {
	// Rules say which backups stay. nil means those that are stored in the archive; if it
	// has none, the error is [CodeNoRules]. With Remove, and without rules of its own, an
	// expiry only removes these.
	Rules *Rules

	// Remove are backups to give up, with all backups that need them, readable or not.
	// The newest backup, and pinned ones, are refused ([CodeNeeded]).
	Remove []uint64

	// Apply removes backups. Otherwise nothing is changed, and the report says what would
	// be.
	Apply bool

	// With IfHead, the expiry is applied only if this is still the archive's newest
	// record, as reported by an earlier Head; otherwise the error is [CodeConflict]. 0
	// means any.
	IfHead uint64

	// Grace is how long removed data stays in the store, by the store's clock. Running
	// restores can finish meanwhile; backups need no grace. 0 means [DefaultGrace],
	// and [NoGrace] none.
	Grace time.Duration

	// MarkOnly removes backups from the list and deletes nothing: for credentials without
	// that right. An expiry elsewhere deletes later.
	MarkOnly bool

	// CommitTimeout is how long the commit waits for a clear answer from the store; 0
	// means [DefaultCommitTimeout].
	CommitTimeout time.Duration

	// Observer is told what the run does; it may be nil.
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
	Code Code // [CodePermission] or [CodeStore]
	Err  error
}

// ExpireReport says what an expiry did, or would do.
type ExpireReport struct {
	Applied bool   // the archive's list has changed, or what it no longer needs was deleted
	Head    uint64 // the archive's newest record when it was looked at
	Keep    uint64 // the record that was committed; 0 if none was needed

	Verdicts      []Verdict // on each backup, the oldest first
	Removed, Kept int       // numbers of backups
	Unreadable    []uint64  // backups given up that could not be read
	Disbelieved   []uint64  // backups whose hosts' clocks are not believed

	// WindowFrom is the time since which every epoch stays, by the rule [Rules.Window]; nil
	// without that rule.
	WindowFrom *time.Time

	Before, After []Reach // what can be restored, before and after
	ChainsOnly    Amount  // backups that stay only because others need them, and what was stored for them: it would be freed if each backup that stays were a full one

	Deleted Amount // what was deleted, or would be
	Waiting Amount // what no backup needs, but is within the grace

	// WaitingUntil is when an expiry can delete what waits; nil if nothing waits, or if
	// that needs a keep that does not exist yet.
	WaitingUntil *time.Time

	// Withheld is why nothing is deleted although some of it could be: a record that was
	// removed cannot be read, and may name anything. nil if there is no such record.
	Withheld error

	Orphans     int64        // objects of killed or running backups among those that were deleted or wait
	Unknown     int64        // objects that no run of this program wrote; they stay
	Manifests   int64        // that were deleted, or would be
	Survivors   int64        // objects that still exist although the store confirmed their deletion; only the first of each request is looked at
	Refused     int64        // objects that the store did not delete
	RefusedKeys []RefusedKey // the first of these

	Grace time.Duration // 0 for none

	// Versioned reports whether the bucket keeps what is deleted, until its own rules
	// remove it; Locked whether objects may be locked. nil if the store does not say, or
	// was not asked because nothing is deleted and nothing waits.
	Versioned, Locked *bool

	// Versions is what happened to the versions that the bucket keeps of deleted
	// objects; nil if it keeps none, or does not say so.
	Versions *OldVersions

	Requests storage.RequestCounts
	Elapsed  time.Duration
}

// OldVersions is what happened to the versions that a bucket keeps of deleted objects.
type OldVersions struct {
	Deleted Amount // for good
	Locked  Amount // a later expiry deletes them, when their lock has ended
	Refused int64  // mostly for lack of a permission; a lifecycle rule of the bucket can remove them
}

// Expire removes backups that no rule keeps, and deletes what no backup needs any more. It
// is safe beside backups, restores and other expiries on any host. It may be killed: the
// next one continues.
//
// A removed backup leaves the list at once. Its bytes are deleted by a later expiry, when
// the grace is over. A backup must not be removed because of newer ones that nobody can
// read. So if something leaves the list, all manifests and indexes that restores of the
// newest states need are read. If one is damaged, or an object of any backup that stays is
// missing or has another size, nothing is removed ([CodeDamagedArchive]): an older backup
// may be the last good one. Otherwise an expiry reads as little as [Archive.List] does. To
// search for damage, use [Archive.Verify]. In an archive on a store without conditional
// writes nothing can be removed ([CodeUnsafeStore]).
//
// In a mirror, only [Archive.Mirror] removes backups. Without rules and backups to remove, an
// expiry deletes what the archive's own expiries have removed; with them, the error is
// [CodeMirror].
//
// With an error of a sweep, such as [CodePermission] or [CodeStore], the report is complete,
// and says Applied: the list has changed, but not everything could be deleted. The next
// expiry tries again. With other errors the report is zero.
func (a *Archive) Expire(ctx context.Context, opts ExpireOptions) (ExpireReport, error) {
	e := &expiry{archive: a, opts: opts}
	requests, elapsed, err := run(ctx, opts.Observer, func(ctx context.Context) error {
		if err := e.complete(); err != nil {
			return err
		}
		if !opts.Apply {
			return e.look(ctx)
		}
		return e.apply(ctx)
	})
	if err != nil && !e.report.Applied {
		return ExpireReport{}, err
	}
	e.report.Requests, e.report.Elapsed = requests, elapsed
	return e.report, err
}
