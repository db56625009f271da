package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
)

// plan asks what a restore would do.
func plan(t testing.TB, at place, args ...string) restored {
	t.Helper()
	r := restoreAnswer(t, append([]string{"restore", at.address(), "--plan", "--json", filepath.Join(t.TempDir(), "no")}, args...)...)
	if r.Type != "plan" {
		t.Fatalf("--plan %v: %+v", args, r)
	}
	return r
}

// backup backs up a database that nobody writes to and checks the result.
func backup(t testing.TB, w *live, at place, kind string, timeline int64, args ...string) answer {
	t.Helper()
	b := must(t, append([]string{"backup", w.path, at.address(), "--json"}, args...)...).one(t, "backup")
	all := momentsOf(t, w.log)
	if last := all[len(all)-1]; b.Kind != kind || b.Timeline != timeline || b.EndEpoch != last.Epoch {
		t.Fatalf("backup: %+v, want kind %s on timeline %d up to epoch %d", b, kind, timeline, last.Epoch)
	}
	return b
}

// afterCheckpoint is the kind of the first backup after one: in 0.5 nothing but the
// image shows what a checkpoint wrote to it.
func afterCheckpoint(version string) string {
	if generation(version) == "0.5" {
		return "full"
	}
	return "incremental"
}

// on returns the goals of all epochs from one on, on a timeline.
func on(timeline int64, all []moment, from int64) []goal {
	var goals []goal
	for _, m := range all {
		if m.Epoch >= from {
			goals = append(goals, epochGoal(m, "--timeline", strconv.FormatInt(timeline, 10)))
		}
	}
	return goals
}

// elsewhere restores to a path of its own, and continues there: with the model
// that a database of the same history has at that point, and a log of its own
// that begins with what that history was.
func elsewhere(t testing.TB, w *live, at place, past int, args ...string) *live {
	t.Helper()
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	twin := startLive(t, w.version, filepath.Join(dir, "twin.grafeo"), log)
	twin.do(t, "commit", strconv.Itoa(past))
	model := twin.save(t)
	twin.quit(t)
	if err := os.Mkdir(filepath.Join(dir, "db"), 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "db", "people.grafeo")
	must(t, append([]string{"restore", at.address(), path}, args...)...)
	if got, want := inspect(t, w.version, path), momentsOf(t, log)[past-1]; got.Digest != want.Digest {
		t.Fatalf("restore %v: Grafeo finds %+v, want %+v", args, got, want)
	}
	return startLive(t, w.version, path, log, "--model", model)
}

// TestFork restores to the past, continues there, and backs that up to the same
// archive: both histories stay, to every epoch.
func TestFork(t *testing.T) {
	t.Parallel()
	for _, version := range versions {
		for _, p := range places {
			t.Run(version+"/"+p.name, func(t *testing.T) { fork(t, version, p.make(t)) })
		}
	}
}

func fork(t *testing.T, version string, at place) {
	const past, end = 7, 14
	w := newLive(t, version)
	w.do(t, "commit", "5")
	backup(t, w, at, "full", 1)
	w.do(t, "commit", "5")
	w.do(t, "checkpoint")
	backup(t, w, at, afterCheckpoint(version), 1)
	w.do(t, "commit", strconv.Itoa(end-10))
	backup(t, w, at, "incremental", 1)
	w.kill(t)
	old := momentsOf(t, w.log)

	// The ballast makes its commits others than those of the first history.
	b := elsewhere(t, w, at, past, "--epoch", strconv.Itoa(past))
	b.do(t, "ballast", "3", "50")
	b.do(t, "commit", "3")
	first := backup(t, b, at, "full", 2)
	b.do(t, "checkpoint")
	b.do(t, "commit", "2")
	backup(t, b, at, afterCheckpoint(version), 2)

	// It gets on with life.
	model := b.save(t)
	b.quit(t)
	if generation(version) == "0.6" {
		backup(t, b, at, "none", 2)
	}
	c := startLive(t, version, b.path, b.log, "--model", model)
	c.do(t, "commit", "2")
	if generation(version) == "0.6" {
		backup(t, c, at, "incremental", 2)
	} else {
		// A clean close has removed the log, and epochs start again.
		backup(t, c, at, "full", 3)
	}
	c.do(t, "commit", "1")
	c.kill(t)
	timeline := map[string]int64{"0.5": 3, "0.6": 2}[generation(version)]
	last := backup(t, c, at, "incremental", timeline)
	c.intact(t)

	// Both histories, and which one is meant if nobody says.
	all := momentsOf(t, b.log)[past:]
	ofRun := func(run int) []moment {
		return slices.DeleteFunc(slices.Clone(all), func(m moment) bool { return m.Run != run })
	}
	goals := on(1, old, 1)
	mine := all
	if generation(version) == "0.5" { // epochs start again with the process
		mine = ofRun(2)
		goals = append(goals, on(3, ofRun(3), 1)...)
	}
	goals = append(goals, on(2, mine, first.StartEpoch)...)
	if len(goals) < end+len(mine)-3 {
		t.Errorf("the second history can be restored from epoch %d on: %v", first.StartEpoch, goals)
	}
	// This epoch is on all timelines, and means the newest.
	both, newest, others := mine[2], timeline, []int64{1}
	if generation(version) == "0.5" {
		both, others = ofRun(3)[1], []int64{2, 1}
	}
	g := epochGoal(both)
	if p := plan(t, at, g.args...); p.Timeline != newest || !slices.Equal(p.OtherTimelines, others) {
		t.Errorf("epoch %d is on timelines 1 to %d, and --plan says %+v", both.Epoch, newest, p)
	}
	g.after = func(r restored) {
		if r.Timeline != newest || !slices.Equal(r.OtherTimelines, others) {
			t.Errorf("epoch %d is on timelines 1 to %d, and restore says %+v", both.Epoch, newest, r)
		}
	}
	goals = append(goals, g)
	reach(t, version, at, goals)
	verifyClean(t, at, last.Seq)

	if f := gbak(t, "restore", at.address(), filepath.Join(t.TempDir(), "no"), "--json", "--epoch", fmt.Sprint(end+1), "--timeline", "1").want(t, 5).failure(t); f.Code != "target_unreachable" {
		t.Errorf("epoch %d of timeline 1: %+v", end+1, f)
	}
}

// TestFirstHistoryContinues takes a backup of the first history again after one of
// the second: that is a fork, too, and loses nothing.
func TestFirstHistoryContinues(t *testing.T) {
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			at, w := newDirectory(t), newLive(t, version)
			w.do(t, "commit", "6")
			backup(t, w, at, "full", 1)
			b := elsewhere(t, w, at, 4, "--epoch", "4")
			b.do(t, "ballast", "1", "10")
			b.do(t, "commit", "5")
			second := backup(t, b, at, "full", 2)
			b.kill(t)
			w.do(t, "commit", "3")
			third := backup(t, w, at, "full", 3)
			w.kill(t)
			goals := on(1, momentsOf(t, w.log)[:6], 1)
			mine := momentsOf(t, b.log)[4:]
			goals = append(goals, on(2, mine, second.StartEpoch)...)
			goals = append(goals, on(3, momentsOf(t, w.log), third.StartEpoch)...)
			if len(goals) < 6+len(mine)+3 {
				t.Errorf("only %d epochs can be restored: %v", len(goals), goals)
			}
			reach(t, version, at, goals)
			verifyClean(t, at, 3)
		})
	}
}

// TestAnotherDatabase refuses a database that is not the archive's.
func TestAnotherDatabase(t *testing.T) {
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			at, w, other := newDirectory(t), newLive(t, version), newLive(t, version)
			w.do(t, "commit", "3")
			backup(t, w, at, "full", 1)
			other.do(t, "commit", "4")
			before := len(at.keys(t))
			for _, args := range [][]string{nil, {"--full"}} {
				r := gbak(t, append([]string{"backup", other.path, at.address(), "--json"}, args...)...)
				if f := r.want(t, exitError).failure(t); f.Code != "wrong_database" {
					t.Errorf("another database: %+v", f)
				}
			}
			if after := len(at.keys(t)); after != before {
				t.Errorf("a refused backup left %d objects", after-before)
			}
			w.do(t, "commit", "1")
			backup(t, w, at, "incremental", 1)
		})
	}
}
