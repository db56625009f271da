package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gbak-s3/gbak-s3/archiver"
)

// app is one run of the command: its output, and what its global flags say.
type app struct {
	out output

	format      format
	logLevel    string
	logFormat   string
	concurrency int

	storeTimeout time.Duration
	limits       limits
	keys         keyFlags // of the archive that the command works on

	opened   *archiver.Archive // that one, nil before it is opened
	openedAt string            // its address

	log  *slog.Logger // nil before the archive is opened
	verb string       // the command that has failed
}

// run executes the command line and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	s := newScreen(stderr)
	stderr = s.above(stderr)
	a := &app{out: output{stdout: stdout, stderr: stderr, screen: s, colour: hasColour(stdout), columns: widthOf(stdout)}}
	a.keys.asker = &asker{stdin: os.Stdin, prompts: stderr}
	root := a.command()
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return wrongFlag(cmd, args, err) })
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root, mustHaveTwoDashes(root, args)
	if err == nil {
		cmd, err = root.ExecuteContextC(ctx)
	}
	if err = a.deliver(err); err == nil {
		return exitDone
	}
	a.verb = cmd.Name()
	for _, flag := range []string{"plan", "dry-run"} {
		if planned, _ := cmd.Flags().GetBool(flag); planned { // no error where there is no such flag
			a.verb = "plan"
		}
	}
	a.out.json = a.out.json || asksForJSON(args) // an error may come before the flags are parsed
	return a.fail(err, a.neighbours(ctx, err))
}

const longHelp = `gbak-s3 backs up Grafeo databases, open or closed, to S3, MinIO or a directory,
and restores them exactly as they were.

An archive holds the history of one database. Its address is a path, a file://
URL, or s3://bucket/prefix?endpoint=URL&region=NAME; credentials are found where
the AWS tools find them (AWS_ACCESS_KEY_ID, AWS_PROFILE, ...). Where ARCHIVE is left
out, $GBAK_ARCHIVE is used.`

func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use:   "gbak-s3",
		Short: "Back up Grafeo databases to S3, MinIO or a directory, and restore them",
		Long:  longHelp,
		Example: `  gbak-s3 backup people.grafeo s3://backups/people
  gbak-s3 restore s3://backups/people people.grafeo
  gbak-s3 verify --deep s3://backups/people`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.ArbitraryArgs,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.listen(); err != nil {
				return err
			}
			return a.format.apply(cmd, &a.out)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return noCommand(cmd, args[0])
		},
	}
	root.Version = version()
	root.SetVersionTemplate(versionText() + "\n")
	root.Flags().Bool("version", false, "print the version")
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { writeHelp(cmd.OutOrStdout(), cmd, columnsOf(cmd.OutOrStdout())) })
	flags := root.PersistentFlags()
	a.format.flags(flags)
	flags.StringVar(&a.logLevel, "log-level", "warn", "messages on stderr: debug, info, warn or error")
	flags.StringVar(&a.logFormat, "log-format", logText, "format of the messages on stderr: text or json")
	flags.IntVar(&a.concurrency, "concurrency", archiver.DefaultConcurrency,
		"how many segments to build and transfer at the same time; each needs memory")
	flags.DurationVar(&a.storeTimeout, "store-timeout", archiver.DefaultStoreTimeout,
		"how long to retry while the store is busy or unreachable")
	a.keys.opening(flags)
	root.AddCommand(backupCommand(a), restoreCommand(a), listCommand(a), verifyCommand(a), drillCommand(a), attestCommand(a), salvageCommand(a), releaseCommand(a),
		statusCommand(a), reportCommand(a), doctorCommand(a), inspectCommand(a), importCommand(a), exportCommand(a),
		expireCommand(a), policyCommand(a), pinCommand(a), unpinCommand(a), compactCommand(a), copyCommand(a), mirrorCommand(a), keysCommand(a), watchCommand(a), healthCommand(a), completionCommand(a), versionCommand(a))
	root.AddCommand(pagesCommands(a)...)
	helpKnowsCommands(root)
	root.InitDefaultHelpFlag()                      // now, else --help COMMAND takes COMMAND for its value
	root.CompletionOptions.DisableDefaultCmd = true // see [completionCommand]
	completeValues(root)
	return root
}

// archiveVariable is the variable that is used where the ARCHIVE argument is left out.
const archiveVariable = "GBAK_ARCHIVE"

// takes checks the number of arguments: names are all that a command takes, of
// which ARCHIVE may come from the environment.
func takes(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) > len(names):
			if cmd.Flags().Changed("passphrase") {
				return usage("too many arguments", "--passphrase has no value: the passphrase is asked for, or printed by the command of "+
					"--passphrase-command. Usage: "+cmd.UseLine())
			}
			return usage("too many arguments", "Usage: "+cmd.UseLine())
		case len(args) == len(names), len(args) == len(names)-1 && os.Getenv(archiveVariable) != "":
			return nil
		}
		hint := "Usage: " + cmd.UseLine()
		if len(args) == len(names)-1 {
			hint += "; without ARCHIVE, $" + archiveVariable + " is used."
		}
		if cmd.Name() == "restore" && cmd.Flags().Changed("output") {
			hint += " --output is for what the command prints."
		}
		if missing := names[len(args):]; len(missing) > 1 {
			return usage("%s are missing", hint, strings.Join(missing, " and "))
		}
		return usage("%s is missing", hint, names[len(names)-1])
	}
}

// arguments returns the arguments of a command in the order of names, ARCHIVE
// from the environment if it was left out.
func arguments(args []string, names ...string) []string {
	if len(args) == len(names) {
		return args
	}
	return slices.Insert(slices.Clone(args), slices.Index(names, "ARCHIVE"), os.Getenv(archiveVariable))
}

// archive opens the archive at address.
func (a *app) archive(ctx context.Context, address string) (*archiver.Archive, error) {
	a.out.paid = isBucket(address)
	archive, err := a.archives(nil).open(ctx, address)
	a.opened, a.openedAt = archive, address
	return archive, err
}

// exclusive refuses more than one of these flags. (cobra's own check gives an error
// that cannot be told from others.)
func exclusive(cmd *cobra.Command, flags ...string) error {
	var given []string
	for _, name := range flags {
		if cmd.Flags().Changed(name) {
			given = append(given, "--"+name)
		}
	}
	if len(given) < 2 {
		return nil
	}
	return usage("%s cannot be used together", "Give one of them.", strings.Join(given, " and "))
}

// garbagePercent is how much garbage there may be, as a percentage of what is in use.
// What is in use is a few large buffers, which are reused, so collecting often costs
// nothing; with the runtime's 100, memory would double over a long run.
const garbagePercent = 10

// frugal keeps small the memory of a command that moves a database. GOGC overrides it.
func frugal() { keepGarbageBelow(garbagePercent) }

// keepGarbageBelow limits how much garbage there may be, unless GOGC says that.
func keepGarbageBelow(percent int) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
}

// usageError is the error for a command line that is wrong itself.
type usageError struct {
	err  error
	hint string
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usage(format, hint string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...), hint}
}
