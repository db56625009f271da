package watch

import (
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
)

// EventKind says what an event is about.
type EventKind string

// The kinds.
const (
	EventState   EventKind = "state"       // the phase of a target has changed
	EventBackup  EventKind = "backup"      // a run has committed a backup
	EventFailed  EventKind = "failed"      // a run, or upkeep, has failed
	EventUpkeep  EventKind = "upkeep"      // verify, expire or compact has ended
	EventDrill   EventKind = "drill"       // a drill has ended: the archive is proven restorable, or not
	EventStore   EventKind = "store"       // a store went away, or is back
	EventReload  EventKind = "reload"      // the targets were set anew
	EventGaveUp  EventKind = "gave_up_log" // the hold on a log was given up
	EventDisk    EventKind = "disk"        // the disk will be full soon
	EventForks   EventKind = "forks"       // two databases seem to back up into one archive
	EventWriter  EventKind = "writer"      // another writer is active
	EventSafe    EventKind = "safe"        // the archive has everything, and the store has just said so
	EventStopped EventKind = "stopped"     // the watcher has stopped
)

// Event is a change that people and programs may want to know. Fields that do not belong to
// its kind are zero.
type Event struct {
	Kind EventKind
	At   time.Time

	Target Target // zero for events of stores and of the watcher
	Store  string // of EventStore
	Up     bool   // of EventStore: it is back

	Phase Phase         // of EventState: the new one
	Why   string        // what happened, in words
	Code  archiver.Code // of the error
	Err   error         // of EventFailed: the error itself
	Hint  string        // of EventFailed: what to do about it, "" for nothing
	IsYet bool          // of EventFailed: nothing was ever seen at the database's path

	WasSaved bool // the database was there and whole, and the archive has a backup of it

	Work string // of EventFailed and EventUpkeep: what was done, such as "backup" or "verify"

	Who     string                 // of EventWriter: host, tool and newest backup of the other one
	Report  *archiver.BackupReport // of EventBackup
	Drilled *archiver.DrillReport  // of EventDrill

	Lag       time.Duration // age of the oldest commit that the archive does not have
	LogBytes  int64         // of the log that the archive does not have
	FreeBytes int64         // on the database's disk
	Unsaved   []Key         // of EventStopped: targets with commits that are not in their archives
}
