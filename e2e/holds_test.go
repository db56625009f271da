package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// command is gbak-s3 with arguments, to be started.
func command(args ...string) *exec.Cmd { return exec.Command(binary, args...) }

// heldLine is a hold as status --json and backup --json show it.
type heldLine struct {
	Name      string `json:"name"`
	Bytes     int64  `json:"log_bytes"`
	OnlyBytes int64  `json:"only_log_bytes"`
	AgeMS     int64  `json:"age_ms"`
	Abandoned bool   `json:"abandoned"`
	Release   string `json:"release"`
}

// heldLines reads one of the arrays of holds in an answer.
func heldLines(t testing.TB, r result, field string) map[string]heldLine {
	t.Helper()
	var answer map[string]json.RawMessage
	var list []heldLine
	err := json.Unmarshal([]byte(r.stdout), &answer)
	if err == nil && answer[field] != nil {
		err = json.Unmarshal(answer[field], &list)
	}
	if err != nil {
		t.Fatalf("%v: %s", err, r.stdout)
	}
	all := map[string]heldLine{}
	for _, h := range list {
		all[h.Name] = h
	}
	return all
}

// TestAbandonedHold moves one archive away and continues with another: backups and status
// say how much log that costs, and the command that they print ends that hold alone, so that
// the log is what it was.
func TestAbandonedHold(t *testing.T) {
	old, now, w := newDirectory(t), newDirectory(t), newLive(t, gen06)
	w.do(t, "commit", "5")
	backup(t, w, old, "full", 1)
	if err := os.Rename(old.root, old.root+".away"); err != nil {
		t.Fatal(err)
	}
	var warned result
	for round := 0; warned.stderr == "" && round < 12; round++ {
		w.do(t, "commit", "300")
		w.do(t, "checkpoint")
		warned = must(t, "backup", w.path, now.address(), "--json")
	}
	h, ok := heldLines(t, warned, "abandoned_holds")[old.root]
	if !ok || !h.Abandoned || h.OnlyBytes < 1<<20 || strings.Count(warned.stderr, "\n") != 1 || !strings.Contains(warned.stderr, h.Release) {
		t.Fatalf("%+v\n%s\n%s", h, warned.stdout, warned.stderr)
	}
	held := heldLines(t, must(t, "status", now.address(), w.path, "--json"), "holds")
	if a := held[old.root]; len(held) != 2 || !a.Abandoned || a.OnlyBytes < h.OnlyBytes || a.Release != h.Release {
		t.Errorf("%+v", held)
	}
	if a := held[now.root]; a.Abandoned || a.OnlyBytes != 0 {
		t.Errorf("%+v", held)
	}
	text := must(t, "status", now.address(), w.path).stdout
	if strings.Count(text, "gbak-s3 release") != 1 || !strings.Contains(text, h.Release) {
		t.Errorf("%s", text)
	}

	// The command, as a shell takes it.
	r := finish(t, exec.Command("sh", "-c", h.Release)).want(t, exitOK)
	if len(w.holds(t)) != 1 {
		t.Errorf("after %q the log is held for %v: %s", h.Release, w.holds(t), r.stdout)
	}
	before := len(w.segments(t))
	w.do(t, "commit", "2")
	w.do(t, "checkpoint")
	if after := len(w.segments(t)); after >= before {
		t.Errorf("there were %d segments, and after the release there are %d", before, after)
	}
	if r := must(t, "backup", w.path, now.address(), "--json"); r.one(t, "backup").Kind != "incremental" || r.stderr != "" {
		t.Errorf("the good hold has gone: %s %s", r.stdout, r.stderr)
	}
	w.quit(t)
	reach(t, gen06, now, spreadFrom(t, w, now))
}

// spreadFrom is a few goals of timeline 1 that the archive has.
func spreadFrom(t testing.TB, w *live, at place) []goal {
	t.Helper()
	first := must(t, "list", at.address(), "--json").answers(t)[0]
	return on(1, spread(momentsOf(t, w.log), 8), first.EndEpoch)
}

// TestTwoHealthyArchives: one is backed up often and one seldom, and nobody is warned.
func TestTwoHealthyArchives(t *testing.T) {
	often, seldom, w := newDirectory(t), newDirectory(t), newLive(t, gen06)
	w.do(t, "commit", "300")
	w.do(t, "checkpoint")
	backup(t, w, seldom, "full", 1)
	backup(t, w, often, "full", 1)
	for range 3 {
		for range 4 {
			w.do(t, "commit", "5")
			w.do(t, "checkpoint")
			if r := must(t, "backup", w.path, often.address(), "--json"); r.stderr != "" || len(heldLines(t, r, "abandoned_holds")) != 0 {
				t.Errorf("%s %s", r.stdout, r.stderr)
			}
		}
		if r := must(t, "backup", w.path, seldom.address(), "--json"); r.stderr != "" || r.one(t, "backup").Kind != "incremental" {
			t.Errorf("%s %s", r.stdout, r.stderr)
		}
	}
	w.quit(t)
}

// TestMaxHold lets the hold that keeps too much go, and says so; the archive of that
// hold then takes a full backup and continues.
func TestMaxHold(t *testing.T) {
	one, two, w := newDirectory(t), newDirectory(t), newLive(t, gen06)
	w.do(t, "commit", "5")
	backup(t, w, one, "full", 1)
	for range 3 {
		w.do(t, "commit", "100")
		w.do(t, "checkpoint")
		if r := must(t, "backup", w.path, two.address(), "--json", "--max-hold", "1GiB"); r.stderr != "" {
			t.Errorf("%s", r.stderr)
		}
	}
	r := must(t, "backup", w.path, two.address(), "--json", "--max-hold", "100KB")
	if h, ok := heldLines(t, r, "released_holds")[one.root]; !ok || h.Bytes < 100_000 || !strings.Contains(r.stderr, one.root) || !strings.Contains(r.stderr, "full one") {
		t.Errorf("%s %s", r.stdout, r.stderr)
	}
	w.do(t, "commit", "1")
	w.do(t, "checkpoint")
	if n := len(w.segments(t)); n > 3 {
		t.Errorf("%d segments are kept", n)
	}
	backup(t, w, two, "incremental", 1)
	backup(t, w, one, "full", 2)
	w.do(t, "commit", "1")
	w.do(t, "checkpoint")
	backup(t, w, one, "incremental", 2)
	backup(t, w, two, "incremental", 1)
	w.quit(t)
	verifyNewest(t, w, one)
	verifyNewest(t, w, two)
	for _, size := range []string{"0", "-1", "much", "1.5.2GiB"} {
		gbak(t, "backup", w.path, two.address(), "--max-hold="+size).want(t, exitUsage)
	}
}

// TestReleaseWhereAnArchiveWas: by its address, or by its id, and without its store.
func TestReleaseWhereAnArchiveWas(t *testing.T) {
	needGrafeo(t)
	bucket, w := newBucket(t), newLive(t, gen06)
	w.do(t, "commit", "2")
	backup(t, w, bucket, "full", 1)
	gone := newDirectory(t)
	backup(t, w, gone, "full", 1)
	if err := os.RemoveAll(gone.root); err != nil {
		t.Fatal(err)
	}
	if f := gbak(t, "release", w.path, filepath.Join(t.TempDir(), "never"), "--json").want(t, exitNoArchive).failure(t); f.Code != "no_archive" || len(w.holds(t)) != 2 {
		t.Errorf("%+v, held for %v", f, w.holds(t))
	}
	must(t, "release", w.path, gone.address())
	if len(w.holds(t)) != 1 {
		t.Errorf("held for %v", w.holds(t))
	}
	id := w.holds(t)[0]
	must(t, "release", w.path, id)
	if len(w.holds(t)) != 0 {
		t.Errorf("held for %v", w.holds(t))
	}
	backup(t, w, bucket, "none", 1) // which holds it again
	// No server, no credentials: the name is enough.
	cmd := startCommand(t, command("release", w.path, bucket.address()), "AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY=", "HTTP_PROXY=http://127.0.0.1:1")
	if code := cmd.wait(t); code != exitOK || len(w.holds(t)) != 0 {
		t.Errorf("exit %d, held for %v: %s", code, w.holds(t), cmd.stderr)
	}
	w.quit(t)
}
