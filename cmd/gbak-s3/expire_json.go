package main

import (
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/storage"
)

// expireBackupLine is what an expiry does with one backup, in JSON.
type expireBackupLine struct {
	Type    string   `json:"type"` // "expire_backup"
	Seq     uint64   `json:"seq"`
	Stays   bool     `json:"stays"`
	Because []string `json:"because"`
	Of      []string `json:"of"`
	Label   string   `json:"label"` // of its pin
	GivenUp bool     `json:"given_up"`
}

// expireLine is what an expiry does in all, in JSON.
type expireLine struct {
	Type           string                `json:"type"` // "expire"
	Applied        bool                  `json:"applied"`
	Head           uint64                `json:"head"`
	Keep           uint64                `json:"keep"`
	Removed        int                   `json:"removed"`
	Kept           int                   `json:"kept"`
	Unreadable     []uint64              `json:"unreadable"`
	Disbelieved    []uint64              `json:"disbelieved"`
	WindowFrom     *time.Time            `json:"window_from"`
	ReachBefore    []reachLine           `json:"reach_before"`
	ReachAfter     []reachLine           `json:"reach_after"`
	ChainsOnly     chainsLine            `json:"chains_only"`
	Deleted        amountLine            `json:"deleted"`
	Waiting        waitingLine           `json:"waiting"`
	Manifests      int64                 `json:"manifests"`
	Orphans        int64                 `json:"orphans"`
	Refused        []refusedLine         `json:"refused"`
	RefusedObjects int64                 `json:"refused_objects"`
	Survivors      int64                 `json:"survivors"`
	Unknown        int64                 `json:"unknown"`
	Withheld       string                `json:"withheld,omitempty"`
	GraceS         int64                 `json:"grace_s"`
	Versioned      *bool                 `json:"versioned"`
	Locked         *bool                 `json:"locked"`
	Versions       *versionsLine         `json:"versions,omitempty"`
	Requests       storage.RequestCounts `json:"requests"`
	Cost           *costLine             `json:"cost,omitempty"`
	ElapsedMS      int64                 `json:"elapsed_ms"`
}

type amountLine struct {
	Objects int64 `json:"objects"`
	Bytes   int64 `json:"bytes"`
}

type versionsLine struct {
	Deleted amountLine `json:"deleted"`
	Locked  amountLine `json:"locked"`
	Refused int64      `json:"refused"`
}

type chainsLine struct {
	Backups int64 `json:"backups"`
	Bytes   int64 `json:"bytes"`
}

type waitingLine struct {
	Objects int64      `json:"objects"`
	Bytes   int64      `json:"bytes"`
	From    *time.Time `json:"from"` // when an expiry can delete it; null if that is not known
}

type refusedLine struct {
	Key  string `json:"key"`
	Code string `json:"code"`
}

// printLines prints an expiry as JSON.
func (p *expirePrinter) printLines() {
	for _, v := range p.report.Verdicts {
		line := expireBackupLine{
			Type: "expire_backup", Seq: v.Backup.Seq, Stays: v.Stays, Because: list(v.Because), Of: list(v.Of), GivenUp: v.GivenUp,
		}
		for i, rule := range v.Because {
			if rule == "pin" {
				line.Label = v.Of[i]
			}
		}
		if p.err == nil {
			p.err = p.printJSON(line)
		}
	}
	if p.err == nil {
		p.err = p.printJSON(p.lineOfExpire())
	}
}

func (p *expirePrinter) lineOfExpire() expireLine {
	r := p.report
	line := expireLine{
		Type: "expire", Applied: r.Applied, Head: r.Head, Keep: r.Keep, Removed: r.Removed, Kept: r.Kept,
		Unreadable: list(r.Unreadable), Disbelieved: list(r.Disbelieved),
		WindowFrom: r.WindowFrom, ReachBefore: linesOfReach(r.Before), ReachAfter: linesOfReach(r.After), ChainsOnly: chainsLine{r.ChainsOnly.Objects, r.ChainsOnly.Bytes},
		Deleted: amountLine(r.Deleted), Waiting: waitingLine{r.Waiting.Objects, r.Waiting.Bytes, r.WaitingUntil},
		Manifests: r.Manifests, Orphans: r.Orphans, Refused: []refusedLine{}, RefusedObjects: r.Refused,
		Survivors: r.Survivors, Unknown: r.Unknown, GraceS: int64(r.Grace / time.Second), Versioned: r.Versioned, Locked: r.Locked, Versions: lineOfVersions(r.Versions),
		Requests: r.Requests, Cost: p.costOf(r.Requests, 0, 0), ElapsedMS: r.Elapsed.Milliseconds(),
	}
	for _, k := range r.RefusedKeys {
		line.Refused = append(line.Refused, refusedLine{k.Key, string(k.Code)})
	}
	if r.Withheld != nil {
		line.Withheld = r.Withheld.Error()
	}
	return line
}

// list returns all, [] for nil: what is an array in JSON always is one.
func list[T any](all []T) []T { return append([]T{}, all...) }

func linesOfReach(all []archiver.Reach) []reachLine {
	lines := []reachLine{}
	for _, r := range all {
		lines = append(lines, reachLine(r))
	}
	return lines
}

func lineOfVersions(v *archiver.OldVersions) *versionsLine {
	if v == nil {
		return nil
	}
	return &versionsLine{amountLine(v.Deleted), amountLine(v.Locked), v.Refused}
}
