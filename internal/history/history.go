// Package history says what of a database can be restored over time.
//
// A history has timelines, as the archive has. A timeline has spans: whatever the database
// was like within one can be restored. What lies between two spans of a timeline is a gap:
// backups that held it were removed, or nothing could be backed up. Fulls are full backups,
// at the times of their images. Drills are restores that were tried.
package history

import "time"

// History is what can be restored of one database, up to its newest backup. It is plain
// data, and nobody changes it afterwards.
type History struct {
	Backups   int        // of the archive
	Timelines []Timeline // the oldest first
	Drills    []Drill    // the oldest first

	// DrillsSince is since when all drills are among Drills: of the time before, some may
	// be missing. It is zero if none is.
	DrillsSince time.Time

	// DrillsUnknown says why it is not known which drills there were; "" if it is.
	DrillsUnknown string
}

// Timeline is a stretch of history without a fork.
type Timeline struct {
	Number int    // from 1
	Spans  []Span // the oldest first; between two is a gap
	Fulls  []Full // the oldest first
}

// Span is a time of which each state can be restored.
type Span struct {
	From, To           time.Time
	FromEpoch, ToEpoch uint64

	FirstBackup, LastBackup uint64 // that give these states
	Backups                 int
}

// Full is a full backup.
type Full struct {
	At     time.Time
	Backup uint64
}

// Drill is a restore that was tried.
type Drill struct {
	At       time.Time // when it began
	OK       bool
	Why      string // why it failed
	Timeline int    // of the state that was restored, 0 if that is not known
	Epoch    uint64
	Restore  time.Duration // how long the restore took, 0 if that is not known
}

// Newest returns the newest timeline, nil if there is none.
func (h *History) Newest() *Timeline {
	if len(h.Timelines) == 0 {
		return nil
	}
	return &h.Timelines[len(h.Timelines)-1]
}

// Last returns the newest span of a timeline, nil if nothing of it can be restored.
func (t *Timeline) Last() *Span {
	if len(t.Spans) == 0 {
		return nil
	}
	return &t.Spans[len(t.Spans)-1]
}
