package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gbak-s3/gbak-s3/archiver"
)

func salvageCommand(a *app) *cobra.Command {
	var opts archiver.SalvageOptions
	cmd := &cobra.Command{
		Use:   "salvage ARCHIVE",
		Short: "Show what can still be restored from a damaged archive",
		Long: `salvage examines all that is left of an archive. For each timeline it says which epochs
and backups can still be restored exactly and which cannot, and which missing objects
are the reason. It changes nothing, and needs only permission to read. restore --salvage
restores what it finds.

It reads every segment and compares it with its hash. With --quick it checks only
whether they are there, and their size. That misses damage inside them, but restore
--salvage finds ways around that, too.

If something is missing, damaged or in doubt, it exits with 3.`,
		Example: `  gbak-s3 salvage s3://backups/people
  gbak-s3 salvage --quick ./people-archive`,
		Args: takes("ARCHIVE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.salvage(cmd, arguments(args, "ARCHIVE")[0], opts)
		},
	}
	a.limits.downloads(cmd.Flags())
	cmd.Flags().BoolVar(&opts.Quick, "quick", false, "check only that segments are there, and their size")
	return cmd
}

// salvageLine is what can be had of an archive in JSON.
type salvageLine struct {
	Type      string                 `json:"type"` // "salvage"
	OK        bool                   `json:"ok"`
	Quick     bool                   `json:"quick"`
	Records   int                    `json:"records"`
	Timelines []salvagedTimelineLine `json:"timelines"`
	Findings  []findingLine          `json:"findings"`
	Doubts    []string               `json:"doubts"`
	Unnamed   int                    `json:"unnamed_segments"`
	Bytes     int64                  `json:"bytes"`
	Requests  any                    `json:"requests"`
	Cost      *costLine              `json:"cost,omitempty"`
	ElapsedMS int64                  `json:"elapsed_ms"`
}

type salvagedTimelineLine struct {
	Timeline   int                  `json:"timeline"`
	Database   string               `json:"database"`
	DatabaseID string               `json:"database_id"`
	Generation string               `json:"generation"`
	Epochs     []salvagedEpochsLine `json:"epochs"`
	Backups    []salvagedBackupLine `json:"backups"`
}

type salvagedEpochsLine struct {
	From        uint64        `json:"from"`
	To          uint64        `json:"to"`
	State       string        `json:"state"`
	OnlyRemoved bool          `json:"only_removed,omitempty"`
	Why         []findingLine `json:"why,omitempty"`
}

type salvagedBackupLine struct {
	Seq      uint64        `json:"seq"`
	Kind     string        `json:"kind"`
	EndEpoch uint64        `json:"end_epoch"`
	State    string        `json:"state"`
	Why      []findingLine `json:"why,omitempty"`
}

// salvagedLine is what a restore with --salvage says of what it has restored.
type salvagedLine struct {
	Exact      bool          `json:"exact"`
	Unsure     bool          `json:"unsure"`
	MayBeLater bool          `json:"may_be_later_timeline,omitempty"`
	ImageOnly  bool          `json:"image_only,omitempty"`
	Removed    []uint64      `json:"removed,omitempty"`
	Wanted     wantedLine    `json:"wanted"`
	Findings   []findingLine `json:"findings"`
	Doubts     []string      `json:"doubts"`
}

// wantedLine is the state that was asked for, as far as that is known.
type wantedLine struct {
	Seq      uint64     `json:"seq,omitempty"`
	Timeline int        `json:"timeline,omitempty"`
	Epoch    *uint64    `json:"epoch,omitempty"`
	Time     *time.Time `json:"time,omitempty"`
}

func (a *app) salvage(cmd *cobra.Command, address string, opts archiver.SalvageOptions) error {
	frugal()
	archive, err := a.archive(cmd.Context(), address)
	if err != nil {
		return err
	}
	bar := a.out.progress("reading")
	opts.Observer = bar.observe
	r, err := archive.Salvage(cmd.Context(), opts)
	bar.done()
	if err != nil {
		return err
	}
	if err := a.out.printSalvage(r); err != nil {
		return err
	}
	if !r.OK() {
		return &answeredError{exitDamage}
	}
	return nil
}

func (o *output) printSalvage(r archiver.SalvageReport) error {
	cost := o.costOf(r.Requests, r.Bytes, 0)
	if o.json {
		return o.printJSON(lineOfSalvage(r, cost))
	}
	var lines []string
	say := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	for _, f := range r.Holes {
		say("%s: %s", f.Key, f.Problem)
	}
	for _, doubt := range r.Doubts {
		say("in doubt: %s", doubt)
	}
	for _, t := range r.Timelines {
		say("timeline %d, database %s", t.Timeline, visible(t.Database))
		for _, e := range t.Epochs {
			say("  %s", epochsInWords(e))
		}
		for _, b := range t.Backups {
			if b.State != archiver.SalvageRestorable {
				say("  backup %d, up to epoch %d: %s%s", b.Seq, b.EndEpoch, stateInWords(b.State), because(b.Why))
			}
		}
	}
	if r.Unnamed > 0 {
		say("%s by no record that can be read: of runs that were interrupted, or of records that are lost",
			plural(r.Unnamed, "segment is named", "segments are named"))
	}
	verdict := "nothing is missing"
	if !r.OK() {
		verdict = plural(len(r.Holes), "object is", "objects are") + " missing or damaged"
		if len(r.Doubts) > 0 {
			verdict += ", and something is in doubt"
		}
	}
	how := "every segment was read and compared with its hash"
	if r.Quick {
		how = "of segments, only presence and size were looked at"
	}
	say("%s: %s, %s read, %s (%s; fences and digests of pages were not looked at)", verdict, plural(r.Records, "record"), size(r.Bytes), took(r.Elapsed), how)
	if err := o.print("%s", strings.Join(lines, "\n")); err != nil {
		return err
	}
	return o.printCost(cost)
}

func epochsInWords(e archiver.SalvagedEpochs) string {
	words := epochs(e.From, e.To) + ": " + stateInWords(e.State)
	if e.OnlyRemoved {
		words += ", from backups that were removed or merged"
	}
	return words + because(e.Why)
}

func stateInWords(s archiver.SalvageState) string {
	switch s {
	case archiver.SalvageRestorable:
		return "can be restored"
	case archiver.SalvageUnsure:
		return "can be restored, but more of that epoch may be lost"
	}
	return "lost"
}

// because names the objects for want of which something is not to be had.
func because(why []archiver.Finding) string {
	const most = 3
	var keys []string
	for i, f := range why {
		if i == most {
			keys = append(keys, fmt.Sprintf("and %d more", len(why)-most))
			break
		}
		keys = append(keys, f.Key)
	}
	if len(keys) == 0 {
		return ""
	}
	return " (" + strings.Join(keys, ", ") + ")"
}

func lineOfSalvage(r archiver.SalvageReport, cost *costLine) salvageLine {
	line := salvageLine{
		Type: "salvage", OK: r.OK(), Quick: r.Quick, Records: r.Records, Timelines: []salvagedTimelineLine{}, Findings: findingLines(r.Holes),
		Doubts: append([]string{}, r.Doubts...), Unnamed: r.Unnamed, Bytes: r.Bytes, Requests: r.Requests, Cost: cost, ElapsedMS: r.Elapsed.Milliseconds(),
	}
	for _, t := range r.Timelines {
		to := salvagedTimelineLine{
			Timeline: t.Timeline, Database: t.Database, DatabaseID: t.DatabaseID, Generation: string(t.Generation),
			Epochs: []salvagedEpochsLine{}, Backups: []salvagedBackupLine{},
		}
		for _, e := range t.Epochs {
			to.Epochs = append(to.Epochs, salvagedEpochsLine{e.From, e.To, string(e.State), e.OnlyRemoved, findingLines(e.Why)})
		}
		for _, b := range t.Backups {
			to.Backups = append(to.Backups, salvagedBackupLine{b.Seq, string(b.Kind), b.EndEpoch, string(b.State), findingLines(b.Why)})
		}
		line.Timelines = append(line.Timelines, to)
	}
	return line
}

func findingLines(findings []archiver.Finding) []findingLine {
	lines := []findingLine{}
	for _, f := range findings {
		lines = append(lines, findingLine(f))
	}
	return lines
}

func lineOfSalvaged(s *archiver.Salvaged) *salvagedLine {
	if s == nil {
		return nil
	}
	return &salvagedLine{
		Exact: s.Exact, Unsure: s.Unsure, MayBeLater: s.MayBeLater, ImageOnly: s.ImageOnly, Removed: s.Removed, Findings: findingLines(s.Holes), Doubts: append([]string{}, s.Doubts...),
		Wanted: wantedLine{s.WantedBackup, s.WantedTimeline, s.WantedEpoch, s.WantedTime},
	}
}

// printSalvaged says whether what was restored is what was asked for.
func (o *output) printSalvaged(s *archiver.Salvaged) error {
	if s == nil {
		return nil
	}
	verdict := "it is exactly what was asked for"
	switch {
	case s.MayBeLater:
		verdict = "it is that of the newest timeline that is known: a record that is lost may have begun a later one; " +
			fmt.Sprintf("--timeline %d says that this one is meant", s.WantedTimeline)
	case s.Unsure:
		verdict = "it may not be all that was asked for: more of the same epoch may have been committed, in a record that is lost"
	case !s.Exact:
		verdict = "it is LESS than was asked for: " + wantedInWords(s) + " cannot be had, and this is the last state before it that can"
	}
	if err := o.print("%s", verdict); err != nil {
		return err
	}
	if s.ImageOnly {
		if err := o.print("it is the checkpoint in the image of the full backup, without any log"); err != nil {
			return err
		}
	}
	if len(s.Removed) > 0 {
		if err := o.print("%s", removedInWords(s.Removed)); err != nil {
			return err
		}
	}
	for _, f := range s.Holes {
		if err := o.print("%s: %s", f.Key, f.Problem); err != nil {
			return err
		}
	}
	for _, doubt := range s.Doubts {
		if err := o.print("in doubt: %s", doubt); err != nil {
			return err
		}
	}
	return nil
}

// removedInWords says that a state comes from backups that had been removed.
func removedInWords(seqs []uint64) string {
	if len(seqs) == 1 {
		return fmt.Sprintf("backup %d, from which it comes, had been REMOVED, and was there still", seqs[0])
	}
	var all []string
	for _, seq := range seqs {
		all = append(all, fmt.Sprint(seq))
	}
	return "backups " + strings.Join(all, ", ") + ", from which it comes, had been REMOVED, and were there still"
}

// wantedInWords names the state that was asked for.
func wantedInWords(s *archiver.Salvaged) string {
	var words []string
	if s.WantedBackup > 0 {
		words = append(words, fmt.Sprintf("the end of backup %d", s.WantedBackup))
	}
	if s.WantedEpoch != nil {
		words = append(words, fmt.Sprintf("epoch %d of timeline %d", *s.WantedEpoch, s.WantedTimeline))
	}
	if s.WantedTime != nil {
		words = append(words, s.WantedTime.Format(time.RFC3339Nano))
	}
	return strings.Join(words, ", ")
}
