package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"syscall"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/internal/errno"
	"github.com/gbak-s3/gbak-s3/storage"
)

// This file and the others named hints_*.go say what to do next about an error:
// one table, keyed by what is known of the cause. A row claims no more than its evidence
// shows, and an error that no row is about is given no cause. (Where a code stands for
// cases that only the library can tell apart, the hint is in the error itself, see
// [archiver.Error], and wins. It names no flag and no command.)

// facts are what is known about an error.
type facts struct {
	err    error
	verb   string // the command that failed, such as "backup"
	code   archiver.Code
	store  *storage.Error // nil if it is not the store's
	answer storage.Answer // of it; zero if there was none
}

// row is one line of the table.
type row struct {
	name string
	when func(f *facts) bool
	say  string
	more func(f *facts) string // instead of say, where it depends on the facts
}

// hintFor returns the next step after a command failed with err, an error of the
// library.
func hintFor(err error, verb string) string {
	f := factsOf(err, verb)
	if known, ok := errors.AsType[*archiver.Error](err); ok && known.Hint != "" {
		return known.Hint
	}
	for _, r := range hints {
		if !r.when(f) {
			continue
		}
		if r.more != nil {
			return r.more(f)
		}
		return r.say
	}
	if f.answer.Code != "" {
		return fmt.Sprintf("The store said %s. --log-level debug shows each request and its answer.", f.answer.Code)
	}
	if f.answer.Status != 0 {
		return fmt.Sprintf("The store answered with HTTP %d, and nothing else. --log-level debug shows each request and its answer.",
			f.answer.Status)
	}
	return "Run the same command again with --log-level debug to see more."
}

func factsOf(err error, verb string) *facts {
	f := &facts{err: err, verb: verb, code: archiver.CodeOf(err)}
	if errors.As(err, &f.store) && f.store.Answer != nil {
		f.answer = *f.store.Answer
	}
	return f
}

// hints is the table: codes that say everything, then what a store says, what the network
// says, what the system says, and the remaining codes. The first row that fits counts.
var hints = slices.Concat(retention, ofDrills, ofKeys, damage, outcomes, answers, network, ofWindows, system, remaining)

// code matches errors with one of these codes.
func code(codes ...archiver.Code) func(*facts) bool {
	return func(f *facts) bool { return slices.Contains(codes, f.code) }
}

// of matches errors of these commands.
func of(verbs ...string) func(*facts) bool {
	return func(f *facts) bool { return slices.Contains(verbs, f.verb) }
}

// said matches errors that the store calls by one of these names.
func said(codes ...string) func(*facts) bool {
	return func(f *facts) bool { return slices.Contains(codes, f.answer.Code) }
}

// status matches answers with one of these statuses, if the store has no name of its
// own for the error.
func status(statuses ...int) func(*facts) bool {
	return func(f *facts) bool {
		general := strings.ReplaceAll(http.StatusText(f.answer.Status), " ", "")
		named := !slices.Contains([]string{"", general, "UnknownError"}, f.answer.Code)
		return !named && slices.Contains(statuses, f.answer.Status)
	}
}

// is matches errors that are, or wrap, one of these.
func is(targets ...error) func(*facts) bool {
	return func(f *facts) bool { return errno.Is(f.err, targets...) }
}

// as reports whether an error is, or wraps, one of a type.
func as[T error](f *facts) bool {
	_, ok := errors.AsType[T](f.err)
	return ok
}

func both(a, b func(*facts) bool) func(*facts) bool {
	return func(f *facts) bool { return a(f) && b(f) }
}

func either(a, b func(*facts) bool) func(*facts) bool {
	return func(f *facts) bool { return a(f) || b(f) }
}

func ofStore(f *facts) bool { return f.store != nil }

// opening matches errors of opening a store with this backend.
func opening(backend string) func(*facts) bool {
	return func(f *facts) bool {
		e, ok := errors.AsType[*openingError](f.err)
		return ok && e.backend == backend
	}
}

// text matches errors whose text has one of these parts, where there is no type.
func text(parts ...string) func(*facts) bool {
	return func(f *facts) bool {
		said := strings.ToLower(f.err.Error() + " " + f.answer.Message)
		return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(said, part) })
	}
}

func noSuchHoldHint(f *facts) string {
	e, _ := errors.AsType[*noSuchHoldError](f.err)
	return fmt.Sprintf("No hold has that name either. The log is held for %s: give the one to release exactly as it "+
		"is written here.",
		strings.Join(e.held, ", "))
}

func upgradeHint(f *facts) string {
	e, _ := errors.AsType[*archiver.UpgradeError](f.err)
	putBack := ""
	if e.Old != "" {
		putBack = fmt.Sprintf("put %s, which the upgrade left there, beside it again, or ", e.Old)
	}
	return "If it is the same database after its upgrade, " + putBack + "say so: with --new-database a backup continues with it " +
		"on a new timeline, and the old history can still be restored. If it is another database, use another archive."
}

// outcomes are the codes whose meaning does not depend on their cause.
var outcomes = []row{
	{
		name: "interrupted backup", when: both(code(archiver.CodeInterrupted), of("backup", "import")),
		say: "Run the same command again: it does not send again what is already stored.",
	},
	{
		name: "interrupted restore", when: both(code(archiver.CodeInterrupted), of("restore")),
		say: "Run the same command again: it puts back what was moved aside, and continues with what was fetched.",
	},
	{
		name: "interrupted export", when: both(code(archiver.CodeInterrupted), of("export")),
		say: "Run the same command again: it removes what this run left behind.",
	},
	{
		name: "interrupted reader", when: both(code(archiver.CodeInterrupted), of("plan", "list", "verify", "drill", "salvage", "status", "inspect")),
		say: "Nothing was changed. Run the same command again.",
	},
	{name: "interrupted", when: code(archiver.CodeInterrupted), say: "Run the same command again."},
	{
		name: "outcome unknown", when: code(archiver.CodeUnknownOutcome),
		say: "The backup may or may not exist. Run `gbak-s3 list` when the store answers again; running the backup again is safe.",
	},
	{
		name: "damaged database", when: code(archiver.CodeDamagedDatabase),
		say: "Nothing was committed, and earlier backups are not affected. Open the database with Grafeo and close it; " +
			"if that fails, restore the newest backup to another path.",
	},
	{
		name: "no conditions", when: is(storage.ErrNoConditionalPut),
		say: "A backup is committed by creating an object only if it is absent. " +
			"Use a store that can do that, such as AWS S3, MinIO or a local directory.",
	},
	{
		name: "unsafe store", when: code(archiver.CodeUnsafeStore),
		say: "A backup is committed by creating an object only if it is absent; without that, two backups at the same time may " +
			"overwrite each other. Use a store that can do that, such as AWS S3, MinIO or a local directory. " +
			"If only one process at a time will ever back up into this archive, --single-writer accepts the store as it is.",
	},
	{name: "no such hold", when: as[*noSuchHoldError], more: noSuchHoldHint},
	{
		name: "no archive as there is no folder", when: both(code(archiver.CodeNoArchive), both(is(storage.ErrNoStore), func(f *facts) bool { return f.answer.Status == 0 })),
		say: "Is the disk mounted? A program may start without its database only if the folder above its archive is there.",
	},
	{
		name: "no archive as there is no bucket", when: both(code(archiver.CodeNoArchive), is(storage.ErrNoStore)),
		say: "Check the bucket in the archive's address.",
	},
	{
		name: "directory of an archive", when: both(code(archiver.CodePermission), opening("local")),
		say: "Check the permissions of the folders above the archive.",
	},
	{
		name: "no directory for an archive", when: opening("local"),
		say: "Give the path of a directory for the archive; it need not exist.",
	},
	{
		name: "AWS configuration", when: both(opening("s3"), func(f *facts) bool { return !is(storage.ErrSettings, fs.ErrNotExist)(f) }),
		say: "Check the AWS configuration: environment, profile and region.",
	},
	{
		name: "missing file", when: both(opening("s3"), is(fs.ErrNotExist)),
		say: "Check the path of that file: it is given by ca_file= in the archive's address, by AWS_CA_BUNDLE, or " +
			"in the AWS configuration.",
	},
	{
		name: "vanished", when: code(archiver.CodeVanished),
		say: "Nothing was changed. Is the disk mounted, and is it the right bucket and prefix? `gbak-s3 list` shows " +
			"what is there now. " +
			"If you removed what was there, run `backup` or `import` with --begin-anew, once.",
	},
	{
		name: "locked", when: code(archiver.CodeLocked),
		say: "Another run holds that lock for milliseconds, unless it hangs: look for one that does, end it, and " +
			"run the same command again.",
	},
	{
		name: "spilled vectors", when: is(archiver.ErrSpilled),
		say: "Restore the database and open it with Grafeo 0.6, which loads them; or export it without them, with --without-spilled.",
	},
	{
		name: "conflict", when: code(archiver.CodeConflict),
		say: "Several processes back up into this archive at the same time. Run the backup again, or less often.",
	},
}

// remaining are codes that say less about the cause.
var remaining = []row{
	{
		name: "busy database", when: code(archiver.CodeBusyDatabase),
		say: "Checkpoints follow each other faster than the database can be read. Try again when it is quieter, or " +
			"make checkpoints less often.",
	},
	{
		name: "foreign cursor", when: code(archiver.CodeForeignCursor),
		say: "Grafeo's own backups use the same file. Remove it by hand if nobody needs the log that it keeps.",
	},
	{
		name: "file mounted by itself", when: code(archiver.CodeUnseenLog),
		say: "Mount the folder that the database is in, and not just its file. If nobody has the database open, say so with --closed.",
	},
	{
		name: "needs a full backup", when: code(archiver.CodeNeedsFull),
		say: "Nothing was stored. Run the backup without --no-full when there is time for a full one; earlier backups can " +
			"still be restored.",
	},
	{name: "perhaps upgraded", when: as[*archiver.UpgradeError], more: upgradeHint},
	{
		name: "another database is watched", when: both(code(archiver.CodeWrongDatabase), of("watch")),
		say: "Give it an archive of its own: begin one with `gbak-s3 backup DATABASE OTHER_ARCHIVE`, and watch it with that. " +
			"If it was made to replace the old database, run `gbak-s3 backup --new-database DATABASE ARCHIVE`, once: " +
			"that continues on a new timeline, and the old history can still be restored.",
	},
	{
		name: "another database", when: code(archiver.CodeWrongDatabase),
		say: "Use another archive for another database. If this one was made to replace the old one, --new-database " +
			"continues with it " +
			"on a new timeline, and the old history can still be restored.",
	},
	{
		name: "nothing that can be inspected", when: both(code(archiver.CodeNotDatabase), of("inspect")),
		say: "Give the path of a database file, its log folder, a log file, a backup cursor, a folder of Grafeo's " +
			"own backups, or an archive.",
	},
	{name: "not a database", when: code(archiver.CodeNotDatabase), more: notDatabaseHint},
	{name: "nothing to inspect", when: both(code(archiver.CodeNotFound), of("inspect")), say: "Check the path."},
	{name: "nothing there", when: code(archiver.CodeNotFound), more: missingDatabaseHint},
	{
		name: "behind", when: code(archiver.CodeLagging),
		say: "Run `gbak-s3 backup DATABASE ARCHIVE`, and find out why the scheduled backups did not run.",
	},
	{
		name: "not proven", when: code(archiver.CodeUnproven),
		say: "Run `gbak-s3 drill ARCHIVE`, and find out why the scheduled drills did not run or did not succeed: docs/drills.md.",
	},
	{name: "export exists", when: both(code(archiver.CodeTargetExists), of("export")), say: "Export to another path, or move away what is there."},
	{name: "target exists", when: code(archiver.CodeTargetExists), say: "Use another path, or --force to move aside what is there."},
	{
		name: "state that is not there", when: code(archiver.CodeUnreachable),
		say: "Choose a state that the archive has: `gbak-s3 list` and `gbak-s3 status` show them. Of a damaged archive, `gbak-s3 salvage` shows what is left.",
	},
	{
		name: "no archive", when: code(archiver.CodeNoArchive),
		say: "Check the address; `gbak-s3 backup DATABASE ARCHIVE` makes the first backup and creates the archive.",
	},
	{name: "no backup", when: code(archiver.CodeNoBackup), say: "`gbak-s3 list` shows the backups that there are."},
	{
		name: "no command", when: as[*execError],
		say: "Check the command after --. It is looked for in $PATH, and no shell reads it.",
	},
	{
		name: "not supported", when: is(syscall.EOPNOTSUPP, syscall.ENOTSUP, syscall.ENOSYS), // the first two differ on macOS
		say: "The file system does not support this call: use a folder on another file system.",
	},
}
