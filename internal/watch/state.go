package watch

import (
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/internal/history"
	"github.com/gbak-s3/gbak-s3/storage"
)

// State is a snapshot of a watcher. It is plain data: nobody changes it afterwards.
type State struct {
	At      time.Time
	Started time.Time // when [Watcher.Run] began; zero before

	Targets []TargetState // by name, then by archive
	Stores  []StoreState  // by name
}

// Phase is what a database is in.
type Phase string

// The phases.
const (
	PhaseNew     Phase = "new"     // the archive has not been read yet, or has no backup
	PhaseClean   Phase = "clean"   // the archive has everything
	PhaseDirty   Phase = "dirty"   // there are commits that the archive does not have yet
	PhaseRunning Phase = "running" // a backup runs
	PhaseWaiting Phase = "waiting" // the store is away, and there may be something to back up
	PhaseRefused Phase = "refused" // it cannot be backed up as it is: tried again when something changes, and each five minutes
	PhaseGone    Phase = "gone"    // there is no file at the database's path
)

// Phases are all phases.
var Phases = []Phase{PhaseNew, PhaseClean, PhaseDirty, PhaseRunning, PhaseWaiting, PhaseRefused, PhaseGone}

// TargetState is the state of one target.
type TargetState struct {
	Target Target

	Phase Phase
	Since time.Time // when the phase began

	// Why says why it is refused or waits, why a full backup is needed, or why a backup asks the
	// store again; Code is the code of an error. Both are "" if all is well.
	Why  string
	Code archiver.Code

	// Turned is when the loop turned last, which it does at least each ten seconds, also
	// while runs go on. See [State.Stuck].
	Turned time.Time
	Doing  Doing

	// LastLook is when the database was last looked at without an error, or read by a backup.
	LastLook time.Time

	// What the archive does not have yet, as of the last look. UnsavedSince is the time of
	// the oldest such commit, or of 0.5, which has no commit times, when it was first
	// seen; zero if there is none.
	UnsavedSince   time.Time
	UnsavedBytes   int64
	UnsavedCommits int64

	// Lag is what the lag is at present: that of the target, or longer where its bound on
	// requests, a second watcher or waits for unplanned full backups stretch it. NextRun is when
	// the next run is due; zero if none is.
	Lag     time.Duration
	NextRun time.Time

	// What the archive has, as this watcher knows it; zero until it has been read.
	Newest           archiver.Backup
	Encrypted        bool
	LastCommit       time.Time // when this watcher last committed a backup
	LastFull         time.Time // when the newest full backup was taken
	NewestRestorable time.Time // time of the newest commit in the archive; of 0.5, of the newest backup
	Increments       int       // since the newest full backup
	NextFull         time.Time // when the next planned one is due; zero if none is
	LastSafe         time.Time // when the archive had everything, and the store had just said so
	LastAsked        time.Time // when the archive last said that it is still there, with all commits or not

	// The disk: bytes of the database's files, of the log that it keeps for the archive, and
	// what its file system has left.
	DatabaseBytes int64
	HeldLogBytes  int64
	Disk          DiskState

	Verify  UpkeepState
	Expire  UpkeepState
	Compact UpkeepState

	// Proof is what the archive says of its drills and samples. It is asked where the target wants
	// drills or samples and, once a day, for pages, with [Options.History].
	Proof ProofState

	// History is what can be restored, with [Options.History]; nil until it was read. Nobody
	// changes it.
	History *history.History

	Counts Counts
}

// Doing is what runs for a target at the moment.
type Doing struct {
	Run    string    // "backup", "full" or "check"; "" for nothing
	Queued bool      // Run waits for its turn among the others
	Since  time.Time // when Run began; zero while it waits
	Alive  time.Time // when Run last moved bytes or told of a retry
	Done   int64     // raw bytes of Run
	Total  int64

	// Beside is what goes on beside Run: "prepare" for the next full backup, "verify",
	// "expire" or "compact"; "" for nothing. Drill is when the drill that goes on began, zero
	// for none.
	Beside string
	Drill  time.Time
}

// DiskState is about the file system that a database is on.
type DiskState struct {
	FreeBytes, TotalBytes int64 // both 0 if it does not say
	MinFreeBytes          int64 // below which a hold may be given up; 0 for never

	// FullAt is when the disk will be full if it goes on filling as in the last ten
	// minutes; zero if it does not fill.
	FullAt time.Time

	GivenUp bool // the hold on the log is given up
}

// UpkeepState is about one kind of upkeep of an archive. All but Due is what this watcher has
// done.
type UpkeepState struct {
	Due      time.Time // zero for never
	Last     time.Time // when it last ended
	LastGood time.Time // when it last ended without an error
	Findings int       // of the last verification that ended
	Why      string    // the last error, "" if there was none
}

// ProofState is what is known of the proofs of an archive.
type ProofState struct {
	At     time.Time // when the archive was last asked; zero if it has not answered yet
	Proofs archiver.Proofs
	Due    time.Time // when the next drill is due; zero for never, or if that is not known yet
	Why    string    // why the archive could not be asked, or a drill not be done, at the last try
}

// Counts are what happened since the watcher began to watch a target. They only grow.
type Counts struct {
	Backups        map[archiver.Kind]int64 // committed, by kind
	Failures       map[archiver.Code]int64 // of runs, by code
	UnplannedFulls map[string]int64        // by reason
	Conflicts      int64                   // another writer was first
	GivenUp        int64                   // the hold on the log was given up

	ReadBytes, StoredBytes, ReusedBytes int64
	Requests                            storage.RequestCounts

	Durations map[archiver.Kind]Durations // of runs that committed
}

// Bounds are the upper bounds of the buckets of [Durations], in seconds.
var Bounds = [...]float64{0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600}

// Durations is a histogram: how many runs took at most so long. The last bucket is for
// longer ones.
type Durations struct {
	Buckets [len(Bounds) + 1]int64 // each on its own, not cumulative
	Count   int64
	Sum     time.Duration
}

// StoreState is the state of one store.
type StoreState struct {
	Store      string
	Up         bool      // it answered when it was last asked, or was not asked yet
	Since      time.Time // when Up last changed
	LastAnswer time.Time // zero if it has not answered yet
	NextTry    time.Time // when one request tries again; zero if it is up
	Why        string    // the last error while it is away
}

// DeadAfter is how long a loop may take to turn, and RunDeadAfter how long a run may neither
// move bytes nor tell of retries.
const (
	DeadAfter    = 2 * time.Minute
	RunDeadAfter = 15 * time.Minute
)

// Stuck returns the targets that have shown no sign of life for too long, as of now: it seems
// that their disks hang. It is what /livez and a watchdog ask.
func (s *State) Stuck(now time.Time) []Key {
	var stuck []Key
	for i := range s.Targets {
		if s.Targets[i].isStuck(now) {
			stuck = append(stuck, s.Targets[i].Target.Key())
		}
	}
	return stuck
}

func (t *TargetState) isStuck(now time.Time) bool {
	runs := t.Doing.Run != "" && !t.Doing.Queued
	return !t.Turned.IsZero() && now.Sub(t.Turned) > DeadAfter || runs && now.Sub(t.Doing.Alive) > RunDeadAfter
}

// HasLooked reports whether each database was looked at once, with whatever result: then the
// watcher is ready.
func (s *State) HasLooked() bool {
	for i := range s.Targets {
		if t := &s.Targets[i]; t.LastLook.IsZero() && t.Phase == PhaseNew {
			return false
		}
	}
	return !s.Started.IsZero()
}

// IsProofGood reports whether neither the last verification nor the last drill or sample found
// anything wrong, as far as is known.
func (t *TargetState) IsProofGood() bool {
	p := &t.Proof.Proofs
	return t.Verify.Findings == 0 && (p.LastDrill == nil || p.LastDrill.OK) && (p.Coverage == nil || p.Coverage.Damaged == 0)
}

// IsBehind reports whether a commit is older than the lag and not in the archive.
func (t *TargetState) IsBehind(now time.Time) bool {
	return !t.UnsavedSince.IsZero() && now.Sub(t.UnsavedSince) > t.Target.lag()
}
