package hold

import (
	"context"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// MaxBehind is how long a hold may stay behind the newest backup of a process that backs up
// again and again.
const MaxBehind = time.Minute

// Pace lets the hold of a process that backs up again and again move on less often than it
// backs up: when the database can drop a log segment, or after [MaxBehind]. A hold that is behind
// keeps more log than needed, and nothing else. The zero value is usable; it is for one database
// and one archive, and not for concurrent use.
type Pace struct {
	entry Entry     // as this process has left it, or found it, last
	at    time.Time // when that was

	owed   *Session            // that has not moved the hold; nil if nothing is owed
	newest *manifest.Committed // to which it is to move
}

// held returns the entry of s if the cursor is as this process has left it, and nil otherwise.
// It locks nothing.
func (p *Pace) held(s *Session) *Entry {
	if p == nil || s.anew || p.entry.ArchiveID != s.archiveID || p.entry.FileID != s.fileID || s.fileID == "" {
		return nil
	}
	entries, err := Read(s.path)
	if err != nil {
		return nil
	}
	if i := s.index(entries); i >= 0 && entries[i].isSame(p.entry) {
		return &entries[i]
	}
	return nil
}

// isSame reports whether e and o hold the same log, for the same backup.
func (e Entry) isSame(o Entry) bool {
	return e.ArchiveID == o.ArchiveID && e.LSN == o.LSN && e.Seq == o.Seq && e.CommitID == o.CommitID && e.FileID == o.FileID
}

// mayWait reports whether s may leave the hold where it is, although now is where it belongs
// after backup b. A backup that ends without a commit must be named by the hold: only that
// shows the next run that the history is the same.
func (p *Pace) mayWait(s *Session, b *manifest.Committed, now Entry) bool {
	if p == nil || s.before == nil || s.Began || s.anew || b.Position.Commit == nil || !s.before.isSame(p.entry) {
		return false
	}
	if p.entry.isSame(now) {
		p.owed, p.newest = nil, nil
		return true
	}
	if p.entry.LSN != now.LSN || p.entry.FileID != now.FileID || time.Since(p.at) >= MaxBehind {
		return false
	}
	p.owed, p.newest = s, b
	return true
}

// moved notes where the cursor has the hold now.
func (p *Pace) moved(e Entry) {
	if p != nil {
		p.entry, p.at, p.owed, p.newest = e, time.Now(), nil, nil
	}
}

// Settle moves the hold to where it belongs after the newest backup, unless somebody has
// released it.
func (p *Pace) Settle(ctx context.Context) error {
	s, b := p.owed, p.newest
	p.owed, p.newest = nil, nil
	if s == nil || p.held(s) == nil {
		return nil
	}
	s.holder.Pace = nil
	return s.Advance(ctx, b)
}
