package archiver_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
	"github.com/gbak-s3/gbak-s3/internal/disk"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// closed closes the database cleanly: the image has everything, and the log is gone.
func (d *database05) closed(iteration uint64) {
	d.t.Helper()
	err := grafeotest.Image05(d.path, grafeotest.Image05Options{Iteration: iteration, Epoch: uint64(d.epoch), Sections: []int64{100}, Seed: iteration})
	if err := errors.Join(err, os.RemoveAll(d.path+".wal")); err != nil {
		d.t.Fatal(err)
	}
	d.epoch, d.file = 0, 0
}

// opened opens the database again.
func (d *database05) opened() {
	d.t.Helper()
	if err := os.Mkdir(d.path+".wal", 0o700); err != nil {
		d.t.Fatal(err)
	}
}

// A session stores what a clean close has removed, and then what the database has now: each
// epoch of each run can be restored.
func TestSessionOutlivesClose(t *testing.T) {
	d, store := newDatabase05(t, false), storagetest.NewMemory()
	if !disk.CanRemoveOpen(filepath.Dir(d.path)) {
		t.Skip("no file is kept open on this file system")
	}
	a := newArchive(store)
	s := a.Session(d.path, archiver.SessionOptions{})
	defer func() { _ = s.Close(t.Context()) }()
	look := func() archiver.Look {
		t.Helper()
		l, err := s.Look(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	for run := range uint64(3) {
		d.write("one", false)
		r, err := s.Backup(t.Context(), archiver.SessionBackup{})
		if err != nil || r.Backup.Kind != archiver.KindFull || r.Backup.EndEpoch != 1 || len(r.Before) != 0 {
			t.Fatalf("%+v, %v", r, err)
		}
		d.write("two", false)
		d.write("three", false)
		d.closed(run + 1)
		if l := look(); !l.Remainder || l.Commits != 2 || l.UnsavedBytes == 0 || l.NeedsFull != "" || l.ImageBytes == 0 {
			t.Errorf("after the close: %+v", l)
		}
		r, err = s.Backup(t.Context(), archiver.SessionBackup{NoFull: run == 1})
		if err != nil {
			t.Fatal(err)
		}
		rest := r.Backup
		if run != 1 {
			if len(r.Before) != 1 || r.Backup.Kind != archiver.KindFull {
				t.Fatalf("%+v", r)
			}
			rest = r.Before[0]
		}
		if rest.Kind != archiver.KindIncremental || rest.StartEpoch != 2 || rest.EndEpoch != 3 {
			t.Errorf("the rest of the run: %+v", rest)
		}
		if l := look(); l.Remainder || (l.NeedsFull != "") != (run == 1) {
			t.Errorf("afterwards: %+v", l)
		}
		d.opened()
	}
	states := epochStates(t, store)
	for _, timeline := range []string{"1", "3", "4"} { // 2 and 5 have the closed database
		var logs []string
		for _, epoch := range []string{"1", "2", "3"} {
			logs = append(logs, states[timeline+"/"+epoch]["db.grafeo.wal/wal_00000000.log"])
		}
		if !slices.IsSortedFunc(logs, func(a, b string) int { return len(a) - len(b) }) || logs[0] == "" || logs[1] == logs[2] {
			t.Errorf("timeline %s: %q", timeline, logs)
		}
	}
	mustBeWhole(t, store)
}

// A run that begins and ends between two backups is stored with the image on which it began,
// which the archive has, and each of its epochs can be restored. If the archive has lost that
// image, the session goes on without the run.
func TestSessionSeesAWholeRun(t *testing.T) {
	for _, isLost := range []bool{false, true} {
		d, store := newDatabase05(t, false), storagetest.NewMemory()
		if !disk.CanRemoveOpen(filepath.Dir(d.path)) {
			t.Skip("no file is kept open on this file system")
		}
		s := newArchive(store).Session(d.path, archiver.SessionOptions{})
		defer func() { _ = s.Close(t.Context()) }()
		d.write("before", false)
		d.closed(1)
		first, err := s.Backup(t.Context(), archiver.SessionBackup{})
		if err != nil {
			t.Fatal(err)
		}
		image, err := os.ReadFile(d.path)
		if err != nil {
			t.Fatal(err)
		}
		d.opened()
		d.write("one", false)
		if _, err := s.Look(t.Context()); err != nil {
			t.Fatal(err)
		}
		d.write("two", false)
		log, err := os.ReadFile(filepath.Join(d.path+".wal", grafeotest.LogName05(0)))
		if err != nil {
			t.Fatal(err)
		}
		d.closed(2)
		if isLost {
			for key := range store.Objects() {
				if strings.HasPrefix(key, "segments/") {
					if err := store.Delete(t.Context(), key); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		r, err := s.Backup(t.Context(), archiver.SessionBackup{})
		if err != nil || r.Backup.Kind != archiver.KindFull {
			t.Fatalf("%+v, %v", r, err)
		}
		if isLost {
			if len(r.Before) != 0 {
				t.Errorf("without an image: %+v", r.Before)
			}
			continue
		}
		if len(r.Before) != 1 {
			t.Fatalf("%+v", r)
		}
		run := r.Before[0]
		if run.Kind != archiver.KindFull || run.StartEpoch != 1 || run.EndEpoch != 2 || run.Timeline != first.Backup.Timeline+1 ||
			run.RawBytes != int64(len(image)+len(log)) || run.ReusedBytes < int64(len(image)) {
			t.Errorf("the run: %+v", run)
		}
		states := epochStates(t, store)
		one, two := states[fmt.Sprint(run.Timeline, "/1")], states[fmt.Sprint(run.Timeline, "/2")]
		name := "db.grafeo.wal/" + grafeotest.LogName05(0)
		if two["db.grafeo"] != string(image) || two[name] != string(log) || one["db.grafeo"] != string(image) ||
			!strings.HasPrefix(string(log), one[name]) || one[name] == "" || one[name] == two[name] {
			t.Errorf("%q and %q", one, two)
		}
		mustBeWhole(t, store)
	}
}

// What a database has removed takes up space on the disk, and can be given up.
func TestSessionDropsWhatWasRemoved(t *testing.T) {
	d, store := newDatabase05(t, false), storagetest.NewMemory()
	if !disk.CanRemoveOpen(filepath.Dir(d.path)) {
		t.Skip("no file is kept open on this file system")
	}
	s := newArchive(store).Session(d.path, archiver.SessionOptions{})
	defer func() { _ = s.Close(t.Context()) }()
	d.write("one", false)
	if _, err := s.Backup(t.Context(), archiver.SessionBackup{}); err != nil {
		t.Fatal(err)
	}
	d.write("two", false)
	if s.DropRemoved() {
		t.Error("there was something to give up before the close")
	}
	d.closed(1)
	if l, err := s.Look(t.Context()); err != nil || !l.Remainder || l.HeldLogBytes == 0 {
		t.Fatalf("%+v, %v", l, err)
	}
	if !s.DropRemoved() {
		t.Error("there was nothing to give up")
	}
	if l, err := s.Look(t.Context()); err != nil || l.Remainder || l.HeldLogBytes != 0 {
		t.Fatalf("%+v, %v", l, err)
	}
	if r, err := s.Backup(t.Context(), archiver.SessionBackup{}); err != nil || len(r.Before) != 0 || r.Backup.Kind != archiver.KindFull {
		t.Errorf("%+v, %v", r, err)
	}
}
