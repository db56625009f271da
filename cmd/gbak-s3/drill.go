package main

import (
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/internal/watch/metrics"
)

// defaultCheckTimeout is how long the command of a drill may take.
const defaultCheckTimeout = time.Hour

// drillFlags are the flags of a drill.
type drillFlags struct {
	target  target
	opts    archiver.DrillOptions
	exec    string
	timeout time.Duration
}

func drillCommand(a *app) *cobra.Command {
	var f drillFlags
	var metricsFile *string
	cmd := &cobra.Command{
		Use:   "drill ARCHIVE",
		Short: "Prove that an archive can be restored, by doing it",
		Long: `drill restores the database into a new folder below --scratch, checks it there, and
removes it again. It restores the newest state, the one that --backup, --epoch or --time
names, or with --random any one that can be restored. The result becomes a certificate
in the archive, even if the drill fails; status shows the newest.

It checks that what was stored has come back (bytes); that the restored files are a
database, frame by frame, in exactly the state that was asked for (structure); and, with
--exec, that a command accepts it (exec): best, one that opens it with Grafeo. {} in the
command stands for the path of the database. The command runs as your user, without a
shell, and may change the database. If the last line of its output is "digest: " and a
text, this is compared with the digest that an earlier drill, or attest, recorded for
the same state (digest); if there is none yet, this one is recorded. A digest
SCHEME:VALUE is compared only with others of the same scheme.

Exit codes: 0 everything that was checked is right; 3 a check failed; otherwise as for
restore.`,
		Example: `  gbak-s3 drill s3://backups/people
  gbak-s3 drill --random --scratch /var/tmp s3://backups/people
  gbak-s3 drill --exec 'node check.js {}' --epoch 4711 s3://backups/people`,
		Args: takes("ARCHIVE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.read(cmd); err != nil {
				return err
			}
			address := arguments(args, "ARCHIVE")[0]
			return a.metered(*metricsFile, "drill", "", address, func(run *metrics.Run) error {
				return a.drill(cmd, address, &f, run)
			})
		},
	}
	metricsFile = metricsFlag(cmd)
	flags := cmd.Flags()
	a.limits.downloads(flags)
	f.target.add(flags)
	flags.BoolVar(&f.opts.Random, "random", false, "restore a random state of all that can be restored, or the one on which a random drill failed before")
	flags.StringVar(&f.opts.Scratch, "scratch", "", "folder for the restored database (default the system's for temporary files)")
	flags.StringVar(&f.exec, "exec", "", "command that checks the restored database, whose path is {} in it; quotes keep words together (`CMD`)")
	flags.DurationVar(&f.timeout, "exec-timeout", defaultCheckTimeout, "how long the command may take")
	flags.StringVar(&f.opts.Expect, "expect", "", "the digest that the command must report")
	flags.BoolVar(&f.opts.Keep, "keep", false, "do not remove the restored database")
	flags.BoolVar(&f.opts.ReadOnly, "no-certificate", false, "write nothing to the archive: no certificate, and no digest")
	return cmd
}

// read makes options of the flags of cmd that were given.
func (f *drillFlags) read(cmd *cobra.Command) (err error) {
	for _, group := range [][]string{
		{"backup", "epoch", "time", "random"}, {"backup", "timeline"}, {"random", "timeline"},
	} {
		if err := exclusive(cmd, group...); err != nil {
			return err
		}
	}
	if err := f.target.check(cmd); err != nil {
		return err
	}
	if err := f.target.read(cmd); err != nil {
		return err
	}
	f.opts.Target = f.target.of
	for _, name := range []string{"expect", "exec-timeout"} {
		if cmd.Flags().Changed(name) && !cmd.Flags().Changed("exec") {
			return usage("--%s is of no use without --exec", "Give the command that checks the database, such as --exec 'node check.js {}'.", name)
		}
	}
	f.opts.Expect = reportedDigest(f.opts.Expect)
	if cmd.Flags().Changed("expect") && f.opts.Expect == "" {
		return usage("--expect is empty", "Give the digest that the command must report, such as v1:5f1d7a84db00d2fc; or leave --expect out.")
	}
	if !cmd.Flags().Changed("exec") {
		return nil
	}
	if f.timeout <= 0 {
		return usage("the timeout %s cannot be used", "Give a duration such as 10m.", f.timeout)
	}
	if f.opts.Command, err = words(f.exec); err != nil {
		return usage("--exec: %w", "Quotes keep words together, and there is no other syntax.", err)
	}
	if len(f.opts.Command) == 0 || !slices.ContainsFunc(f.opts.Command[1:], func(word string) bool { return strings.Contains(word, checkPlace) }) {
		return usage("--exec does not say where the path of the database goes", "Write {} there, such as --exec 'node check.js {}'.")
	}
	f.opts.Check = checkBy(f.opts.Command, f.timeout)
	return nil
}

func (a *app) drill(cmd *cobra.Command, address string, f *drillFlags, run *metrics.Run) error {
	frugal()
	outliveReaders()
	if f.opts.Check != nil {
		if err := mustBeThere(f.opts.Command); err != nil {
			return err
		}
	}
	archive, err := a.archive(cmd.Context(), address)
	if err != nil {
		return err
	}
	bar := a.out.progress("drilling")
	f.opts.Observer = bar.observe
	r, err := archive.Drill(cmd.Context(), f.opts)
	bar.done()
	run.Drill(r, err)
	if err != nil {
		return err
	}
	printed := a.out.answered("the drill is done", a.out.printDrill(r, f))
	if !r.OK() {
		return &answeredError{exitDamage}
	}
	return printed
}
