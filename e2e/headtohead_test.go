package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/gbak-s3/gbak-s3/archiver"
)

// contender is one way to back up a database, here to one or two destinations.
type contender struct {
	t       *testing.T
	version string
	w       *live
	run     int    // of the database's process, from 1
	first   [2]int // commits that there were at the first backup of a destination

	how string // "ours", "ours, watched", "native" or "native, new folder"

	sessions [2]*archiver.Session // that watch the database
	archives [2]place
	runs     [2]map[int][]int64 // of each run of the database, its timelines in an archive
	backups  [2][]int64         // their numbers

	folders [2][]string // of Grafeo's own backups, the newest last
	fulls   int
	refused []string // what Grafeo's own incremental backups said
}

func (c *contender) do(command ...string) {
	c.t.Helper()
	c.w.do(c.t, command...)
	c.look()
}

// isOurs reports whether the backups are those of gbak-s3.
func (c *contender) isOurs() bool { return strings.HasPrefix(c.how, "ours") }

// look is what a watcher does when something happens to the database.
func (c *contender) look() {
	c.t.Helper()
	for _, s := range c.sessions {
		if s == nil {
			continue
		}
		if _, err := s.Look(c.t.Context()); err != nil {
			c.t.Fatal(err)
		}
	}
}

// watch makes sessions that watch the database from now on.
func (c *contender) watch(at ...place) {
	c.t.Helper()
	for i, p := range at {
		s := archiver.New(storeAt(c.t, p), archiver.Options{}).Session(c.w.path, archiver.SessionOptions{})
		c.t.Cleanup(func() { _ = s.Close(context.Background()) })
		c.sessions[i] = s
	}
	c.look()
}

func (c *contender) commits() int {
	if _, err := os.Stat(c.w.log); err != nil {
		return 0
	}
	return len(momentsOf(c.t, c.w.log))
}

// backup takes a backup to a destination: an incremental one if that works.
func (c *contender) backup(to int) {
	c.t.Helper()
	if c.isOurs() {
		c.our(to)
		return
	}
	if len(c.folders[to]) == 0 {
		c.full(to)
		return
	}
	if len(c.refused) > 0 && strings.Contains(c.refused[0], "requires a persistent database") {
		return
	}
	c.after(to, c.w.try(c.t, "incremental", c.newest(to)).Error)
}

// full takes a full backup to a destination.
func (c *contender) full(to int) {
	c.t.Helper()
	c.begin(to)
	if c.isOurs() {
		c.our(to, "--full")
		return
	}
	if r := c.w.try(c.t, "full", c.folder(to)); !r.OK {
		if !strings.Contains(r.Error, "requires a persistent database") {
			c.t.Fatalf("Grafeo %s: %s", c.version, r.Error)
		}
		c.refused = append(c.refused, r.Error)
	}
}

// begin notes the first backup to a destination.
func (c *contender) begin(to int) {
	if c.first[to] < 0 {
		c.first[to] = c.commits()
	}
}

// while takes a backup in the middle of a transaction: when is "during" one of its
// statements, or "across" two of them.
func (c *contender) while(when, kind string) {
	c.t.Helper()
	switch {
	case !c.isOurs() && kind == "full":
		c.do(when, "full", c.folder(0))
	case !c.isOurs():
		c.after(0, c.w.try(c.t, when, "incremental", c.newest(0)).Error)
	default:
		goOn := filepath.Join(c.t.TempDir(), "go-on")
		c.w.send(c.t, when+" pause "+goOn+"\n")
		if kind == "full" {
			c.our(0, "--full")
		} else {
			c.our(0)
		}
		if err := os.WriteFile(goOn, nil, 0o600); err != nil {
			c.t.Fatal(err)
		}
		if line, ok := c.w.line(c.t); !ok || !strings.Contains(line, `"ok"`) {
			c.t.Fatalf("%s: %s %s", when, line, c.w.stderr)
		}
	}
}

func (c *contender) our(to int, args ...string) {
	c.t.Helper()
	c.begin(to)
	if c.sessions[to] != nil {
		c.watched(to, len(args) > 0)
		return
	}
	b := must(c.t, append([]string{"backup", c.w.path, c.archives[to].address(), "--json"}, args...)...).one(c.t, "backup")
	if b.Kind != "none" {
		c.backups[to] = append(c.backups[to], b.Seq)
	}
	c.isOf(to, b.Timeline, c.run)
}

// isOf notes that a run of the database is on a timeline.
func (c *contender) isOf(to int, timeline int64, run int) {
	if !slices.Contains(c.runs[to][run], timeline) {
		c.runs[to][run] = append(c.runs[to][run], timeline)
	}
}

// watched takes a backup with the session that watches the database.
func (c *contender) watched(to int, full bool) {
	c.t.Helper()
	r, err := c.sessions[to].Backup(c.t.Context(), archiver.SessionBackup{Full: full})
	if err != nil {
		c.t.Fatal(err)
	}
	for _, b := range r.Before { // of a run that has ended
		c.backups[to] = append(c.backups[to], int64(b.Seq))
		c.isOf(to, int64(b.Timeline), c.run-1)
	}
	if r.Backup.Kind != archiver.KindNone {
		c.backups[to] = append(c.backups[to], int64(r.Backup.Seq))
	}
	c.isOf(to, int64(r.Backup.Timeline), c.run)
}

// after does what somebody would do whose incremental backup was refused: nothing
// if there is nothing new, else a full backup.
func (c *contender) after(to int, refusal string) {
	c.t.Helper()
	if refusal == "" {
		return
	}
	c.refused = append(c.refused, refusal)
	if !strings.Contains(refusal, "no new WAL records") {
		c.do("full", c.folder(to))
	}
}

func (c *contender) newest(to int) string { return c.folders[to][len(c.folders[to])-1] }

// folder is where a full backup of Grafeo's own goes.
func (c *contender) folder(to int) string {
	if len(c.folders[to]) == 0 || c.how == "native, new folder" {
		c.fulls++
		c.folders[to] = append(c.folders[to], filepath.Join(filepath.Dir(c.w.log), fmt.Sprintf("native-%d-%d", to, c.fulls)))
	}
	return c.newest(to)
}

// reopen closes the database, or kills its process, and opens it again.
func (c *contender) reopen(kill bool) {
	c.t.Helper()
	model := c.w.save(c.t)
	if kill {
		c.w.kill(c.t)
	} else {
		c.w.quit(c.t)
	}
	c.w = c.w.again(c.t, model)
	c.run++
	c.look()
}

// score is what one contender has lost.
type score struct{ commits, lost int }

// count restores every commit since the first backup of each destination and
// compares it with what was committed.
func (c *contender) count() score {
	t := c.t
	t.Helper()
	all := momentsOf(t, c.w.log)
	var s score
	for to := range 2 {
		if c.first[to] < 0 {
			continue
		}
		since := all[max(c.first[to]-1, 0):] // the first backup has the commit before it
		have := map[[2]any]bool{}
		var lines []string
		var keys []moment
		dir := t.TempDir()
		for i, m := range since {
			if c.isOurs() {
				for _, timeline := range c.runs[to][m.Run] {
					path := filepath.Join(dir, fmt.Sprintf("%d-%d.grafeo", i, timeline))
					r := gbak(t, "restore", c.archives[to].address(), path, "--epoch", fmt.Sprint(m.Epoch), "--timeline", fmt.Sprint(timeline))
					if r.code == exitOK {
						lines, keys = append(lines, path), append(keys, m)
					} else {
						r.want(t, 5)
					}
				}
				continue
			}
			for j, folder := range c.folders[to] {
				lines = append(lines, fmt.Sprintf("restore %s %d %s", folder, m.Epoch, filepath.Join(dir, fmt.Sprintf("%d-%d.grafeo", i, j))))
				keys = append(keys, m)
			}
		}
		ends := len(lines) // of backups, which are states of their own where an epoch has several (0.5)
		for _, seq := range c.backups[to] {
			path := filepath.Join(dir, fmt.Sprintf("backup-%d.grafeo", seq))
			must(t, "restore", c.archives[to].address(), path, "--backup", fmt.Sprint(seq))
			lines = append(lines, path)
		}
		atEnds := map[string]bool{}
		for i, got := range openAll(t, c.version, lines) {
			if i >= ends {
				atEnds[got.Digest] = true
			} else if m := keys[i]; got.Digest == m.Digest {
				have[[2]any{m.Run, m.Epoch}] = true
			}
		}
		for _, m := range since {
			s.commits++
			if !have[[2]any{m.Run, m.Epoch}] && !atEnds[m.Digest] {
				s.lost++
			}
		}
	}
	return s
}

const (
	// nothingLost is a workload in which Grafeo's own backups lose nothing, or they
	// are not counted in the right way.
	nothingLost = "checkpoints between backups"

	// aDirectory is one on a path without .grafeo: in 0.5 a directory with a log,
	// which Grafeo's own backups refuse.
	aDirectory = "a path without .grafeo"

	// lostBy05 is one in which 0.5 itself removes the log before anybody has seen
	// it: of these commits only what they made together is there.
	lostBy05 = "clean close without a backup before it"
)

// TestHeadToHead lets the same things happen to databases that are backed up by
// Grafeo itself and by us at the same moments, and counts the commits whose state
// cannot be restored. Ours are none.
func TestHeadToHead(t *testing.T) {
	t.Parallel()
	hows := []string{"native", "native, new folder", "ours", "ours, watched"}
	var table strings.Builder
	tab := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprint(tab, "workload")
	for _, version := range versions {
		for _, how := range hows {
			_, _ = fmt.Fprintf(tab, "\t%s: %s", version, how)
		}
	}
	_, _ = fmt.Fprintln(tab)
	for _, load := range workloads {
		_, _ = fmt.Fprint(tab, load.name)
		t.Run(strings.ReplaceAll(load.name, " ", "-"), func(t *testing.T) {
			for _, version := range versions {
				for _, how := range hows {
					name := "people.grafeo"
					if load.name == aDirectory {
						name = "people.db"
					}
					c := &contender{t: t, version: version, w: newLiveAt(t, version, name), run: 1, first: [2]int{-1, -1}, how: how}
					for i := range c.archives {
						c.archives[i], c.runs[i] = newDirectory(t), map[int][]int64{}
					}
					if how == "ours, watched" {
						c.watch(c.archives[0], c.archives[1])
					}
					load.play(c)
					c.w.quit(t)
					c.w.intact(t) // or the log of what was committed is wrong
					s := c.count()
					_, _ = fmt.Fprintf(tab, "\t%d of %d", s.lost, s.commits)
					if s.commits < 10 {
						t.Errorf("%s with %s: only %d commits were counted", version, how, s.commits)
					}
					mayLose := !c.isOurs() && load.name != nothingLost || load.name == lostBy05 && generation(version) == "0.5" && how == "ours"
					if s.lost > 0 && !mayLose {
						t.Errorf("%s, %s: %d of %d commits cannot be restored", version, how, s.lost, s.commits)
					}
					for _, refusal := range c.refused {
						t.Logf("%s, %s, refused: %.200s", version, how, refusal)
					}
				}
			}
		})
		_, _ = fmt.Fprintln(tab)
	}
	_ = tab.Flush()
	t.Logf("commits that cannot be restored:\n%s", &table)
}
