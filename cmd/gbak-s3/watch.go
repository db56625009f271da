package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/internal/watch"
	"github.com/gbak-s3/gbak-s3/internal/watch/config"
)

// watchFlags are what the flags of watch say.
type watchFlags struct {
	config    string
	root, dir string

	listen, page              string
	hosts                     []string
	lag, fullEvery, minFree   string
	flush, storeCheck         string
	heartbeat, heartbeatEvery string
	heartbeatStyle            string
	once, check               bool
	restore, exec             bool
	readyFD                   int
}

// inFile are the flags that say what a file says where there is one.
var inFile = []string{
	"root", "dir", "recipient", "recipients-file", "identity", "writer-key", "listen", "page", "hosts", "lag", "full-every", "min-free", "flush", "store-check", "heartbeat", "heartbeat-every", "heartbeat-style",
}

// watchTimeout is how long a request of a watcher is retried, where nothing else is said:
// a store that is away longer is left alone for a while, and the log keeps what is new.
const watchTimeout = 30 * time.Second

func watchCommand(a *app) *cobra.Command {
	var f watchFlags
	defaults := config.DefaultSettings()
	cmd := &cobra.Command{
		Use: `watch DATABASE ARCHIVE
  gbak-s3 watch --root ROOT DATABASE...
  gbak-s3 watch --root ROOT --dir DIR
  gbak-s3 watch --config FILE`,
		Short: "Keep running, and back up databases a few seconds after each commit",
		Long: `watch keeps running and backs up: a commit is in the archive at most --lag after it was
made, as long as the store and this host keep up. If they do not, the log, the status
page and /metrics say so. While nothing is new, it only asks each store whether it still
answers (--store-check) or, with --listen, each archive every 15 minutes whether it is
still there.

With --root, each database has an archive of its own, ROOT/NAME, where NAME is that of
its file without .grafeo. With --dir as well, all databases below DIR are watched,
including those created later, and NAME is the path below DIR. In an s3:// address, NAME
goes in front of the "?". With --config, a file says what to watch, and SIGHUP reads it
again (docs/watch.md).

SIGTERM and Ctrl-C stop it: it backs up once more what is new, within --flush, and names
what could not be stored in time. A second signal stops it at once. SIGUSR1 backs up
now. Everything it needs to know is in the archives and the databases, so it may be
killed at any time.

With --restore, it first restores each database that is missing, and begins without one
only if the store answers that there is no archive yet. With --exec, it then starts the
command after --, which gets its signals. When that has ended, it backs up what is new,
and exits with the code of the command.

Exit codes: 0 stopped, and everything is stored; 1 stopped, and something is not stored,
or it could not start; 2 usage, or the file is wrong; 9 the store of the only archive
has no conditional writes. With --once, that of the worst backup: 3, 10, 7, 9, 6, 4,
then 1.

For watch, --log-level is info by default, and --store-timeout 30s.`,
		Example: `  gbak-s3 watch people.grafeo s3://backups/people
  gbak-s3 watch --root s3://backups --dir /srv/tenants --listen 127.0.0.1:8484
  gbak-s3 watch --config /etc/gbak-s3/watch.yaml --check
  gbak-s3 watch --restore --exec app.grafeo s3://backups/app -- node app.js`,
		Args: func(*cobra.Command, []string) error { return nil }, // see [watchFlags.read]
		RunE: func(cmd *cobra.Command, args []string) error {
			args, command, err := f.command(cmd, args)
			if err != nil {
				return err
			}
			c, err := f.read(cmd, args)
			if err != nil {
				return err
			}
			if err := a.listenAsFor(cmd, c); err != nil {
				return err
			}
			if !cmd.Flags().Changed("store-timeout") {
				a.storeTimeout = watchTimeout
			}
			a.keys.asker.taken = true // nobody is asked while it runs
			w := newWatching(a, &f, c)
			defer w.events.end()
			switch {
			case f.check:
				return w.check()
			case f.once:
				return w.once(cmd.Context())
			}
			if f.restore {
				if err := w.restore(cmd.Context()); err != nil {
					return err
				}
			}
			if f.exec {
				return a.besideCommand(cmd.Context(), command, w.run)
			}
			return w.run(cmd.Context(), func() error { return nil })
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.config, "config", "", "read what to watch from this YAML `FILE`")
	flags.StringVar(&f.root, "root", "", "the `ADDRESS` below which each database has its archive")
	flags.StringVar(&f.dir, "dir", "", "watch every database below this `FOLDER`")
	flags.StringVar(&f.lag, "lag", defaults.Lag.String(), "how old a commit may be before it is in the archive (`TIME`)")
	flags.StringVar(&f.fullEvery, "full-every", "24h", "how often to take a full backup if anything is new, such as 7d; 0 for never (`TIME`)")
	flags.StringVar(&f.minFree, "min-free", "5%",
		"how much disk space to leave free: if there is less while the store is unreachable, the database may drop its log; "+
			"such as 5% or 10GiB; 0 to always keep the log (`SIZE`)")
	flags.StringVar(&f.flush, "flush", watch.DefaultFlush.String(), "how long the last backups may take when it stops (`TIME`)")
	flags.StringVar(&f.storeCheck, "store-check", "1h", "check that a store still answers if it was not used for this long; 0 for never (`TIME`)")
	flags.StringVar(&f.listen, "listen", "", "show a status page, and answer /livez, /readyz and /metrics, at this `ADDRESS`, such as 127.0.0.1:8484 or unix:/run/gbak-s3.sock")
	flags.StringVar(&f.page, "page", "", "off: no status page; full: show paths and addresses, even if other hosts can reach the page")
	flags.StringSliceVar(&f.hosts, "hosts", nil, "other `NAMES` of this host that browsers may use for the page, separated by commas")
	flags.StringVar(&f.heartbeat, "heartbeat", "", "fetch this `URL` while the archives have everything, as the stores have just confirmed")
	flags.StringVar(&f.heartbeatEvery, "heartbeat-every", "5m", "how often to do that, at most (`TIME`)")
	flags.StringVar(&f.heartbeatStyle, "heartbeat-style", "plain", "plain; or healthchecks, to report failures too")
	flags.BoolVar(&f.once, "once", false, "back up each database once, and exit: for timers")
	flags.BoolVar(&f.restore, "restore", false, "first restore databases that are missing")
	flags.BoolVar(&f.exec, "exec", false, "run the command after --, and exit when it does")
	flags.BoolVar(&f.check, "check", false, "say what would be done, and at most what it would cost, and exit")
	a.keys.publicKeys(flags)
	a.limits.uploads(flags)
	a.limits.downloads(flags)
	a.limits.reads(flags)
	flags.IntVar(&f.readyFD, "ready-fd", 0, "write a newline to this file descriptor once every database has been checked (`NUMBER`)")
	return cmd
}

// command splits the arguments: what is after -- is the command that --exec runs.
func (f *watchFlags) command(cmd *cobra.Command, args []string) (own, command []string, err error) {
	for _, pair := range [][]string{{"once", "restore"}, {"once", "exec"}, {"check", "restore"}, {"check", "exec"}} {
		if err := exclusive(cmd, pair...); err != nil {
			return nil, nil, err
		}
	}
	if !f.exec {
		return args, nil, nil
	}
	n := cmd.ArgsLenAtDash()
	if n < 0 || n == len(args) {
		return nil, nil, usage("there is no command to run", "Write it after --, such as --exec people.grafeo s3://backups/people -- node app.js.")
	}
	return args[:n], args[n:], nil
}

// listenAsFor makes the log that the file asks for, where flags do not. What a watcher
// does is for its log, so that begins at the level info.
func (a *app) listenAsFor(cmd *cobra.Command, c *config.Config) error {
	choose := func(flag string, to *string, file, otherwise string) {
		switch {
		case cmd.Flags().Changed(flag):
		case file != "":
			*to = file
		case otherwise != "":
			*to = otherwise
		}
	}
	choose("log-level", &a.logLevel, c.Log.Level, "info")
	choose("log-format", &a.logFormat, c.Log.Format, "")
	return a.listen()
}

// read returns what the command line, or the file that it names, says.
func (f *watchFlags) read(cmd *cobra.Command, args []string) (*config.Config, error) {
	if err := exclusive(cmd, "once", "check"); err != nil {
		return nil, err
	}
	if f.config != "" {
		for _, name := range inFile {
			if cmd.Flags().Changed(name) {
				return nil, usage("--%s and --config cannot be used together", "Write it into the file.", name)
			}
		}
		if len(args) > 0 {
			return nil, usage("there are arguments beside --config", "Write the databases into the file.")
		}
		return readConfig(f.config)
	}
	c := &config.Config{Defaults: config.DefaultSettings(), StoreCheck: new(time.Duration)}
	if err := f.settings(c); err != nil {
		return nil, err
	}
	return c, f.databases(cmd, c, args)
}

// settings reads the flags that go for all databases.
func (f *watchFlags) settings(c *config.Config) error {
	var err error
	parse := func(flag, text string, read func(string) error) {
		if e := read(text); e != nil && err == nil {
			err = usage("--%s: %w", "`gbak-s3 watch --help` shows what each flag takes.", flag, e)
		}
	}
	positive := func(to *time.Duration) func(string) error {
		return func(text string) (e error) {
			if *to, e = config.ParseDuration(text); e == nil && *to == 0 {
				e = fmt.Errorf("it must be more than 0")
			}
			return e
		}
	}
	duration := func(to *time.Duration) func(string) error {
		return func(text string) (e error) { *to, e = config.ParseDuration(text); return e }
	}
	s := &c.Defaults
	parse("listen", f.listen, func(text string) (e error) { c.Listen, e = config.ParseListen(text); return e })
	if f.page != "" {
		parse("page", f.page, func(text string) (e error) { c.Page, e = config.ParsePage(text); return e })
	}
	for _, host := range f.hosts {
		parse("hosts", host, config.CheckHost)
	}
	c.Hosts = f.hosts
	parse("lag", f.lag, positive(&s.Lag))
	parse("full-every", f.fullEvery, duration(&s.Full.Every))
	parse("min-free", f.minFree, func(text string) (e error) { s.MinFree, e = config.ParseFree(text); return e })
	parse("flush", f.flush, positive(&c.Flush))
	parse("store-check", f.storeCheck, duration(c.StoreCheck))
	parse("heartbeat", f.heartbeat, func(text string) (e error) { s.Heartbeat.URL, e = config.ParseHeartbeat(text); return e })
	parse("heartbeat-every", f.heartbeatEvery, positive(&s.Heartbeat.Every))
	parse("heartbeat-style", f.heartbeatStyle, func(text string) (e error) {
		s.Heartbeat.Style, e = config.ParseHeartbeatStyle(text)
		return e
	})
	return err
}

// databases reads what is to be watched, without a file.
func (f *watchFlags) databases(cmd *cobra.Command, c *config.Config, args []string) error {
	const hint = "Usage: gbak-s3 watch DATABASE ARCHIVE, or with --root, or with --config; `gbak-s3 watch --help` shows all."
	switch {
	case f.dir != "" && f.root == "":
		return usage("--dir needs --root", "Give the address below which the archives are, such as --root s3://backups.")
	case f.dir != "" && len(args) > 0:
		return usage("there are databases beside --dir", "Watch them with --root alone, or write both into a --config file.")
	case f.dir != "":
		if err := checkWatched(f.root); err != nil {
			return err
		}
		if _, err := grafeo.Identify(f.dir); err == nil {
			return usage("--dir: %s is a database, and no folder of databases",
				"Leave out --dir: gbak-s3 watch --root ROOT DATABASE, or gbak-s3 watch DATABASE ARCHIVE.", f.dir)
		}
		c.Dirs = []config.Dir{{Path: f.dir, Archives: []string{config.Below(f.root)}, Settings: c.Defaults}}
		return nil
	case f.root != "":
		if len(args) == 0 {
			return usage("there is no DATABASE", hint)
		}
		return f.below(c, args)
	}
	if n := cmd.ArgsLenAtDash(); n > 0 && n < len(args) { // with all of them after it, it ends the flags, as everywhere
		return usage("there is a command after --, and no --exec", "Write --exec, which runs it: gbak-s3 watch --exec DATABASE ARCHIVE -- COMMAND.")
	}
	if len(args) == 1 && (strings.HasSuffix(args[0], ".yaml") || strings.HasSuffix(args[0], ".yml")) {
		return usage("ARCHIVE is missing", "For a file that says what to watch, write --config "+args[0]+".")
	}
	if err := takes("DATABASE", "ARCHIVE")(&cobra.Command{Use: "gbak-s3 watch DATABASE ARCHIVE"}, args); err != nil {
		return err
	}
	args = arguments(args, "DATABASE", "ARCHIVE")
	return add(c, args[0], args[1])
}

// below gives each database its archive below the root.
func (f *watchFlags) below(c *config.Config, paths []string) error {
	seen := map[string]string{}
	for _, path := range paths {
		if isURL(path) {
			return usage("%s is an archive, and with --root all arguments are databases", "Leave it out.", path)
		}
		name := nameOfDatabase(path)
		if other, there := seen[name]; there {
			return usage("%s and %s would have one archive, %s", "Write them into a --config file, where each can have a name and an archive.",
				other, path, config.Expand(config.Below(f.root), name, ""))
		}
		seen[name] = path
		if err := add(c, path, config.Expand(config.Below(f.root), name, "")); err != nil {
			return err
		}
	}
	return nil
}

// add adds a database to what is watched.
func add(c *config.Config, path, address string) error {
	if _, err := placeOf(path, address); err != nil {
		return err
	}
	c.Databases = append(c.Databases, config.Database{
		Path: path, Name: nameOfDatabase(path), Archives: []string{address}, Settings: c.Defaults,
	})
	return nil
}
