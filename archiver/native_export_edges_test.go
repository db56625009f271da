package archiver_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// A 0.5 log has epochs of several runs, and its image may be of any of them. The
// folder has those of the last run, as the archive.
func TestExportOfRuns(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		image uint64   // its epoch, 0 for none
		runs  []uint64 // commits of each
		from  uint64
	}{
		"no image":                 {0, []uint64{4}, 1},
		"no image, several runs":   {0, []uint64{3, 5, 2}, 1},
		"an image of this run":     {2, []uint64{5}, 2},
		"an image of one before":   {7, []uint64{5}, 1},
		"an image, several runs":   {3, []uint64{6, 4}, 3},
		"a higher one before":      {6, []uint64{6, 4}, 1},
		"an image at the very end": {5, []uint64{5}, 5},
	} {
		path := filepath.Join(t.TempDir(), "db.grafeo")
		o := grafeotest.Image05Options{Created: time.UnixMilli(1e12), Time: time.UnixMilli(1.7e12), Epoch: c.image}
		if c.image > 0 {
			o.Iteration, o.Sections = 3, []int64{100}
		}
		if err := grafeotest.Image05(path, o); err != nil {
			t.Fatal(err)
		}
		log, err := grafeotest.NewLog05(path+".wal", 0)
		if err != nil {
			t.Fatal(err)
		}
		store := storagetest.NewMemory()
		for run, commits := range c.runs {
			for e := range commits {
				if err := log.Append(e+1, 50, uint64(run)*100+e); err != nil {
					t.Fatal(err)
				}
				if e == 1 {
					if err := log.Rotate(); err != nil {
						t.Fatal(err)
					}
				}
				if run == len(c.runs)-1 && e%2 == 0 {
					backup(t, store, path)
				}
				if run == len(c.runs)-1 && e == 2 {
					full(t, store, path)
				}
			}
		}
		last := backup(t, store, path)
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
		folder, r := export(t, store, archiver.Target{})
		if r.FromEpoch > c.from || r.ToEpoch != last.Backup.EndEpoch {
			t.Errorf("%s: %+v", name, r)
		}
		for e := r.FromEpoch; e <= last.Backup.EndEpoch; e++ {
			got := filepath.Join(t.TempDir(), "r.grafeo")
			if _, err := newArchive(store).Restore(t.Context(), got, archiver.RestoreOptions{Target: archiver.AtEpoch(e)}); err != nil {
				t.Fatalf("%s: restore to %d: %v", name, e, err)
			}
			mustProve(t, store, archiver.AtEpoch(e))
			all := contents(t, filepath.Dir(got))
			image, frames := restoreToEpoch(t, folder, e)
			log := ""
			for i := range uint64(20) {
				log += all[filepath.Join("r.grafeo.wal", grafeo.LogName(grafeo.Gen05, i))]
			}
			if image != all["r.grafeo"] || stripped(t, frames) != stripped(t, log) {
				t.Errorf("%s: epoch %d is another one", name, e)
			}
		}
		again := storagetest.NewMemory()
		if _, err := newArchive(again).Import(t.Context(), folder, archiver.ImportOptions{}); err != nil {
			t.Errorf("%s: importing what was exported: %v", name, err)
		}
		mustBeWhole(t, again)
	}
}

// Changes of the schema have the epoch that was current. Behind an image of epoch 0
// there is no lower one that could be its end, so they are seen at epoch 1.
func TestExportOfSchema(t *testing.T) {
	t.Parallel()
	schema := func(m *model) {
		m.group(grafeotest.Group06{Epoch: m.epoch, Time: m.now, Origin: 3, Transaction: 1, Records: []byte("schema")})
	}
	m := newModel(t)
	schema(m)
	store := storagetest.NewMemory()
	backup(t, store, m.path)
	folder, _ := export(t, store, archiver.Target{})
	if _, frames := restoreToEpoch(t, folder, 1); frames != string(m.all) {
		t.Errorf("%d bytes of log, want %d", len(frames), len(m.all))
	}
	m.commit(10)
	m.checkpointHeld()
	schema(m)
	store = storagetest.NewMemory()
	full(t, store, m.path)
	folder, r := export(t, store, archiver.Target{})
	if _, frames := restoreToEpoch(t, folder, 1); r.FromEpoch != 1 || !strings.HasSuffix(string(m.all), frames) || !strings.Contains(frames, "schema") {
		t.Errorf("%+v, %d bytes of log", r, len(frames))
	}
}

// Sync marks change nothing, on which side of a checkpoint they are: an export may take the
// log that has them, and a restore the image after them.
func TestExportOfMarks(t *testing.T) {
	t.Parallel()
	for _, marks := range [][2]int{{0, 0}, {0, 1}, {1, 0}, {1, 1}, {3, 2}} {
		m := newModel(t)
		store := storagetest.NewMemory()
		mark := func(n int) {
			for range n {
				m.group(grafeotest.Group06{SyncMark: true, Synced: m.log.LSN()})
			}
		}
		m.commit(10)
		backup(t, store, m.path)
		m.commit(10)
		backup(t, store, m.path)
		mark(marks[0])
		m.checkpointHeld()
		mark(marks[1])
		full(t, store, m.path)
		m.commit(10)
		backup(t, store, m.path)
		folder, r := export(t, store, archiver.Target{})
		if r.FromEpoch != 0 || r.ToEpoch != 3 {
			t.Errorf("%v: %+v", marks, r)
		}
		sameAsRestored(t, store, folder, string(m.all), 1, 3, 1)
	}
}

// Below the first epoch of the target's timeline the folder has what older ones
// have, as a restore writes it.
func TestExportOfTimelines(t *testing.T) {
	t.Parallel()
	m := newModel(t)
	store := storagetest.NewMemory()
	m.commit(500)
	backup(t, store, m.path)
	m.commit(300)
	m.checkpointHeld()
	past := m.save()
	m.commit(600)
	m.commit(600)
	backup(t, store, m.path)
	m.check(os.RemoveAll(m.path + ".wal"))
	m = m.putBack(past, true)
	m.reopen()
	for range 3 {
		m.commit(70)
	}
	r := backup(t, store, m.path)
	if r.Backup.Timeline != 2 || r.Backup.EndEpoch != 5 {
		t.Fatalf("%+v", r)
	}
	folder, report := export(t, store, archiver.Target{})
	if report.FromEpoch != 0 || report.ToEpoch != r.Backup.EndEpoch {
		t.Errorf("%+v", report)
	}
	sameAsRestored(t, store, folder, string(m.all), 1, r.Backup.EndEpoch, 1)
	if _, report = export(t, store, archiver.AtBackup(2)); report.ToEpoch != 4 {
		t.Errorf("%+v", report)
	}
}

func TestExportRefuses(t *testing.T) {
	t.Parallel()
	store := storagetest.NewMemory()
	a := newArchive(store)
	dir := t.TempDir()
	folder := filepath.Join(dir, "native")
	_, err := a.Export(t.Context(), folder, archiver.ExportOptions{})
	mustFail(t, err, archiver.CodeNoArchive)
	_, err = a.Export(t.Context(), "", archiver.ExportOptions{})
	mustFail(t, err, archiver.CodeFailed, "no path")
	n := sample(t, grafeo.Gen06)
	n.importing(store)
	nine := uint64(9)
	_, err = a.Export(t.Context(), folder, archiver.ExportOptions{Target: archiver.AtEpoch(nine)})
	mustFail(t, err, archiver.CodeUnreachable)
	_, err = a.Export(t.Context(), folder, archiver.ExportOptions{Target: archiver.AtBackup(9)})
	mustFail(t, err, archiver.CodeNoBackup)
	if left := contents(t, dir); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
	for name, make := range map[string]func(path string) error{
		"a file":       func(path string) error { return os.WriteFile(path, []byte("mine"), 0o600) },
		"a folder":     func(path string) error { return os.MkdirAll(filepath.Join(path, "mine"), 0o700) },
		"an empty one": func(path string) error { return os.Mkdir(path, 0o700) },
		"a link":       func(path string) error { return os.Symlink("nowhere", path) },
	} {
		path := filepath.Join(dir, name)
		if err := make(path); err != nil {
			t.Fatal(err)
		}
		before, _ := os.Lstat(path)
		_, err := a.Export(t.Context(), path, archiver.ExportOptions{})
		mustFail(t, err, archiver.CodeTargetExists, path, "exists already")
		after, err := os.Lstat(path)
		if err != nil || !os.SameFile(before, after) {
			t.Errorf("%s: it is another one now: %v", name, err)
		}
	}
	// A segment of a backup on the way is missing: there is no folder.
	for key := range store.Objects() {
		if strings.HasPrefix(key, "segments/") {
			if err := store.Delete(t.Context(), key); err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	_, err = a.Export(t.Context(), folder, archiver.ExportOptions{})
	mustFail(t, err, archiver.CodeDamagedArchive)
	if _, err := os.Lstat(folder); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there is a folder: %v", err)
	}
}

// Whatever operation of an export is the last one: there is no folder, and the next
// run makes it and leaves nothing else.
func TestExportStopsAnywhere(t *testing.T) {
	t.Parallel()
	for _, gen := range generations {
		n := sample(t, gen)
		inner := storagetest.NewMemory()
		n.importing(inner)
		want := contents(t, n.dir)
		export := func(t *testing.T, folder string, hook storagetest.Hook) (calls []storagetest.Call, err error) {
			faulty := storagetest.NewFaulty(inner, hook)
			synctest.Test(t, func(t *testing.T) {
				_, err = newArchive(faulty).Export(t.Context(), folder, archiver.ExportOptions{})
			})
			return faulty.Calls(), err
		}
		calls, err := export(t, filepath.Join(t.TempDir(), "native"), nil)
		if err != nil || len(calls) < 10 {
			t.Fatalf("%d operations, %v", len(calls), err)
		}
		onEachCall(t, calls, func(t *testing.T, k int) {
			dir := t.TempDir()
			folder := filepath.Join(dir, "native")
			calls, err := export(t, folder, storagetest.StopAt(k, false, storagetest.Refuses))
			mustReach(t, k, calls)
			if err == nil {
				t.Fatalf("stopped at operation %d: a wrong success", k)
			}
			if left := contents(t, dir); len(left) > 0 {
				t.Fatalf("stopped at operation %d: %v is left", k, left)
			}
			// As if the process had been killed, with all kinds of things lying around.
			hidden := filepath.Join(dir, ".native.gbak-restore")
			n.check(os.MkdirAll(filepath.Join(hidden, "native"), 0o700))
			n.check(os.WriteFile(filepath.Join(hidden, "native", "backup_full_0000.grafeo"), []byte("half"), 0o600))
			n.check(os.WriteFile(filepath.Join(hidden, "image"), []byte("half"), 0o600))
			if _, err := newArchive(inner).Export(t.Context(), folder, archiver.ExportOptions{}); err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for name, b := range contents(t, dir) {
				got[strings.TrimPrefix(name, "native/")] = b
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("stopped at operation %d, and exported again: %s", k, diff)
			}
		})
	}
}
