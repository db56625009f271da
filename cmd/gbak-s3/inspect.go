package main

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

func inspectCommand(a *app) *cobra.Command {
	var opts archiver.InspectOptions
	cmd := &cobra.Command{
		Use:   "inspect PATH",
		Short: "Show what a file or folder is, its epochs, and whether it is intact",
		Long: `inspect says what a path is: a database with its log, a log folder or one of its files,
a backup cursor, a folder of Grafeo's own backups or one of its files, or an archive.
Unless it is an archive, inspect compares every checksum and says whether it is whole.
The database may be in use; nothing is changed.

Exit codes: 0 whole, or only recognized; 1 not recognized; 3 damaged.`,
		Example: `  gbak-s3 inspect people.grafeo
  gbak-s3 inspect people.grafeo.wal
  gbak-s3 inspect people.grafeo.wal/backup_cursor.meta --json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("inspect takes one path", "Usage: "+cmd.UseLine())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if strings.HasPrefix(args[0], "s3://") {
				return usage("inspect looks at what is on this host", "For an archive in a bucket, run `gbak-s3 list`, `gbak-s3 status` or `gbak-s3 verify`.")
			}
			i, err := archiver.Inspect(cmd.Context(), args[0], opts)
			if err != nil {
				return err
			}
			if a.out.json {
				err = a.out.printJSON(lineOfInspection(i))
			} else {
				err = a.out.printInspection(i)
			}
			if err == nil && i.Problem != nil {
				err = &answeredError{exitDamage}
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&opts.Closed, "closed", false, "nobody has the database open: needed where only its file is mounted")
	return cmd
}

// inspectLine is an inspection in JSON. What the path does not have is left out.
type inspectLine struct {
	Type       string       `json:"type"` // "inspect"
	What       string       `json:"what"`
	Path       string       `json:"path"`
	Generation *string      `json:"generation"`
	Layout     string       `json:"layout,omitempty"` // "directory": a database of 0.5 that is a WAL directory
	Whole      *bool        `json:"whole"`            // null if it was only recognized
	Problem    *problemLine `json:"problem"`

	FromEpoch *uint64    `json:"from_epoch,omitempty"`
	ToEpoch   *uint64    `json:"to_epoch,omitempty"`
	FromTime  *time.Time `json:"from_time,omitempty"`
	ToTime    *time.Time `json:"to_time,omitempty"`

	Image  *imageLine  `json:"image,omitempty"`
	Log    *logLine    `json:"log,omitempty"`
	Spill  *spillLine  `json:"spill,omitempty"`
	Cursor *cursorLine `json:"cursor,omitempty"`
	Native *nativeLine `json:"native,omitempty"`
	List   *listLine   `json:"list,omitempty"`

	ArchiveID  string          `json:"archive_id,omitempty"`
	Encryption *encryptionLine `json:"encryption,omitempty"` // of an archive, as it began
}

// listLine is a list of native backups.
type listLine struct {
	Fulls        int        `json:"fulls"`
	Incrementals int        `json:"incrementals"`
	Bytes        uint64     `json:"bytes"`
	NewestAt     *time.Time `json:"newest_at"`
}

type problemLine struct {
	File    string `json:"file"`
	Offset  *int64 `json:"offset"`
	Message string `json:"message"`
}

type imageLine struct {
	DatabaseID    string     `json:"database_id"`
	Creator       string     `json:"creator"`
	CreatedAt     *time.Time `json:"created_at"`
	Iteration     uint64     `json:"iteration"`
	Epoch         uint64     `json:"epoch"`
	Time          *time.Time `json:"time"`
	CheckpointLSN uint64     `json:"checkpoint_lsn"`
	Nodes         uint64     `json:"nodes"`
	Edges         uint64     `json:"edges"`
	Bytes         int64      `json:"bytes"`
	DamagedHeader bool       `json:"damaged_header"` // one of two, and not the one that counts
	Unknown       []string   `json:"unknown"`        // parts that a later version has written
}

type logLine struct {
	Files            int       `json:"files"`
	Bytes            int64     `json:"bytes"`
	Commits          int64     `json:"commits"`
	Runs             []runLine `json:"runs"`
	Torn             *tornLine `json:"torn"`
	UncommittedBytes int64     `json:"uncommitted_bytes"`
}

// spillLine is what is in a spill folder.
type spillLine struct {
	Files int   `json:"files"`
	Bytes int64 `json:"bytes"`
}

type runLine struct {
	FromEpoch uint64     `json:"from_epoch"`
	ToEpoch   uint64     `json:"to_epoch"`
	FromTime  *time.Time `json:"from_time"`
	ToTime    *time.Time `json:"to_time"`
}

type tornLine struct {
	File    string `json:"file"`
	Offset  int64  `json:"offset"`
	Bytes   int64  `json:"bytes"`
	Message string `json:"message"`
}

type cursorLine struct {
	BackedUpEpoch uint64     `json:"backed_up_epoch"`
	LogSequence   uint64     `json:"log_sequence"`
	WALLSN        *uint64    `json:"wal_lsn"`
	Time          *time.Time `json:"time"`
}

type nativeLine struct {
	Version    uint32 `json:"version"`
	StartEpoch uint64 `json:"start_epoch"`
	EndEpoch   uint64 `json:"end_epoch"`
	Count      uint64 `json:"count"`
}

func lineOfInspection(i archiver.Inspection) inspectLine {
	line := inspectLine{Type: "inspect", What: string(i.What), Path: i.Path}
	if generation := string(i.Generation); generation != "" {
		line.Generation = &generation
	}
	if i.Directory {
		line.Layout = manifest.Directory
	}
	if whole := i.Whole(); i.Checked || i.Problem != nil {
		line.Whole = &whole
	}
	if p := i.Problem; p != nil {
		line.Problem = &problemLine{p.File, p.Offset, p.What}
	}
	if e := i.Epochs; e != nil {
		line.FromEpoch, line.ToEpoch, line.FromTime, line.ToTime = &e.From, &e.To, known(e.FromTime), known(e.ToTime)
	}
	if im := i.Image; im != nil {
		line.Image = &imageLine{
			DatabaseID: im.DatabaseID, Creator: im.Creator, CreatedAt: known(im.Created), Iteration: im.Iteration,
			Epoch: im.Epoch, Time: known(im.Time), CheckpointLSN: im.CheckpointLSN, Nodes: im.NodeCount, Edges: im.EdgeCount,
			Bytes: im.Size, DamagedHeader: im.DamagedSlot, Unknown: append([]string{}, im.Unknown...),
		}
	}
	if i.Log != nil {
		line.Log = lineOfLog(i.Log)
	}
	line.Spill = (*spillLine)(i.Spill)
	if c := i.Cursor; c != nil {
		line.Cursor = &cursorLine{c.BackedUpEpoch, c.LogSequence, c.WALLSN, known(c.Time)}
	}
	if n := i.Native; n != nil {
		line.Native = &nativeLine{n.Version, n.StartEpoch, n.EndEpoch, n.Count}
	}
	if l := i.List; l != nil {
		line.List = &listLine{l.Fulls, l.Incrementals, l.Bytes, known(l.Newest)}
	}
	if a := i.Archive; a != nil {
		line.ArchiveID, line.Encryption = a.ArchiveID, lineOfEncryption(a.Encryption)
	}
	return line
}

func lineOfLog(l *archiver.LogSummary) *logLine {
	line := &logLine{Files: l.Files, Bytes: l.Bytes, Commits: l.Commits, Runs: []runLine{}, UncommittedBytes: l.Uncommitted}
	for _, r := range l.Runs {
		line.Runs = append(line.Runs, runLine{r.From, r.To, known(r.FromTime), known(r.ToTime)})
	}
	if t := l.Torn; t != nil {
		line.Torn = &tornLine{t.File, t.Offset, t.Length, t.What}
	}
	return line
}

// known returns a time as JSON has it: null if there is none.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// kinds are the names of the kinds, for people.
var kinds = map[grafeo.FileKind]string{
	grafeo.KindDatabase:       "a database",
	grafeo.KindLogFolder:      "the log folder of a database",
	grafeo.KindLogFile:        "a log file of a database",
	grafeo.KindCursor:         "a backup cursor",
	grafeo.KindNativeFolder:   "a folder of Grafeo's own backups",
	grafeo.KindNativeManifest: "the list of Grafeo's own backups",
	grafeo.KindNativeSegment:  "one of Grafeo's own incremental backups",
	archiver.ArchiveFolder:    "an archive of gbak-s3",
}

func (o *output) printInspection(i archiver.Inspection) error {
	what, verdict := kinds[i.What], "whole"
	if i.Directory {
		what = "a database that is a WAL directory"
	}
	if i.Generation != "" {
		what += fmt.Sprintf(" (Grafeo %s)", i.Generation)
	}
	switch {
	case i.Problem != nil:
		verdict = "damaged"
	case !i.Checked:
		verdict = "not checked"
	}
	w := o.aligned()
	fmt.Fprintf(w, "%s: %s, %s\n", i.Path, what, verdict)
	row := func(name, format string, args ...any) { fmt.Fprintf(w, "  "+name+"\t"+format+"\n", args...) }
	if i.Problem != nil {
		row("problem", "%s", i.Problem.What)
	}
	if i.Archive != nil {
		row("encryption", "%s", encryption(i.Archive.Encryption))
	}
	if i.What == archiver.ArchiveFolder {
		row("see", "%s list %s", self(), quote(i.Path))
	}
	if i.Epochs != nil {
		row("holds", "%s%s", epochs(i.Epochs.From, i.Epochs.To), during(i.Epochs))
	}
	if i.Image != nil {
		imageRows(row, i.Image)
	}
	if i.Log != nil {
		logRows(row, i.Log)
	}
	if s := i.Spill; s != nil {
		row("spilled", "%s", spilled(s))
	}
	if c := i.Cursor; c != nil {
		row("backed up", "epoch %d%s", c.BackedUpEpoch, moment(", at ", &c.Time))
		switch {
		case c.WALLSN != nil:
			row("keeps", "the log from position %d on", *c.WALLSN)
		case c.Generation == grafeo.Gen05:
			row("log file", "%d is the last one in a backup; the cursor keeps no log", c.LogSequence)
		default:
			row("keeps", "no log: it names no position")
		}
	}
	if n := i.Native; n != nil {
		row("header", "version %d, count %d", n.Version, n.Count)
	}
	if l := i.List; l != nil {
		row("backups", "%s, %s, %s%s", plural(l.Fulls, "full", "full ones"), plural(l.Incrementals, "incremental"),
			size(int64(min(l.Bytes, math.MaxInt64))), moment(", the newest of ", known(l.Newest)))
	}
	if i.What == grafeo.KindNativeFolder && i.Problem == nil {
		row("see", "%s import %s ARCHIVE", self(), quote(i.Path))
	}
	return w.Flush()
}

// during names the times of epochs, if they are known.
func during(e *archiver.Epochs) string {
	switch {
	case e.FromTime.IsZero() || e.ToTime.IsZero():
		return ""
	case e.From == e.To:
		return moment(": ", &e.ToTime)
	}
	return moment(": ", &e.FromTime) + moment(" to ", &e.ToTime)
}

func imageRows(row func(name, format string, args ...any), im *grafeo.Image) {
	row("database", "%s, created%s by Grafeo %s", im.DatabaseID, moment(" at ", known(im.Created)), im.Creator)
	if im.Empty {
		row("image", "none yet: all data is in the log")
		return
	}
	row("image", "epoch %d%s, checkpoint %d, %s, %s, %s", im.Epoch, moment(" of ", &im.Time), im.Iteration,
		plural(int(im.NodeCount), "node"), plural(int(im.EdgeCount), "edge"), size(im.Size))
	if im.Generation == grafeo.Gen06 {
		row("covers", "the log up to position %d", im.CheckpointLSN)
	}
	if len(im.Unknown) > 0 {
		row("unknown", "it has parts that this version does not know, which a backup contains as they are: %s", strings.Join(im.Unknown, ", "))
	}
	if im.DamagedSlot {
		row("header", "one of the two is damaged, as after a crash; the database opens with the other")
	}
}

// spilled says how much is in a spill folder.
func spilled(s *archiver.Spill) string {
	return fmt.Sprintf("vectors in %s, %s", plural(s.Files, "file"), size(s.Bytes))
}

func logRows(row func(name, format string, args ...any), l *archiver.LogSummary) {
	row("log", "%s, %s, %s", plural(l.Files, "file"), size(l.Bytes), plural(int(l.Commits), "commit"))
	if len(l.Runs) > 1 {
		for _, r := range l.Runs {
			row("run", "%s", epochs(r.From, r.To))
		}
	}
	if l.Uncommitted > 0 {
		row("uncommitted", "%s after the last commit", size(l.Uncommitted))
	}
	if t := l.Torn; t != nil {
		row("torn tail", "%s of %s from offset %d on: an interrupted write, where the database stops reading", size(t.Length), t.File, t.Offset)
	}
}
