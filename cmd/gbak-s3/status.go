package main

import (
	"fmt"
	"math"
	"os"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/internal/watch/config"
	"github.com/gbak-s3/gbak-s3/internal/watch/metrics"
)

func statusCommand(a *app) *cobra.Command {
	var maxLag time.Duration
	var maxProofAge string
	var opts archiver.StatusOptions
	var metricsFile *string
	cmd := &cobra.Command{
		Use:   "status ARCHIVE [DATABASE]",
		Short: "Show what can be restored, and how far behind the archive is",
		Long: `status shows the newest backup and what can be restored. With DATABASE it also shows how
far the archive is behind that database: how many commits it lacks, and how old the
oldest of these is. It changes neither.

If the newest backup cannot be restored, because one that it needs is missing, status
says so and exits with 3. With --max-lag it exits with 1 if the archive is further
behind than that or, without DATABASE, if its newest backup is older. With
--max-proof-age it exits with 1 if no drill has succeeded for that long, or if one
failed and no later one shows that this is mended (docs/drills.md).

A single argument is the ARCHIVE, unless $GBAK_ARCHIVE is set and the argument is an
existing file or a folder with a database: then it is the DATABASE.`,
		Example: `  gbak-s3 status s3://backups/people
  gbak-s3 status s3://backups/people people.grafeo
  gbak-s3 status s3://backups/people people.grafeo --max-lag 15m
  gbak-s3 status s3://backups/people --max-proof-age 8d`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 2 {
				return usage("%d arguments are too many", "Usage: "+cmd.UseLine(), len(args))
			}
			if address, _ := statusArguments(args); address == "" && len(args) == 0 {
				return usage("ARCHIVE is missing", "Usage: "+cmd.UseLine())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if maxLag < 0 {
				return usage("the lag %s cannot be used", "Give a duration such as 15m, 90s or 24h.", maxLag)
			}
			var l statusLimits
			if cmd.Flags().Changed("max-lag") {
				l.lag = &maxLag
			}
			if cmd.Flags().Changed("max-proof-age") {
				age, err := config.ParseDuration(maxProofAge)
				if err != nil {
					return usage("--max-proof-age: %w", "Give a duration such as 36h or 8d.", err)
				}
				l.proofAge = &age
			}
			var address string
			address, opts.Database = statusArguments(args)
			return a.metered(*metricsFile, "status", opts.Database, address, func(run *metrics.Run) error {
				return a.status(cmd, address, opts, l, run)
			})
		},
	}
	metricsFile = metricsFlag(cmd)
	cmd.Flags().BoolVar(&opts.Closed, "closed", false, "nobody has DATABASE open: needed where only its file is mounted")
	cmd.Flags().DurationVar(&maxLag, "max-lag", 0, "exit with code 1 if the archive is further behind than this, such as 15m")
	cmd.Flags().StringVar(&maxProofAge, "max-proof-age", "",
		"exit with code 1 if no drill has succeeded for this long, such as 8d, or if one failed and that is not mended (`TIME`)")
	return cmd
}

// statusLimits are what a status is held to; nil for nothing.
type statusLimits struct{ lag, proofAge *time.Duration }

// check returns the error of a status that is beyond a limit.
func (l statusLimits) check(r archiver.StatusReport) error {
	if r.Vanished != nil || r.Broken != nil {
		return r.Within(math.MaxInt64) // whatever the lag may be
	}
	if l.lag != nil {
		if err := r.Within(*l.lag); err != nil {
			return err
		}
	}
	if l.proofAge != nil {
		return r.ProvenWithin(*l.proofAge)
	}
	return nil
}

// statusArguments tells the two arguments apart, as the help text of status says.
func statusArguments(args []string) (address, database string) {
	address = os.Getenv(archiveVariable)
	switch len(args) {
	case 0:
		return address, ""
	case 1:
		if address != "" && isDatabase(args[0]) {
			return address, args[0]
		}
		return args[0], ""
	}
	return args[0], args[1]
}

// isDatabase reports whether path is that of a file, or a folder with a database.
func isDatabase(path string) bool {
	if _, err := os.Stat(path); err != nil {
		return false
	}
	_, err := archiver.Locate(path)
	return err == nil
}

func (a *app) status(cmd *cobra.Command, address string, opts archiver.StatusOptions, limits statusLimits, run *metrics.Run) error {
	archive, err := a.archive(cmd.Context(), address)
	if err != nil {
		return err
	}
	r, err := archive.Status(cmd.Context(), opts)
	if err != nil {
		return err
	}
	run.Status(r)
	if a.out.json {
		err = a.out.printJSON(lineOfStatus(r, opts.Database))
	} else {
		err = a.out.printStatus(r, opts.Database)
	}
	if err != nil {
		return err
	}
	return limits.check(r)
}

// statusLine is a status in JSON.
type statusLine struct {
	Type        string      `json:"type"` // "status"
	Backups     int         `json:"backups"`
	StoredBytes int64       `json:"stored_bytes"`
	Newest      *backupLine `json:"newest"`
	AgeMS       *int64      `json:"age_ms"` // negative: in the future by this host's clock
	Restorable  []reachLine `json:"restorable"`
	Behind      *behindLine `json:"behind"`

	Holds         []holdLine `json:"holds"`
	LogBytes      int64      `json:"log_bytes"`
	ForeignCursor bool       `json:"foreign_cursor"`
	Spill         *spillLine `json:"spill"` // null if there is nothing

	Conditions   string `json:"conditions"`    // how the store treats conditional writes, "" if it was never probed
	SingleWriter bool   `json:"single_writer"` // the archive is for one writer at a time

	Encryption *encryptionLine `json:"encryption"`

	Replay    *replayLine    `json:"replay"`    // null if nothing can be restored
	Mergeable *mergeableLine `json:"mergeable"` // null if nothing would be merged

	Proof *proofLine `json:"proof"`

	retentionLine

	Vanished string `json:"vanished,omitempty"` // what was there before and is not now, in words
	Broken   string `json:"broken,omitempty"`   // why the newest backup cannot be restored, in words
}

type reachLine struct {
	Timeline  int        `json:"timeline"`
	FromEpoch uint64     `json:"from_epoch"`
	ToEpoch   uint64     `json:"to_epoch"`
	FromTime  *time.Time `json:"from_time"`
	ToTime    *time.Time `json:"to_time"`
	AsOf      time.Time  `json:"as_of"`

	Database   string            `json:"database"`
	DatabaseID string            `json:"database_id"`
	Generation grafeo.Generation `json:"generation"`

	FirstBackup uint64 `json:"first_backup"`
	LastBackup  uint64 `json:"last_backup"`
}

type behindLine struct {
	Continues bool   `json:"continues"`
	Why       string `json:"why"`
	Commits   int64  `json:"commits"`
	Bytes     int64  `json:"bytes"`
	Seconds   int64  `json:"seconds"` // rounded away from 0, which means that nothing is new; negative: in the future
}

func lineOfStatus(r archiver.StatusReport, database string) statusLine {
	line := statusLine{
		Type: "status", Backups: r.Backups, StoredBytes: r.StoredBytes, Restorable: []reachLine{},
		Holds: linesOfHeld(r.Log.Holds, database), LogBytes: r.Log.LogBytes, ForeignCursor: r.Log.ForeignCursor,
		Conditions: string(r.Conditions), SingleWriter: r.SingleWriter, Encryption: lineOfEncryption(r.Encryption), Spill: (*spillLine)(r.Spill),
		retentionLine: lineOfRetention(r.Retention), Replay: (*replayLine)(r.Replay), Mergeable: lineOfMergeable(r.Mergeable), Proof: lineOfProof(r),
	}
	if r.Vanished != nil {
		line.Vanished = r.Vanished.Error()
	}
	if r.Broken != nil {
		line.Broken = r.Broken.Error()
	}
	if r.Newest != nil {
		newest, age := lineOf(*r.Newest), r.Age.Milliseconds()
		line.Newest, line.AgeMS = &newest, &age
	}
	for _, reach := range r.Restorable {
		line.Restorable = append(line.Restorable, reachLine(reach))
	}
	if b := r.Behind; b != nil {
		seconds := math.Copysign(math.Ceil(math.Abs(b.Lag.Seconds())), b.Lag.Seconds())
		line.Behind = &behindLine{b.Continues, b.Why, b.Commits, b.Bytes, int64(seconds)}
	}
	return line
}

func (o *output) printStatus(r archiver.StatusReport, database string) error {
	w := o.aligned()
	if r.Vanished != nil {
		fmt.Fprintf(w, "vanished\t%s\n", o.paint(bad, r.Vanished.Error()))
	}
	if b := r.Newest; b != nil {
		labelled := ""
		if len(b.Labels) > 0 {
			labelled = ", with " + labels(b.Labels)
		}
		fmt.Fprintf(w, "newest backup\t%d (%s), %s: epoch %d of timeline %d%s%s\n",
			b.Seq, b.Kind, aged(r.Age), b.EndEpoch, b.Timeline, moment(", committed at ", b.EndTime), labelled)
	}
	if r.Broken != nil {
		fmt.Fprintf(w, "damaged\t%s\n", o.paint(bad, fmt.Sprintf("backup %d cannot be restored: %s", r.Newest.Seq, r.Broken)))
	}
	fmt.Fprintf(w, "backups\t%d, %s stored\n", r.Backups, size(r.StoredBytes))
	fmt.Fprintf(w, "encryption\t%s\n", encryption(r.Encryption))
	if r.SingleWriter {
		fmt.Fprintf(w, "single writer\tnever let two backups run at the same time: the store has no conditional writes (%s)\n", r.Conditions)
	}
	for _, reach := range r.Restorable {
		fmt.Fprintf(w, "restorable\ttimeline %d%s, %s", reach.Timeline, ofDatabase(reach, r.Restorable), epochs(reach.FromEpoch, reach.ToEpoch))
		if reach.FromTime != nil && reach.ToTime != nil {
			fmt.Fprintf(w, "%s%s\n", moment(": ", reach.FromTime), moment(" to ", reach.ToTime))
		} else {
			fmt.Fprintf(w, "%s\n", moment(": backups up to ", &reach.AsOf))
		}
	}
	for _, line := range linesOfProof(r) {
		fmt.Fprintf(w, "%s\n", line)
	}
	if r.Retention != nil {
		for _, line := range linesOfRetention(r.Retention) {
			fmt.Fprintf(w, "%s\n", line)
		}
	}
	for _, line := range linesOfReplay(r) {
		fmt.Fprintf(w, "%s\n", line)
	}
	if b := r.Behind; b != nil {
		fmt.Fprintf(w, "behind\t%s\n", behind(b, database))
	}
	if r.Spill != nil {
		fmt.Fprintf(w, "spilled\t%s\n", spilled(r.Spill))
	}
	for _, line := range linesOfHolds(r, database) {
		fmt.Fprintf(w, "%s\n", line)
	}
	if r.Log.ForeignCursor {
		fmt.Fprintf(w, "log\t%s; not held: the backup cursor belongs to somebody else\n", size(r.Log.LogBytes))
	}
	return w.Flush()
}

// ofDatabase names the database of a timeline, where the archive has several: after an
// upgrade, or when a new one has taken the place of the old one.
func ofDatabase(r archiver.Reach, all []archiver.Reach) string {
	for _, other := range all {
		if other.DatabaseID != r.DatabaseID {
			return fmt.Sprintf(" of %s (Grafeo %s)", visible(r.Database), r.Generation)
		}
	}
	return ""
}

// behind says how far an archive is behind a database.
func behind(b *archiver.Behind, database string) string {
	switch {
	case !b.Continues:
		return fmt.Sprintf("%s: %s; the next backup is a full one, %s", lag(b.Lag), b.Why, size(b.Bytes))
	case b.Commits == 0:
		return "nothing: the archive has all of " + database
	}
	return fmt.Sprintf("%s: %s, %s of log", lag(b.Lag), plural(int(b.Commits), "commit"), size(b.Bytes))
}

// aged says how long ago something was, or will be by this host's clock.
func aged(d time.Duration) string {
	if d < 0 {
		return length(-d) + " in the future by this host's clock"
	}
	return length(d) + " ago"
}

// lag says for how long something has been missing.
func lag(d time.Duration) string {
	if d < 0 {
		return "unknown (" + aged(d) + ")"
	}
	return length(d)
}

// length formats a duration, a long one in its largest unit alone.
func length(d time.Duration) string {
	if d < 2*time.Minute {
		return took(d)
	}
	now := time.Now()
	// RelTime truncates: two hours less a moment would be one.
	return strings.TrimSpace(humanize.RelTime(now.Add(-d.Round(time.Minute)), now, "", ""))
}
