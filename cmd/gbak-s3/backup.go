package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/segment"
	"github.com/gbak-s3/gbak-s3/internal/watch/metrics"
)

func backupCommand(a *app) *cobra.Command {
	var (
		level, segmentSize string
		maxHold            string
		labels             []string
		locks              lockFlags
		opts               archiver.BackupOptions
		dryRun             bool
		metricsFile        *string
	)
	cmd := &cobra.Command{
		Use:   "backup DATABASE ARCHIVE",
		Short: "Back up a database; the first backup creates the archive",
		Long: `backup stores what is new in the database since the newest backup. If there is no backup
yet, or the log does not continue from it, it stores everything. Once it reports the
commit, the backup is complete, checked against the database's own checksums, and can be
restored. The last line it prints is the command that restores it.

DATABASE is the path of the database, or of the folder in which a Grafeo server keeps it
(people with people/data.grafeo). It may be closed, or open in another process, which is
neither locked nor stopped. The file backup_cursor.meta in its log folder tells a
database of Grafeo 0.6 to keep its log until this archive has it.

If ARCHIVE lacks a backup that it had before (is the disk mounted?), backup changes
nothing and exits with 4; --begin-anew accepts the loss.

--dry-run says what a backup would do, and at most what it would cost. It writes
nothing, and needs no permission to write.`,
		Example: `  gbak-s3 backup people.grafeo ./people-archive
  gbak-s3 backup people.grafeo s3://backups/people
  gbak-s3 backup people.grafeo 's3://backups/people?endpoint=http://minio:9000'
  gbak-s3 backup --dry-run people.grafeo s3://backups/people`,
		Args: takes("DATABASE", "ARCHIVE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			args = arguments(args, "DATABASE", "ARCHIVE")
			var err error
			if opts.Level, err = segment.ParseLevel(level); err != nil {
				return usage("%w", "Leave out --level to use the default, which is best in most cases.", err)
			}
			bytes, err := humanize.ParseBytes(segmentSize)
			if err != nil || bytes < archiver.MinSegmentBytes || bytes > archiver.MaxSegmentBytes {
				return usage("the segment size %s cannot be used", "Give a size between 1MiB and 128MiB, such as 24MiB.", segmentSize)
			}
			if cmd.Flags().Changed("segment-size") {
				opts.SegmentBytes = int64(bytes)
			}
			if cmd.Flags().Changed("max-hold") {
				most, err := humanize.ParseBytes(maxHold)
				if err != nil || most == 0 || most > math.MaxInt64 {
					return usage("the limit %q for held log cannot be used", "Give a size such as 10GiB.", maxHold)
				}
				opts.MaxHold = int64(most)
			}
			if opts.Labels, err = parseLabels(labels); err != nil {
				return err
			}
			if opts.LockKeep, opts.LockLength, err = locks.read(cmd); err != nil {
				return err
			}
			if opts.CommitTimeout <= 0 {
				return usage("the commit timeout %s cannot be used", "Give a duration such as 60s or 5m.", opts.CommitTimeout)
			}
			if err := exclusive(cmd, "full", "no-full"); err != nil {
				return err
			}
			if dryRun {
				return a.planBackup(cmd, args[0], args[1], opts)
			}
			return a.metered(*metricsFile, "backup", args[0], args[1], func(run *metrics.Run) error {
				return a.backup(cmd, args[0], args[1], opts, run)
			})
		},
	}
	metricsFile = metricsFlag(cmd)
	flags := cmd.Flags()
	a.keys.encrypting(flags)
	a.limits.uploads(flags)
	a.limits.reads(flags)
	flags.BoolVar(&dryRun, "dry-run", false, "only show what would be done, and at most what it would cost")
	flags.BoolVar(&opts.Full, "full", false, "take a full backup even if an incremental one would do")
	flags.BoolVar(&opts.NoFull, "no-full", false, "take no full backup after the first one: if one is needed, say so and exit with 10")
	flags.BoolVar(&opts.Fresh, "fresh", false, "reuse nothing that earlier full backups stored, in case it is damaged")
	flags.BoolVar(&opts.NoHold, "no-hold", false, "do not make the database keep its log for this archive")
	flags.BoolVar(&opts.NewDatabase, "new-database", false,
		"accept a database of another id as the successor of the archive's; it begins a new timeline")
	flags.BoolVar(&opts.Closed, "closed", false,
		"nobody has the database open: needed where only its file is mounted, so that gbak-s3 cannot see this")
	flags.StringVar(&maxHold, "max-hold", "",
		"if the database keeps more log than this for its archives, such as 10GiB, end the hold that needs the most; "+
			"that archive's next backup is a full one")
	flags.BoolVar(&opts.BeginAnew, "begin-anew", false,
		"accept that what was at ARCHIVE is gone, and start over with what is there now")
	flags.BoolVar(&opts.SingleWriter, "single-writer", false,
		"for a new archive: allow a store without conditional writes; never let two backups run at the same time")
	locks.add(flags)
	flags.StringArrayVar(&labels, "label", nil,
		"record this `KEY=VALUE` with the backup, for people and for --keep-label; may be repeated")
	flags.StringVar(&level, "level", segment.DefaultLevel.String(), "compression: fastest, default, better or best")
	flags.StringVar(&segmentSize, "segment-size", "48MiB",
		"how much of the database goes into one object, before compression; small databases use half the default")
	flags.DurationVar(&opts.CommitTimeout, "commit-timeout", archiver.DefaultCommitTimeout,
		"how long to wait for a clear answer to the commit")
	return cmd
}

// parseLabels reads labels, each as KEY=VALUE.
func parseLabels(texts []string) (map[string]string, error) {
	labels := map[string]string{}
	for _, text := range texts {
		key, value, err := archiver.ParseLabel(text)
		if _, given := labels[key]; given && err == nil {
			err = errors.New("there is one of this name already")
		}
		if err != nil {
			return nil, usage("the label %q cannot be used: %w", "Write labels as KEY=VALUE, such as release=1.4, each with another name.", text, err)
		}
		labels[key] = value
	}
	if len(labels) > archiver.MaxLabels {
		return nil, usage("%d labels are too many", fmt.Sprintf("A backup can have %d.", archiver.MaxLabels), len(labels))
	}
	return labels, nil
}

// apartFrom is [apart] for a database that may be in the folder of a server.
func apartFrom(address, database string) error {
	if err := mustWrite(address); err != nil {
		return err
	}
	if err := apart(address, database); err != nil {
		return err
	}
	if file, err := archiver.Locate(database); err == nil {
		return apart(address, file)
	}
	return nil
}

func (a *app) backup(cmd *cobra.Command, database, address string, opts archiver.BackupOptions, run *metrics.Run) error {
	if err := mustBeNoFolder(database); err != nil {
		return err
	}
	if err := apartFrom(address, database); err != nil {
		return err
	}
	outliveReaders()
	archive, err := a.archive(cmd.Context(), address)
	if err != nil {
		return err
	}
	frugal()
	bar := a.out.progress("backing up")
	opts.Observer = bar.observe
	r, err := archive.Backup(cmd.Context(), database, opts)
	bar.done()
	if err != nil {
		return err
	}
	run.Backup(r)
	done := fmt.Sprintf("backup %d is committed", r.Backup.Seq)
	if r.Backup.Kind == archiver.KindNone {
		done = fmt.Sprintf("nothing is new since backup %d", r.Backup.Seq)
	}
	a.out.warnOfHolds(database, r, opts.MaxHold)
	err = a.out.printBackup(database, address, r)
	if err == nil && len(opts.Labels) > 0 && r.Backup.Kind == archiver.KindNone && !a.out.json {
		err = a.out.print("as no backup was made, the labels are recorded nowhere; to keep backup %d: %s pin %s %d",
			r.Backup.Seq, self(), quote(absolute(address)), r.Backup.Seq)
	}
	return a.out.answered(done, err)
}

func (o *output) printBackup(database, address string, r archiver.BackupReport) error {
	if o.json {
		return o.printJSON(o.lineOfReport(database, r))
	}
	path := database
	if file, err := archiver.Locate(database); err == nil {
		path = file // what can be restored
	}
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	did := fmt.Sprintf("%s, %s", requests(r.Requests), took(r.Elapsed))
	if r.Backup.Kind != archiver.KindNone {
		did = fmt.Sprintf("%s read, %s stored in %s, %s",
			size(r.Backup.RawBytes), size(r.Backup.StoredBytes), plural(r.Backup.Segments, "segment"), did)
	}
	lines := []string{headline(database, r), did}
	if c := o.costOf(r.Requests, 0, r.Backup.StoredBytes); c != nil {
		lines = append(lines, "cost: "+c.String())
	}
	if r.Backup.ReusedBytes > 0 {
		lines = append(lines, fmt.Sprintf("%s were already in the archive", size(r.Backup.ReusedBytes)))
	}
	if r.LeftOutBytes > 0 {
		lines = append(lines, fmt.Sprintf("%s at the end of the log belong to no complete commit and were left out; "+
			"the database ignores them too when it is opened", size(r.LeftOutBytes)))
	}
	if r.HoldBegan {
		lines = append(lines,
			"from now on the database keeps its log until this archive has it, which takes up space if backups stop; to end that:",
			fmt.Sprintf("  %s release %s %s", self(), quote(path), quote(absolute(address))))
	}
	lines = append(lines, linesOfFirst(r.Encryption, address)...)
	identity := ""
	if r.Encrypted {
		identity = "-i IDENTITY "
	}
	lines = append(lines,
		"to restore it, on "+anyHost(address)+":",
		fmt.Sprintf("%s restore %s%s %s", self(), identity, quote(absolute(address)), quote(path)))
	for _, line := range lines {
		if err := o.print("%s", line); err != nil {
			return err
		}
	}
	return nil
}

// lineOfReport is a backup that was made just now, in JSON.
func (o *output) lineOfReport(database string, r archiver.BackupReport) backupLine {
	line, elapsed := lineOf(r.Backup), r.Elapsed.Milliseconds()
	line.Requests, line.Cost, line.ElapsedMS = &r.Requests, o.costOf(r.Requests, 0, r.Backup.StoredBytes), &elapsed
	line.Why, line.HoldBegan, line.LeftOut = r.Why, r.HoldBegan, r.LeftOutBytes
	if r.Encryption != nil {
		line.Encryption = lineOfEncryption(r.Encryption)
	}
	line.Abandoned, line.Released = linesOfHeld(r.Abandoned, database), linesOfHeld(r.Released, database)
	return line
}

// headline says what a backup did.
func headline(database string, r archiver.BackupReport) string {
	if r.Backup.Kind == archiver.KindNone {
		return fmt.Sprintf("nothing new in %s since backup %d, epoch %d: nothing stored", database, r.Backup.Seq, r.Backup.EndEpoch)
	}
	return fmt.Sprintf("backup %d of %s committed: %s, %s", r.Backup.Seq, database,
		kindOf(r.Backup.Kind, r.Backup.Timeline, r.Why), epochs(r.Backup.StartEpoch, r.Backup.EndEpoch))
}

// kindOf says of which kind a backup is, and why, if that needs saying.
func kindOf(k archiver.Kind, timeline int, why string) string {
	kind := string(k)
	if timeline > 1 {
		kind += fmt.Sprintf(" on timeline %d", timeline)
	}
	if why != "" {
		kind += " (" + why + ")"
	}
	return kind
}

// self returns how this program is called: by its name, or with `go run` if that
// built it.
func self() string {
	if exe, err := os.Executable(); err == nil && strings.Contains(exe, string(filepath.Separator)+"go-build") {
		return "go run github.com/gbak-s3/gbak-s3/cmd/gbak-s3"
	}
	return "gbak-s3"
}

// quote quotes word for the shells of this system, if they need that.
func quote(word string) string { return quoteFor(word, runtime.GOOS) }

// quoteFor quotes for a POSIX shell; on Windows for both the command prompt and PowerShell, as far as
// they agree.
func quoteFor(word, system string) string {
	special := "/._-+=:@%,"
	if system == "windows" {
		special = `/._-+=:%\`
	}
	safe := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(special, r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !safe(r) }) < 0 {
		return word
	}
	if system != "windows" || strings.ContainsAny(word, "$`\"") { // of which the command prompt makes nothing right anyway
		return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	if strings.HasSuffix(word, `\`) {
		word += `\` // so that it does not escape the quotation mark
	}
	return `"` + word + `"`
}
