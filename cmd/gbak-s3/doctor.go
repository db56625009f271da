package main

import (
	"github.com/spf13/cobra"

	"github.com/gbak-s3/gbak-s3/archiver"
)

func doctorCommand(a *app) *cobra.Command {
	var locks lockFlags
	cmd := &cobra.Command{
		Use:   "doctor ARCHIVE",
		Short: "Check whether it is safe to commit backups to an archive",
		Long: `doctor probes the store at ARCHIVE, whether or not an archive is there yet. Can it be
reached, read, listed and written? Does it create an object only if it is absent, even
if several writers try at the same time? What do versioning, object lock and lifecycle
rules mean for backups, as far as they can be seen? How far is its clock off, and how
fast is it? Could somebody who steals this host's credentials destroy what is stored
(append-only: yes or no)?

It writes a few objects below probe/, tries to overwrite and delete them, and removes
them again as far as it may. No probe can prove that a store keeps its promises; this
one finds stores that do not. With --lock-keep, it also says whether the bucket's locks
are long enough for that.

The exit code is 0 if it is safe to back up there, 9 if the store has no conditional
writes, and otherwise the one that a backup would end with.`,
		Example: `  gbak-s3 doctor s3://backups/people
  gbak-s3 doctor 's3://backups/people?endpoint=http://127.0.0.1:9000'`,
		Args: takes("ARCHIVE"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			var opts archiver.DoctorOptions
			if opts.LockKeep, opts.LockLength, err = locks.read(cmd); err != nil {
				return err
			}
			archive, err := a.archive(cmd.Context(), arguments(args, "ARCHIVE")[0])
			if err != nil {
				return err
			}
			r, err := archive.Doctor(cmd.Context(), opts)
			if err != nil {
				return err
			}
			if err := a.out.printDoctor(r); err != nil {
				return err
			}
			if p := r.Problem(); p != nil {
				return &answeredError{exitCode(p.Code)}
			}
			return nil
		},
	}
	locks.add(cmd.Flags())
	return cmd
}

// doctorLine is what doctor found, in JSON.
type doctorLine struct {
	Type       string          `json:"type"` // "doctor"
	Safe       bool            `json:"safe"`
	Conditions string          `json:"conditions"` // "honoured", "ignored", "rejected", "not_atomic", "lying"; "" if not known
	Backups    int             `json:"backups"`
	Checks     []checkLine     `json:"checks"`
	ClockMS    *int64          `json:"clock_ms"` // of the store, ahead of this host's; null if not known
	LatencyMS  float64         `json:"latency_ms"`
	Upload     float64         `json:"upload_bytes_per_second"`
	Download   float64         `json:"download_bytes_per_second"`
	Protection *protectionLine `json:"protection"` // null if nothing could be tried
	Requests   any             `json:"requests"`
	Cost       *costLine       `json:"cost,omitempty"`
	ElapsedMS  int64           `json:"elapsed_ms"`
}

// protectionLine is what a thief of this host's credentials could do.
type protectionLine struct {
	AppendOnly string    `json:"append_only"` // "yes", "no" or "unknown"
	Why        []string  `json:"why"`
	Holes      []string  `json:"holes"`
	Versioning string    `json:"versioning"` // "off", "on", "suspended"; "" if not known
	Lock       *lockLine `json:"lock"`       // null if not known
	Left       int       `json:"left_objects"`
}

// lockLine is the object lock of a bucket.
type lockLine struct {
	Enabled bool   `json:"enabled"`
	Mode    string `json:"mode"` // of what objects get by default; "" for nothing
	Days    int    `json:"days"`
	Years   int    `json:"years"`
}

func lineOfProtection(p *archiver.Protection) *protectionLine {
	if p == nil {
		return nil
	}
	line := &protectionLine{string(p.AppendOnly), append([]string{}, p.Why...), append([]string{}, p.Holes...), string(p.Versioning), nil, p.Left}
	if lock := p.Lock; lock != nil {
		line.Lock = &lockLine{Enabled: lock.Enabled}
		if r := lock.Retention; r != nil {
			line.Lock.Mode, line.Lock.Days, line.Lock.Years = string(r.Mode), r.Days, r.Years
		}
	}
	return line
}

type checkLine struct {
	Name     string `json:"name"`
	Severity string `json:"severity"` // "ok", "note", "warning", "problem"
	Text     string `json:"text"`
	Hint     string `json:"hint"`
	Code     string `json:"code"` // of a problem: what a backup would end with
}

func (o *output) printDoctor(r archiver.DoctorReport) error {
	cost := o.costOf(r.Requests, 0, 0)
	if o.json {
		line := doctorLine{
			Type: "doctor", Safe: r.Problem() == nil, Conditions: string(r.Conditions), Backups: r.Backups, Checks: []checkLine{},
			LatencyMS: float64(r.Latency.Microseconds()) / 1000, Upload: r.UploadSpeed, Download: r.DownloadSpeed,
			Protection: lineOfProtection(r.Protection), Requests: r.Requests, Cost: cost, ElapsedMS: r.Elapsed.Milliseconds(),
		}
		if r.Clock != nil {
			ms := r.Clock.Milliseconds()
			line.ClockMS = &ms
		}
		for _, c := range r.Checks {
			line.Checks = append(line.Checks, checkLine{c.Name, string(c.Severity), c.Text, hintOf(&c), string(c.Code)})
		}
		return o.printJSON(line)
	}
	colours := map[archiver.Severity]colour{
		archiver.SeverityOK: good, archiver.SeverityWarning: doubt, archiver.SeverityProblem: bad,
	}
	for _, c := range r.Checks {
		hint := hintOf(&c)
		if err := o.print("%s%*s%s", o.paint(colours[c.Severity], string(c.Severity)), 9-len(c.Severity), "", c.Text); err != nil {
			return err
		}
		if hint != "" {
			if err := o.print("         %s", hint); err != nil {
				return err
			}
		}
	}
	verdict := o.paint(good, "it is safe to commit backups here")
	if r.Problem() != nil {
		verdict = o.paint(bad, "it is NOT safe to commit backups here")
	}
	if err := o.print("%s: %s, %s", verdict, requests(r.Requests), took(r.Elapsed)); err != nil {
		return err
	}
	return o.printCost(cost)
}

// hintOf returns what to do about the result of a check.
func hintOf(c *archiver.Check) string {
	if c.Hint != "" || c.Err == nil {
		return c.Hint
	}
	return hintFor(c.Err, "doctor")
}
