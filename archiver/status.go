package archiver

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/capture"
	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/internal/hold"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/locate"
	"github.com/gbak-s3/gbak-s3/archiver/internal/pack"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// StatusOptions say what to look at besides the archive.
type StatusOptions struct {
	// Database is the path of the archive's database, as [Archive.Backup] takes it; ""
	// for none. With it, the report also says how far the archive lags behind.
	Database string

	// Closed asserts that nobody has the database open, as in [BackupOptions].
	Closed bool
}

// StatusReport says what an archive has and how far it lags behind its database.
type StatusReport struct {
	ArchiveID   string
	Backups     int
	All         []Backup // all of these, the oldest first
	StoredBytes int64    // of the segments that all backups together have written

	// Newest is the newest backup, nil if there is none. Age is the time since it was
	// taken, negative if that is in the future by this host's clock: then nobody knows
	// how old it is.
	Newest *Backup
	Age    time.Duration

	// Restorable is what the manifests say can be restored, the newest timeline first,
	// and in each the lowest epochs first. One manifest of 32 backups is read, which
	// describes the others: if one of those is damaged, [Archive.Verify] finds it.
	Restorable []Reach

	// Replay is what Grafeo replays after a restore of the newest backup, nil if there is
	// none, or if it cannot be restored. Mergeable is what [Archive.Compact] would merge, nil
	// for nothing.
	Replay    *Replay
	Mergeable *Mergeable

	// Conditions is how the store treats conditional writes, as the first backup found
	// out; "" if it did not probe. SingleWriter reports that the store does not support
	// them, and that this was accepted when the archive was created: of two concurrent
	// backups, one may be lost.
	Conditions   manifest.Verdict
	SingleWriter bool

	// Encryption is how the archive is encrypted, nil if it is not.
	Encryption *Encryption

	// Retention is what the newest keep says, nil if there is none.
	Retention *Retention

	// Proofs are what the newest certificate says. They are nil if that is not known, because
	// certificates cannot be read or are damaged: then ProofsUnknown says why.
	Proofs        *Proofs
	ProofsUnknown error

	// Vanished is not nil if the archive lacks a backup that it had before, according to
	// a hold of the database or [Options.State]. It is an [*Error] of [CodeVanished].
	Vanished error

	// Broken is not nil if the newest backup cannot be restored, because the manifest of one that
	// it continues is missing or damaged. It is an [*Error] of [CodeDamagedArchive]. Damage that
	// only reading can find is found by [Archive.Verify] and [Archive.Drill].
	Broken error

	// What follows is about the database, and zero if none was named.

	Behind *Behind    // what the archive does not have yet
	Log    HoldReport // the holds of a 0.6 database
	Spill  *Spill     // what is in its spill folder, nil if nothing is

	Requests storage.RequestCounts
	Elapsed  time.Duration
}

// Behind is what a database has that its archive does not have.
type Behind struct {
	// Continues reports that the database's log continues the newest backup. If it
	// does not, Why says why: then the next backup is a full one, and Commits and
	// Bytes describe that backup, because nobody knows how much of it is new.
	Continues bool
	Why       string

	Commits int64
	Bytes   int64 // of log, or of image and log

	// Lag is the age of the oldest commit that is not in the archive. Where commits have
	// no times (generation 0.5), or Continues is false, it is the time since the newest
	// backup was taken; without any backup, the age of the database. It is 0 if and only
	// if nothing is new, and negative if it counts from a time in the future by this
	// host's clock.
	Lag time.Duration
}

// Status reports what the archive has and, if a database is named, how far the archive
// lags behind it. It reads only documents from the store, locks nothing and writes
// nothing. Its errors are those of [Archive.List] and, for the database, of
// [Archive.Backup]: [CodeWrongDatabase] if it is not the archive's, and [CodeVanished] if
// the archive no longer exists.
func (a *Archive) Status(ctx context.Context, opts StatusOptions) (StatusReport, error) {
	var r StatusReport
	requests, elapsed, err := run(ctx, nil, func(ctx context.Context) (err error) {
		r, err = a.status(ctx, opts)
		return err
	})
	if err != nil {
		return StatusReport{}, err
	}
	r.Requests, r.Elapsed = requests, elapsed
	return r, nil
}

func (a *Archive) status(ctx context.Context, opts StatusOptions) (StatusReport, error) {
	if opts.Database != "" {
		database, err := locate.Find(ctx, opts.Database, opts.Closed)
		if err != nil {
			return StatusReport{}, err
		}
		opts.Database = database.Path
	}
	known := remember(a, opts.Database)
	h, all, err := a.outlines(ctx, func(ctx context.Context) (*journal.List, error) { return a.journal.Open(ctx, known) })
	if err != nil {
		return StatusReport{}, err
	}
	a.warnOfKeep(h)
	a.warnOfKeys(ctx, h)
	backups := catalog.New(all)
	r := StatusReport{ArchiveID: h.Archive.ArchiveID, Backups: len(all), All: describeAll(all), Restorable: reachOf(backups), Replay: replayOf(backups), Mergeable: mergeableOf(backups, h)}
	if c := h.Archive.Conditions; c != nil {
		r.Conditions, r.SingleWriter = c.Verdict, c.SingleWriter
	}
	for _, m := range all {
		r.StoredBytes += m.StoredBytes
	}
	if len(all) > 0 {
		if _, err := backups.Route(catalog.Target{Backup: uint64(all[len(all)-1].Seq)}); err != nil {
			r.Broken = explain(err)
		}
	}
	if r.Encryption, err = a.encryption(ctx); err != nil {
		return r, err
	}
	if r.Retention, err = a.retentionOf(ctx, h); err != nil {
		return r, err
	}
	if r.Proofs, r.ProofsUnknown, err = a.proofsFor(ctx, h); err != nil {
		return r, err
	}
	var newest *manifest.Committed
	if len(all) > 0 {
		// Its outline does not say what a log must have to continue it.
		if newest, err = a.journal.LoadBackup(ctx, h, all[len(all)-1].Seq); err != nil {
			return r, h.AboutNewest(err)
		}
		b := describe(newest.Manifest)
		r.Newest, r.Age = &b, since(manifest.Now(), newest.CreatedAt)
	}
	if _, err := a.journal.CheckVanished(ctx, h, newest, known); as[*journal.VanishedError](err) {
		r.Vanished = explain(err)
	} else if err != nil {
		return r, err
	}
	if opts.Database == "" {
		return r, nil
	}
	heldNow, err := hold.Measure(opts.Database, manifest.Now())
	r.Log = holdReport(heldNow)
	if err != nil {
		return r, err
	}
	held := slices.ContainsFunc(r.Log.Holds, func(o HeldLog) bool { return newest != nil && o.Hold.CommitID == newest.CommitID })
	err = pack.UntilStable(ctx, opts.Database, func() (err error) {
		files, err := capture.ListSpill(opts.Database)
		if err != nil {
			return err
		}
		r.Spill = spillOf(files)
		r.Behind, err = a.behind(ctx, opts.Database, newest, held)
		return err
	})
	if err != nil && r.Vanished != nil {
		err = r.Vanished // which says more than that the databases are not the same
	}
	return r, err
}

// behind compares the database at path with the newest backup, nil for none.
func (a *Archive) behind(ctx context.Context, path string, newest *manifest.Committed, held bool) (*Behind, error) {
	q := capture.Query{Path: path, Parent: newest, Held: held, Knows: a.knows, Log: a.log}
	s, err := q.Look(ctx)
	if err != nil {
		return nil, err
	}
	b := &Behind{Continues: s.Kind == manifest.Incremental, Why: s.Why, Commits: s.Commits, Bytes: s.Bytes()}
	switch {
	case newest == nil:
		b.Why = "the archive has no backup"
		b.Lag = since(manifest.Now(), s.Image.Created)
	case b.Continues && s.Commits == 0: // nothing is new
	case b.Continues && s.StartTime != nil && !s.StartTime.IsZero():
		b.Lag = since(manifest.Now(), *s.StartTime)
	default:
		b.Lag = since(manifest.Now(), newest.CreatedAt)
	}
	return b, nil
}

// skewTolerance is how far apart the clocks of two hosts may be without a warning.
const skewTolerance = 5 * time.Second

// since returns how long ago something was: negative if it is in the future, and never
// 0, which means that nothing is new.
func since(now, then time.Time) time.Duration {
	if d := now.Sub(then); d != 0 {
		return d
	}
	return time.Nanosecond
}

// Within returns an error of [CodeLagging] if the archive lags further behind its
// database than limit or, if no database was named, if its newest backup is older than
// that. It also does so if the archive has no backup, or if a time that counts is more
// than 5 s in the future by this host's clock: a wrong clock hides how old things are. If
// a backup has vanished, or the newest one cannot be restored, that is the error.
func (r *StatusReport) Within(limit time.Duration) error {
	lag := r.Age
	what := "the newest backup is %s old"
	switch {
	case r.Vanished != nil:
		return r.Vanished
	case r.Broken != nil:
		return r.Broken
	case r.Age < -skewTolerance:
		return explain(&clockError{"the newest backup was taken", -r.Age})
	case r.Behind != nil && r.Behind.Lag < -skewTolerance:
		return explain(&clockError{"what the archive does not have yet was committed", -r.Behind.Lag})
	case r.Behind != nil:
		lag, what = r.Behind.Lag, "the archive is %s behind the database"
	case r.Newest == nil:
		return explain(&laggingError{"the archive has no backup"})
	}
	if lag <= limit {
		return nil
	}
	return explain(&laggingError{fmt.Sprintf(what+", and may be %s at most", lag.Round(time.Millisecond), limit)})
}

// Reach is a range of states of a timeline, each of which can be restored. After a removal,
// a timeline may have several.
type Reach struct {
	Timeline           int
	FromEpoch, ToEpoch uint64
	FromTime, ToTime   *time.Time // nil where the database keeps no times
	AsOf               time.Time  // what was committed later is in no backup

	Database, DatabaseID string // name and id of its database, as of its newest backup
	Generation           grafeo.Generation

	FirstBackup, LastBackup uint64 // that give these states
}

// reachOf returns what can be restored from the backups of c.
func reachOf(c *catalog.Catalog) []Reach {
	var all []Reach
	for _, r := range c.Reach() {
		all = append(all, Reach(r))
	}
	return all
}
