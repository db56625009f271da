package e2e

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// nativeHistory is a database with a folder of its own backups, and the digests of
// its epochs.
type nativeHistory struct {
	version string
	folder  string
	digests map[int64]string // of the epochs that the folder has
}

// makeNative lets the real database make backups: two full ones, one right after an
// incremental, incrementals of several commits, and a third full one after commits
// that no incremental has.
func makeNative(t *testing.T, version string) *nativeHistory {
	t.Helper()
	w := newLive(t, version)
	h := &nativeHistory{version: version, folder: filepath.Join(t.TempDir(), "native"), digests: map[int64]string{}}
	has := func(from int) { // the commits from the from-th last on are in the folder
		all := momentsOf(t, w.log)
		for _, m := range all[len(all)-from:] {
			h.digests[m.Epoch] = m.Digest
		}
	}
	w.do(t, "commit", "3")
	w.do(t, "full", h.folder)
	has(1)
	for _, commits := range []int{2, 1, 4} {
		w.do(t, "commit", strconv.Itoa(commits))
		w.do(t, "incremental", h.folder)
		has(commits)
	}
	w.do(t, "full", h.folder)
	w.do(t, "commit", "3")
	w.do(t, "incremental", h.folder)
	has(3)
	w.do(t, "commit", "2")
	w.do(t, "full", h.folder)
	has(1)
	w.do(t, "ballast", "300", "400")
	w.do(t, "commit", "1")
	w.do(t, "incremental", h.folder)
	has(2)
	w.kill(t)
	return h
}

// restoredBy demands that the database's own restoreToEpoch restores every epoch from a
// folder, in this version.
func (h *nativeHistory) restoredBy(t *testing.T, version, folder string) {
	t.Helper()
	dir := t.TempDir()
	var lines []string
	var epochs []int64
	for e := range h.digests {
		epochs = append(epochs, e)
		lines = append(lines, strings.Join([]string{"restore", folder, strconv.FormatInt(e, 10), filepath.Join(dir, strconv.FormatInt(e, 10)+".grafeo")}, " "))
	}
	for i, got := range openAll(t, version, lines) {
		if got.Error != "" || got.Digest != h.digests[epochs[i]] || got.Epoch != nil && version == h.version && *got.Epoch != epochs[i] {
			t.Errorf("%s restored to epoch %d by Grafeo %s: %+v, want digest %s", folder, epochs[i], version, got, h.digests[epochs[i]])
		}
	}
}

func (h *nativeHistory) goals() []goal {
	var goals []goal
	for e, digest := range h.digests {
		goals = append(goals, goal{[]string{"--epoch", strconv.FormatInt(e, 10)}, digest, e, nil})
	}
	return goals
}

// A folder that the real database has made: imported, every epoch of it is restored
// from the archive and is in the database what was committed. Exported again,
// Grafeo's own restoreToEpoch restores the same, and 0.6.0 does so from a folder of 0.5, too.
func TestNativeFolders(t *testing.T) {
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			h := makeNative(t, version)
			h.restoredBy(t, version, h.folder) // else the test shows nothing
			before := snapshot(t, h.folder)
			at := newDirectory(t)
			answers := must(t, "import", h.folder, at.address(), "--json").answers(t)
			if len(answers) != 8 || answers[7].Timeline != 2 || answers[6].Kind != "full" || answers[4].Timeline != 1 {
				t.Errorf("%+v", answers)
			}
			if again := must(t, "import", h.folder, at.address(), "--json").one(t, "backup"); again.Kind != "none" || again.Requests["put"] != 0 {
				t.Errorf("again: %+v", again)
			}
			if after := snapshot(t, h.folder); len(after) != len(before) {
				t.Errorf("the folder has changed: %d files, %d before", len(after), len(before))
			}
			must(t, "verify", "--deep", at.address())
			reach(t, version, at, h.goals())

			out := filepath.Join(t.TempDir(), "out")
			var e struct {
				Files     int   `json:"files"`
				FromEpoch int64 `json:"from_epoch"`
				ToEpoch   int64 `json:"to_epoch"`
			}
			if err := json.Unmarshal([]byte(must(t, "export", at.address(), out, "--json").stdout), &e); err != nil || e.Files != 9 || e.FromEpoch != 3 {
				t.Errorf("%+v, %v", e, err)
			}
			for name, f := range before {
				if b, err := os.ReadFile(filepath.Join(out, name)); name != "." && (err != nil || string(b) != f.content) {
					t.Errorf("%s is not exported as it was imported: %v", name, err)
				}
			}
			h.restoredBy(t, version, out)
			if version == "0.5.42" {
				h.restoredBy(t, "0.6.0", out)
			}
		})
	}
}

// An archive of backups that gbak-s3 made: incrementals, a checkpoint, a full one, a
// kill and a new open. Grafeo's own restoreToEpoch restores from the exported folder
// what gbak-s3 restores from the archive.
func TestExportOfArchives(t *testing.T) {
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := newLive(t, version)
			at := newDirectory(t)
			save := func(args ...string) answer {
				t.Helper()
				return must(t, append([]string{"backup", w.path, at.address(), "--json"}, args...)...).one(t, "backup")
			}
			w.do(t, "commit", "3")
			save()
			w.do(t, "commit", "4")
			save()
			w.do(t, "checkpoint")
			w.do(t, "commit", "2")
			save("--full")
			w.do(t, "across", "pause", w.log)
			save()
			w.kill(t)
			model := filepath.Join(t.TempDir(), "model")
			if err := os.WriteFile(model, []byte(`{"next":100,"run":1,"nodes":[],"edges":[]}`), 0o600); err != nil {
				t.Fatal(err)
			}
			w = startLive(t, version, w.path, w.log, "--model", model)
			w.do(t, "commit", "3")
			last := save()
			w.kill(t)

			out := filepath.Join(t.TempDir(), "out")
			must(t, "export", at.address(), out)
			h := &nativeHistory{version: version, digests: map[int64]string{}}
			dir := t.TempDir()
			var paths []string
			var epochs []int64
			for e := last.EndEpoch; e >= 0; e-- {
				path := filepath.Join(dir, strconv.FormatInt(e, 10), "people.grafeo")
				r := gbak(t, "restore", at.address(), path, "--epoch", strconv.FormatInt(e, 10), "--json")
				if r.code == 5 {
					continue
				}
				r.want(t, exitOK)
				paths, epochs = append(paths, path), append(epochs, e)
			}
			for i, got := range openAll(t, version, paths) {
				if got.Error != "" {
					t.Fatalf("%+v", got)
				}
				h.digests[epochs[i]] = got.Digest
			}
			if len(h.digests) < 3 {
				t.Fatalf("only the epochs %v", epochs)
			}
			h.restoredBy(t, version, out)
		})
	}
}

// In a bucket it is the same: an import that is killed continues, and an export reads
// what it stored.
func TestNativeFolderInBucket(t *testing.T) {
	t.Parallel()
	h := makeNative(t, "0.6.0")
	at := newBucket(t)
	for n := range 5 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(n*15)*time.Millisecond)
		cmd := exec.CommandContext(ctx, binary, "import", h.folder, at.address())
		cmd.Env = environment()
		_ = cmd.Run() // most often it is killed
		cancel()
	}
	must(t, "import", h.folder, at.address())
	all := must(t, "list", at.address(), "--json").answers(t)
	if len(all) != 8 || all[7].Timeline != 2 {
		t.Errorf("%+v", all)
	}
	must(t, "verify", "--deep", at.address())
	out := filepath.Join(t.TempDir(), "out")
	must(t, "export", at.address(), out)
	h.restoredBy(t, "0.6.0", out)
}

// Databases in all states, archived and exported: without an image, reopened after a
// kill, with a torn tail, with large commits. Grafeo's own restoreToEpoch and
// gbak-s3 restore the same.
func TestExportOfVectors(t *testing.T) {
	t.Parallel()
	needGrafeo(t)
	for _, version := range versions {
		for _, name := range []string{"live", "reopened", "torn-tail", "bigcommit", "closed"} {
			dir := t.TempDir()
			from := filepath.Join("..", "archiver", "grafeo", "testdata", "v"+version, name)
			if _, err := os.Stat(from); err != nil {
				continue
			}
			if err := os.CopyFS(filepath.Join(dir, "db"), os.DirFS(from)); err != nil {
				t.Fatal(err)
			}
			archive, out := filepath.Join(dir, "archive"), filepath.Join(dir, "out")
			b := must(t, "backup", filepath.Join(dir, "db", "tiny.grafeo"), archive, "--json").one(t, "backup")
			must(t, "export", archive, out)
			h := &nativeHistory{version: version, digests: map[int64]string{}}
			var paths []string
			for e := b.StartEpoch; e <= b.EndEpoch; e++ {
				path := filepath.Join(dir, strconv.FormatInt(e, 10), "tiny.grafeo")
				must(t, "restore", archive, path, "--epoch", strconv.FormatInt(e, 10))
				paths = append(paths, path)
			}
			for i, got := range openAll(t, version, paths) {
				if got.Error != "" {
					t.Fatalf("%s %s: %+v", version, name, got)
				}
				h.digests[b.StartEpoch+int64(i)] = got.Digest
			}
			h.restoredBy(t, version, out)
			if version == "0.5.42" {
				h.restoredBy(t, "0.6.0", out)
			}
		}
	}
}

// Backups that Grafeo makes while statements run and transactions are open: gbak-s3
// restores what Grafeo's own restoreToEpoch does, whatever that is worth.
func TestNativeBackupsWhileBusy(t *testing.T) {
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := newLive(t, version)
			h := &nativeHistory{version: version, folder: filepath.Join(t.TempDir(), "native"), digests: map[int64]string{}}
			w.do(t, "commit", "2")
			w.do(t, "during", "full", h.folder)
			w.do(t, "commit", "1")
			w.do(t, "across", "incremental", h.folder)
			w.do(t, "during", "incremental", h.folder)
			w.do(t, "commit", "1")
			w.do(t, "across", "full", h.folder)
			w.do(t, "commit", "2")
			w.do(t, "incremental", h.folder)
			w.kill(t)
			at := newDirectory(t)
			var first, last int64 = -1, 0
			for _, a := range must(t, "import", h.folder, at.address(), "--json").answers(t) {
				if first < 0 {
					first = a.EndEpoch
				}
				last = max(last, a.EndEpoch)
			}
			must(t, "verify", "--deep", at.address())
			dir := t.TempDir()
			var paths, native []string
			for e := first; e <= last; e++ {
				epoch := strconv.FormatInt(e, 10)
				path := filepath.Join(dir, epoch, "people.grafeo")
				if r := gbak(t, "restore", at.address(), path, "--epoch", epoch, "--json"); r.code == 5 {
					continue // after the last incremental, before the next full one
				}
				paths = append(paths, path)
				native = append(native, strings.Join([]string{"restore", h.folder, epoch, filepath.Join(dir, "native"+epoch+".grafeo")}, " "))
			}
			if len(paths) < 5 {
				t.Fatalf("only %v", paths)
			}
			ours, theirs := openAll(t, version, paths), openAll(t, version, native)
			for i := range ours {
				if ours[i].Error != "" || ours[i].Digest != theirs[i].Digest {
					t.Errorf("%s: %+v, and from restoreToEpoch %+v", paths[i], ours[i], theirs[i])
				}
			}
		})
	}
}
