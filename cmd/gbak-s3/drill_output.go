package main

import (
	"fmt"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/storage"
)

// drillLine is a drill in JSON.
type drillLine struct {
	Type          string                `json:"type"` // "drill"
	OK            bool                  `json:"ok"`
	Why           string                `json:"why,omitempty"` // it is not
	Backup        uint64                `json:"backup"`
	Timeline      int                   `json:"timeline"`
	Epoch         uint64                `json:"epoch"`
	Time          *time.Time            `json:"time"`
	Random        bool                  `json:"random"`
	Checks        drillChecks           `json:"checks"`
	Digest        string                `json:"digest,omitempty"`
	Pinned        *digestLine           `json:"pinned,omitempty"`
	RawBytes      int64                 `json:"raw_bytes"`
	Reopen        bool                  `json:"reopen,omitempty"`
	RestoreMS     int64                 `json:"restore_ms"`
	ExecMS        int64                 `json:"exec_ms"`
	Kept          string                `json:"kept,omitempty"`     // path of the restored database
	Database      string                `json:"database,omitempty"` // name of a watched one
	Archive       string                `json:"archive,omitempty"`  // of a watched database
	Certificate   string                `json:"certificate,omitempty"`
	NoCertificate string                `json:"no_certificate,omitempty"` // why there is none
	Requests      storage.RequestCounts `json:"requests"`
	Cost          *costLine             `json:"cost,omitempty"`
	ElapsedMS     int64                 `json:"elapsed_ms"`
}

type drillChecks struct {
	Bytes     drillCheckLine `json:"bytes"`
	Structure drillCheckLine `json:"structure"`
	Exec      drillCheckLine `json:"exec"`
	Digest    drillCheckLine `json:"digest"`
}

type drillCheckLine struct {
	Result string `json:"result"`
	Why    string `json:"why,omitempty"`
	MS     int64  `json:"ms"`
}

// digestLine is a digest that a state has.
type digestLine struct {
	Digest string    `json:"digest"`
	By     string    `json:"by"`
	At     time.Time `json:"at"`
	Host   string    `json:"host"`
}

func lineOfCheck(c archiver.DrillCheck) drillCheckLine {
	return drillCheckLine{string(c.Result), c.Why, c.Took.Milliseconds()}
}

func lineOfDrill(r archiver.DrillReport) drillLine {
	line := drillLine{
		Type: "drill", OK: r.OK(), Why: r.Why(), Backup: r.Plan.Backup.Seq, Timeline: r.Plan.Timeline, Epoch: r.Plan.Epoch, Time: r.Plan.Time,
		Random: r.Random, Checks: drillChecks{lineOfCheck(r.Bytes), lineOfCheck(r.Structure), lineOfCheck(r.Exec), lineOfCheck(r.Digest)},
		Digest: r.Reported, Pinned: (*digestLine)(r.Pinned), RawBytes: r.Plan.RawBytes, Reopen: r.Reopen, RestoreMS: r.RestoreTime.Milliseconds(),
		ExecMS: r.Exec.Took.Milliseconds(), Kept: r.Database, Certificate: r.Certificate,
		Requests: r.Requests, ElapsedMS: r.Elapsed.Milliseconds(),
	}
	if r.NoCertificate != nil {
		line.NoCertificate = r.NoCertificate.Error()
	}
	return line
}

// printDrill says what a drill has proved, and what not.
func (o *output) printDrill(r archiver.DrillReport, f *drillFlags) error {
	cost := o.costOf(r.Requests, r.ReceivedBytes, 0)
	if o.json {
		line := lineOfDrill(r)
		line.Cost = cost
		return o.printJSON(line)
	}
	lines := []string{"the drill was of " + drilledState(r) + asked(f.target)}
	for _, c := range []struct {
		name  string
		check archiver.DrillCheck
		says  string
	}{
		{"bytes", r.Bytes, "what was stored came back, by every hash and checksum: not that it is a database"},
		{"structure", r.Structure, "our own reader finds a whole database in this state: not that Grafeo opens it"},
		{"exec", r.Exec, "the command accepts the database: as much as that looks at"},
		{"digest", r.Digest, digestSays(r)},
	} {
		lines = append(lines, fmt.Sprintf("  %-9s  %s", c.name, checkSays(c.name, c.check, c.says, f.exec == "")))
	}
	if r.OK() {
		lines = append(lines, fmt.Sprintf("proven restorable: %s in %s", size(r.Plan.RawBytes), took(r.RestoreTime)))
	} else {
		lines = append(lines, "NOT proven restorable: "+r.Why())
	}
	if r.Reopen {
		lines = append(lines, "Grafeo 0.5 may show some edges twice until the database has been opened and closed once: the command is to do that first")
	}
	if r.Database != "" {
		lines = append(lines, "the restored database is "+r.Database)
	}
	switch {
	case r.Certificate != "":
		lines = append(lines, "the certificate is "+r.Certificate)
	case r.NoCertificate != nil:
		lines = append(lines, "there is no certificate: "+r.NoCertificate.Error())
	}
	for _, line := range append(lines, fmt.Sprintf("%s, %s", requests(r.Requests), took(r.Elapsed))) {
		if err := o.print("%s", line); err != nil {
			return err
		}
	}
	return o.printCost(cost)
}

// drilledState says which state was restored and, if it was drawn, how to have it again.
func drilledState(r archiver.DrillReport) string {
	if r.Plan.Backup.Seq == 0 {
		return "a state that is not known"
	}
	s := fmt.Sprintf("%s, from backup %d", state(r.Plan), r.Plan.Backup.Seq)
	if r.Random {
		s += fmt.Sprintf("; it was drawn, and --epoch %d --timeline %d drills it again", r.Plan.Epoch, r.Plan.Timeline)
	}
	return s
}

// checkSays says what became of a check, and what it shows.
func checkSays(name string, c archiver.DrillCheck, says string, noCommand bool) string {
	switch c.Result {
	case archiver.DrillFailed:
		return "FAILED: " + c.Why
	case archiver.DrillNotDone:
		if c.Why != "" {
			return "not done: " + c.Why
		}
		if noCommand && name == "exec" {
			return "not done: no command was given"
		}
		return "not done"
	case archiver.DrillNotReported:
		return "not reported: the last line that the command prints would have to be \"digest: \" and a text"
	case archiver.DrillPinned:
		return says
	}
	return fmt.Sprintf("ok, %s: %s", took(c.Took), says)
}

// digestSays says what the digest was compared with.
func digestSays(r archiver.DrillReport) string {
	switch p := r.Pinned; {
	case r.Digest.Result == archiver.DrillPinned:
		return fmt.Sprintf("pinned: %s is the first of this state; later drills must report the same", r.Reported)
	case p == nil:
		return r.Reported + " is what was expected"
	default:
		return fmt.Sprintf("%s is what %s reported on %s (%s)", p.Digest, whoPinned(p.By), p.At.UTC().Format(listed), visible(p.Host))
	}
}

// whoPinned says in words who pinned a digest.
func whoPinned(by string) string {
	if by == "app" {
		return "the app"
	}
	return "a drill"
}
