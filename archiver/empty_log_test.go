package archiver_test

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// Two native backups in a row leave a log file of 0.5 that is empty and stays so. Wherever
// it is, every epoch restores to the very files that the database had.
func TestEmptyLogFiles(t *testing.T) {
	t.Parallel()
	for _, isDirectory := range []bool{true, false} {
		t.Run(fmt.Sprintf("directory: %v", isDirectory), func(t *testing.T) {
			d, store := newDatabase05(t, isDirectory), storagetest.NewMemory()
			states := map[uint64]map[string]string{}
			commit := func(rotations int) {
				t.Helper()
				for range rotations {
					d.rotate()
				}
				d.write(fmt.Sprint("content ", d.epoch), false)
				states[uint64(d.epoch)] = logOf(t, d.path)
			}
			commit(2) // the log begins with them
			is(t, backup(t, store, d.path), "full", 1, 1, 1)
			commit(2) // an increment begins right after one
			is(t, backup(t, store, d.path), "incremental", 1, 2, 2)
			commit(3)
			commit(0)
			commit(2) // within an increment
			is(t, backup(t, store, d.path), "incremental", 1, 3, 5)
			d.rotate()
			is(t, backup(t, store, d.path), archiver.KindNone, 1, 5, 5)
			commit(0) // in the file that was empty
			is(t, backup(t, store, d.path), "incremental", 1, 6, 6)
			d.rotate()
			d.rotate()
			is(t, full(t, store, d.path), "full", 1, 1, 6) // with two at its end
			commit(1)
			is(t, backup(t, store, d.path), "incremental", 1, 7, 7)
			d.rotate()
			appendLog(t, d.path, d.file, created)
			d.rotate()
			d.rotate()
			appendLog(t, d.path, d.file, committed, advance(8)) // one in a transaction
			states[8] = logOf(t, d.path)
			is(t, backup(t, store, d.path), "incremental", 1, 8, 8)

			restoresLogs(t, store, states)
			if !isDirectory {
				exportsLogs(t, store, states)
			}
			if r := compactAll(t, store); len(r.Merged) == 0 {
				t.Errorf("nothing was merged: %+v", r)
			}
			restoresLogs(t, store, states)

			// What was restored can be backed up.
			path := filepath.Join(t.TempDir(), "db.grafeo")
			if _, err := newArchive(store).Restore(t.Context(), path, archiver.RestoreOptions{}); err != nil {
				t.Fatal(err)
			}
			again := storagetest.NewMemory()
			backup(t, again, path)
			restoresLogs(t, again, states)
		})
	}
}

// logOf returns the log files of a database by name, nil if it has no log.
func logOf(t testing.TB, path string) map[string]string {
	t.Helper()
	if _, err := os.Stat(grafeo.LogDir(path)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return contents(t, grafeo.LogDir(path))
}

// restoresLogs demands that each epoch restores to its log, and that the archive is whole.
func restoresLogs(t testing.TB, store *storagetest.Memory, states map[uint64]map[string]string) {
	t.Helper()
	for e, want := range states {
		path := filepath.Join(t.TempDir(), "db.grafeo")
		if _, err := newArchive(store).Restore(t.Context(), path, archiver.RestoreOptions{Target: archiver.AtEpoch(e)}); err != nil {
			t.Fatalf("restore of epoch %d: %v", e, err)
		}
		mustProve(t, store, archiver.AtEpoch(e))
		if diff := cmp.Diff(want, logOf(t, path)); diff != "" {
			t.Fatalf("the log of epoch %d is another one (-want +got)\n%s", e, diff)
		}
	}
	mustBeWhole(t, store)
}

// exportsLogs demands that native backups of each epoch have its log.
func exportsLogs(t testing.TB, store *storagetest.Memory, states map[uint64]map[string]string) {
	t.Helper()
	folder, _ := export(t, store, archiver.Target{})
	for e, files := range states {
		want := ""
		for _, name := range slices.Sorted(maps.Keys(files)) {
			want += files[name]
		}
		if _, got := restoreToEpoch(t, folder, e); got != want {
			t.Errorf("epoch %d was exported with %d bytes of log, want %d", e, len(got), len(want))
		}
	}
}

// An archive may lack the files that are empty: all that they are good for is that the
// numbers of the files have no gap.
func TestArchiveWithoutEmptyLogFiles(t *testing.T) {
	t.Parallel()
	for _, isDirectory := range []bool{true, false} {
		d, store := newDatabase05(t, isDirectory), storagetest.NewMemory()
		states := map[uint64]map[string]string{}
		commit := func(rotations int) {
			for range rotations {
				d.rotate()
			}
			d.write("content", false)
			states[uint64(d.epoch)] = logOf(t, d.path)
		}
		commit(0)
		backup(t, store, d.path)
		commit(2)
		commit(3)
		r := backup(t, store, d.path)
		for _, files := range states {
			maps.DeleteFunc(files, func(_, b string) bool { return b == "" })
		}
		key := fmt.Sprintf("manifests/%010d.json", r.Backup.Seq)
		objects := store.Objects()
		m := jsonOf(t, objects[key])
		ix := m["content"].(document)
		files := ix["files"].([]any)
		ix["files"] = slices.DeleteFunc(slices.Clone(files), func(f any) bool { return fmt.Sprint(f.(document)["bytes"]) == "0" })
		if left := len(ix["files"].([]any)); left != 2 || len(files) != 5 {
			t.Fatalf("%d of %d files are not empty", left, len(files))
		}
		objects[key] = sealed(t, m)
		store = refill(t, objects)

		restoresLogs(t, store, states)
		if !isDirectory {
			exportsLogs(t, store, states)
		}
	}
}

// A log that is restored without what its image has begins with a file that has something
// of it left, and later files stay as they are.
func TestReplayOfEmptyLogFiles(t *testing.T) {
	t.Parallel()
	two := []string{"edge 0", "commit 2", "epoch 1", "edge 1", "commit 3", "epoch 2"}
	three := append(slices.Clip(two), "edge 2", "commit 4", "epoch 3")
	after, later := frames("node", "edge 8", "commit 5", "epoch 4"), frames("edge 9", "commit 6", "epoch 5")
	const gone = "gone"
	for name, c := range map[string]struct {
		logs [][]byte
		meta []byte // of checkpoint.meta, if it is another one
		want []string
	}{
		"after the checkpoint": {
			[][]byte{frames(append(three, "checkpoint 4")...), {}, after, {}, later},
			nil, []string{string(frames("checkpoint 4")), "", string(after), "", string(later)},
		},
		"before it": {
			[][]byte{{}, frames(two...), {}, frames("edge 2", "commit 4", "epoch 3", "checkpoint 4"), after},
			nil, []string{gone, gone, gone, string(frames("checkpoint 4")), string(after)},
		},
		"where the database begins, with a graph": {
			[][]byte{frames(append([]string{"switch g"}, append(two, "of 4")...)...), {}, frames("more of 4", "checkpoint 4", "commit 5", "epoch 3")},
			[]byte{3, 1, 1, 4}, []string{gone, string(frames("switch g")), string(frames("more of 4", "checkpoint 4", "commit 5", "epoch 3"))},
		},
		"where the database begins": {
			[][]byte{frames(append(two, "of 4")...), {}, {}, frames("more of 4", "checkpoint 4", "commit 5", "epoch 3")},
			[]byte{3, 1, 1, 4}, []string{gone, gone, "", string(frames("more of 4", "checkpoint 4", "commit 5", "epoch 3"))},
		},
	} {
		path := liveWithLog(t, c.logs...)
		if c.meta != nil {
			if err := os.WriteFile(filepath.Join(path+".wal", "checkpoint.meta"), c.meta, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		store := storagetest.NewMemory()
		r := backup(t, store, path)
		want := map[string]string{}
		for i, log := range c.want {
			if log != gone {
				want[grafeotest.LogName05(uint64(i))] = log
			}
		}
		for epoch := r.Backup.StartEpoch; epoch <= r.Backup.EndEpoch; epoch++ {
			path := filepath.Join(t.TempDir(), "db.grafeo")
			if _, err := newArchive(store).Restore(t.Context(), path, archiver.RestoreOptions{Target: archiver.AtEpoch(epoch)}); err != nil {
				t.Fatalf("%s: epoch %d: %v", name, epoch, err)
			}
			mustProve(t, store, archiver.AtEpoch(epoch))
			for file, log := range logOf(t, path) {
				if whole, ok := want[file]; !ok || !strings.HasPrefix(whole, log) {
					t.Errorf("%s: epoch %d: %s is no part of that of the newest state", name, epoch, file)
				}
			}
			if epoch == r.Backup.EndEpoch {
				if diff := cmp.Diff(want, logOf(t, path)); diff != "" {
					t.Errorf("%s: the restored log is another one (-want +got)\n%s", name, diff)
				}
				backup(t, storagetest.NewMemory(), path)
			}
		}
		if _, err := newArchive(store).Export(t.Context(), filepath.Join(t.TempDir(), "native"), archiver.ExportOptions{}); err != nil {
			t.Errorf("%s: export: %v", name, err)
		}
		mustBeWhole(t, store)
	}
}
