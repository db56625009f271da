package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// newLiveDirectory is newLive with the database that 0.5 makes of a path without
// ".grafeo": a directory with a log, and no image.
func newLiveDirectory(t testing.TB) *live {
	t.Helper()
	needGrafeo(t)
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "db"), 0o755); err != nil {
		t.Fatal(err)
	}
	return startLive(t, "0.5.42", filepath.Join(dir, "db", "mydb"), filepath.Join(dir, "log"))
}

// TestWALDirectory takes a database that is a directory through all that may happen to
// one, and restores every epoch of it.
func TestWALDirectory(t *testing.T) {
	for _, p := range places {
		t.Run(p.name, func(t *testing.T) { walDirectory(t, p.make(t)) })
	}
}

func walDirectory(t *testing.T, at place) {
	w := newLiveDirectory(t)
	empty := must(t, "backup", w.path, at.address(), "--json").one(t, "backup") // a log without a commit
	if empty.Kind != "full" || empty.EndEpoch != 0 {
		t.Fatalf("of an empty one: %+v", empty)
	}
	w.do(t, "commit", "5")
	backup(t, w, at, "incremental", 1)
	w.do(t, "commit", "4")
	backup(t, w, at, "incremental", 1)
	backup(t, w, at, "none", 1)
	w.do(t, "checkpoint") // which does not make an image, so there is nothing new
	backup(t, w, at, "none", 1)
	w.do(t, "commit", "3")
	backup(t, w, at, "incremental", 1)
	first := momentsOf(t, w.log)
	goals := on(1, first, 1)

	model := w.save(t)
	w.kill(t)
	backup(t, w, at, "none", 1)
	w = w.again(t, model)
	backup(t, w, at, "none", 1)
	w.do(t, "commit", "6")
	backup(t, w, at, "full", 2) // epochs start again
	w.do(t, "commit", "2")
	backup(t, w, at, "incremental", 2)
	second := momentsOf(t, w.log)[len(first):]
	goals = append(goals, on(2, second, 1)...)
	w.quit(t)
	last := backup(t, w, at, "none", 2) // a close keeps the log
	w.intact(t)

	reach(t, w.version, at, goals)
	verifyClean(t, at, last.Seq)
	none := filepath.Join(t.TempDir(), "none")
	must(t, "restore", at.address(), none, "--backup", "1")
	if got := inspect(t, w.version, none); got.Nodes != 0 {
		t.Errorf("the empty one has %+v", got)
	}

	// 0.6.0 migrates what was restored.
	path := filepath.Join(t.TempDir(), "mydb")
	must(t, "restore", at.address(), path)
	if names := names(t, filepath.Join(path, "wal")); !slices.Equal(names, []string{"wal_00000000.log"}) {
		t.Errorf("restored: %q", names)
	}
	if got := inspect(t, "0.6.0", path); got.Digest != second[len(second)-1].Digest {
		t.Errorf("0.6.0 finds %+v", got)
	}

	// A restore over it moves it aside whole, and continues as a database of its own.
	moved := must(t, "restore", "--force", "--epoch", "2", "--timeline", "1", at.address(), w.path, "--json")
	if !strings.Contains(moved.stdout, "before-restore") {
		t.Errorf("not moved aside: %s", moved.stdout)
	}
	must(t, "backup", w.path, at.address())
	if b := must(t, "list", at.address(), "--json").answers(t); b[len(b)-1].Timeline != 3 || b[len(b)-1].EndEpoch != 2 {
		t.Errorf("the restored one is %+v", b[len(b)-1])
	}
}

// TestWALDirectoryBeside backs one up in a loop beside a process that commits and
// makes checkpoints without a pause.
func TestWALDirectoryBeside(t *testing.T) {
	t.Parallel()
	w, at := newLiveDirectory(t), newDirectory(t)
	w.do(t, "ballast", "4", "50000")
	w.do(t, "run", "50", "call")
	var backups []answer
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); {
		args := []string{"backup", w.path, at.address(), "--json"}
		if len(backups)%10 == 9 {
			args = append(args, "--full")
		}
		if b := must(t, args...).one(t, "backup"); b.Kind != "none" {
			backups = append(backups, b)
		}
	}
	last := backups[len(backups)-1]
	w.until(t, last.EndEpoch)
	w.do(t, "stop")
	w.kill(t)
	all := momentsOf(t, w.log)
	var goals []goal
	for _, b := range spread(backups, 15) {
		if b.Timeline != 1 {
			t.Errorf("backup %d is on timeline %d", b.Seq, b.Timeline)
		}
		goals = append(goals, backupGoal(b, all[b.EndEpoch-1].Digest))
	}
	for _, m := range spread(all[:last.EndEpoch], 20) {
		goals = append(goals, epochGoal(m))
	}
	reach(t, w.version, at, goals)
	verifyClean(t, at, last.Seq)
}

// written runs writes.js.
func written(t testing.TB, version, path string, steps ...string) string {
	t.Helper()
	out, err := node(t.Context(), version, "writes.js", append([]string{path}, steps...)...)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// looked is what the real Grafeo finds in a copy of the database at path.
func looked(t testing.TB, version, path string) string {
	t.Helper()
	at := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(at, os.DirFS(path)); err != nil {
		t.Fatal(err)
	}
	return written(t, version, at, "look", "close")
}

// TestWALDirectoryWrites compares, after each way to write something and each way to
// end, what is restored with what a copy of the directory holds when it is opened.
func TestWALDirectoryWrites(t *testing.T) {
	needGrafeo(t)
	const version = "0.5.42"
	insert := "q:INSERT (:A {i: 9})"
	for name, steps := range map[string][]string{
		"nothing":               nil,
		"a statement":           {insert},
		"direct node":           {"node:7"},
		"direct node and edge":  {"node:7", "edge:0,1"},
		"direct, then a commit": {"node:7", insert},
		"direct, then rollback": {"node:7", "begin", "tq:INSERT (:A {i: 8})", "rollback"},
		"rollback, then direct": {"begin", "tq:INSERT (:A {i: 8})", "rollback", "node:7"},
		"open transaction":      {"begin", "tq:INSERT (:A {i: 8})"},
		"transaction":           {"begin", "tq:INSERT (:A {i: 8})", "tq:MATCH (a:A {i: 1}) SET a.i = 5", "commit"},
		"batch":                 {"batch:5"},
		"SPARQL":                {`sparql:INSERT DATA {<http://a> <http://p> "1"}`},
		"type and constraint":   {"q:CREATE NODE TYPE A (i INT64)", "q:CREATE CONSTRAINT c FOR (a:A) ON (a.i) UNIQUE"},
		"compact":               {"compact", insert},
		"delete":                {"q:MATCH (a:A {i: 1}) DETACH DELETE a"},
		"an edge":               {"q:MATCH (a:A {i: 1}), (b:A {i: 3}) INSERT (a)-[:S]->(b)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for end, last := range map[string][3][]string{
				"close":            {{"close"}, {"close"}, {"close"}},
				"kill":             {{"checkpoint", "kill"}, {"kill"}, {"kill"}},
				"close, then kill": {{"close"}, {"checkpoint", "kill"}, {"kill"}},
			} {
				at, dir := newDirectory(t), t.TempDir()
				path := filepath.Join(dir, "mydb")
				written(t, version, path, "q:INSERT (:A {i: 1})", "q:INSERT (:A {i: 2})-[:R]->(:A {i: 3})", "kill")
				must(t, "backup", path, at.address())
				want := looked(t, version, path)
				// In a run of its own, and then in others, which adopt what was left.
				for round, steps := range [][]string{steps, {"node:77"}, {insert}} {
					before := want
					written(t, version, path, append(slices.Clone(steps), last[round]...)...)
					want = looked(t, version, path)
					status := must(t, "status", at.address(), path).stdout
					if strings.Contains(status, "nothing: the archive has all") && want != before {
						t.Errorf("%s, round %d: status says nothing of\n%s", end, round, want)
					}
					must(t, "backup", path, at.address())
					if b := must(t, "backup", path, at.address(), "--json").one(t, "backup"); b.Kind != "none" {
						t.Errorf("%s, round %d: a second backup is %+v", end, round, b)
					}
					to := filepath.Join(dir, "restored", strconv.Itoa(round))
					must(t, "restore", at.address(), to)
					if got := looked(t, version, to); got != want {
						t.Errorf("%s, round %d: restored\n%swant\n%s", end, round, got, want)
					}
				}
				must(t, "verify", "--deep", at.address())
			}
		})
	}
}

// TestWALDirectorySkipsFiles makes a log of several files and a checkpoint, after which
// Grafeo itself reads only the last of them: as long as the database is open, all is
// archived, and after the next open what that has read.
func TestWALDirectorySkipsFiles(t *testing.T) {
	t.Parallel()
	w, at := newLiveDirectory(t), newDirectory(t)
	w.do(t, "commit", "3")
	w.do(t, "ballast", "70", "1000000")
	w.do(t, "checkpoint")
	w.do(t, "commit", "2")
	backup(t, w, at, "full", 1)
	all := momentsOf(t, w.log)
	reach(t, w.version, at, on(1, all, 1))
	w.kill(t)
	lost := looked(t, w.version, w.path)
	backup(t, w, at, "none", 1) // what Grafeo loses, the archive has
	written(t, w.version, w.path, "q:INSERT (:A {i: 1})", "kill")
	want := looked(t, w.version, w.path)
	if lost == want {
		t.Fatal("the insert is not there")
	}
	b := must(t, "backup", w.path, at.address(), "--json").one(t, "backup")
	if b.Kind != "full" || b.Timeline != 2 {
		t.Errorf("after the next open: %+v", b)
	}
	to := filepath.Join(t.TempDir(), "restored")
	must(t, "restore", at.address(), to)
	if got := looked(t, w.version, to); got != want {
		t.Errorf("restored\n%swant\n%s", got, want)
	}
	reach(t, w.version, at, on(1, all, 1))
	must(t, "verify", "--deep", at.address())
}

// TestWALDirectoryRefusals: what cannot be done with one says why, and changes nothing.
func TestWALDirectoryRefusals(t *testing.T) {
	w, at := newLiveDirectory(t), newDirectory(t)
	w.do(t, "commit", "3")
	w.quit(t)
	must(t, "backup", w.path, at.address())
	dir := t.TempDir()
	for _, c := range []struct {
		args []string
		exit int
		says string
	}{
		{[]string{"export", at.address(), filepath.Join(dir, "native")}, exitError, "WAL directory"},
		{[]string{"backup", filepath.Join(w.path, "wal"), at.address()}, exitError, w.path},
		{[]string{"backup", filepath.Dir(w.path), at.address()}, exitError, "not a Grafeo database"},
		{[]string{"restore", at.address(), w.path}, exitTargetIs, "exists already"},
		{[]string{"restore", "--force", at.address(), filepath.Dir(w.path)}, exitTargetIs, "a folder"},
		{[]string{"backup", w.path, filepath.Join(w.path, "archive")}, exitUsage, "is inside"},
	} {
		r := gbak(t, c.args...).want(t, c.exit)
		if !strings.Contains(r.stderr, c.says) {
			t.Errorf("%q does not say %q: %s", c.args, c.says, r.stderr)
		}
	}
	if left := names(t, dir); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	if out := must(t, "release", w.path).stdout; !strings.Contains(out, "0.5") {
		t.Errorf("release: %s", out)
	}
	if out := must(t, "inspect", w.path).stdout; !strings.Contains(out, "WAL directory") || !strings.Contains(out, "3 commits") {
		t.Errorf("inspect: %s", out)
	}
	if out := must(t, "list", at.address(), "--json").stdout; !strings.Contains(out, `"mydb"`) {
		t.Errorf("list: %s", out)
	}
}
