package archiver

import (
	"context"
	"sync"

	"github.com/gbak-s3/gbak-s3/archiver/internal/capture"
	"github.com/gbak-s3/gbak-s3/archiver/internal/commit"
	"github.com/gbak-s3/gbak-s3/archiver/internal/hold"
	"github.com/gbak-s3/gbak-s3/archiver/internal/locate"
	"github.com/gbak-s3/gbak-s3/archiver/internal/openlog"
	"github.com/gbak-s3/gbak-s3/archiver/internal/pack"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// SessionOptions are what all backups of a [Session] have in common.
type SessionOptions struct {
	// Backup says how the session backs up. What [SessionBackup] has, too, is left out of
	// it and said for each backup.
	Backup BackupOptions
}

// SessionBackup says what one backup of a [Session] is to be. The zero value is usable.
type SessionBackup struct {
	Full      bool     // as in [BackupOptions]
	NoFull    bool     // as in [BackupOptions]
	Fresh     bool     // as in [BackupOptions]
	BeginAnew bool     // as in [BackupOptions]
	Observer  Observer // as in [BackupOptions]
}

// Session backs up one database into one archive, again and again. It remembers the end of
// the archive, so that it need not ask for what it knows. Others may work on the archive
// and on the database meanwhile, as beside [Archive.Backup].
//
// A clean close of a 0.5 database removes its log. A session keeps that open from the first
// Look or Backup that sees it, and so has it still: the next Backup stores the rest of it,
// and then what the database has now.
//
// All methods may be called concurrently: Look, Backup, Check and Close wait for each
// other, while Prepare runs beside them.
type Session struct {
	archive *Archive
	path    string
	opts    SessionOptions

	work  sync.Mutex // held by the method that works, except Prepare
	known bool       // the archive was read, and nothing has failed since
	id    string     // of the archive
	head  *manifest.Committed
	logs  openlog.Files // of a 0.5 database, so that a clean close loses nothing

	counting sync.Mutex
	requests storage.RequestCounts
}

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
func (s *Session) run(ctx context.Context, observe Observer, work func(context.Context) error) (storage.RequestCounts, error) {
	requests, _, err := run(ctx, observe, work)
	s.counting.Lock()
	defer s.counting.Unlock()
	s.requests = s.requests.Plus(requests)
	return requests, err
}

// options are those of one backup.
func (s *Session) options(b SessionBackup) BackupOptions {
	o := s.opts.Backup
	o.Full, o.NoFull, o.Fresh, o.BeginAnew, o.Observer = b.Full, b.NoFull, b.Fresh, b.BeginAnew, b.Observer
	return o
}

// Backup is [Archive.Backup] of the session's database. If that was closed meanwhile, several
// backups are committed, and with an error perhaps some of them
// ([BackupReport.Before]).
func (s *Session) Backup(ctx context.Context, b SessionBackup) (BackupReport, error) {
	s.work.Lock()
	defer s.work.Unlock()
	opts := s.options(b)
	opts.logs = &s.logs
	if err := opts.complete(); err != nil {
		return BackupReport{}, explain(err)
	}
	var r BackupReport
	requests, err := s.run(ctx, b.Observer, func(ctx context.Context) error {
		return s.onHead(ctx, opts, nil, func(path string, head *commit.Head) (err error) {
			r, err = s.archive.backupOn(ctx, path, head, opts)
			return err
		})
	})
	if err != nil {
		return BackupReport{}, err
	}
	r.Requests = requests
	return r, nil
}

// onHead calls attempt with the end of the archive, as [commit.Update] does, and
// remembers that. A probe other than nil takes the place of that of the store.
func (s *Session) onHead(ctx context.Context, opts BackupOptions, probe func(context.Context) (manifest.Verdict, error), attempt func(path string, head *commit.Head) error) error {
	s.known = false
	database, err := locate.Find(ctx, s.path, opts.Closed)
	if err != nil {
		return err
	}
	opts.name = database.Name
	o := updateOptions(s.archive, database.Path, opts)
	if probe != nil {
		o.Probe = probe
	}
	err = commit.Update(ctx, s.archive.journal, o, func(head *commit.Head) error {
		err := attempt(database.Path, head)
		if err == nil {
			s.id, s.head = head.Archive.ArchiveID, head.Parent
		}
		return err
	})
	s.known = err == nil
	return err
}

// Prepare stores most of what a full backup needs, and commits nothing. A full backup that
// follows soon has little left to send. Other methods may be called meanwhile, so that
// increments go on.
func (s *Session) Prepare(ctx context.Context) error {
	opts := s.options(SessionBackup{Full: true})
	if err := opts.complete(); err != nil {
		return explain(err)
	}
	_, err := s.run(ctx, nil, func(ctx context.Context) error {
		database, err := locate.Find(ctx, s.path, opts.Closed)
		if err != nil {
			return err
		}
		opts.name = database.Name
		return commit.Update(ctx, s.archive.journal, updateOptions(s.archive, database.Path, opts), func(head *commit.Head) error {
			held := hold.WasHeldSince(database.Path, head.Archive.ArchiveID, head.Parent)
			_, err := newPacker(s.archive, head, opts).Copy(ctx, newQuery(s.archive, database.Path, head, held, opts))
			return err
		})
	})
	return err
}

// Check finds out whether the store answers, and whether the archive is as the session knows
// it. If the session does not know it yet, or no longer, Check reads it. It writes nothing.
// Its errors are those of a backup that fails before it reads the database.
func (s *Session) Check(ctx context.Context) error {
	s.work.Lock()
	defer s.work.Unlock()
	_, err := s.run(ctx, nil, func(ctx context.Context) error {
		probe := func(context.Context) (manifest.Verdict, error) { return manifest.Honoured, nil }
		return s.onHead(ctx, s.options(SessionBackup{}), probe, func(string, *commit.Head) error { return nil })
	})
	return err
}

// Close ends the session: what it still owes the database's hold is written. The session
// must not be used afterwards.
func (s *Session) Close(context.Context) error {
	s.work.Lock()
	defer s.work.Unlock()
	s.known = false
	s.logs.Close()
	return nil
}

// source returns what is new in the database at path since the newest backup, and what the
// log is held for.
func (s *Session) source(ctx context.Context, path string) (found *capture.Source, held hold.Report, err error) {
	q := newQuery(s.archive, path, &commit.Head{Parent: s.head}, hold.WasHeldSince(path, s.id, s.head), s.options(SessionBackup{}))
	q.Logs = &s.logs
	q.Knows = func(context.Context, string) (bool, error) { return false, nil }
	err = capture.UntilStable(ctx, path, pack.IsTorn, func() (err error) {
		if held, err = hold.Measure(path, manifest.Now()); err != nil {
			return err
		}
		found, err = q.Look(ctx)
		return err
	})
	return found, held, err
}
