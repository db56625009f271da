package e2e

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// generation is "0.5" or "0.6".
func generation(version string) string { return version[:3] }

// moment is a line of live.js's log: one commit.
type moment struct {
	Run    int    `json:"run"`
	Commit int    `json:"commit"`
	Epoch  int64  `json:"epoch"`
	From   int64  `json:"from"` // the clock right before the commit, in ms
	To     int64  `json:"to"`   // and right after
	Digest string `json:"digest"`
}

// live is a process of the real Grafeo that has a database open and does what
// the test says.
type live struct {
	version, path, log string

	cmd    *exec.Cmd
	in     io.WriteCloser
	out    chan string // lines of its stdout, closed at its end
	stderr *bytes.Buffer
}

// startLive starts live.js and opens the database, and creates it if there is none.
func startLive(t testing.TB, version, path, log string, args ...string) *live {
	t.Helper()
	w := spawn(t, version, append([]string{filepath.Join("grafeo", "live.js"), path, log}, args...)...)
	w.path, w.log = path, log
	w.do(t, "open")
	return w
}

// newLive is startLive with a new database in a folder of its own.
func newLive(t testing.TB, version string) *live {
	t.Helper()
	return newLiveAt(t, version, "people.grafeo")
}

// newLiveAt is newLive for a database of another name: without .grafeo at its end,
// 0.5 makes a directory with a log.
func newLiveAt(t testing.TB, version, name string) *live {
	t.Helper()
	needGrafeo(t)
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "db"), 0o755); err != nil {
		t.Fatal(err)
	}
	return startLive(t, version, filepath.Join(dir, "db", name), filepath.Join(dir, "log"))
}

// spawn runs node with pipes.
func spawn(t testing.TB, version string, args ...string) *live {
	t.Helper()
	w := &live{version: version, cmd: exec.Command("node", args...), out: make(chan string, 1000), stderr: &bytes.Buffer{}}
	w.cmd.Env, w.cmd.Stderr = append(os.Environ(), "GRAFEO_VERSION="+version), w.stderr
	in, err := w.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	w.in = in
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			w.out <- lines.Text()
		}
		_ = w.cmd.Wait() // how it ended is in ProcessState
		close(w.out)
	}()
	t.Cleanup(func() {
		_ = w.cmd.Process.Kill()
		for range w.out { // until it is gone
		}
	})
	return w
}

// reply is live.js's answer to one command.
type reply struct {
	OK      bool   `json:"ok"`
	Error   string `json:"error"`
	Commits int    `json:"commits"`
}

// try sends a command and returns the answer, which may be an error.
func (w *live) try(t testing.TB, command ...string) reply {
	t.Helper()
	w.send(t, strings.Join(command, " ")+"\n")
	line, ok := w.line(t)
	if !ok {
		t.Fatalf("Grafeo %s: %v: the process has gone: %v %s", w.version, command, w.cmd.ProcessState, w.stderr)
	}
	var r reply
	if err := json.Unmarshal([]byte(line), &r); err != nil {
		t.Fatalf("live.js: %v: %q", err, line)
	}
	return r
}

// do is try for what must work.
func (w *live) do(t testing.TB, command ...string) reply {
	t.Helper()
	r := w.try(t, command...)
	if !r.OK {
		t.Fatalf("Grafeo %s: %v: %s", w.version, command, r.Error)
	}
	return r
}

func (w *live) send(t testing.TB, s string) {
	t.Helper()
	if _, err := io.WriteString(w.in, s); err != nil {
		t.Fatalf("%s: %v %s", w.cmd, err, w.stderr)
	}
}

// line is the next line of stdout; false if the process has ended.
func (w *live) line(t testing.TB) (string, bool) {
	t.Helper()
	select {
	case line, ok := <-w.out:
		return line, ok
	case <-time.After(patience):
		t.Fatalf("%s does not answer: %s", w.cmd, w.stderr)
		return "", false
	}
}

// save writes the model to a file, from which another process can continue.
func (w *live) save(t testing.TB) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "model")
	w.do(t, "model", file)
	return file
}

// kill lets the process end with SIGKILL between two commits: in the middle of
// a checkpoint 0.5.42 itself sometimes leaves a database that does not open.
func (w *live) kill(t testing.TB) {
	t.Helper()
	w.send(t, "kill\n")
	w.gone(t, syscall.SIGKILL)
}

// quit closes the database and lets the process end.
func (w *live) quit(t testing.TB) {
	t.Helper()
	w.do(t, "close")
	if err := w.in.Close(); err != nil {
		t.Fatal(err)
	}
	w.gone(t, 0)
}

// gone waits for the end and insists on its kind: a signal, or 0 for exit 0.
func (w *live) gone(t testing.TB, signal syscall.Signal) {
	t.Helper()
	if line, ok := w.line(t); ok {
		t.Fatalf("%s goes on: %s", w.cmd, line)
	}
	status, _ := w.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if w.stderr.Len() > 0 || signal != 0 && !(status.Signaled() && status.Signal() == signal) || signal == 0 && !w.cmd.ProcessState.Success() {
		t.Fatalf("%s: %v, %s", w.cmd, w.cmd.ProcessState, w.stderr)
	}
}

// momentsOf reads a log of live.js or gen.js, without a line that is being written.
func momentsOf(t testing.TB, log string) []moment {
	t.Helper()
	b, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	var all []moment
	for line := range bytes.Lines(b[:bytes.LastIndexByte(b, '\n')+1]) {
		var m moment
		if err := json.Unmarshal(line, &m); err != nil {
			t.Fatalf("%v: %q", err, line)
		}
		all = append(all, m)
	}
	return all
}

// until waits for the log to have an epoch.
func (w *live) until(t testing.TB, epoch int64) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if all := momentsOf(t, w.log); len(all) > 0 && all[len(all)-1].Epoch >= epoch {
			return
		}
	}
	t.Fatalf("Grafeo %s does not commit any more", w.version)
}

// restored is what restore --json and restore --plan --json say.
type restored struct {
	Type           string  `json:"type"`
	Seq            int64   `json:"seq"`
	Full           int64   `json:"full"`
	Incrementals   []int64 `json:"incrementals"`
	Timeline       int64   `json:"timeline"`
	OtherTimelines []int64 `json:"other_timelines"`
	Epoch          int64   `json:"epoch"`
}

func restoreAnswer(t testing.TB, args ...string) restored {
	t.Helper()
	var r restored
	out := must(t, args...).stdout
	if err := json.Unmarshal([]byte(out), &r); err != nil || r.Type == "" {
		t.Fatalf("%v: %v: %q", args, err, out)
	}
	return r
}

// goal is a state that must be had back: the arguments of restore that name it,
// and what the real database must hold then.
type goal struct {
	args   []string
	digest string
	epoch  int64 // that restore must name, -1 for any
	after  func(restored)
}

func (g goal) String() string { return strings.Join(g.args, " ") }

// reach restores every goal and opens what came of it in the real database.
func reach(t *testing.T, version string, at place, goals []goal) {
	t.Helper()
	for part := range slices.Chunk(goals, 40) { // so that not too much lies on the disk
		dir := filepath.Join(t.TempDir(), "restored")
		var paths []string
		for i, g := range part {
			path := filepath.Join(dir, strconv.Itoa(i), "people.grafeo")
			r := restoreAnswer(t, append([]string{"restore", at.address(), path, "--json"}, g.args...)...)
			if g.epoch >= 0 && r.Epoch != g.epoch {
				t.Errorf("restore %v says epoch %d, want %d", g, r.Epoch, g.epoch)
			}
			if g.after != nil {
				g.after(r)
			}
			onlyDatabase(t, path)
			paths = append(paths, path)
		}
		for i, got := range openAll(t, version, paths) {
			switch g := part[i]; {
			case got.Error != "":
				t.Errorf("restore %v: Grafeo %s does not open it: %s", g, version, got.Error)
			case got.Digest != g.digest:
				t.Errorf("restore %v: Grafeo %s finds something else in it than was committed", g, version)
			case got.Epoch != nil && g.epoch >= 0 && *got.Epoch != g.epoch:
				t.Errorf("restore %v: Grafeo %s finds epoch %d, want %d", g, version, *got.Epoch, g.epoch)
			}
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
}

// opened is what open.js says of one database.
type opened struct {
	Path   string `json:"path"`
	Epoch  *int64 `json:"epoch"` // null on 0.5
	Digest string `json:"digest"`
	Error  string `json:"error"`
}

// openAll opens databases in the real Grafeo, where they are, or does what else
// open.js can do.
func openAll(t testing.TB, version string, lines []string) []opened {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", filepath.Join("grafeo", "open.js"))
	cmd.Env, cmd.Stdin = append(os.Environ(), "GRAFEO_VERSION="+version), strings.NewReader(strings.Join(lines, "\n"))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("open.js with Grafeo %s: %v %s", version, err, &stderr)
	}
	var all []opened
	for line := range bytes.Lines(out) {
		var o opened
		if err := json.Unmarshal(line, &o); err != nil {
			t.Fatalf("%v: %q", err, line)
		}
		all = append(all, o)
	}
	if len(all) != len(lines) {
		t.Fatalf("open.js says something of %d databases, want %d", len(all), len(lines))
	}
	return all
}

// spread picks up to n of all, the first and the last among them.
func spread[T any](all []T, n int) []T {
	if len(all) <= n {
		return all
	}
	picked := make([]T, n)
	for i := range picked {
		picked[i] = all[i*(len(all)-1)/(n-1)]
	}
	return picked
}

// backupGoal is the state of one backup.
func backupGoal(b answer, digest string) goal {
	return goal{[]string{"--backup", strconv.FormatInt(b.Seq, 10)}, digest, b.EndEpoch, nil}
}

// epochGoal is the state at an epoch.
func epochGoal(m moment, more ...string) goal {
	return goal{append([]string{"--epoch", strconv.FormatInt(m.Epoch, 10)}, more...), m.Digest, m.Epoch, nil}
}

// intact opens the database that was written to: it holds all that was committed.
func (w *live) intact(t testing.TB) {
	t.Helper()
	all := momentsOf(t, w.log)
	if got := inspect(t, w.version, w.path); got.Digest != all[len(all)-1].Digest {
		t.Errorf("Grafeo %s: the database that was backed up does not hold what was committed: %+v", w.version, got)
	}
}

// TestNeverPausing backs up in a loop a database that a process writes to without
// a pause, with a checkpoint every 50 ms. Every backup works, and what is restored
// is to the byte of a property what was committed.
func TestNeverPausing(t *testing.T) {
	for _, version := range versions {
		for i, p := range places {
			how := "call"
			if i == 0 && generation(version) == "0.6" {
				how = "trigger"
			}
			duration := []time.Duration{6 * time.Second, 2 * time.Second}[i]
			t.Run(version+"/"+p.name, func(t *testing.T) { neverPausing(t, version, how, p.make(t), duration) })
		}
	}
}

func neverPausing(t *testing.T, version, how string, at place, duration time.Duration) {
	w := newLive(t, version)
	w.do(t, "ballast", "4", "50000")
	w.do(t, "run", checkpoints(version, "50"), how)
	var backups []answer
	incrementals := 0
	for end := time.Now().Add(duration); time.Now().Before(end) || len(backups) < 12; { // of both kinds
		args := []string{"backup", w.path, at.address(), "--json"}
		if len(backups)%10 == 9 {
			args = append(args, "--full")
		}
		b := must(t, args...).one(t, "backup")
		if b.Timeline != 1 {
			t.Errorf("backup %d is on timeline %d, and there is only one history: %+v", b.Seq, b.Timeline, b)
		}
		if b.Kind == "none" {
			continue
		}
		if b.Kind == "incremental" {
			incrementals++
		}
		backups = append(backups, b)
	}
	last := backups[len(backups)-1]
	w.until(t, last.EndEpoch)
	commits := w.do(t, "stop").Commits
	w.kill(t)
	all := momentsOf(t, w.log)
	t.Logf("%d commits, %d backups, %d of them incremental, up to epoch %d", commits, len(backups), incrementals, last.EndEpoch)
	if len(all) != commits+1 {
		t.Errorf("%d commits in the log, want %d", len(all), commits+1)
	}
	if incrementals == 0 || incrementals == len(backups)-1 {
		t.Errorf("%d of %d backups are incremental", incrementals, len(backups))
	}
	w.intact(t)

	byEpoch := map[int64]moment{}
	for _, m := range all {
		byEpoch[m.Epoch] = m
	}
	var goals []goal
	for _, b := range spread(backups, 18) {
		goals = append(goals, backupGoal(b, byEpoch[b.EndEpoch].Digest))
	}
	first := backups[0]
	for _, m := range spread(all[:last.EndEpoch], 30) {
		if m.Epoch >= first.StartEpoch {
			goals = append(goals, epochGoal(m))
		}
	}
	if generation(version) == "0.6" {
		goals = append(goals, midpoints(t, all[first.StartEpoch:last.EndEpoch], 25)...)
	}
	reach(t, version, at, goals)
	verifyClean(t, at, last.Seq)
}

// checkpoints is how many milliseconds there are between two. In 0.5 each one writes
// all of the image in place, and makes the next backup read it, so that they are rarer
// there.
func checkpoints(version, milliseconds string) string {
	if generation(version) == "0.5" {
		return milliseconds + "0"
	}
	return milliseconds
}

// midpoints are times between two commits, as far as the clock tells them apart.
func midpoints(t *testing.T, all []moment, n int) []goal {
	t.Helper()
	var goals []goal
	for i := range all[:len(all)-1] {
		m, next := all[i], all[i+1]
		if next.From-m.To < 2 {
			continue
		}
		at := time.UnixMilli((m.To + next.From) / 2).UTC().Format(time.RFC3339Nano)
		goals = append(goals, goal{[]string{"--time", at}, m.Digest, m.Epoch, nil})
	}
	if len(goals) == 0 {
		t.Error("no two commits are 2 ms apart: the test tests nothing of --time")
	}
	return spread(goals, n)
}

// TestSlowReader is TestNeverPausing with backups that get a little of the time
// now and then, so that the database changes again and again while one of them
// reads it.
func TestSlowReader(t *testing.T) {
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			w, at := newLive(t, version), newDirectory(t)
			w.do(t, "ballast", "12", "250000")
			w.do(t, "run", checkpoints(version, "20"), "call")
			var backups []answer
			again := 0 // times that a backup threw away what it had read
			for n := 0; n < 6 || again == 0 && n < 30; n++ {
				args := []string{"backup", w.path, at.address(), "--json", "--log-level", "info"}
				if n%2 == 1 {
					args = append(args, "--full")
				}
				r := slowly(t, args...).want(t, exitOK)
				again += strings.Count(r.stderr, "reading it again")
				b := r.one(t, "backup")
				if b.Timeline != 1 {
					t.Errorf("backup %d is on timeline %d, and there is only one history: %+v", b.Seq, b.Timeline, b)
				}
				backups = append(backups, b)
			}
			t.Logf("%d backups, read %d times more", len(backups), again)
			if again == 0 {
				t.Error("no backup was disturbed: the test tests nothing")
			}
			last := backups[len(backups)-1]
			w.until(t, last.EndEpoch)
			w.do(t, "stop")
			w.kill(t)
			w.intact(t)
			all := momentsOf(t, w.log)
			var goals []goal
			for _, b := range backups {
				goals = append(goals, backupGoal(b, all[b.EndEpoch-1].Digest))
			}
			for _, m := range spread(all[backups[0].StartEpoch:last.EndEpoch], 15) {
				goals = append(goals, epochGoal(m))
			}
			reach(t, version, at, goals)
			verifyClean(t, at, last.Seq)
		})
	}
}

// slowly runs the command, stopped for 20 ms after every 5 ms, for as long as two
// seconds: a database that never holds still for long enough is another matter.
func slowly(t testing.TB, args ...string) result {
	t.Helper()
	cmd := exec.Command(binary, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.Env = &stdout, &stderr, environment()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait() // how it ended is in ProcessState
		close(done)
	}()
	begin, limit := time.Now(), time.After(patience)
	for {
		select {
		case <-done:
			return result{args, stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
		case <-limit:
			_ = cmd.Process.Kill()
			<-done
			t.Fatalf("%v does not end: %s", args, &stderr)
		case <-time.After(5 * time.Millisecond):
		}
		if time.Since(begin) > 2*time.Second {
			continue
		}
		_ = cmd.Process.Signal(syscall.SIGSTOP) // it may have ended meanwhile
		time.Sleep(20 * time.Millisecond)
		_ = cmd.Process.Signal(syscall.SIGCONT)
	}
}

// TestEveryEpoch is the promise of incremental backups: whatever the history of
// a database is, with checkpoints, rollbacks, changes of the schema, large and
// empty commits, closes and kills, and backups in between and at the same time,
// every epoch since the first backup can be restored.
func TestEveryEpoch(t *testing.T) {
	t.Parallel()
	for _, version := range versions {
		for seed := 1; seed <= seeds(t); seed++ {
			t.Run(fmt.Sprintf("%s/seed%d", version, seed), func(t *testing.T) { everyEpoch(t, version, seed) })
		}
	}
}

func everyEpoch(t *testing.T, version string, seed int) {
	needGrafeo(t)
	dir := t.TempDir()
	db := &database{version, filepath.Join(dir, "db", "people.grafeo"), filepath.Join(dir, "model"), filepath.Join(dir, "log")}
	if err := os.Mkdir(filepath.Dir(db.path), 0o755); err != nil {
		t.Fatal(err)
	}
	h := &randomHistory{t: t, db: db, at: newDirectory(t), runs: map[int64]int{}}
	// A transaction that is open when the process dies comes last: when 0.5.42 has
	// continued with the log after it, it takes these records for those of the next
	// commit, after the next crash, and so has lost what was committed itself.
	endings := [][]string{{"--kill", "", "", "--kill-mid"}, {"", "--kill", "--kill", "--kill-mid"}}[seed%2]
	if generation(version) == "0.6" {
		endings[1] = "--kill-mid"
	}
	for _, end := range endings {
		h.run(seed, end)
	}
	h.compare()
}

// randomHistory is the history of one database that is backed up in between.
type randomHistory struct {
	t  *testing.T
	db *database
	at place

	commits [][]commit // of each run of the database
	backups []answer   // that stored something
	runs    map[int64]int
}

// run is one run of gen.js, with a backup after some of its commits, and one at
// its end.
func (h *randomHistory) run(seed int, end string) {
	t := h.t
	t.Helper()
	run := len(h.commits)
	h.commits = append(h.commits, nil)
	args := []string{
		"--require", "./grafeo/step.js", filepath.Join("grafeo", "gen.js"), h.db.path,
		"--state", h.db.model, "--log", h.db.log, "--seed", strconv.Itoa(seed), "--commits", "14",
	}
	if end != "" {
		args = append(args, end)
	}
	w := spawn(t, h.db.version, args...)
	for n := 0; ; n++ {
		line, ok := w.line(t)
		if !ok {
			break
		}
		var c commit
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatalf("%v: %q %s", err, line, w.stderr)
		}
		h.commits[run] = append(h.commits[run], c)
		switch {
		case n == 0 || (n+seed)%5 == 0: // while gen.js waits
			h.backup(false)
			w.send(t, "\n")
		case (n+seed)%5 == 2 && n < 13: // while it continues
			w.send(t, "\n")
			h.backup(true)
		default:
			w.send(t, "\n")
		}
	}
	if killed := w.cmd.ProcessState.ExitCode() == -1; killed != (end != "") || w.stderr.Len() > 0 || len(h.commits[run]) != 14 {
		t.Fatalf("gen.js: %v, %d commits, %s", w.cmd.ProcessState, len(h.commits[run]), w.stderr)
	}
	h.backup(false)
}

// backup takes a backup; if the database is being written to meanwhile, nobody
// knows where it ends.
func (h *randomHistory) backup(meanwhile bool) {
	t := h.t
	t.Helper()
	b := must(t, "backup", h.db.path, h.at.address(), "--json").one(t, "backup")
	run := len(h.commits) - 1
	if known, ok := h.runs[b.Timeline]; ok && known != run && generation(h.db.version) == "0.5" {
		t.Errorf("a backup in run %d is on timeline %d, which is that of run %d: %+v", run+1, b.Timeline, known+1, b)
	}
	h.runs[b.Timeline] = run
	c := h.commits[run][len(h.commits[run])-1]
	// The epoch of an empty transaction is not in the log of 0.6.
	if !meanwhile && (b.EndEpoch > c.Epoch || b.EndEpoch < c.Epoch && generation(h.db.version) == "0.5") {
		t.Errorf("a backup after epoch %d ends at epoch %d: %+v", c.Epoch, b.EndEpoch, b)
	}
	if b.Kind != "none" {
		h.backups = append(h.backups, b)
	}
}

// emptyDigest is that of a database without anything.
var emptyDigest = fmt.Sprintf("%x", sha256.Sum256(nil))

// committed returns what was committed at every epoch of a timeline. In 0.6 an
// epoch of which nothing is in the log, that of an empty transaction, comes again
// after a kill: then it is the later one that there is a state of.
func (h *randomHistory) committed(timeline int64) map[int64]string {
	all := map[int64]string{0: emptyDigest}
	for run, commits := range h.commits {
		if generation(h.db.version) == "0.6" || run == h.runs[timeline] {
			for _, c := range commits {
				all[c.Epoch] = c.Digest
			}
		}
	}
	return all
}

// compare restores every epoch of every timeline and every backup.
func (h *randomHistory) compare() {
	t := h.t
	t.Helper()
	type reachable struct{ from, to int64 }
	timelines := map[int64]reachable{}
	for _, b := range must(t, "list", h.at.address(), "--json").answers(t) {
		r, ok := timelines[b.Timeline]
		if !ok {
			r = reachable{*b.RestoreFrom, *b.RestoreTo}
		}
		timelines[b.Timeline] = reachable{min(r.from, *b.RestoreFrom), max(r.to, *b.RestoreTo)}
	}
	if len(timelines) != 1 && generation(h.db.version) == "0.6" {
		t.Errorf("0.6 is on %d timelines, and there is only one history: %+v", len(timelines), h.backups)
	}
	var goals []goal
	type state struct {
		run   int
		epoch int64
	}
	epochs := map[state]bool{} // that can be restored
	for timeline, r := range timelines {
		want := h.committed(timeline)
		for epoch := r.from; epoch <= r.to; epoch++ {
			if _, ok := want[epoch]; !ok {
				t.Errorf("nothing was committed at epoch %d of timeline %d", epoch, timeline)
			}
			run := 0
			if generation(h.db.version) == "0.5" {
				run = h.runs[timeline]
			}
			epochs[state{run, epoch}] = epoch > 0
			goals = append(goals, goal{[]string{"--epoch", fmt.Sprint(epoch), "--timeline", fmt.Sprint(timeline)}, want[epoch], -1, nil})
		}
	}
	for _, b := range h.backups {
		goals = append(goals, backupGoal(b, h.committed(b.Timeline)[b.EndEpoch]))
	}
	t.Logf("%d backups on %d timelines, %d epochs", len(h.backups), len(timelines), len(epochs))
	for run, commits := range h.commits {
		for i, c := range commits {
			if generation(h.db.version) == "0.6" {
				run = 0
				if i > 0 && c.Digest == commits[i-1].Digest {
					continue // an empty transaction: not in the log
				}
			}
			if !epochs[state{run, c.Epoch}] {
				t.Errorf("epoch %d of run %d is out of reach", c.Epoch, run+1)
			}
		}
	}
	reach(t, h.db.version, h.at, goals)
	verifyClean(t, h.at, h.backups[len(h.backups)-1].Seq)
}
