package e2e

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// TestEveryEpoch is the promise of incremental backups: whatever the history of
// a database is, with checkpoints, rollbacks, changes of the schema, large and
// empty commits, closes and kills, and backups in between and at the same time,
// every epoch since the first backup can be restored; and so it can when the backups
// were merged.
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
	h := newRandomHistory(t, version)
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
	must(t, "compact", h.at.address(), "--min", "2", "--tail", "1", "--apply")
	h.isMerged = true
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

	isMerged bool // some backups are gone, and none of the epochs
}

// newRandomHistory is that of a database that does not exist yet.
func newRandomHistory(t *testing.T, version string) *randomHistory {
	t.Helper()
	dir := t.TempDir()
	db := &database{version, filepath.Join(dir, "db", "people.grafeo"), filepath.Join(dir, "model"), filepath.Join(dir, "log")}
	if err := os.Mkdir(filepath.Dir(db.path), 0o755); err != nil {
		t.Fatal(err)
	}
	return &randomHistory{t: t, db: db, at: newDirectory(t), runs: map[int64]int{}}
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
	listed := map[int64]bool{}
	for _, b := range must(t, "list", h.at.address(), "--json").answers(t) {
		listed[b.Seq] = true
		r, ok := timelines[b.Timeline]
		if !ok {
			r = reachable{*b.RestoreFrom, *b.RestoreTo}
		}
		timelines[b.Timeline] = reachable{min(r.from, *b.RestoreFrom), max(r.to, *b.RestoreTo)}
	}
	if !h.isMerged && len(listed) != len(h.backups) {
		t.Errorf("%d backups are listed of %d", len(listed), len(h.backups))
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
		if h.isMerged && !listed[b.Seq] {
			continue
		}
		goals = append(goals, backupGoal(b, h.committed(b.Timeline)[b.EndEpoch]))
	}
	t.Logf("%d backups on %d timelines, %d epochs", len(listed), len(timelines), len(epochs))
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
	verifyClean(t, h.at, int64(len(listed)))
}
