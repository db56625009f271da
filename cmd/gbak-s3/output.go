package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os/signal"
	"syscall"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/storage"
)

// backupLine is a backup in JSON (docs/json.md has all lines). What a run cost is there
// only after a backup.
type backupLine struct {
	Type        string                 `json:"type"` // "backup"
	Seq         uint64                 `json:"seq"`
	Kind        string                 `json:"kind"`
	Replaces    *replacedLine          `json:"replaces,omitempty"` // of a merged one
	Removed     bool                   `json:"removed,omitempty"`
	Timeline    int                    `json:"timeline"`
	StartEpoch  uint64                 `json:"start_epoch"`
	EndEpoch    uint64                 `json:"end_epoch"`
	RestoreFrom uint64                 `json:"restore_from"`
	RestoreTo   uint64                 `json:"restore_to"`
	CreatedAt   time.Time              `json:"created_at"`
	EndTime     *time.Time             `json:"end_time"`
	Database    string                 `json:"database"`
	Archive     string                 `json:"archive,omitempty"` // of a watched database
	DatabaseID  string                 `json:"database_id"`
	Generation  string                 `json:"generation"`
	Host        string                 `json:"host"`
	Labels      map[string]string      `json:"labels,omitempty"`
	Encryption  *encryptionLine        `json:"encryption,omitempty"` // of the archive: of a run, and of a list
	RawBytes    int64                  `json:"raw_bytes"`
	StoredBytes int64                  `json:"stored_bytes"`
	ReusedBytes int64                  `json:"reused_bytes"`
	Segments    int                    `json:"segments"`
	Why         string                 `json:"why,omitempty"`
	LeftOut     int64                  `json:"left_out_bytes,omitempty"`
	HoldBegan   bool                   `json:"hold_began,omitempty"`
	Abandoned   []holdLine             `json:"abandoned_holds,omitempty"` // of archives that seem to be out of use
	Released    []holdLine             `json:"released_holds,omitempty"`  // by --max-hold
	Requests    *storage.RequestCounts `json:"requests,omitempty"`
	Cost        *costLine              `json:"cost,omitempty"`
	ElapsedMS   *int64                 `json:"elapsed_ms,omitempty"`
}

// replacedLine are the backups that a merged one stands for.
type replacedLine struct {
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
}

// output is where a command prints its answer, and in which form.
type output struct {
	stdout, stderr io.Writer
	warnings       *slog.Logger // where warnings go; nil for stderr, as text
	log            *slog.Logger // for progress where no terminal is; nil before the flags are parsed
	screen         *screen      // of the terminal; nil for none

	colour  bool // stdout is a terminal that shows colours
	columns int  // of the terminal that stdout is; 0 if it is none

	json  bool
	quiet bool   // print nothing but errors, warnings and what was asked for
	csv   *table // of the lines that would be JSON; nil for JSON
	paid  bool   // whoever keeps the archive is paid for requests, transfers and storage
}

func lineOf(b archiver.Backup) backupLine {
	var replaces *replacedLine
	if b.From != 0 {
		replaces = &replacedLine{b.From, b.Seq}
	}
	return backupLine{
		Type: "backup", Seq: b.Seq, Kind: string(b.Kind), Replaces: replaces, Timeline: b.Timeline,
		StartEpoch: b.StartEpoch, EndEpoch: b.EndEpoch, RestoreFrom: b.RestoreFrom, RestoreTo: b.RestoreTo,
		CreatedAt: b.CreatedAt, EndTime: b.EndTime, Database: b.Database, DatabaseID: b.DatabaseID,
		Generation: string(b.Generation), Host: b.Host, Labels: b.Labels,
		RawBytes: b.RawBytes, StoredBytes: b.StoredBytes, ReusedBytes: b.ReusedBytes, Segments: b.Segments,
	}
}

// printJSON prints one object as a line of JSON or, if that was asked for, of CSV.
func (o *output) printJSON(v any) error {
	if o.csv != nil {
		return o.csv.print(o.stdout, v)
	}
	return json.NewEncoder(o.stdout).Encode(v)
}

// print prints a line of text. On a terminal it is wrapped.
func (o *output) print(format string, args ...any) error {
	_, err := io.WriteString(o.stdout, fitTo(fmt.Sprintf(format, args...), o.columns)+"\n")
	return err
}

// aligned returns a writer of lines in columns to stdout.
func (o *output) aligned() *aligned { return &aligned{out: o.stdout, columns: o.columns} }

// outliveReaders lets a command that changes something continue when nobody reads its
// output any more: the output is not what it is for.
func outliveReaders() { signal.Ignore(syscall.SIGPIPE) }

// answered ends a command that has done its work. That the answer could not be written
// does not undo it, and an exit code that says that it failed would be wrong: err goes
// to stderr.
func (o *output) answered(done string, err error) error {
	if err != nil {
		o.warn("%s, but that could not be written to stdout: %v", done, err)
	}
	return nil
}

func size(bytes int64) string { return humanize.IBytes(uint64(max(bytes, 0))) }

func took(d time.Duration) string {
	if d < time.Millisecond {
		return "less than 1ms"
	}
	if d < time.Second {
		return d.Round(time.Millisecond).String()
	}
	return d.Round(10 * time.Millisecond).String()
}

func requests(c storage.RequestCounts) string {
	return fmt.Sprintf("%s (put %d, get %d, head %d, list %d, delete %d)",
		plural(int(c.Total()), "request"), c.Put, c.Get, c.Head, c.List, c.Delete)
}

// nameOf returns what people call the archive that a hold is for.
func nameOf(h archiver.Hold) string {
	if h.Name == "" {
		return "archive " + h.ArchiveID
	}
	return h.Name
}

// plural counts things; more is their plural where that is not what and an s.
func plural(n int, what string, more ...string) string {
	switch {
	case n == 1:
		return "1 " + what
	case len(more) > 0:
		return fmt.Sprintf("%d %s", n, more[0])
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// epochs names a range of epochs.
func epochs(from, to uint64) string {
	if from == to {
		return fmt.Sprintf("epoch %d", to)
	}
	return fmt.Sprintf("epochs %d to %d", from, to)
}
