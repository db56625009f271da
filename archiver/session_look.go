package archiver

import (
	"context"
	"errors"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/capture"
	"github.com/gbak-s3/gbak-s3/archiver/internal/commit"
	"github.com/gbak-s3/gbak-s3/archiver/internal/hold"
	"github.com/gbak-s3/gbak-s3/archiver/internal/locate"
	"github.com/gbak-s3/gbak-s3/archiver/internal/pack"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Look compares what a [Session] sees of its database with what it knows of the archive.
type Look struct {
	// Known reports that the session has read the archive, with Check or Backup. Otherwise,
	// what depends on the archive is zero, except HeldLogBytes. What it knows is as of its last
	// success.
	Known bool

	// Newest is the newest backup, with number 0 if the archive has none. Encrypted reports that the
	// archive is.
	Newest    Backup
	Encrypted bool

	// Commits, UnsavedBytes and OldestUnsaved are what the archive does not have yet:
	// commits, their bytes of log, and when the oldest of them was made. If there are
	// commits and the time is zero, it is unknown, as in 0.5. All are zero if NeedsFull.
	Commits       int64
	UnsavedBytes  int64
	OldestUnsaved time.Time

	// Remainder reports that these are what a 0.5 database had committed before it was closed.
	// What it has now comes after that, and takes a full backup.
	Remainder bool

	// NeedsFull is why the next backup has to be a full one, "" if it need not. Whether
	// the archive accepts another database than that of its newest backup is known only
	// when a backup is tried.
	NeedsFull string

	// LockFullAt is the time from which the next backup has to be a full one because
	// of [BackupOptions.LockKeep], even if nothing is new; zero if there is no need.
	LockFullAt time.Time

	// FullBytes is about how much a full backup would read: the image and its log.
	FullBytes  int64
	ImageBytes int64

	// FullSeq and FullAt are the newest full backup and when it read the database, 0 and the
	// zero time if that is not known. SinceFull is how many records came after it, nearly all
	// of them backups, and LogSinceFullBytes about how much log they have.
	FullSeq           uint64
	FullAt            time.Time
	SinceFull         int
	LogSinceFullBytes int64

	// LogBytes is the whole log on the disk, and HeldLogBytes the part of it that the
	// database keeps only for this archive. Of a 0.5 database, HeldLogBytes is the log
	// that it has removed and the session still has open, which is on the disk, too.
	LogBytes     int64
	HeldLogBytes int64
}

// Look compares the database with what the session knows of the archive. It asks no store,
// and reads only what shows how much is new in the database. Its errors are those of a backup
// that cannot read the database.
func (s *Session) Look(ctx context.Context) (Look, error) {
	s.work.Lock()
	defer s.work.Unlock()
	var l Look
	_, _, err := s.run(ctx, nil, func(ctx context.Context) (err error) {
		l, err = s.look(ctx)
		return err
	})
	if err != nil {
		return Look{}, err
	}
	return l, nil
}

func (s *Session) look(ctx context.Context) (Look, error) {
	database, err := locate.Find(ctx, s.path, s.opts.Backup.Closed)
	if err != nil {
		return Look{}, err
	}
	var l Look
	err = pack.UntilStable(ctx, database.Path, func() (err error) {
		if l, err = s.lookOnce(ctx, database.Path); err != nil {
			return err
		}
		held, err := hold.Measure(database.Path, manifest.Now())
		if err != nil {
			return err
		}
		l.LogBytes = held.LogBytes
		for _, h := range held.Holds {
			if s.holds(h.Entry) {
				l.HeldLogBytes = h.OnlyBytes
			}
		}
		l.HeldLogBytes += s.logs.RemovedBytes()
		return nil
	})
	if l.FullBytes == 0 {
		l.FullBytes = l.ImageBytes + l.LogBytes
	}
	s.full.describe(&l, s.newest)
	return l, err
}

// holds reports whether a hold is of this archive: as long as that was not read, by its name.
func (s *Session) holds(e hold.Entry) bool {
	if !s.known {
		return hold.IsNamed(s.archive.name)(e)
	}
	return e.ArchiveID == s.archiveID
}

// lookOnce compares the database at path with the newest backup, once.
func (s *Session) lookOnce(ctx context.Context, path string) (Look, error) {
	l := Look{Known: s.known, Encrypted: s.known && s.archive.objects.Ring.IsSealed()}
	q := newQuery(s.archive, path, &commit.Head{Parent: s.newest}, hold.WasHeldSince(path, s.archiveID, s.newest), s.opts.Backup)
	q.Full, q.NoFull, q.Logs, q.Places = false, false, &s.logs, &s.places
	l.LockFullAt = s.lock.fullFrom(s.newest)
	q.Skips = s.isFresh()
	q.Knows = func(context.Context, string) (bool, error) { return false, nil }
	if s.newest != nil {
		l.Newest = describe(s.newest.Manifest)
	}
	found, err := q.Look(ctx)
	other, isOther := errors.AsType[*capture.OtherDatabaseError](err)
	if isOther {
		q.Parent = nil
		found, err = q.Look(ctx)
	}
	if err != nil {
		return Look{}, err
	}
	l.ImageBytes = found.Image.Size
	whyLock := s.lock.whyFull(s.newest, time.Now())
	switch {
	case isOther:
		l.NeedsFull, l.FullBytes = other.Error(), found.Bytes()
	case found.Kind == manifest.Full && s.known && !found.Archived:
		l.NeedsFull, l.FullBytes = found.Why, found.Bytes()
	case found.Kind == manifest.Full && !found.Archived:
		l.FullBytes = found.Bytes()
	case whyLock != "" && !found.Remainder:
		l.NeedsFull = whyLock
	default:
		l.Commits, l.UnsavedBytes, l.Remainder = found.Commits, found.Bytes(), found.Remainder
		if found.StartTime != nil && found.Commits > 0 {
			l.OldestUnsaved = *found.StartTime
		}
	}
	return l, nil
}

// fullBackup is what a session remembers of the newest full backup.
type fullBackup struct {
	seq manifest.Seq
	at  time.Time
	end manifest.Position
}

// newestFull returns the newest full backup as of head, of which known may be it already. If it
// cannot be read, only its number is known: backups do not depend on the rest.
func newestFull(ctx context.Context, head *commit.Head, known *fullBackup) *fullBackup {
	seq := head.NewestFull()
	switch {
	case seq == nil:
		return nil
	case known != nil && known.seq == *seq && (!head.WasRead() || !known.at.IsZero()):
		return known
	}
	m := head.Parent
	if m == nil || m.Seq != *seq {
		var err error
		if m, err = head.Load(ctx, *seq); err != nil {
			return &fullBackup{seq: *seq}
		}
	}
	return &fullBackup{m.Seq, m.CreatedAt, m.Position}
}

// describe says in l what came after the full backup, up to the newest one.
func (f *fullBackup) describe(l *Look, newest *manifest.Committed) {
	if f == nil || newest == nil {
		return
	}
	l.FullSeq, l.FullAt, l.SinceFull = uint64(f.seq), f.at, int(newest.Seq-f.seq)
	last, first := newest.Position.Commit, f.end.Commit
	switch {
	case f.at.IsZero():
	case newest.Position.LSN > 0:
		l.LogSinceFullBytes = max(0, int64(newest.Position.LSN-f.end.LSN))
	case last != nil && first != nil && last.EndFile == first.EndFile:
		l.LogSinceFullBytes = max(0, last.End-first.End)
	case last != nil && l.SinceFull > 0:
		l.LogSinceFullBytes = l.LogBytes
	}
}
