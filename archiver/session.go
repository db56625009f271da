package archiver

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/capture"
	"github.com/gbak-s3/gbak-s3/archiver/internal/commit"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/locate"
	"github.com/gbak-s3/gbak-s3/archiver/internal/openlog"
	"github.com/gbak-s3/gbak-s3/archiver/internal/pack"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// SessionOptions are what all backups of a [Session] have in common.
type SessionOptions struct {
	// Backup says how the session backs up. Leave out the fields that [SessionBackup]
	// also has: they are set for each backup.
	Backup BackupOptions
}

// SessionBackup says how to make one backup of a [Session]. The zero value is usable.
type SessionBackup struct {
	Full      bool     // as in [BackupOptions]
	NoFull    bool     // as in [BackupOptions]
	Fresh     bool     // as in [BackupOptions]
	NoHold    bool     // as in [BackupOptions]
	BeginAnew bool     // as in [BackupOptions]
	Observer  Observer // as in [BackupOptions]
}

// Session backs up one database into one archive, again and again. It remembers the end of the
// archive and so needs few requests: an incremental backup that fits into its manifest takes two
// or three, and a Look none. Others may work on the archive and on the database meanwhile, as
// beside [Archive.Backup].
//
// A clean close of a 0.5 database removes its log. A session keeps the log open from the
// first Look or Backup that sees it, and so still has it: the next Backup stores the rest
// of it, and then what the database has now.
//
// All methods may be called concurrently: Look, Backup, Check, Reread and Close wait for each
// other, while Prepare and Requests run beside them.
type Session struct {
	archive *Archive
	path    string
	opts    SessionOptions

	work sync.Mutex // held by the method that works, except Prepare; of what follows

	tip  *commit.Tip // from which the next backup goes on; nil if it has to read the archive
	read time.Time   // when the archive was read last

	known     bool // the archive was read once; what follows is as of the last success
	archiveID string
	newest    *manifest.Committed // the newest backup, without its content; nil if there is none
	full      *fullBackup         // the newest full one; nil if that is not known

	lock *lock // of the store, as of when the archive was read last; nil if nothing is planned with it

	logs   openlog.Files  // of a 0.5 database, so that a clean close loses nothing
	places capture.Places // of a 0.6 database, so that its log need not be read from the beginning
	pace   pace

	preparing sync.Mutex                    // held by Prepare
	prepared  atomic.Pointer[pack.Prepared] // for the next full backup; nil if nothing is

	counting sync.Mutex // of requests
	requests storage.RequestCounts
}

// RereadEvery is how long a [Session] relies on what it remembers of an archive. After that, and
// after every failure, the next backup reads the archive as [Archive.Backup] does.
const RereadEvery = time.Hour

// Session returns a session that backs up the database at path, as [Archive.Backup] takes
// it. It does no I/O.
func (a *Archive) Session(path string, opts SessionOptions) *Session {
	return &Session{archive: a, path: path, opts: opts}
}

// Requests returns how many requests all methods together have sent so far.
func (s *Session) Requests() storage.RequestCounts {
	s.counting.Lock()
	defer s.counting.Unlock()
	return s.requests
}

// run is the function run, and counts for the session.
func (s *Session) run(ctx context.Context, observe Observer, work func(context.Context) error) (storage.RequestCounts, time.Duration, error) {
	requests, elapsed, err := run(ctx, observe, work)
	s.counting.Lock()
	defer s.counting.Unlock()
	s.requests = s.requests.Plus(requests)
	return requests, elapsed, err
}

// options are those of one backup.
func (s *Session) options(b SessionBackup) BackupOptions {
	o := s.opts.Backup
	o.Full, o.NoFull, o.Fresh, o.NoHold, o.BeginAnew, o.Observer = b.Full, b.NoFull, b.Fresh, b.NoHold, b.BeginAnew, b.Observer
	o.logs, o.places, o.pace, o.prepared, o.sent = &s.logs, &s.places, &s.pace, s.prepared.Load(), s.archive.sent.Notes()
	return o
}

// Backup is [Archive.Backup] of the session's database. If the database was closed meanwhile,
// several backups are committed; if there is an error, perhaps only some of them
// ([BackupReport.Before]). A session takes less:
//
//   - If nothing is new, it asks the store nothing. If an incremental backup will do, it makes
//     sure that the archive is still as the session knows it, stores the segment beside that,
//     and commits. A full backup, and one after a failure or an hour, reads the archive.
//   - What the log of a 0.6 database has before the end of the newest backup is not read again,
//     except by backups that read the archive: they find damage there.
//   - The hold of the database moves on when that frees log, or after a minute, or when the
//     session is closed. So do the notes of [Options.State], and [BackupOptions.MaxHold].
func (s *Session) Backup(ctx context.Context, b SessionBackup) (BackupReport, error) {
	s.work.Lock()
	defer s.work.Unlock()
	opts := s.options(b)
	defer opts.sent.Close()
	if err := opts.complete(); err != nil {
		return BackupReport{}, explain(err)
	}
	if b.Full || b.BeginAnew || !s.isFresh() {
		s.tip = nil
	}
	var r BackupReport
	requests, elapsed, err := s.run(ctx, b.Observer, func(ctx context.Context) error {
		database, err := locate.Find(ctx, s.path, opts.Closed)
		if err != nil {
			return err
		}
		opts.name = database.Name
		if err := s.readLock(ctx, &opts); err != nil {
			return err
		}
		return s.update(ctx, s.updateOptions(database.Path, opts), func(head *commit.Head) (err error) {
			r, err = s.archive.backupOn(ctx, database.Path, head, opts)
			return err
		})
	})
	if err != nil {
		return BackupReport{}, err
	}
	if r.Backup.Kind == KindFull {
		s.prepared.Store(nil)
	}
	r.Requests, r.Elapsed = requests, elapsed
	return r, nil
}

// isFresh reports whether the session may rely on what it remembers.
func (s *Session) isFresh() bool { return s.tip != nil && time.Since(s.read) < RereadEvery }

// readLock sets the lock of opts, and reads it anew when the archive is read, too.
func (s *Session) readLock(ctx context.Context, opts *BackupOptions) (err error) {
	if !s.isFresh() {
		if s.lock, err = s.archive.readLock(ctx, opts); err != nil {
			return err
		}
	}
	opts.lock = s.lock
	return nil
}

// updateOptions is the function updateOptions, with what the session has seen itself.
func (s *Session) updateOptions(path string, opts BackupOptions) commit.UpdateOptions {
	o := updateOptions(s.archive, path, opts)
	if n := s.newest; n != nil {
		o.Known.Add(journal.Sighting{
			Name: s.archive.name, ArchiveID: s.archiveID, Encrypted: s.archive.objects.Ring.IsSealed(), Seq: uint64(n.Seq), CommitID: n.CommitID, Epoch: n.EndEpoch, At: n.CreatedAt,
		})
	}
	return o
}

// update is [commit.Update] from what the session remembers, and remembers how it ends. While
// it works, and after a failure, that is nothing to commit upon.
func (s *Session) update(ctx context.Context, o commit.UpdateOptions, attempt func(*commit.Head) error) error {
	o.Tip, s.tip = s.tip, nil
	began := time.Now()
	var last *commit.Head
	err := commit.Update(ctx, s.archive.journal, o, func(head *commit.Head) error {
		last = head
		return attempt(head)
	})
	if as[*capture.NeedsFullError](err) && last != nil && last.WasRead() {
		// Nothing was tried, so what was read is so: else the looks that follow would compare the
		// database with a backup of before, and ask for what has just failed.
		s.known, s.archiveID, s.newest = true, last.Archive.ArchiveID, last.Parent
		s.full = newestFull(ctx, last, s.full)
	}
	if err != nil {
		return err
	}
	s.tip, s.known, s.archiveID, s.newest = last.Tip(), true, last.Archive.ArchiveID, nil
	if s.tip != nil {
		s.newest = s.tip.Parent()
	}
	if last.WasRead() {
		s.read = began
	}
	s.full = newestFull(ctx, last, s.full)
	return nil
}

// Check finds out, with one request, whether the store answers, and whether the archive is as
// the session knows it. If it is not, or if the session does not know it yet, or had a failure
// since, Check reads it. It writes nothing. Its errors are those of a backup that fails before
// it reads the database.
//
// It may not notice what others have appended: see Reread.
func (s *Session) Check(ctx context.Context) error {
	s.work.Lock()
	defer s.work.Unlock()
	_, _, err := s.run(ctx, nil, func(ctx context.Context) error {
		if s.isFresh() {
			err := s.tip.Check(ctx)
			if err == nil {
				return nil
			}
			s.tip = nil
			if !errors.Is(err, commit.ErrOutdated) {
				return err
			}
		}
		return s.reread(ctx)
	})
	return err
}

// Reread reads the end of the archive, to which others may have appended. It writes nothing,
// and its errors are those of Check.
func (s *Session) Reread(ctx context.Context) error {
	s.work.Lock()
	defer s.work.Unlock()
	_, _, err := s.run(ctx, nil, s.reread)
	return err
}

func (s *Session) reread(ctx context.Context) error {
	s.tip = nil
	path, err := locate.Database(s.path)
	if err != nil {
		return err
	}
	opts := s.options(SessionBackup{})
	if err := s.readLock(ctx, &opts); err != nil {
		return err
	}
	o := s.updateOptions(path, opts)
	o.Probe = func(context.Context) (manifest.Verdict, error) { return manifest.Honoured, nil }
	return s.update(ctx, o, func(*commit.Head) error { return nil })
}

// DropRemoved gives up a log that a 0.5 database has removed and the session still has open.
// Such a log takes up space on the disk until a Backup has stored it. It reports whether
// there was one.
func (s *Session) DropRemoved() bool {
	s.work.Lock()
	defer s.work.Unlock()
	removed, err := s.logs.Removed()
	if removed == nil || err != nil {
		return false
	}
	s.logs.Drop(removed)
	return true
}

// Keep opens what a 0.5 database has written since the last Look, so that a clean close loses
// nothing. It waits for no other method and takes microseconds. Call it at each change of the
// database's files: the sooner it is called, the shorter are the runs that it can catch.
//
// It reports whether the database was closed, and its log waits for a backup: the sooner the
// better, because the next run overwrites the image that its states begin with.
func (s *Session) Keep() (wasClosed bool) {
	wasClosed, err := s.logs.Again()
	if err != nil {
		s.archive.log.Debug("the log files cannot be kept open", "err", err) // the next Look says it
	}
	return wasClosed
}

// Close ends the session, which must not be used afterwards. It brings the hold of the
// database up to date, without asking the store.
func (s *Session) Close(ctx context.Context) error {
	s.work.Lock()
	defer s.work.Unlock()
	s.tip = nil
	s.logs.Close()
	return explain(s.pace.settle(ctx, s.archive))
}
