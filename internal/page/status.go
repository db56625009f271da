// Package page renders what people look at: the status page that a watcher serves, and the
// report of archives alone. Both are made of one view model, [Status], which is plain data.
// Nothing here asks a store or reads a disk, and nothing is done by looking.
//
// A row is one database and one archive. What is wrong with it are its [Trouble]s, the worst
// first, and how bad that is is a [Level]. The [Summary] is the one sentence on top. None of
// them reassures without evidence: what was not seen is not safe.
package page

import (
	"time"

	"github.com/gbak-s3/gbak-s3/internal/history"
)

// Status is all that a page shows, as of one moment. The zero value of each field says that it
// is not known or does not apply.
type Status struct {
	At      time.Time // when all this was so
	Started time.Time // when the watcher began; zero for a report, and before it began
	Version string    // of the program

	// IsWatched says that a watcher has filled this in, which sees the databases. A report sees
	// archives alone, and says nothing about databases.
	IsWatched bool

	// IsAnonymous says that paths, addresses and names of hosts are left out, as others than the
	// people of this host may see the page.
	IsAnonymous bool

	// Problems are about the whole: a configuration that could not be read again, folders that
	// could not be looked through.
	Problems []Problem

	Databases []Database // in any order
	Stores    []Store
}

// Database is one row: a database and one of its archives.
type Database struct {
	Name    string
	Path    string // of the database; "" if it is not known
	Archive string // the archive's address, without its query
	Store   string // the name of one of [Status.Stores]

	// Of a database that is watched.
	Phase   Phase
	Since   time.Time // when the phase began
	Why     string    // it is refused or waits, or needs a full backup
	Code    string    // of that error
	Hint    string    // what to do about it
	IsStuck bool      // nothing was heard of it for too long: what else stands here is old
	Looked  time.Time // when it was last looked at, or read by a backup
	Safe    time.Time // when the archive had everything, and the store had just said so
	Asked   time.Time // when the archive last said that it is still there, if that was after Safe
	Unsaved Unsaved
	Target  time.Duration // how old a commit may become before it is in the archive
	Lag     time.Duration // what that is at present, where something stretches it
	NextRun time.Time
	Doing   Work
	Bytes   int64 // of the database's files
	Held    int64 // bytes of the log that it keeps for the archive
	Disk    Disk
	Writer  Writer

	// Of the archive.
	Newest      Backup    // of number 0: there is none, or it is not known
	Restorable  time.Time // of the newest state that can be restored
	LastBackup  time.Time // when the newest backup was taken
	LastFull    time.Time // when the newest full backup was taken
	NextFull    time.Time
	FullEvery   time.Duration // how often one is taken; 0 for never
	Increments  int           // since that
	Broken      string        // a sentence: why the newest backup cannot be restored, or what is gone from the archive
	Unread      string        // why a report knows nothing of it
	Encryption  string        // "" if that is not known, "none", or its scheme
	Conditional string        // what the store does with conditional writes; "" if it was not probed
	Verify      Upkeep
	Expire      Upkeep
	Compact     Upkeep
	Proof       Proof

	Restore string // the command that restores it; "" if nothing can be restored
	Remark  string // what has to be added to that command

	History *history.History // what of it can be restored over time; nil if that is not known

	Hours  []Hour    // the last day, the newest first; hours without a backup are left out
	Last   []Backup  // the last backups, the newest first
	Known  time.Time // Hours and Last have all since then; zero if they have nothing
	Errors []Problem // the last ones, the newest first
	Counts Counts
}

// Phase is what a watched database is in. These are the watcher's, and "" for one that nobody watches.
type Phase string

// The phases.
const (
	PhaseNew     Phase = "new"
	PhaseClean   Phase = "clean"
	PhaseDirty   Phase = "dirty"
	PhaseRunning Phase = "running"
	PhaseWaiting Phase = "waiting"
	PhaseRefused Phase = "refused"
	PhaseGone    Phase = "gone"
)

// Unsaved is what the archive does not have yet.
type Unsaved struct {
	Since   time.Time // of the oldest commit; zero if there is none
	Commits int64
	Bytes   int64
}

// Work is what goes on.
type Work struct {
	What     string    // "backup", "full" or "check"; "" for nothing
	IsQueued bool      // it waits for its turn
	Since    time.Time // when it began
	Done     int64     // bytes
	Total    int64
	Beside   string    // "prepare", "verify", "expire" or "compact"
	Drill    time.Time // when the drill that goes on began
}

// Disk is the file system of a database.
type Disk struct {
	Free, Total, MinFree int64     // bytes; Total is 0 if it does not say
	FullAt               time.Time // when it is full if it goes on filling
	IsGivenUp            bool      // the database need not keep its log any more, for want of room
}

// Writer is what was seen of others that write into the archive.
type Writer struct {
	Forks time.Time // when two databases last seemed to back up into it
	Other time.Time // when another writer was last first
	Who   string
}

// Backup is a backup of the archive.
type Backup struct {
	Seq      uint64
	Kind     string // "full", "incremental", "merged"
	At       time.Time
	Epoch    uint64
	Timeline int
	Raw      int64 // bytes that it holds of the database
	Stored   int64 // bytes that it has added to the archive
	Took     time.Duration
	Why      string // a full one is one
	Host     string
}

// Hour is what was backed up within an hour.
type Hour struct {
	From              time.Time
	Full, Incremental int
	Read, Stored      int64
	Longest           time.Duration
}

// Count returns how many backups there were.
func (h Hour) Count() int { return h.Full + h.Incremental }

// Upkeep is one kind of upkeep of the archive.
type Upkeep struct {
	Due      time.Time // zero for never
	Last     time.Time
	LastGood time.Time
	Findings int    // of the last verification
	Why      string // the last error
}

// Proof is what drills and samples have shown.
type Proof struct {
	IsKnown bool   // it is known what certificates the archive has
	Why     string // why that is not known, or why a drill could not be done
	Unread  string // what is wrong with a newer certificate that cannot be read

	Every  time.Duration // how often drills are to be; 0 for never
	Due    time.Time
	Proven *Drill // the newest that succeeded
	Last   *Drill // the newest, or one that failed and was not mended since

	// What samples have read: a share of the segments, since when, and the share that is damaged.
	IsSampled bool
	Read      float64
	ReadSince time.Time
	Damaged   float64
}

// Drill is a restore that was tried.
type Drill struct {
	At       time.Time
	IsOK     bool
	Why      string
	Timeline int
	Epoch    uint64
	Time     time.Time     // of the state
	Restore  time.Duration // how long the restore took
	Bytes    int64         // of the restored database
	Command  bool          // a command has checked it, too
	IsRandom bool
}

// Problem is something that went wrong.
type Problem struct {
	At    time.Time
	What  string // what was done
	Text  string
	Code  string
	Hint  string
	Times int       // it has happened, if it was more than once
	Since time.Time // when it did so first
}

// Store is a store that archives are in.
type Store struct {
	Name       string
	IsUp       bool // it answered when it was last asked
	Since      time.Time
	LastAnswer time.Time // zero if it has not answered yet
	NextTry    time.Time
	Why        string
}

// Counts are what has happened since the watcher began.
type Counts struct {
	Full, Incremental, Merged int64
	Failures, Conflicts       int64
	UnplannedFulls, GivenUp   int64
	Read, Stored, Reused      int64 // bytes
	Requests                  Requests
	Cost                      *Cost // nil where nobody is paid
}

// Requests are how many of each kind the store was sent.
type Requests struct{ Put, Get, Head, List, Delete int64 }

// Cost is what the requests cost at list prices, in US dollars.
type Cost struct {
	Requests float64
	PerMonth float64 // if it goes on like this; 0 if it is too early to say
}
