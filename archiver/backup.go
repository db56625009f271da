package archiver

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/capture"
	"github.com/gbak-s3/gbak-s3/archiver/internal/commit"
	"github.com/gbak-s3/gbak-s3/archiver/internal/hold"
	"github.com/gbak-s3/gbak-s3/archiver/internal/locate"
	"github.com/gbak-s3/gbak-s3/archiver/internal/openlog"
	"github.com/gbak-s3/gbak-s3/archiver/internal/pack"
	"github.com/gbak-s3/gbak-s3/archiver/internal/progress"
	"github.com/gbak-s3/gbak-s3/archiver/internal/sent"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/archiver/segment"
	"github.com/gbak-s3/gbak-s3/storage"
)

// BackupOptions modify one backup. The zero value is usable.
type BackupOptions struct {
	// NoHold writes nothing beside the database. Without it, a 0.6 database is told to
	// keep the log that the archive does not have yet, see [Hold].
	NoHold bool

	// Closed asserts that nobody has the database open, in cases where that cannot be
	// found out. Without it, a file that is mounted by itself is refused
	// ([CodeUnseenLog]).
	Closed bool

	// BeginAnew accepts that the archive, or its newest backups, have vanished from its
	// address. Without it, that is [CodeVanished]. If nothing is missing, it has no
	// effect.
	BeginAnew bool

	// MaxHold is how many bytes of log the database may keep for holds; 0 means any
	// number. If it keeps more after this backup, the hold that needs most log is
	// released, then the next one, until the limit is met: but never this archive's
	// hold, and none whose release frees nothing.
	MaxHold int64

	// NewDatabase accepts a database other than that of the newest backup: its
	// successor under the same name. It begins a timeline; earlier backups stay
	// restorable. If the database is the same, it has no effect.
	NewDatabase bool

	// SingleWriter accepts, for a new archive, a store without conditional writes. The
	// archive is marked so, and from then on only one process at a time may back up
	// into it. If the store supports conditional writes, it has no effect.
	SingleWriter bool

	// Full takes a full backup even if the log continues the newest backup.
	Full bool

	// NoFull takes no full backup after the first one: if one is needed, the error is
	// [CodeNeedsFull], a [*NeedsFullError], and nothing was stored. Full and NoFull exclude each
	// other.
	NoFull bool

	// Fresh makes a full backup refer to nothing that earlier backups have stored, so
	// that what a verification found damaged is stored again.
	Fresh bool

	// SegmentBytes is how much of the database goes into one stored object, before
	// compression: a multiple of 4 KiB, to which it is rounded down, from
	// [MinSegmentBytes] to [MaxSegmentBytes]. 0 means [DefaultSegmentBytes], or half of
	// that for a database of less than eight segments. If that compresses to more than a
	// third and to more than 20 MiB, it goes into several objects.
	SegmentBytes int64

	// LockKeep is how long each backup must stay restorable, whatever anybody deletes, in a
	// bucket that locks each object for some days. A chain of backups then ends early
	// enough, and a full backup refers to nothing whose lock ends too early. If the locks
	// are not longer than that, the error is [CodeLock]. 0 plans nothing.
	LockKeep time.Duration

	// LockLength is how long the store locks each object that is put; 0 means what the
	// store itself reports.
	LockLength time.Duration

	// Labels are recorded with the backup, for people and for rules of retention.
	Labels map[string]string

	// Level is the compression level; 0 means [segment.DefaultLevel].
	Level segment.Level

	// CommitTimeout is how long the commit waits for a clear answer from the store; 0
	// means [DefaultCommitTimeout].
	CommitTimeout time.Duration

	// Observer is told what the run does; it may be nil.
	Observer Observer

	name   string          // of the database, "" for that of its file
	logs   *openlog.Files  // of a session, nil for none
	places *capture.Places // of a session, nil for none
	pace   *pace           // of a session, nil for a single backup

	prepared *pack.Prepared // by a session, nil for nothing
	sent     *sent.Notes    // of the run

	lock *lock // of the store, once it was read; nil if nothing is planned with it
}

// MaxLabels is how many labels a backup can have.
const MaxLabels = manifest.MaxLabels

// DefaultCommitTimeout is how long a commit waits for a clear answer: a minute.
const DefaultCommitTimeout = commit.DefaultTimeout

// Limits of [BackupOptions.SegmentBytes], and its default, 48 MiB. Even if nothing
// compresses, the largest is far below the size limit of a single PUT.
const (
	DefaultSegmentBytes = pack.DefaultSegmentBytes
	MinSegmentBytes     = 1 << 20
	MaxSegmentBytes     = 128 << 20
)

// BackupReport describes what one backup did.
type BackupReport struct {
	Backup Backup // that was committed, or the newest one if nothing was new ([KindNone])

	// Before are backups that were committed right before Backup: what a 0.5 database had
	// committed before it was closed, if that happened while a [Session] had its log open.
	Before []Backup

	// Previous is the newest backup that the archive had before those of this run, with number
	// 0 if it had none. If another writer was first ([Conflict]), it is the backup of that
	// writer.
	Previous Backup

	// Why says why this is a full backup; "" if it is not.
	Why string

	// Encrypted reports that the archive is. Encryption says how, after the first backup, which
	// has made it; else it is nil.
	Encrypted  bool
	Encryption *Encryption

	// LeftOutBytes is how much of the log was left out because it is not a whole commit:
	// it is still being written, or was when its process ended. The database ignores it,
	// too, when it is opened.
	LeftOutBytes int64

	// HoldBegan reports that from this backup on the database keeps its log for the
	// archive; ForeignCursor that it cannot, because something else wrote or moved the
	// cursor.
	HoldBegan     bool
	ForeignCursor bool

	// Abandoned are holds of other archives that no backup seems to move any more, see
	// [HeldLog]. Released are those that [BackupOptions.MaxHold] released: the
	// database drops their log at its next checkpoint, and the next backup into such
	// an archive is a full one.
	Abandoned []HeldLog
	Released  []HeldLog

	Requests storage.RequestCounts
	Elapsed  time.Duration
}

// Backup backs up the database at path, which may also be the folder in which a
// Grafeo-server keeps it ([Locate]): whether it is closed, left behind by a process that
// was killed, or being written at this moment by another process. It locks nothing.
//
// It stores the part of the database's log written after the newest backup. If there is
// no backup, or the log does not continue the newest one, it takes a full backup, and
// [BackupReport.Why] says why; a history that does not continue begins a timeline. If
// nothing is new, nothing is stored. If a backup that existed before is missing from the
// archive, the error is [CodeVanished].
//
// A database with another id is [CodeWrongDatabase], unless it is the result of an
// upgrade to 0.6, which the old database beside it shows, or the archive has backups of
// it already, or [BackupOptions.NewDatabase] is set.
//
// When Backup returns nil, the backup is committed, and everything that it names is
// stored and was proved against the database's own checksums. With any error but
// [CodeUnknownOutcome], nothing was committed. What was stored until then stays, and a
// later run on the same state does not send it again.
func (a *Archive) Backup(ctx context.Context, path string, opts BackupOptions) (BackupReport, error) {
	if err := opts.complete(); err != nil {
		return BackupReport{}, explain(err)
	}
	opts.sent = a.sent.Notes()
	defer opts.sent.Close()
	var r BackupReport
	requests, elapsed, err := run(ctx, opts.Observer, func(ctx context.Context) (err error) {
		r, err = a.backup(ctx, path, opts)
		return err
	})
	if err != nil {
		return BackupReport{}, err
	}
	r.Requests, r.Elapsed = requests, elapsed
	return r, nil
}

func (o *BackupOptions) complete() error {
	if o.SegmentBytes != 0 && (o.SegmentBytes < MinSegmentBytes || o.SegmentBytes > MaxSegmentBytes) {
		return fmt.Errorf("the segment size %d cannot be used: it must be between %d and %d bytes", o.SegmentBytes, MinSegmentBytes, MaxSegmentBytes)
	}
	if o.Full && o.NoFull {
		return errors.New("a backup cannot be a full one and none at the same time")
	}
	o.SegmentBytes -= o.SegmentBytes % manifest.PageBytes
	if o.Level == 0 {
		o.Level = segment.DefaultLevel
	}
	if err := manifest.Labels(o.Labels).Validate(); err != nil {
		return err
	}
	if o.MaxHold < 0 {
		return fmt.Errorf("the limit %d for held log cannot be used: it must not be negative", o.MaxHold)
	}
	if o.LockKeep < 0 || o.LockLength < 0 {
		return fmt.Errorf("the times %s and %s of locks cannot be used: they must not be negative", o.LockKeep, o.LockLength)
	}
	if o.LockLength > 0 && o.LockKeep == 0 {
		return errors.New("how long the store locks objects is only of use with a time for which backups are to stay restorable")
	}
	if o.CommitTimeout < 0 {
		return fmt.Errorf("the commit timeout %s cannot be used: it must be longer than 0", o.CommitTimeout)
	}
	if o.CommitTimeout == 0 {
		o.CommitTimeout = DefaultCommitTimeout
	}
	return nil
}

// backup is [Archive.Backup] without what [run] does.
func (a *Archive) backup(ctx context.Context, path string, opts BackupOptions) (BackupReport, error) {
	// Before the log is held: a cursor must not lie where the database reads none.
	database, err := locate.Find(ctx, path, opts.Closed)
	if err != nil {
		return BackupReport{}, err
	}
	path, opts.name = database.Path, database.Name
	if opts.lock, err = a.readLock(ctx, &opts); err != nil {
		return BackupReport{}, err
	}
	w := updateOptions(a, path, opts)
	var r BackupReport
	err = commit.Update(ctx, a.journal, w, func(head *commit.Head) (err error) {
		r, err = a.backupOn(ctx, path, head, opts)
		return err
	})
	return r, err
}

// backupOn makes the backup that follows head. If another writer commits first, it is
// called again with the new head.
func (a *Archive) backupOn(ctx context.Context, path string, head *commit.Head, opts BackupOptions) (r BackupReport, err error) {
	var held *hold.Session
	if !opts.NoHold {
		held = holderOf(a, opts.pace).Begin(ctx, path, head.Archive.ArchiveID, head.Anew)
	}
	defer func() {
		// A run that goes on with another head still holds the log.
		goesOn := errors.Is(err, commit.ErrConflict) && !errors.Is(err, commit.ErrOtherArchive) || errors.Is(err, commit.ErrOutdated)
		if err != nil && !as[*commit.UnknownOutcomeError](err) && !goesOn {
			held.Undo(ctx)
		}
	}()
	var previous Backup
	if head.Parent != nil {
		previous = describe(head.Parent.Manifest)
	}
	isRemainder := true
	for isRemainder {
		before := r
		if r, isRemainder, err = commitOn(ctx, a, path, head, held, opts); err != nil {
			if as[*capture.NeedsFullError](err) && before.Backup.Seq != 0 {
				r = before // which is all that may be stored now
				break
			}
			return BackupReport{}, err
		}
		if before.Backup.Seq != 0 {
			r.Before = append(before.Before, before.Backup)
		}
	}
	r.Previous = previous
	if err := held.Advance(ctx, head.Parent); err != nil {
		// The backup is committed; only more log than needed is kept.
		a.log.Warn("the log is held from an older position than it needs to be", "err", err)
	}
	if held != nil {
		r.HoldBegan, r.ForeignCursor = held.Began && !held.Foreign, held.Foreign
	}
	r.Encrypted = a.objects.Ring.IsSealed()
	if r.Backup.Seq == 1 && r.Backup.Kind != KindNone {
		r.Encryption, _ = a.encryption(ctx) // what was just made is known
	}
	if head.Anew && opts.NoHold {
		if _, _, err := hold.Release(ctx, a.disk, path, hold.IsNamed(a.name)); err != nil {
			a.log.Warn("the log is still held for what was at this address before", "err", err)
		}
	}
	if !opts.pace.isDue(head.Parent) && !head.Anew {
		return r, nil
	}
	a.note(ctx, head.Parent, head.Anew)
	abandoned, released := holderOf(a, nil).LimitOthers(ctx, path, head.Archive.ArchiveID, opts.MaxHold)
	r.Abandoned, r.Released = heldLogs(abandoned), heldLogs(released)
	return r, nil
}

// commitOn stores what is new and commits it. isRemainder says that this is what the
// database had committed before it was closed, and that what it has now comes after that.
func commitOn(ctx context.Context, a *Archive, path string, head *commit.Head, held *hold.Session, opts BackupOptions) (r BackupReport, isRemainder bool, err error) {
	q := newQuery(a, path, head, held.IsHeldSince(head.Parent), opts)
	q.NoFull, q.Skips = q.NoFull || head.IsKept(), head.IsKept()
	c, err := newPacker(a, head, opts).Copy(ctx, q)
	if head.IsKept() && needsArchive(err) {
		err = fmt.Errorf("%w: %w", commit.ErrOutdated, err)
	}
	if err != nil {
		return BackupReport{}, false, err
	}
	if c.Index == nil {
		return nothingNew(head.Parent), false, nil
	}
	m := c.Manifest(a.tool, a.host, opts.Labels)
	m.LockedFrom = opts.lock.lockedFrom(m, c.Index, head)
	if err := head.Commit(ctx, m, c.Index, opts.CommitTimeout); err != nil {
		return BackupReport{}, false, err
	}
	opts.sent.Committed()
	progress.Tell(ctx, Committed{describe(head.Parent.Manifest)})
	return BackupReport{Backup: describe(head.Parent.Manifest), Why: c.Source.Why, LeftOutBytes: c.Source.LeftOut}, c.Source.Remainder, nil
}

// needsArchive reports whether err is for the archive as it is now to decide, and not for the
// head that a session has kept: only incremental backups follow such a head.
func needsArchive(err error) bool {
	return as[*capture.NeedsFullError](err) || as[*capture.OtherDatabaseError](err) || as[*capture.MaybeUpgradedError](err)
}
