package main

import (
	"fmt"
	"math"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/internal/page"
)

// proofLine is what the newest certificate says, in JSON.
type proofLine struct {
	Known     bool          `json:"known"` // it is known what certificates there are
	Why       string        `json:"why,omitempty"`
	Unread    string        `json:"unread,omitempty"`
	Proven    *provenLine   `json:"proven"`
	LastDrill *drilledLine  `json:"last_drill"`
	Coverage  *coverageLine `json:"coverage"`
}

type provenLine struct {
	At        time.Time  `json:"at"`
	AgeMS     int64      `json:"age_ms"`
	Backup    uint64     `json:"backup"`
	Timeline  int        `json:"timeline"`
	Epoch     uint64     `json:"epoch"`
	Time      *time.Time `json:"time"`
	Random    bool       `json:"random"`
	Executed  bool       `json:"executed"`
	Digest    string     `json:"digest,omitempty"`
	PinnedBy  string     `json:"pinned_by,omitempty"`
	RawBytes  int64      `json:"raw_bytes"`
	RestoreMS int64      `json:"restore_ms"`
}

type drilledLine struct {
	At       time.Time `json:"at"`
	OK       bool      `json:"ok"`
	Why      string    `json:"why,omitempty"`
	Timeline int       `json:"timeline"`
	Epoch    uint64    `json:"epoch"`
	Random   bool      `json:"random"`
}

type coverageLine struct {
	Read    float64    `json:"read"`
	UpTo    uint64     `json:"up_to"`
	Since   *time.Time `json:"since"`
	Damaged float64    `json:"damaged"`
	LastAt  time.Time  `json:"last_at"`
}

func lineOfProof(r archiver.StatusReport) *proofLine {
	p := r.Proofs
	if p == nil {
		return &proofLine{Why: r.ProofsUnknown.Error()}
	}
	line := &proofLine{Known: true, LastDrill: (*drilledLine)(p.LastDrill)}
	if p.Unread != nil {
		line.Unread = p.Unread.Error()
	}
	if d := p.Proven; d != nil {
		line.Proven = &provenLine{
			d.At, time.Since(d.At).Milliseconds(), d.Backup, d.Timeline, d.Epoch, d.Time, d.Random, d.Executed, d.Digest, d.PinnedBy,
			d.RawBytes, d.Restore.Milliseconds(),
		}
	}
	if p.Coverage != nil {
		line.Coverage = lineOfCoverage(p.Coverage)
	}
	return line
}

func lineOfCoverage(c *archiver.Coverage) *coverageLine {
	line := &coverageLine{Read: c.Read, UpTo: c.UpTo, Damaged: c.Damaged, LastAt: c.LastAt}
	if c.UpTo > 0 {
		line.Since = &c.Since
	}
	return line
}

// linesOfProof are the lines of a status about how the archive was proved.
func linesOfProof(r archiver.StatusReport) (lines []string) {
	p := r.Proofs
	if p == nil {
		return []string{fmt.Sprintf("proven\tnot known: %v", r.ProofsUnknown)}
	}
	if d := p.LastDrill; d != nil && !d.OK {
		of := ""
		if d.Timeline > 0 {
			of = fmt.Sprintf(", on epoch %d of timeline %d", d.Epoch, d.Timeline)
		}
		lines = append(lines, fmt.Sprintf("failed drill\t%s%s: %s", daysAgo(d.At), of, d.Why))
	}
	if p.Unread != nil {
		lines = append(lines, fmt.Sprintf("last drill\tnot known: %v", p.Unread))
	}
	switch d := p.Proven; {
	case d == nil && r.Newest != nil:
		lines = append(lines, "proven\tnever: run `gbak-s3 drill ARCHIVE`")
	case d != nil:
		lines = append(lines, "proven\trestorable: "+proven(d))
	}
	if p.Coverage != nil {
		lines = append(lines, "read\t"+coverage(p.Coverage))
	}
	return lines
}

// proven says what was proven, when, and how.
func proven(d *archiver.Proven) string {
	s := fmt.Sprintf("epoch %d of timeline %d, %s, in %s", d.Epoch, d.Timeline, daysAgo(d.At), took(d.Restore))
	if !d.Executed {
		return s + "; no command has opened it"
	}
	s += "; a command checked it"
	switch d.PinnedBy {
	case "app":
		s += ", and its digest is pinned by the app"
	case "drill":
		s += ", and its digest is pinned by a drill"
	}
	return s
}

// coverage says how much of the archive samples have read.
func coverage(c *archiver.Coverage) string {
	s := "nothing that was intact"
	if c.UpTo > 0 {
		s = fmt.Sprintf("%s of the data up to record %d, within %s", page.Percent(c.Read), c.UpTo, inDays(time.Since(c.Since), math.Ceil))
	}
	if c.Damaged > 0 {
		s += fmt.Sprintf("; %s was read and is DAMAGED: `gbak-s3 verify --deep ARCHIVE` names it", page.Percent(c.Damaged))
	}
	return s
}

// daysAgo says how long ago something was, a long time in days.
func daysAgo(at time.Time) string {
	if d := time.Since(at); d > 0 {
		return inDays(d, math.Floor) + " ago"
	}
	return aged(time.Since(at))
}

// inDays formats a duration, a long one in days, rounded by round.
func inDays(d time.Duration, round func(float64) float64) string {
	if d < 48*time.Hour {
		return length(d)
	}
	return plural(int(round(d.Hours()/24)), "day")
}
