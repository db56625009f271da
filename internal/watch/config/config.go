// Package config reads the file that says what a watcher watches: a YAML file with the
// databases, the archives of each, and the settings that go for all or for one.
//
// It is strict. A key that it does not know, a key that is there twice, a value of the
// wrong type and two databases with one archive are errors, each with its line: a file
// that was misread would be noticed on the day of the restore.
//
// ${NAME} in a value is replaced by the variable NAME of the environment, and
// ${NAME:-text} by text if that is unset or empty; $$ stands for $. This happens after
// the YAML was read, so a value stays one value, whatever is in it.
package config

import "time"

// Config is what a file says.
type Config struct {
	Listen     string   // the address of page, metrics and health, "" for none
	Hosts      []string // names of this host by which people may ask for the page
	Page       Page
	Log        Log
	Flush      time.Duration  // how long the last backups may take at the end; 0 if not given
	StoreCheck *time.Duration // how often a store is asked whether it answers; nil if not given, 0 for never
	Defaults   Settings
	Databases  []Database
	Dirs       []Dir
}

// Page says what the status page shows.
type Page string

// What it may show. If nothing is said, it is all on an address that only this host reaches, and
// elsewhere what names no path, no address and no host.
const (
	PageOff  Page = "off"  // there is none
	PageFull Page = "full" // all, to whoever reaches it
)

// Log is how the log looks. What is not given is "".
type Log struct {
	Level  string // debug, info, warn or error
	Format string // text or json
}

// Database is one database and where it goes.
type Database struct {
	Path     string
	Name     string   // what it is called in logs and metrics
	Archives []string // addresses
	Settings
}

// Dir is a folder of which every database is watched, those too that come later.
type Dir struct {
	Path     string
	Pattern  string   // of names, or of paths below the folder if it has a slash; "" for all
	Archives []string // templates, see [Expand]
	Settings
}

// Settings are what can be set for all databases, and for each.
type Settings struct {
	Lag          time.Duration // how long a commit may be without a backup
	Full         Full
	LockKeep     time.Duration // for how long backups stay restorable by locks; 0: nothing is planned with locks
	LockLength   time.Duration // for how long the bucket locks objects; 0: what it says
	Verify       Verify
	Drill        Drill
	ExpireEvery  time.Duration // 0: never
	CompactEvery time.Duration // 0: never
	MinFree      Free
	MaxRequests  Rate // of zero: no limit
	Heartbeat    Heartbeat
	Keys         Keys
}

// Keys say with which keys archives are encrypted and opened. There is no secret in them.
type Keys struct {
	Recipients []string // age public keys, and paths of files of them; none: the archives of new databases are not encrypted
	Identities []string // paths of files, for what reads data, such as compact
	WriterKey  string   // path of a file; "" for the state folder
}

// Verify is when the archive is verified, and how much of it is read then.
type Verify struct {
	Every  time.Duration // 0: never
	Sample float64       // the share of the segments, from 0 to 1, that is read each time; 0: none, and only names and sizes are compared
}

// Drill is when a restore is tried, and how. What is not given is "", nil or 0, and then as the
// command drill has it.
type Drill struct {
	Every   time.Duration // 0: never
	Scratch string        // the folder in which databases are restored
	Exec    []string      // the command that checks them, word by word
	Timeout time.Duration // how long that may take
}

// Full is when full backups are due.
type Full struct {
	Every           time.Duration // 0: never by time
	AfterIncrements int           // 0: never by number
	Window          *Window       // nil: at any time
}

// Window is a time of day, in minutes after midnight, local time. It may go past
// midnight: From is after To then.
type Window struct{ From, To int }

// Has reports whether t is in the window. What begins and ends at the same minute is the
// whole day.
func (w *Window) Has(t time.Time) bool {
	minute := t.Hour()*60 + t.Minute()
	if w.From < w.To {
		return w.From <= minute && minute < w.To
	}
	return minute >= w.From || minute < w.To
}

// Free is how much of a file system must be free: a part of it, or a size.
type Free struct {
	Percent float64
	Bytes   int64
}

// Rate is how often something may happen.
type Rate struct {
	Count int
	Per   time.Duration
}

// Heartbeat is whom to tell that all is well.
type Heartbeat struct {
	URL   string // "" for nobody. It may be a secret
	Every time.Duration
	Style string // "" or "healthchecks"
}

// DefaultSettings are the settings of a file that has none.
func DefaultSettings() Settings {
	return Settings{
		Lag:       10 * time.Second,
		Full:      Full{Every: 24 * time.Hour, AfterIncrements: 2000},
		MinFree:   Free{Percent: 5},
		Heartbeat: Heartbeat{Every: 5 * time.Minute},
	}
}
