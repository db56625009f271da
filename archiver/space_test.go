package archiver_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/internal/disk"
	"github.com/gbak-s3/gbak-s3/internal/disk/disktest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// A restore or an export that does not fit says so, with both numbers, before it asks
// for a segment, and leaves nothing; one that fits, or may fit, is made.
func TestSpaceIsCheckedFirst(t *testing.T) {
	l := newLarge(t)
	p, err := newArchive(l.store).Plan(t.Context(), archiver.Target{})
	l.model.check(err)
	if p.NeededBytes <= 0 || p.NeededBytes > p.RawBytes {
		t.Fatalf("%d of %d bytes are needed", p.NeededBytes, p.RawBytes)
	}
	var segments atomic.Int64 // small ones are fetched side by side
	counting := storagetest.NewFaulty(l.store, func(op storage.Op, key string, _ int) storagetest.Fault {
		if op == storage.OpGet && strings.HasPrefix(key, "segments/") {
			segments.Add(1)
		}
		return storagetest.Fault{}
	})
	for name, c := range map[string]struct {
		space disk.Space
		ok    bool
		fits  bool
	}{
		"a byte too little":         {disk.Space{Free: p.NeededBytes - 1, Sure: true}, true, false},
		"just enough":               {disk.Space{Free: p.NeededBytes, Sure: true}, true, true},
		"it may compress":           {disk.Space{Free: 1}, true, true},
		"the file system says zero": {disk.Space{Sure: true}, false, true},
	} {
		dir := t.TempDir()
		segments.Store(0)
		_, err := newArchive(counting).WithSpace(c.space, c.ok).Restore(t.Context(), filepath.Join(dir, "db.grafeo"), archiver.RestoreOptions{})
		if c.fits {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		mustFailForSpace(t, err, p.NeededBytes, c.space.Free)
		if left := entries(t, dir); segments.Load() > 0 || len(left) > 0 {
			t.Errorf("%s: %d segments were asked for, and it leaves %q", name, segments.Load(), left)
		}
	}

	dir := t.TempDir()
	segments.Store(0)
	_, err = newArchive(counting).WithSpace(disk.Space{Free: p.NeededBytes, Sure: true}, true).Export(t.Context(), filepath.Join(dir, "native"), archiver.ExportOptions{})
	if archiver.CodeOf(err) != archiver.CodeDiskFull || segments.Load() > 0 || len(entries(t, dir)) > 0 { // the log is there twice
		t.Errorf("export: %v, %d segments, %q", err, segments.Load(), entries(t, dir))
	}
	_, err = newArchive(counting).WithSpace(disk.Space{Free: 2 * p.NeededBytes, Sure: true}, true).Export(t.Context(), filepath.Join(dir, "native"), archiver.ExportOptions{})
	l.model.check(err)
}

func mustFailForSpace(t *testing.T, err error, needed, free int64) {
	t.Helper()
	code := archiver.CodeOf(err)
	if code != archiver.CodeDiskFull || !strings.Contains(err.Error(), fmt.Sprintf("needs %d bytes, and the disk has %d bytes free", needed, free)) {
		t.Errorf("got %q, %v", code, err)
	}
}

// What an earlier restore has written needs no space again, and stays if there is
// none for the rest.
func TestSpaceForTheRest(t *testing.T) {
	l := newLarge(t)
	path := filepath.Join(t.TempDir(), "db.grafeo")
	l.failed(path, 5)
	image, err := os.Stat(filepath.Join(filepath.Dir(path), ".db.grafeo.gbak-restore", "image"))
	l.model.check(err)
	p, err := newArchive(l.store).Plan(t.Context(), archiver.Target{})
	l.model.check(err)
	missing := p.NeededBytes - disk.Allocated(image)
	if missing <= 0 {
		t.Fatalf("nothing is missing of %d", p.NeededBytes)
	}
	a := newArchive(l.store).On(disktest.Unsynced{})
	_, err = a.WithSpace(disk.Space{Free: missing / 2, Sure: true}, true).Restore(t.Context(), path, archiver.RestoreOptions{})
	if archiver.CodeOf(err) != archiver.CodeDiskFull || !strings.Contains(err.Error(), "is kept in") {
		t.Errorf("%v", err)
	}
	r, err := a.WithSpace(disk.Space{Free: missing, Sure: true}, true).Restore(t.Context(), path, archiver.RestoreOptions{})
	if err != nil || r.ResumedBytes == 0 {
		t.Errorf("%d bytes were there: %v", r.ResumedBytes, err)
	}
	l.is(path)
}

// The free space at a real folder, which need not exist yet.
func TestFreeSpace(t *testing.T) {
	dir := t.TempDir()
	here, ok := disk.SpaceAt(dir)
	later, okLater := disk.SpaceAt(filepath.Join(dir, "a", "b"))
	if !ok || !okLater || here.Free <= 0 || later.Free <= 0 {
		t.Errorf("%+v, %+v", here, later)
	}
	if _, _, ok := archiver.FreeSpace(filepath.Join(dir, "a", "db.grafeo")); !ok {
		t.Error("no space is known")
	}
}
