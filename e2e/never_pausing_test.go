package e2e

import (
	"bytes"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

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
