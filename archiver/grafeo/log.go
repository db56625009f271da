package grafeo

import (
	"fmt"
	"time"

	"github.com/gbak-s3/gbak-s3/internal/crc32combine"
)

// CommitKind is what a [Commit] is.
type CommitKind uint8

const (
	// Transaction: a commit that made an epoch: a transaction, a statement, a
	// direct call or an import.
	Transaction CommitKind = iota

	// Schema: a change of the schema or of an index (0.6). It carries the
	// epoch that was current, so several commits may share one.
	Schema

	// SyncMark: a note in the log that it was synced (0.6). It changes nothing and has
	// neither epoch nor time, but it takes up log positions.
	SyncMark

	// Closing: changes at the end of a log that have no epoch (0.5). They are of direct
	// calls, SPARQL and the schema, which become part of the database when it is closed,
	// or of a transaction whose EpochAdvance is not written yet, or never was. A Closing
	// carries the epoch after the one before, which that transaction would get. If the
	// log continues, its changes are part of the next commit, except at
	// [ScanOptions.Borders]. (docs/grafeo-format.md, section 5.3)
	Closing
)

// Commit is the smallest piece of a log after which the log may be cut: in 0.6 a group of
// frames, in 0.5 the frames up to and including an EpochAdvance, or the last
// TransactionCommit of the log.
type Commit struct {
	Kind     CommitKind
	Epoch    uint64    // the state after this commit is at this epoch
	HasEpoch bool      // false for a SyncMark only
	Time     time.Time // when it was written, by the database's clock; zero in 0.5

	// The commit takes up the bytes from Start in the file StartFile to End in the file
	// File. Both files are indexes into [Log.Files]; they differ only in 0.5, where a
	// transaction may continue in the next file.
	StartFile int
	Start     int64
	File      int
	End       int64

	// LSN and EndLSN are the log positions of its first byte and of the one after its
	// last (0.6). SyncedLSN is how far the log was known to be on disk when the commit
	// began.
	LSN, EndLSN, SyncedLSN uint64

	// CRC32C is the CRC-32C of all its bytes in the log. Two histories that forked may
	// have commits at the same place with the same epoch: this distinguishes them. (The
	// CRC-32 that Grafeo itself uses could not in 0.5: of frames that end with their own
	// CRC it sees nothing but the lengths.)
	CRC32C uint32

	// Run is the number of the run that made the commit, from 0 at the start of the scan
	// (0.5). Epochs begin again in each run and must never be compared across runs. (docs/grafeo-format.md, section 5.4)
	Run int

	upToEnd uint32 // CRC-32C of the file File before End
}

// LogFile is a file of the log, up to the end of its last whole commit.
type LogFile struct {
	Name string
	Size int64 // in bytes, when it was opened

	// End is how many bytes of the file belong to commits, and CRC32C is the CRC-32C of
	// those. It is the end of the file's last commit. In 0.5, it is the Size of a file
	// that has commits in later ones, as the next commit may have begun in it; and it is
	// 0 for files after the last commit.
	End    int64
	CRC32C uint32

	FirstLSN, EndLSN uint64 // of the first byte after the header, and at End (0.6)
	Number           uint64 // (0.5)
}

// Range returns the part of the file up to End, for a [Proof] of a copy.
func (f *LogFile) Range() Range {
	return Range{Length: f.End, CRC32: f.CRC32C, Castagnoli: true, What: "log"}
}

// RangeAfter returns the part of Range after the commit c, which ends in this file and is
// from the same scan.
func (f *LogFile) RangeAfter(c Commit) Range {
	r := f.Range()
	r.Offset, r.Length = c.End, f.End-c.End
	r.CRC32 = crc32combine.CombineC(c.upToEnd, f.CRC32C, r.Length)
	return r
}

// TornTail is what an interrupted write left after the last whole commit. It is not
// damage: the database takes it for the end of the log, too.
type TornTail struct {
	File   string
	Offset int64 // of the first byte that is left out
	Length int64
	What   string
}

// Log is what a scan found.
type Log struct {
	Generation Generation
	DatabaseID string // from the segments (0.6); empty if there are none

	Files     []LogFile // those that were read, in log order
	Commits   int64     // with an epoch
	SyncMarks int64     // (0.6)

	// First and Last are the first and the last commit with an epoch, nil if there is
	// none.
	First, Last *Commit

	Torn *TornTail // nil if the log ends cleanly

	// Uncommitted is the number of bytes in whole frames after the last commit (0.5): a
	// transaction that is not committed yet, or never was. It is 0 if they change
	// nothing.
	Uncommitted int64

	// Reopened is true if the database was opened again after a checkpoint that was made
	// when the log had several files (0.5): from then on, it reads the log from
	// [FirstFile05] on.
	Reopened bool
}

// Position is a place between two commits of a log.
type Position struct {
	LSN    uint64 // (0.6)
	File   uint64 // number of the file (0.5)
	Offset int64  // in that file (0.5)
}

// StartOf returns the position where the commit c of this log starts. A later scan from
// there meets the same commit again, with the same CRC32C, unless the history forked.
func (l *Log) StartOf(c Commit) Position {
	if l.Generation == Gen06 {
		return Position{LSN: c.LSN}
	}
	return Position{File: l.Files[c.StartFile].Number, Offset: c.Start}
}

// ScanOptions say what to scan, and what is done with it. The zero value scans all.
type ScanOptions struct {
	// DatabaseID, if not empty, is the database that every segment must belong to (0.6;
	// logs of 0.5 have no id).
	DatabaseID string

	// From, if not nil, is where the scan starts. Files that end before it are not read;
	// the others are read from their beginning, but commits before From are neither
	// counted nor visited. If the log has files but begins after From, or has no border
	// between two commits there, the error is a [GapError]. A log that ends before From is
	// no error in 0.6: the image has what comes after.
	From *Position

	// SkipBefore says that of the first file what comes before From need not be read (0.6),
	// as an earlier scan has read it. If a group begins at From, it is not; then the
	// checksum and the [LogFile.Range] of that file are not known, but [LogFile.RangeAfter] is.
	SkipBefore bool

	// Borders are ends of earlier scans (0.5): a commit that ended there without an
	// EpochAdvance ends there again, as a [Closing]. So does one that ends at From.
	Borders []Position

	// FirstFile is the number of the first file that counts (0.5): earlier ones are
	// ignored.
	FirstFile uint64

	// WithoutEmpty says that the log is one of an archive, which may lack files that were
	// empty (0.5). Else a number that is missing between two files is a [GapError].
	WithoutEmpty bool

	// Visit, if not nil, is called for every commit in log order, before it is known
	// whether the rest of the log is whole. An error that it returns ends the scan and is
	// returned unchanged.
	Visit func(Commit) error
}

// ScanLog reads the log in the folder dir of a database of generation gen, checks every
// frame, and finds where the last whole commit ends. A folder that does not exist, or has
// no log files, is an empty log. Files whose names are not exactly those of log files are
// ignored.
//
// It needs a few hundred kilobytes of memory, whatever the size of the log. It may run
// while the database writes: it reads as much of each file as there is when it opens it,
// and takes a commit that is half written for a torn tail. If a file vanishes, because a
// checkpoint removed it, the error is an [fs.ErrNotExist], and the scan should start over.
//
// The other errors are [DamageError], [GapError], [WrongDatabaseError],
// [UnsupportedVersionError] and [ErrEncrypted].
func ScanLog(dir string, gen Generation, opts ScanOptions) (*Log, error) {
	switch gen {
	case Gen05:
		return scan05(logDir(dir), opts)
	case Gen06:
		return scan06(dir, opts)
	}
	return nil, fmt.Errorf("%s: no log of generation %q is known", dir, gen)
}

// add records the commit c and calls visit.
func (l *Log) add(c Commit, visit func(Commit) error) error {
	if c.HasEpoch {
		if l.Commits == 0 {
			l.First, l.Last = new(Commit), new(Commit)
			*l.First = c
		}
		*l.Last = c
		l.Commits++
	} else {
		l.SyncMarks++
	}
	if visit == nil {
		return nil
	}
	return visit(c)
}
