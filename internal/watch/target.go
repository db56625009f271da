package watch

import (
	"cmp"
	"fmt"
	"time"
)

// Target is one database that is watched, and one archive that it is backed up into. A
// database with two archives is two targets. Targets are compared with ==: a reload leaves
// equal ones alone.
type Target struct {
	Name     string // of the database, for people and in metrics
	Database string // its path
	Archive  string // the archive's address as people may see it: without query and secrets

	Address string // the archive's whole address, which [Options.Open] takes
	Store   string // which store this is: targets with the same one share a breaker
	Keys    Keys   // of an encrypted archive; a change opens the archive again

	// Lag is how old a commit may become before it is in the archive; 0 means
	// [DefaultLag].
	Lag time.Duration

	Full FullRules

	// LockKeep and LockLength are those of [archiver.BackupOptions].
	LockKeep, LockLength time.Duration

	// How often the archive is verified, expired by its own policy, and compacted; 0 means
	// never.
	Verify, Expire, Compact time.Duration

	// Sample is the share of the archive, from 0 to 1, that each verification reads, where the
	// last one ended; 0 means that it only compares names and sizes.
	Sample float64

	Drill DrillRules

	// MinFree is how much of the file system stays free: below that, and only while the
	// store is away, the hold on the database's log is given up. Zero never gives it up.
	MinFree Size

	// Prove is how long the archive may go without proof that it has everything, if nothing
	// is new: then one request asks the store. 0 means for any time, and asks nothing.
	Prove time.Duration

	// MaxRequests bounds what runs ask of the store, by stretching the lag; zero means no
	// bound. Upkeep does not count, and after a large full backup the lag grows by an hour or so
	// and not by days.
	MaxRequests Rate
}

// Keys are paths of files with keys, and public keys, for [Options.Open]: there is no secret in
// them. Several stand one a line, so that targets can be compared.
type Keys struct{ Recipients, Identities, WriterKey string }

// DefaultLag is ten seconds.
const DefaultLag = 10 * time.Second

// FullRules say when a full backup is due: whichever comes first, if anything is new. It
// always is when the log since the newest one is larger than what a full backup would read.
type FullRules struct {
	Every           time.Duration // 0 means never by age
	AfterIncrements int           // 0 means never by number
	Window          Window        // in which they begin; zero means at any time
}

// DrillRules say when a drill is due, and how it goes. Drills begin only while no database is behind,
// and one at a time.
type DrillRules struct {
	Every   time.Duration // 0 means never
	Scratch string        // the folder in which it restores; "" for that of temporary files
	Exec    string        // the words of the command that checks what was restored, one a line; "" for none
	Timeout time.Duration // how long that may take; 0 for the default
}

// Window is a part of each day by the host's local time. If To is not after From, it ends
// on the next day. The zero value is the whole day.
type Window struct{ From, To time.Duration }

// Size is a number of bytes or, if Percent is not 0, a part of a file system.
type Size struct {
	Bytes   int64
	Percent float64
}

// Of returns the size in bytes on a file system of total bytes.
func (s Size) Of(total int64) int64 {
	if s.Percent != 0 {
		return int64(s.Percent / 100 * float64(total))
	}
	return s.Bytes
}

// Rate is a number of things in a time.
type Rate struct {
	N   int
	Per time.Duration
}

// Key names a target: no two of a watcher have the same one.
type Key struct{ Name, Archive string }

// Key returns the target's key.
func (t Target) Key() Key { return Key{t.Name, t.Archive} }

func (k Key) String() string { return fmt.Sprintf("%s → %s", k.Name, k.Archive) }

func (k Key) compare(o Key) int {
	return cmp.Or(cmp.Compare(k.Name, o.Name), cmp.Compare(k.Archive, o.Archive))
}

func (t Target) lag() time.Duration { return cmp.Or(t.Lag, DefaultLag) }
