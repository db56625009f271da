package archiver_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk/disktest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// encrypting returns a host that backs up into an encrypted archive.
func encrypting(store storage.Storage, state string) *archiver.Archive {
	return archiver.New(store, archiver.Options{Concurrency: 1, Name: "here", State: state, Keys: keeper(), Host: "test", Tool: "test"}).
		On(disktest.Unsynced{}).WithoutRaces()
}

// isWhole demands that a deep verification finds nothing.
func isWhole(t *testing.T, store storage.Storage, state string) {
	t.Helper()
	if r, err := encrypting(store, state).Verify(t.Context(), archiver.VerifyOptions{Deep: true}); err != nil || !r.OK() {
		t.Fatalf("%+v, %v", r.Findings, err)
	}
}

// A first full backup that ends at any segment goes on there, and what was sent is not sent
// again: but for the segment whose answer was lost. It goes on as often as it is ended. On
// another host, or without its state folder, it begins again.
func TestEncryptedBackupGoesOn(t *testing.T) {
	path := bigDatabase(t, 6<<20)
	opts := archiver.BackupOptions{SegmentBytes: archiver.MinSegmentBytes, NoHold: true}
	whole := storagetest.NewMemory()
	if _, err := encrypting(whole, t.TempDir()).Backup(t.Context(), path, opts); err != nil {
		t.Fatal(err)
	}
	all := int(segmentsOf(whole))
	for k := 1; k <= all; k++ {
		for _, isApplied := range []bool{false, true} {
			for _, hasState := range []bool{true, false} {
				store, state := storagetest.NewMemory(), t.TempDir()
				for run := range 3 {
					puts := 0
					failing := storagetest.NewFaulty(store, func(op storage.Op, key string, _ int) storagetest.Fault {
						if op != storage.OpPut || !strings.HasPrefix(key, manifest.SegmentPrefix) {
							return storagetest.Fault{}
						}
						puts++
						if run < 2 && puts == k {
							return storagetest.Fault{Err: storage.ErrPermission, Apply: isApplied}
						}
						return storagetest.Fault{}
					})
					if !hasState {
						state = t.TempDir()
					}
					before := int(segmentsOf(store))
					r, err := encrypting(failing, state).Backup(t.Context(), path, opts)
					sent := int(segmentsOf(store)) - before
					switch known := min(run*(k-1), all); {
					case !hasState && err == nil && sent != all:
						t.Fatalf("at %d, without state: %d segments are sent", k, sent)
					case !hasState:
					case known+k <= all && run < 2 && (err == nil || sent < k-1):
						t.Fatalf("at %d, run %d: %d segments are sent, %v", k, run, sent, err)
					case err == nil && sent != all-known:
						t.Fatalf("at %d, run %d: %d segments are sent, of %d that are missing", k, run, sent, all-known)
					case err == nil && (r.Backup.Segments != sent || r.Backup.ReusedBytes == 0 && known > 0):
						t.Fatalf("at %d, run %d: %+v", k, run, r.Backup)
					}
					if err == nil {
						break
					}
				}
				isWhole(t, store, state)
			}
		}
	}
}

// A backup that loses to others sends no segment twice, also without a state folder.
func TestEncryptedConflictsSendNothingTwice(t *testing.T) {
	m := newModel(t)
	m.commit(100)
	inner := storagetest.NewMemory()
	if _, err := encrypting(inner, "").Backup(t.Context(), m.path, archiver.BackupOptions{}); err == nil {
		t.Fatal("it begins without a place for the writer key")
	}
	state := t.TempDir()
	if _, err := encrypting(inner, state).Backup(t.Context(), m.path, archiver.BackupOptions{}); err != nil {
		t.Fatal(err)
	}
	m.commit(manifest.MaxInlineBytes + 5000)
	isCounting, puts, rivals := false, 0, 3
	store := storagetest.NewFaulty(inner, func(op storage.Op, key string, _ int) storagetest.Fault {
		switch {
		case op == storage.OpPut && strings.HasPrefix(key, manifest.SegmentPrefix) && isCounting:
			puts++
		case op == storage.OpPut && strings.HasPrefix(key, manifest.ManifestPrefix) && rivals > 0:
			rivals--
			a := encrypting(inner, state)
			if _, err := a.Backup(t.Context(), bigDatabase(t, 1<<16), archiver.BackupOptions{Full: true, NewDatabase: true, NoHold: true}); err != nil {
				t.Error(err)
			}
		}
		return storagetest.Fault{}
	})
	isCounting = true
	r, err := encrypting(store, "").Backup(t.Context(), m.path, archiver.BackupOptions{Full: true, NewDatabase: true})
	if err != nil || r.Backup.Seq != 5 || puts != 1 {
		t.Fatalf("%+v, %d PUTs of segments, %v", r.Backup, puts, err)
	}
	isWhole(t, inner, state)
}

// Notes of what was sent that are of no use cost only that it is sent again: damaged ones,
// and those of what an expiry has removed or somebody has changed.
func TestNotesOfNoUse(t *testing.T) {
	path := bigDatabase(t, 4<<20)
	opts := archiver.BackupOptions{SegmentBytes: archiver.MinSegmentBytes, Full: true, Fresh: true, NoHold: true}
	store, state := storagetest.NewMemory(), t.TempDir()
	all := 0
	for _, c := range []struct {
		what   string
		change func(notes, segment string)
		sent   int // segments that are sent, -1 for all
	}{
		{"none", func(string, string) {}, -1},
		{"right ones", func(string, string) {}, 0},
		{"damaged ones", func(notes, _ string) { overwrite(t, notes, "damaged\n") }, -1},
		{"a segment that is gone", func(_, segment string) { mustDelete(t, store, segment) }, 1},
		{"a segment that has changed", func(_, segment string) { put(t, store, segment, "changed") }, 1},
		{"a folder", func(notes, _ string) {
			mustRemove(t, notes)
			if err := os.Mkdir(notes, 0o700); err != nil {
				t.Fatal(err)
			}
		}, -1},
	} {
		var notes, segment string
		if found, _ := filepath.Glob(filepath.Join(state, "sent", "*", "*")); len(found) > 0 {
			notes = found[0]
			segment = strings.Fields(readFile(t, notes))[1]
		}
		c.change(notes, segment)
		r, err := encrypting(store, state).Backup(t.Context(), path, opts)
		if err != nil {
			t.Fatalf("%s: %v", c.what, err)
		}
		all = max(all, r.Backup.Segments)
		if want := c.sent; r.Backup.Segments != want && (want >= 0 || r.Backup.Segments != all) {
			t.Errorf("%s: %d segments of %d are sent, want %d", c.what, r.Backup.Segments, all, want)
		}
	}
}

func overwrite(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func mustRemove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func mustDelete(t *testing.T, store storage.Storage, key string) {
	t.Helper()
	if err := store.Delete(t.Context(), key); err != nil {
		t.Fatal(err)
	}
}
