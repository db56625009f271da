// Package hold makes a 0.6 database keep its log for archives: what an archive does not
// have yet stays through checkpoints and clean closes. A hold is what a replication slot
// is in PostgreSQL. No other room writes beside a user's database.
//
// Its terms:
//
//   - The cursor is the file backup_cursor.meta in the log folder of a database
//     (docs/grafeo-format.md, section 6.5, and FORMAT.md, "The cursor"). The database keeps
//     every log segment that ends above the position in it.
//   - An [Entry] of the cursor is the hold of one archive. The position of the cursor is the
//     lowest of its entries.
//   - A [Holder] is an archive for which databases keep their logs. A [Session] is one
//     backup run of it.
//   - A cursor is foreign if somebody else wrote or moved it. It is left alone, and nothing
//     is held.
package hold

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// Holder is an archive for which databases keep their logs.
type Holder struct {
	Disk disk.Disk
	Name string // of the archive, for people; no two archives at different addresses have the same
	Log  *slog.Logger
	Pace *Pace // of a process that backs up again and again; nil if it backs up once
}

// Session is the hold of one backup run: it begins before anything of the database is read,
// and ends with Advance or Undo. All its methods do nothing on nil.
type Session struct {
	Began   bool // no backup before this run held the log for the archive
	Foreign bool // the cursor is somebody else's: nothing is held

	holder    Holder
	path      string // of the database
	archiveID string
	fileID    string // of the database's file, before anything of it was read
	now       time.Time
	anew      bool   // another archive was at the address; its entry counts until this run has committed
	before    *Entry // of the archive, before this run; nil if there was none
}

// Begin makes the database at path keep its log for the archive with this id from now on,
// if it does not yet: from the oldest position that it has. That is before the backup reads
// anything, so that nothing that the next backup needs can be cut off after this one has
// looked for it. anew says that the archive takes the place of another one.
//
// It returns nil if the database cannot hold its log, as in 0.5, or if writing the hold
// fails, as in a read-only folder. No backup fails because of that; but the next one may
// have to be a full one.
func (h Holder) Begin(ctx context.Context, path, archiveID string, anew bool) *Session {
	s := &Session{holder: h, path: path, archiveID: archiveID, fileID: disk.Identity(path), now: manifest.Now(), anew: anew}
	if s.before = h.Pace.held(s); s.before != nil {
		return s
	}
	lsn, err := oldestLSN(ctx, path)
	if errors.Is(err, errNoHold) {
		return nil
	}
	if err == nil {
		err = s.begin(ctx, lsn)
	}
	if err != nil {
		h.Log.Warn("the database does not hold its log for this archive", "cursor", grafeo.CursorPath(path), "err", err)
		if s.Foreign = errors.Is(err, ErrForeignCursor); !s.Foreign {
			return nil
		}
	}
	return s
}

// errNoHold is the error for a database that cannot hold its log.
var errNoHold = errors.New("it holds no log")

// A database that writes a checkpoint may be read in the middle of it. Whoever took that for
// no would hold no log: the database would drop what the next backup needs.
const (
	tornReads = 20
	tornPause = 25 * time.Millisecond
)

// oldestLSN returns the oldest position of the log of the database at path.
func oldestLSN(ctx context.Context, path string) (lsn uint64, err error) {
	for range tornReads {
		if lsn, err = oldestLSNOnce(path); err == nil || !grafeo.IsTorn(err) {
			return lsn, err
		}
		select {
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		case <-time.After(tornPause):
		}
	}
	return 0, err
}

func oldestLSNOnce(path string) (uint64, error) {
	image, err := grafeo.ReadDatabase(path)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errNoHold, err) // the backup reports what is wrong
	}
	if image.Generation != grafeo.Gen06 {
		return 0, errNoHold
	}
	return grafeo.OldestLSN(grafeo.LogDir(path), image.CheckpointLSN)
}

func (s *Session) begin(ctx context.Context, lsn uint64) error {
	return s.change(ctx, func(entries []Entry) []Entry {
		// An address has one archive: what else holds under its name is of a first
		// backup that was killed, or, until this run has committed, of an archive that
		// is gone.
		entries = slices.DeleteFunc(entries, func(e Entry) bool { return s.replaces(e) && e.Seq == 0 })
		if i := s.index(entries); i >= 0 {
			s.before = &entries[i]
			s.Began = entries[i].Seq == 0 // by a run that was killed, or lost a race
			return entries
		}
		s.Began = true
		return append(entries, Entry{ArchiveID: s.archiveID, Name: s.holder.Name, LSN: lsn, UpdatedAt: s.now})
	})
}

// IsHeldSince reports whether the log was held for the archive from backup b on, nil for
// none, and the database's file is still the same one.
func (s *Session) IsHeldSince(b *manifest.Committed) bool {
	return s != nil && s.before != nil && b != nil && s.before.CommitID == b.CommitID &&
		s.before.FileID != "" && s.before.FileID == s.fileID
}

// WasHeldSince is [Session.IsHeldSince] for a caller that begins no hold: it reports whether
// the database at path has kept its log for the archive with this id from backup b on.
func WasHeldSince(path, archiveID string, b *manifest.Committed) bool {
	entries, err := Read(path)
	if err != nil {
		return false
	}
	s := &Session{archiveID: archiveID, fileID: disk.Identity(path)}
	if i := s.index(entries); i >= 0 {
		s.before = &entries[i]
	}
	return s.IsHeldSince(b)
}

// Advance lets the database drop the log that the archive has with backup b: all before
// the segment with b's last commit, which shows the next run that the history is the
// same. If b ends without a commit, nothing may be dropped: then only the beginning of
// the log shows the next run whether the history is the same.
func (s *Session) Advance(ctx context.Context, b *manifest.Committed) error {
	if s == nil || s.Foreign {
		return nil
	}
	ctx, cancel := disk.Settling(ctx)
	defer cancel()
	var lsn uint64
	if c := b.Position.Commit; c != nil {
		lsn = c.StartFile
	}
	now := Entry{s.archiveID, s.holder.Name, lsn, b.EndEpoch, uint64(b.Seq), b.CommitID, s.fileID, s.now}
	if s.holder.Pace.mayWait(s, b, now) {
		return nil
	}
	is := now // what the cursor has afterwards
	err := s.change(ctx, func(entries []Entry) []Entry {
		entries = slices.DeleteFunc(entries, s.replaces)
		is = now
		i := s.index(entries)
		if i < 0 {
			return append(entries, now)
		}
		switch old := entries[i]; {
		case old.Seq > now.Seq && !s.anew: // another run was faster
			is = old
		case old.CommitID == now.CommitID && old.LSN == now.LSN && old.FileID == now.FileID:
		default:
			entries[i] = now
		}
		return entries
	})
	if errors.Is(err, ErrForeignCursor) {
		s.Foreign = true
		return nil
	}
	if err == nil {
		s.holder.Pace.moved(is)
	}
	return err
}

// Undo ends the hold if this run began it. It is for a run that has failed.
func (s *Session) Undo(ctx context.Context) {
	if s == nil || !s.Began {
		return
	}
	ctx, cancel := disk.Settling(ctx)
	defer cancel()
	_ = s.change(ctx, func(entries []Entry) []Entry { // the failure that led here is the one to report
		return slices.DeleteFunc(entries, func(e Entry) bool { return e.ArchiveID == s.archiveID && e.Seq == 0 })
	})
}

func (s *Session) change(ctx context.Context, change func([]Entry) []Entry) error {
	return changeCursor(ctx, s.holder.Disk, s.path, change)
}

// replaces reports whether e is of another archive at the same address.
func (s *Session) replaces(e Entry) bool {
	return e.Name != "" && e.Name == s.holder.Name && e.ArchiveID != s.archiveID
}

func (s *Session) index(entries []Entry) int {
	return slices.IndexFunc(entries, func(e Entry) bool { return e.ArchiveID == s.archiveID })
}
