package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

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

// goal is a state that must be restorable: the arguments of restore that name it, and
// what the real database must contain then.
type goal struct {
	args   []string
	digest string
	epoch  int64 // that restore must name, -1 for any
	after  func(restored)
}

func (g goal) String() string { return strings.Join(g.args, " ") }

// reach restores every goal, also with the decoder, and opens what came of it in the real
// database. Of the oldest versions of objects there is no copy for the decoder: a download
// has the newest ones.
func reach(t *testing.T, version string, at place, goals []goal) {
	t.Helper()
	hasCopy := !strings.Contains(at.address(), "versions=oldest")
	var archive directory
	if hasCopy {
		archive = copyArchive(t, at)
	}
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
			if hasCopy {
				decodesTo(t, archive, path, g.args...)
			}
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
