package archiver_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// An image that changed although no log accounts for it is backed up itself, and
// status says so before. Every case says what happens between two backups, and
// what the second one must be.
func TestUnexplainedImage(t *testing.T) {
	withoutLog := func(m *model, lsn uint64) { // as a database does that has switched it off
		m.epoch += 5
		m.image(lsn)
	}
	for name, c := range map[string]struct {
		before, between func(m *model)
		kind            archiver.Kind
		timeline        int
		why             string
	}{
		"the log is switched off": {
			func(m *model) { m.closed() },
			func(m *model) { withoutLog(m, 0) },
			"full", 2, "without its log",
		},
		"the log was switched off later": {
			func(m *model) { m.commit(100); m.closed() },
			func(m *model) { withoutLog(m, m.log.LSN()) },
			"full", 2, "",
		},
		"the log was switched off for a while": {
			func(m *model) { m.commit(100); m.closed() },
			func(m *model) { withoutLog(m, m.log.LSN()); m.reopen(); m.commit(50) },
			"full", 2, "without its log",
		},
		"the log is gone, and began with the archive": {
			func(*model) {},
			func(m *model) { m.commit(100); m.closed() },
			"full", 2, "",
		},
		"a checkpoint of nothing": {
			func(m *model) { m.commit(100) },
			func(m *model) { m.checkpoint(0) },
			archiver.KindNone, 1, "",
		},
		"a clean close": {
			func(m *model) { m.commit(100); m.checkpoint(0) },
			func(m *model) { m.checkpointHeld() },
			archiver.KindNone, 1, "",
		},
		"commits and a checkpoint": {
			func(m *model) { m.commit(100) },
			func(m *model) { m.commit(50); m.checkpoint(0); m.commit(50); m.checkpoint(0) },
			"incremental", 1, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newModel(t)
			c.before(m)
			store := storagetest.NewMemory()
			backup(t, store, m.path)
			c.between(m)
			b := status(t, store, m.path).Behind
			if says := !b.Continues; says != (c.kind == "full") || c.kind == "full" && (b.Why == "" || b.Lag == 0) {
				t.Errorf("status: %+v", b)
			}
			r := backup(t, store, m.path)
			if r.Backup.Kind != c.kind || r.Backup.Timeline != c.timeline || !strings.Contains(r.Why, c.why) {
				t.Errorf("%s on timeline %d, %q", r.Backup.Kind, r.Backup.Timeline, r.Why)
			}
			m.restoresTo(store, archiver.Target{}, m.epoch)
			if b := status(t, store, m.path).Behind; *b != (archiver.Behind{Continues: true}) {
				t.Errorf("status after it: %+v", b)
			}
			if r := backup(t, store, m.path); r.Backup.Kind != archiver.KindNone {
				t.Errorf("the next one is %s: %s", r.Backup.Kind, r.Why)
			}
			mustBeWhole(t, store)
		})
	}
}

// A checkpoint of 0.5 may write to the image what no commit of the log has. The
// next backup is a full one, on the same timeline if the log shows the history.
func TestCheckpointOf05(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.grafeo")
	created := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	image := func(iteration, epoch uint64) {
		t.Helper()
		if err := grafeotest.Image05(path, grafeotest.Image05Options{Created: created, Iteration: iteration, Epoch: epoch, Sections: []int64{500}, Seed: iteration}); err != nil {
			t.Fatal(err)
		}
	}
	image(0, 0)
	if err := os.Mkdir(path+".wal", 0o700); err != nil {
		t.Fatal(err)
	}
	log, err := grafeotest.NewLog05(path+".wal", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close() //nolint:errcheck // it was only written to
	commit := func(epoch uint64) {
		t.Helper()
		if err := log.Append(epoch, 100, epoch); err != nil {
			t.Fatal(err)
		}
	}
	store := storagetest.NewMemory()
	expect := func(kind archiver.Kind, from, to uint64) {
		t.Helper()
		if b := status(t, store, path).Behind; b.Continues == (kind == "full") {
			t.Errorf("status: %+v", b)
		}
		r := backup(t, store, path)
		if r.Backup.Kind != kind || r.Backup.Timeline != 1 || r.Backup.StartEpoch != from || r.Backup.EndEpoch != to {
			t.Errorf("backup %d is %s of epochs %d to %d on timeline %d: %s", r.Backup.Seq, r.Backup.Kind, r.Backup.StartEpoch, r.Backup.EndEpoch, r.Backup.Timeline, r.Why)
		}
		if got := restore(t, store, 0); got["db.grafeo"] != contents(t, filepath.Dir(path))["m.grafeo"] {
			t.Error("another image was restored")
		}
	}
	commit(1)
	commit(2)
	backup(t, store, path)
	commit(3)
	expect("incremental", 3, 3)
	image(1, 3)
	expect("full", 3, 3)
	expect(archiver.KindNone, 3, 3)
	commit(4)
	expect("incremental", 4, 4)
	commit(5)
	image(2, 5)
	commit(6)
	expect("full", 5, 6)
	for epoch := uint64(1); epoch <= 6; epoch++ {
		if _, err := newArchive(store).Restore(t.Context(), filepath.Join(t.TempDir(), "r.grafeo"), archiver.RestoreOptions{Target: archiver.AtEpoch(epoch)}); err != nil {
			t.Errorf("epoch %d: %v", epoch, err)
		}
	}
	mustBeWhole(t, store)
}
