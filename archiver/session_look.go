package archiver

import (
	"context"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/locate"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Look is what a [Session] sees of its database, compared with what it knows of the archive.
type Look struct {
	// Known reports that the session knows the archive. Otherwise, what depends on the
	// archive is zero.
	Known bool

	// Newest is the newest backup, with number 0 if the archive has none.
	Newest Backup

	// Commits, UnsavedBytes and OldestUnsaved are what the archive does not have yet:
	// commits, their bytes of log, and when the oldest of them was made. If there are
	// commits and the time is zero, it is unknown, as in 0.5. All are zero if NeedsFull.
	Commits       int64
	UnsavedBytes  int64
	OldestUnsaved time.Time

	// Remainder reports that these are what a 0.5 database had committed before it was closed.
	// What it has now comes after that, and takes a full backup.
	Remainder bool

	// NeedsFull is why the next backup has to be a full one, "" if it need not.
	NeedsFull string

	// FullBytes is about how much a full backup would read: the image and its log.
	FullBytes  int64
	ImageBytes int64

	// FullSeq and FullAt are the newest full backup and when it read the database, 0 and the
	// zero time if that is not known. SinceFull is how many backups came after it, and
	// LogSinceFullBytes about how much log they have.
	FullSeq           uint64
	FullAt            time.Time
	SinceFull         int
	LogSinceFullBytes int64

	// LogBytes is the whole log on the disk, and HeldLogBytes the part of it that the
	// database keeps only for this archive.
	LogBytes     int64
	HeldLogBytes int64
}

// Look compares the database with what the session knows of the archive. It asks no store,
// and reads of the database what shows how much is new. Its errors are those of a backup that
// cannot read the database.
func (s *Session) Look(ctx context.Context) (Look, error) {
	s.work.Lock()
	defer s.work.Unlock()
	var l Look
	_, err := s.run(ctx, nil, func(ctx context.Context) (err error) {
		l, err = s.look(ctx)
		return err
	})
	return l, err
}

func (s *Session) look(ctx context.Context) (Look, error) {
	database, err := locate.Find(ctx, s.path, s.opts.Backup.Closed)
	if err != nil {
		return Look{}, err
	}
	if !s.known {
		s.head = nil
	}
	found, held, err := s.source(ctx, database.Path)
	if err != nil {
		return Look{}, err
	}
	l := Look{Known: s.known, ImageBytes: found.Image.Size, FullBytes: found.Image.Size + held.LogBytes, LogBytes: held.LogBytes}
	for _, h := range held.Holds {
		if h.Entry.ArchiveID == s.id {
			l.HeldLogBytes = h.OnlyBytes
		}
	}
	if !s.known {
		return l, nil
	}
	if s.head != nil {
		l.Newest = describe(s.head.Manifest)
	}
	if found.Kind == manifest.Full {
		l.NeedsFull, l.FullBytes = found.Why, found.Bytes()
		return l, nil
	}
	l.Remainder = found.Remainder
	l.Commits, l.UnsavedBytes = found.Commits, found.Bytes()
	if found.StartTime != nil && found.Commits > 0 {
		l.OldestUnsaved = *found.StartTime
	}
	return l, nil
}
