package main

import (
	"fmt"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
)

// retentionLine is what a status says about what stays, in JSON.
type retentionLine struct {
	Policy       *rulesLine    `json:"policy"`
	Pins         []pinnedLine  `json:"pins"`
	LastKeep     *lastKeepLine `json:"last_keep"`
	WaitingBytes *int64        `json:"waiting_bytes"` // null if it is not known
}

type pinnedLine struct {
	Backup uint64    `json:"backup"`
	Label  string    `json:"label"`
	Host   string    `json:"host"`
	At     time.Time `json:"at"`
}

type lastKeepLine struct {
	Seq uint64    `json:"seq"`
	At  time.Time `json:"at"`
}

func lineOfRetention(r *archiver.Retention) retentionLine {
	line := retentionLine{Pins: []pinnedLine{}, WaitingBytes: new(int64)}
	if r == nil {
		return line
	}
	line.Policy, line.LastKeep, line.WaitingBytes = lineOfRules(r.Policy), &lastKeepLine{r.Keep, r.At}, r.WaitingBytes
	for _, p := range r.Pins {
		line.Pins = append(line.Pins, pinnedLine(p))
	}
	return line
}

// shownPins is how many pins a status shows.
const shownPins = 8

// linesOfRetention are the lines of a status about what stays.
func linesOfRetention(r *archiver.Retention) (lines []string) {
	if r.Policy != nil {
		lines = append(lines, "policy\t"+flagsOf(r.Policy))
	}
	for i, p := range r.Pins {
		if i == shownPins {
			lines = append(lines, fmt.Sprintf("pinned\t%d more", len(r.Pins)-i))
			break
		}
		label := ""
		if p.Label != "" {
			label = fmt.Sprintf(" (%q)", p.Label)
		}
		lines = append(lines, fmt.Sprintf("pinned\tbackup %d%s, since %s by %s", p.Backup, label, p.At.Format(time.DateTime+" UTC"), visible(p.Host)))
	}
	if r.WaitingBytes != nil && *r.WaitingBytes > 0 {
		lines = append(lines, fmt.Sprintf("removed\tup to %s wait for an expiry after their grace", size(*r.WaitingBytes)))
	}
	return append(lines, fmt.Sprintf("last keep\trecord %d, made at %s", r.Keep, r.At.Format(time.DateTime+" UTC")))
}
