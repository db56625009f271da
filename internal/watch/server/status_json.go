package server

import (
	"time"

	"github.com/gbak-s3/gbak-s3/internal/page"
)

// WatchStatus is the status page as JSON, for programs: what people see, with the numbers behind it.
type WatchStatus struct {
	Type     string     `json:"type"` // "watch_status"
	At       time.Time  `json:"at"`
	Started  *time.Time `json:"started"`
	Version  string     `json:"version"`
	Level    string     `json:"level"`
	Headline string     `json:"headline"`
	Detail   string     `json:"detail"`

	Problems  []ProblemLine  `json:"problems"`
	Stores    []StoreLine    `json:"stores"`
	Databases []DatabaseLine `json:"databases"` // the worst first
}

// ProblemLine is something that went wrong.
type ProblemLine struct {
	At   *time.Time `json:"at,omitempty"`
	What string     `json:"what"`
	Text string     `json:"text,omitempty"`
	Code string     `json:"code,omitempty"`
	Hint string     `json:"hint,omitempty"`
}

// StoreLine is a store.
type StoreLine struct {
	Store      string     `json:"store"`
	Up         bool       `json:"up"`
	Since      *time.Time `json:"since"`
	LastAnswer *time.Time `json:"last_answer"`
	NextTry    *time.Time `json:"next_try"`
	Why        string     `json:"why,omitempty"`
}

// DatabaseLine is a database and one of its archives.
type DatabaseLine struct {
	Database string        `json:"database"`
	Path     string        `json:"path,omitempty"`
	Archive  string        `json:"archive"`
	Store    string        `json:"store"`
	Level    string        `json:"level"`
	State    string        `json:"state"`
	Phase    string        `json:"phase"`
	Troubles []TroubleLine `json:"troubles"`

	LookedAt       *time.Time `json:"looked_at"`
	SafeAt         *time.Time `json:"safe_at"`
	UnsavedSince   *time.Time `json:"unsaved_since"`
	UnsavedCommits int64      `json:"unsaved_commits"`
	UnsavedBytes   int64      `json:"unsaved_bytes"`
	LagMS          int64      `json:"lag_ms"`
	TargetMS       int64      `json:"target_ms"`

	NewestBackup uint64     `json:"newest_backup"`
	NewestEpoch  uint64     `json:"newest_epoch"`
	Timeline     int        `json:"timeline"`
	RestorableTo *time.Time `json:"restorable_to"`
	LastBackup   *time.Time `json:"last_backup"`
	LastFull     *time.Time `json:"last_full"`

	DatabaseBytes  int64      `json:"database_bytes"`
	HeldLogBytes   int64      `json:"held_log_bytes"`
	DiskFreeBytes  int64      `json:"disk_free_bytes"`
	DiskTotalBytes int64      `json:"disk_total_bytes"`
	DiskFullAt     *time.Time `json:"disk_full_at"`
	LogGivenUp     bool       `json:"log_given_up"`

	OtherWriterAt *time.Time `json:"other_writer_at"`
	OtherWriter   string     `json:"other_writer,omitempty"`

	Findings int       `json:"findings"`
	Drill    DrillLine `json:"drill"`
}

// TroubleLine is something that is wrong, or not known to be right.
type TroubleLine struct {
	Level string `json:"level"`
	State string `json:"state"`
	Text  string `json:"text"`
	Hint  string `json:"hint,omitempty"`
}

// DrillLine is what drills have shown.
type DrillLine struct {
	Known     bool       `json:"known"`
	ProvenAt  *time.Time `json:"proven_at"`
	RestoreMS int64      `json:"restore_ms"`
	LastAt    *time.Time `json:"last_at"`
	LastOK    bool       `json:"last_ok"`
	Due       *time.Time `json:"due"`
	EveryS    int64      `json:"every_s"`
}

// watchStatus returns a status as JSON has it.
func watchStatus(s *page.Status) WatchStatus {
	sum := s.Summary()
	d := WatchStatus{
		Type: "watch_status", At: s.At.UTC(), Started: known(s.Started), Version: s.Version,
		Level: sum.Level.String(), Headline: sum.String(), Detail: sum.Detail,
		Problems: []ProblemLine{}, Stores: []StoreLine{}, Databases: []DatabaseLine{},
	}
	for _, p := range s.Problems {
		d.Problems = append(d.Problems, ProblemLine{known(p.At), p.What, p.Text, p.Code, p.Hint})
	}
	for _, st := range s.Stores {
		d.Stores = append(d.Stores, StoreLine{st.Name, st.IsUp, known(st.Since), known(st.LastAnswer), known(st.NextTry), st.Why})
	}
	for _, r := range s.Rows() {
		d.Databases = append(d.Databases, databaseLine(s, r))
	}
	return d
}

func databaseLine(s *page.Status, r page.Row) DatabaseLine {
	l := DatabaseLine{
		Database: r.Name, Path: r.Path, Archive: r.Archive, Store: r.Store,
		Level: r.State.Level.String(), State: r.State.Word, Phase: string(r.Phase), Troubles: []TroubleLine{},
		LookedAt: known(r.Looked), SafeAt: known(r.Safe),
		UnsavedSince: known(r.Unsaved.Since), UnsavedCommits: r.Unsaved.Commits, UnsavedBytes: r.Unsaved.Bytes, TargetMS: r.Target.Milliseconds(),
		NewestBackup: r.Newest.Seq, NewestEpoch: r.Newest.Epoch, Timeline: r.Newest.Timeline,
		RestorableTo: known(r.Restorable), LastBackup: known(r.LastBackup), LastFull: known(r.LastFull),
		DatabaseBytes: r.Bytes, HeldLogBytes: r.Held, DiskFreeBytes: r.Disk.Free, DiskTotalBytes: r.Disk.Total,
		DiskFullAt: known(r.Disk.FullAt), LogGivenUp: r.Disk.IsGivenUp,
		OtherWriterAt: known(r.Writer.Other), OtherWriter: r.Writer.Who,
		Findings: r.Verify.Findings,
		Drill:    DrillLine{Known: r.Proof.IsKnown, Due: known(r.Proof.Due), EveryS: int64(r.Proof.Every.Seconds())},
	}
	if !r.Unsaved.Since.IsZero() {
		l.LagMS = max(0, s.At.Sub(r.Unsaved.Since).Milliseconds())
	}
	for _, t := range r.Troubles {
		l.Troubles = append(l.Troubles, TroubleLine{t.Level.String(), t.Word, t.Text, t.Hint})
	}
	if p := r.Proof.Proven; p != nil {
		l.Drill.ProvenAt, l.Drill.RestoreMS = known(p.At), p.Restore.Milliseconds()
	}
	if p := r.Proof.Last; p != nil {
		l.Drill.LastAt, l.Drill.LastOK = known(p.At), p.IsOK
	}
	return l
}

// known returns a time, nil if it is not known.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
