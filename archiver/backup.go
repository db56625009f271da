package archiver

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/capture"
	"github.com/gbak-s3/gbak-s3/archiver/internal/hold"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/locate"
	"github.com/gbak-s3/gbak-s3/archiver/internal/pack"
	"github.com/gbak-s3/gbak-s3/archiver/internal/progress"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/archiver/segment"
	"github.com/gbak-s3/gbak-s3/storage"
)

// BackupOptions modify one backup. The zero value is usable.
type BackupOptions struct {
	// NoHold leaves the database alone: without it a 0.6 database is told to keep
	// the log that the archive does not have yet, see [Hold].
	NoHold bool

	// Closed says that nobody has the database open, where that cannot be found out:
	// a file that is mounted by itself is refused without, see [CodeUnseenLog].
	Closed bool

	// BeginAnew accepts that what was at the archive's address before is not there any
	// more: without it, that is a [VanishedError]. It changes nothing where all is there.
	BeginAnew bool

	// MaxHold is how many bytes of log the database may keep for holds, 0 for any
	// number. If there are more when this backup has everything, the hold with the
	// most log is ended, and the next one until it is enough: never that of this
	// archive, and none that frees nothing.
	MaxHold int64

	// NewDatabase says that the archive goes on with this database, although it is
	// another one than that of the newest backup: its successor under the same name. It
	// begins a timeline; what there is stays restorable. It changes nothing if it is the
	// same one.
	NewDatabase bool

	// SingleWriter accepts, for a new archive, a store that does not create an
	// object only if it is absent. The archive says so from then on, and never
	// more than one process may back up into it at a time. It changes nothing
	// where the store does.
	SingleWriter bool

	// Full takes a full backup even if the log continues the newest backup.
	Full bool

	// Fresh makes a full backup refer to nothing that earlier backups have stored:
	// what a verification has found damaged is stored again.
	Fresh bool

	// SegmentBytes is how much of the database goes into one stored object,
	// before compression. If compression does not make a third of it, or 20 MiB, it
	// goes into several. It is rounded down to 4 KiB, and between [MinSegmentBytes] and
	// [MaxSegmentBytes]; 0 means [DefaultSegmentBytes], or half of it if there are
	// less than eight of them.
	SegmentBytes int64

	// Level is how much work compression does; 0 means [segment.DefaultLevel].
	Level segment.Level

	// CommitTimeout is how long the commit waits for a clear answer of the
	// store; 0 means [DefaultCommitTimeout].
	CommitTimeout time.Duration

	// Observer is told what the run does; nil for nobody.
	Observer Observer

	name string // of the database, if it is not that of its file
}

// DefaultCommitTimeout is how long a commit waits for a clear answer.
const DefaultCommitTimeout = journal.DefaultCommitTimeout

// Limits of [BackupOptions.SegmentBytes]: the largest one is far below what a
// single PUT may have even if nothing compresses.
const (
	DefaultSegmentBytes = pack.DefaultSegmentBytes
	MinSegmentBytes     = 1 << 20
	MaxSegmentBytes     = 128 << 20
)

// BackupReport is what one run has done.
type BackupReport struct {
	Backup Backup

	// Why says why this is a full backup, or "" if it is not.
	Why string

	// LeftOutBytes is how much of the log was left out as it is no whole commit: a
	// commit that is being written, or was when its process ended. The database
	// leaves it out, too, when it is opened.
	LeftOutBytes int64

	// HoldBegan tells that from this backup on the database keeps its log for
	// the archive; ForeignCursor that it cannot, as the cursor is somebody
	// else's.
	HoldBegan     bool
	ForeignCursor bool

	// Abandoned are holds of other archives that look as if no backup went there any
	// more, see [HeldLog]. Released are those that [BackupOptions.MaxHold] has ended:
	// the database drops that log with its next checkpoint, and the next backup into
	// such an archive is a full one.
	Abandoned []HeldLog
	Released  []HeldLog

	Requests storage.RequestCounts
	Elapsed  time.Duration
}

// Backup backs up the database at path, which may be the folder that a Grafeo-server keeps
// it in ([Locate]), whether it is closed, left behind by a
// process that was killed, or being written at this moment by another process.
// It locks nothing. It stores what the database's log has behind the newest
// backup, or takes a full backup if there is none or the log does not continue
// there; [BackupReport.Why] says so then, and what does not continue is a
// timeline of its own. If nothing is new, nothing is stored. If the archive lacks a
// backup that was there before, that is [CodeVanished], see [VanishedError].
//
// A database of another id is [CodeWrongDatabase], unless it is what its upgrade to 0.6 has
// made of it, which the old one beside it shows, or one that the archive has backups of,
// or [BackupOptions.NewDatabase] is set.
//
// When it returns nil, the backup is committed and everything that it names is
// stored and was proved against the database's own checksums. With any error
// but [CodeUnknownOutcome] nothing was committed. What was stored until then
// stays, and a later run on the same state does not send it again.
func (a *Archive) Backup(ctx context.Context, path string, opts BackupOptions) (BackupReport, error) {
	if err := opts.complete(); err != nil {
		return BackupReport{}, explain(err)
	}
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
		return fmt.Errorf("the segment size %d cannot be used: it is between %d and %d bytes", o.SegmentBytes, MinSegmentBytes, MaxSegmentBytes)
	}
	o.SegmentBytes -= o.SegmentBytes % manifest.PageBytes
	if o.Level == 0 {
		o.Level = segment.DefaultLevel
	}
	if o.MaxHold < 0 {
		return fmt.Errorf("the limit %d for held log cannot be used: it is a number of bytes", o.MaxHold)
	}
	if o.CommitTimeout < 0 {
		return fmt.Errorf("the commit timeout %s cannot be used: it is longer than 0", o.CommitTimeout)
	}
	if o.CommitTimeout == 0 {
		o.CommitTimeout = DefaultCommitTimeout
	}
	return nil
}

// backup gives the manifest that it has committed, or with kind none the one of
// the newest backup, which has everything.
func (a *Archive) backup(ctx context.Context, path string, opts BackupOptions) (BackupReport, error) {
	// Before the log is held: a cursor must not lie where the database reads none.
	database, err := locate.Find(ctx, path, opts.Closed)
	if err != nil {
		return BackupReport{}, err
	}
	path, opts.name = database.Path, database.Name
	w := a.writing(path, opts)
	var r BackupReport
	err = a.journal.Update(ctx, w, func(head *journal.Head) (err error) {
		r, err = a.backupOn(ctx, path, head, opts)
		return err
	})
	return r, err
}

// packer stores what a backup with these options captures on head.
func (a *Archive) packer(head *journal.Head, opts BackupOptions) *pack.Packer {
	return &pack.Packer{Options: pack.Options{SegmentBytes: opts.SegmentBytes, Level: opts.Level, Fresh: opts.Fresh, Workers: a.workers, Log: a.log}, Head: head}
}

// query asks the database at path what is new since the parent of head.
func (a *Archive) query(path string, head *journal.Head, held bool, opts BackupOptions) capture.Query {
	return capture.Query{Path: path, Name: opts.name, Parent: head.Parent, Held: held, Full: opts.Full, NewDatabase: opts.NewDatabase, Knows: a.knows, Log: a.log}
}

// keeper is the archive as what databases keep their log for.
func (a *Archive) keeper() hold.Keeper { return hold.Keeper{Disk: a.disk, Name: a.name, Log: a.log} }

// writing is how a backup of the database at path, "" for none, looks at the journal.
func (a *Archive) writing(path string, opts BackupOptions) journal.UpdateOptions {
	return journal.UpdateOptions{Known: a.remember(path), BeginAnew: opts.BeginAnew, SingleWriter: opts.SingleWriter, Probe: a.probeConditions}
}

// backupOn makes the backup that follows head.
func (a *Archive) backupOn(ctx context.Context, path string, head *journal.Head, opts BackupOptions) (r BackupReport, err error) {
	var keeping *hold.Holding
	if !opts.NoHold {
		keeping = hold.Begin(ctx, a.keeper(), path, head.Archive.ArchiveID, head.Anew)
	}
	defer func() {
		// A run that retries on top of another writer's backup holds the log still.
		retries := errors.Is(err, journal.ErrConflict) && !errors.Is(err, journal.ErrOtherArchive)
		if err != nil && !as[*journal.UnknownOutcomeError](err) && !retries {
			keeping.Undo(ctx)
		}
	}()
	c, err := a.packer(head, opts).Copy(ctx, a.query(path, head, keeping.Since(head.Parent), opts))
	if err != nil {
		return BackupReport{}, err
	}
	if c.Index == nil {
		r = nothingNew(head.Parent)
	} else {
		if err := head.Commit(ctx, c.Manifest(head.Parent, a.tool, a.host), c.Index, opts.CommitTimeout); err != nil {
			return BackupReport{}, err
		}
		progress.Tell(ctx, Committed{describe(head.Parent.Manifest)})
		r = BackupReport{Backup: describe(head.Parent.Manifest), Why: c.Source.Why, LeftOutBytes: c.Source.LeftOut}
	}
	if err := keeping.Advance(ctx, head.Parent); err != nil {
		// The backup is committed; only more log than needed is kept.
		a.log.Warn("the log is held from an older position than it needs to be", "err", err)
	}
	if keeping != nil {
		r.HoldBegan, r.ForeignCursor = keeping.Began && !keeping.Foreign, keeping.Foreign
	}
	if head.Anew && opts.NoHold {
		if _, _, err := hold.Release(ctx, a.disk, path, hold.Named(a.name)); err != nil {
			a.log.Warn("the log is held still for what was at this address before", "err", err)
		}
	}
	a.records.Note(ctx, a.name, head.Parent, head.Anew)
	abandoned, released := a.keeper().OtherHolds(ctx, path, head.Archive.ArchiveID, opts.MaxHold)
	r.Abandoned, r.Released = heldLogs(abandoned), heldLogs(released)
	return r, nil
}

// nothingNew reports that head has all that there is.
func nothingNew(head *manifest.Committed) BackupReport {
	b := describe(head.Manifest)
	b.Kind, b.StartEpoch = KindNone, b.EndEpoch
	b.RawBytes, b.StoredBytes, b.ReusedBytes, b.Segments = 0, 0, 0, 0
	return BackupReport{Backup: b}
}
