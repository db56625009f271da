package archiver

import (
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/pack"
	"github.com/gbak-s3/gbak-s3/archiver/internal/pages"
	"github.com/gbak-s3/gbak-s3/archiver/internal/probe"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// On returns a with another disk for the databases that it changes. What its restores do
// there does not depend on how long they take: see [Archive.JournalAlways].
func (a *Archive) On(d disk.Disk) *Archive {
	b := *a
	b.disk = d
	b.journalEvery = time.Hour
	a.records.Disk = d // for its keys, too
	n := *a.sent
	n.Disk = d
	b.sent = &n
	return &b
}

// Unsealed returns a as it would be if nothing sealed what it stores: only the guard is left.
func (a *Archive) Unsealed() *Archive {
	b, plain := *a, *a.objects
	plain.Ring = nil
	b.objects, b.journal = &plain, journal.New(&plain, a.name)
	return &b
}

// WithoutRaces returns a, which probes a store without racing, and measures it with
// little: for tests that stop at each operation.
func (a *Archive) WithoutRaces() *Archive {
	b := *a
	b.effort = probe.Thoroughness{Races: 0, SpeedBytes: 1 << 10}
	return &b
}

// SegmentBytesOf is what o says of a source of total bytes.
func SegmentBytesOf(o BackupOptions, total int64) int64 {
	return pack.SegmentBytes(o.SegmentBytes, total)
}

// PageDigest is the digest of a page in the archive with this id.
func PageDigest(archiveID string, page []byte) []byte {
	d := pages.DigestOf(archiveID, page)
	return d[:]
}

// JournalAlways returns a, whose restores make durable what each segment brings.
func (a *Archive) JournalAlways() *Archive {
	b := *a
	b.journalEvery = 0
	return &b
}

// WithSpace returns a copy of a that finds this much space on the disk.
func (a *Archive) WithSpace(space disk.Space, ok bool) *Archive {
	b := *a
	b.space = func(string) (disk.Space, bool) { return space, ok }
	return &b
}

// By returns s, which from now on works as a does: under its name.
func (s *Session) By(a *Archive) *Session {
	s.archive = a
	return s
}
