package archiver_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/storage/local"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

func vector(name string) string {
	return filepath.Join("grafeo", "testdata", filepath.FromSlash(name))
}

func inspect(t testing.TB, path string) archiver.Inspection {
	t.Helper()
	i, err := archiver.Inspect(t.Context(), path, archiver.InspectOptions{})
	if err != nil {
		t.Fatalf("inspect %s: %v", path, err)
	}
	return i
}

func TestInspectVectors(t *testing.T) {
	t.Parallel()
	for _, v := range []struct {
		path     string
		what     grafeo.FileKind
		from, to uint64
		files    int // of the log
		commits  int64
		runs     int
		torn     int64 // bytes
	}{
		{"v0.5.42/closed/tiny.grafeo", grafeo.KindDatabase, 5, 5, 0, 0, 0, 0},
		{"v0.5.42/live/tiny.grafeo", grafeo.KindDatabase, 3, 5, 1, 5, 1, 0},
		{"v0.5.42/reopened/tiny.grafeo", grafeo.KindDatabase, 1, 2, 1, 5, 2, 0},
		{"v0.5.42/torn-tail/tiny.grafeo", grafeo.KindDatabase, 3, 4, 1, 4, 1, 2},
		{"v0.5.42/backup/tiny.grafeo", grafeo.KindDatabase, 2, 9, 5, 9, 1, 0},
		{"v0.5.42/backup/tiny.grafeo.wal", grafeo.KindLogFolder, 1, 9, 5, 9, 1, 0},
		{"v0.5.42/reopened/tiny.grafeo.wal/wal_00000000.log", grafeo.KindLogFile, 1, 2, 1, 5, 2, 0},
		{"v0.5.42/backup/backup/backup_full_0000.grafeo", grafeo.KindDatabase, 2, 2, 0, 0, 0, 0},
		{"v0.6.0/closed/tiny.grafeo", grafeo.KindDatabase, 5, 5, 0, 0, 0, 0},
		{"v0.6.0/live/tiny.grafeo", grafeo.KindDatabase, 3, 5, 1, 2, 1, 0},
		{"v0.6.0/reopened/tiny.grafeo", grafeo.KindDatabase, 0, 5, 1, 5, 1, 0},
		{"v0.6.0/torn-tail/tiny.grafeo", grafeo.KindDatabase, 3, 4, 1, 1, 1, 363},
		{"v0.6.0/bigcommit/tiny.grafeo", grafeo.KindDatabase, 0, 2, 1, 2, 1, 0},
		{"v0.6.0/backup/tiny.grafeo.wal", grafeo.KindLogFolder, 1, 9, 5, 9, 1, 0},
		{"v0.6.0/backup/tiny.grafeo.wal/wal_00000000000000002126.log", grafeo.KindLogFile, 6, 8, 1, 3, 1, 0},
	} {
		t.Run(v.path, func(t *testing.T) {
			t.Parallel()
			i := inspect(t, vector(v.path))
			generation := grafeo.Generation(v.path[1:4])
			wantSeen(t, seen{what: v.what, generation: generation, path: vector(v.path)}, i)
			if i.Epochs == nil || i.Epochs.From != v.from || i.Epochs.To != v.to {
				t.Errorf("epochs %+v", i.Epochs)
			}
			if generation == grafeo.Gen06 && (i.Epochs.FromTime.Year() != 2026 || i.Epochs.ToTime.Before(i.Epochs.FromTime)) {
				t.Errorf("times %+v", i.Epochs)
			}
			if (i.Image != nil) != (v.what == grafeo.KindDatabase) || (i.Log != nil) != (v.files > 0) {
				t.Fatalf("image %+v, log %+v", i.Image, i.Log)
			}
			if l := i.Log; l != nil {
				torn := int64(0)
				if l.Torn != nil {
					torn = l.Torn.Length
				}
				if l.Files != v.files || l.Commits != v.commits || len(l.Runs) != v.runs || torn != v.torn || l.Bytes == 0 {
					t.Errorf("log %+v", l)
				}
			}
		})
	}
}

// seen is what an inspection calls something that is whole.
type seen struct {
	what       grafeo.FileKind
	generation grafeo.Generation
	path       string
}

func wantSeen(t *testing.T, want seen, i archiver.Inspection) {
	t.Helper()
	if diff := cmp.Diff(want, seen{i.What, i.Generation, i.Path}, cmp.AllowUnexported(seen{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if i.Problem != nil || !i.Whole() {
		t.Errorf("%s: a problem: %+v", i.Path, i.Problem)
	}
}

func TestInspectParts(t *testing.T) {
	t.Parallel()
	c := inspect(t, vector("v0.6.0/backup/tiny.grafeo.wal/backup_cursor.meta"))
	wantSeen(t, seen{what: grafeo.KindCursor, generation: grafeo.Gen06, path: c.Path}, c)
	if c.Cursor.BackedUpEpoch != 8 || *c.Cursor.WALLSN != 3441 {
		t.Errorf("%+v", c.Cursor)
	}
	c = inspect(t, vector("v0.5.42/varint/backup_cursor.123.meta"))
	if c.Generation != grafeo.Gen05 || c.Cursor.BackedUpEpoch != 123 {
		t.Errorf("%+v", c)
	}
	// A closed database whose log is held has a folder with the cursor alone.
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "backup_cursor.meta"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := inspect(t, folder)
	wantSeen(t, seen{what: grafeo.KindLogFolder, path: folder}, f)
	if f.Log.Files != 0 || f.Epochs != nil {
		t.Errorf("log %+v, epochs %+v", f.Log, f.Epochs)
	}
	n := inspect(t, vector("v0.5.42/backup/backup/backup_incr_0001.wal"))
	wantSeen(t, seen{what: grafeo.KindNativeSegment, generation: grafeo.Gen05, path: n.Path}, n)
	if n.Log.Commits != 2 || *n.Epochs != (archiver.Epochs{From: 3, To: 4}) || n.Native.Count != 1 {
		t.Errorf("log %+v, epochs %+v, %+v", n.Log, n.Epochs, n.Native)
	}
	for path, want := range map[string]grafeo.FileKind{
		"v0.6.0/backup/backup": grafeo.KindNativeFolder, "v0.6.0/backup/backup/backup_manifest.json": grafeo.KindNativeManifest,
	} {
		n := inspect(t, vector(path))
		wantSeen(t, seen{what: want, generation: grafeo.Gen06, path: vector(path)}, n)
		if *n.Epochs != (archiver.Epochs{From: 2, To: 8}) || n.List.Fulls != 1 || n.List.Incrementals != 3 {
			t.Errorf("epochs %+v, list %+v", n.Epochs, n.List)
		}
	}
	dir := filepath.Join(t.TempDir(), "archive")
	store, err := local.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	backup(t, store, copyVector(t, "v0.6.0/closed"))
	if i := inspect(t, dir); i.What != archiver.ArchiveFolder || i.Checked || i.Problem != nil {
		t.Errorf("%+v", i)
	}
}

// Damage is reported with file and offset, and with what could be read.
func TestInspectDamage(t *testing.T) {
	t.Parallel()
	for path, offset := range map[string]int64{
		"v0.5.42/torn-image/directory-new_header-old.grafeo":   12288,
		"v0.5.42/torn-image/sections-new_directory-old.grafeo": 20480,
		"v0.6.0/torn-image/header-new_pages-old.grafeo":        139264,
		"v0.6.0/torn-image/tail-cut.grafeo":                    139264,
	} {
		mustBeDamaged(t, inspect(t, vector(path)), vector(path), offset)
	}

	path := copyVector(t, "v0.6.0/live")
	at := chunkOf(t, path)
	flip(t, path, at)
	i := inspect(t, path)
	mustBeDamaged(t, i, path, at)
	if i.Image == nil || i.Image.Epoch != 3 || i.Log == nil || i.Log.Commits != 2 {
		t.Errorf("%+v", i)
	}

	// The second of the two segments is fine, so the first is no torn tail.
	path = copyVector(t, "v0.6.0/backup")
	segment := filepath.Join(path+".wal", "wal_00000000000000002126.log")
	flip(t, segment, 700)
	for _, p := range []string{path, path + ".wal"} {
		i := inspect(t, p)
		mustBeDamaged(t, i, segment, -1)
		if i.Log == nil || i.Log.Commits != 6 || i.Log.Files != 5 || i.Epochs.To != 6 {
			t.Errorf("%+v, %+v", i.Log, i.Epochs)
		}
	}

	// A segment that is missing leaves a gap, which is no place in a file.
	if err := os.Remove(segment); err != nil {
		t.Fatal(err)
	}
	if i := inspect(t, path); i.Whole() || i.Problem == nil || i.Problem.Offset != nil || !strings.Contains(i.Problem.What, "gap") {
		t.Errorf("%+v", i.Problem)
	}

	// The log of another database.
	path = copyVector(t, "v0.6.0/closed")
	if err := os.CopyFS(path+".wal", os.DirFS(vector("v0.6.0/bigcommit/tiny.grafeo.wal"))); err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(path+".wal", "wal_00000000000000000000.log")
	if i := inspect(t, path); i.Whole() || i.Problem == nil || i.Problem.File != log {
		t.Errorf("%+v", i.Problem)
	}

	cursor := filepath.Join(t.TempDir(), "backup_cursor.meta")
	for name, content := range map[string]string{cursor: "no cursor", filepath.Join(t.TempDir(), "x.wal"): "GBAK\x01"} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		mustBeDamaged(t, inspect(t, name), name, -1)
	}
}

// mustBeDamaged demands a problem in this file, at this offset unless that is -1.
func mustBeDamaged(t testing.TB, i archiver.Inspection, file string, offset int64) {
	t.Helper()
	p := i.Problem
	if i.Whole() || p == nil || p.File != file || p.Offset == nil || offset >= 0 && *p.Offset != offset || !strings.Contains(p.What, file) {
		t.Errorf("%+v, want damage in %s at %d", p, file, offset)
	}
}

func TestInspectErrors(t *testing.T) {
	t.Parallel()
	of := func(path string) error {
		_, err := archiver.Inspect(t.Context(), path, archiver.InspectOptions{})
		return err
	}
	mustFail(t, of(vector("nothing")), archiver.CodeNotFound, "nothing")
	mustFail(t, of(vector("v0.6.0/live/log.jsonl")), archiver.CodeNotDatabase, "log.jsonl")
	mustFail(t, of(vector("v0.6.0")), archiver.CodeNotDatabase, "a directory")
	mustFail(t, of(os.DevNull), archiver.CodeNotDatabase)
	newer := filepath.Join(t.TempDir(), "newer.grafeo")
	if err := os.WriteFile(newer, []byte("GRAF\x09\x00\x00\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	mustFail(t, of(newer), archiver.CodeUnsupported, newer)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	_, err := archiver.Inspect(ctx, vector("v0.6.0/live/tiny.grafeo"), archiver.InspectOptions{})
	mustFail(t, err, archiver.CodeInterrupted)
}

// A log that was made to keep us busy has a run for each commit.
func TestInspectManyRuns(t *testing.T) {
	t.Parallel()
	path := copyVector(t, "v0.5.42/reopened")
	name := filepath.Join(path+".wal", "wal_00000000.log")
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(strings.Repeat(string(b), 200)), 0o600); err != nil {
		t.Fatal(err)
	}
	l := inspect(t, path).Log
	if l.Commits != 1000 || len(l.Runs) != 100 || l.Runs[98].To != 3 || l.Runs[99] != (archiver.Epochs{From: 1, To: 2}) {
		t.Errorf("%+v", l)
	}
}

// A database that is written and checkpointed all the time is never called
// damaged, and a status of it never wrong.
func TestInspectAndStatusWhileWritten(t *testing.T) {
	m := newModel(t)
	m.commit(100)
	store := storagetest.NewMemory()
	full(t, store, m.path)
	// The clock of the bubble stands still while one of the two works, so that a writer that
	// the machine gives no time is never taken for one that has stopped.
	synctest.Test(t, func(t *testing.T) {
		stop, done := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			for n := 1; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				m.commit(3000)
				if n%7 == 0 {
					m.checkpoint(0)
				}
				if n%4 == 0 {
					time.Sleep(time.Millisecond)
				}
			}
		}()
		for n := range 200 {
			time.Sleep(time.Millisecond) // both begin at once
			i, err := archiver.Inspect(t.Context(), m.path, archiver.InspectOptions{})
			if archiver.CodeOf(err) != archiver.CodeBusyDatabase && (err != nil || !i.Whole()) {
				t.Errorf("inspection %d: %+v, %v", n, i.Problem, err)
			}
			time.Sleep(time.Millisecond)
			r, err := newArchive(store).Status(t.Context(), archiver.StatusOptions{Database: m.path})
			if archiver.CodeOf(err) != archiver.CodeBusyDatabase && (err != nil || !r.Behind.Continues) {
				t.Errorf("status %d: %+v, %v", n, r.Behind, err)
			}
		}
		close(stop)
		<-done
	})
}

// A native incremental is checked by itself: every byte that a checksum covers.
func TestInspectDamagedNative(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"v0.5.42", "v0.6.0"} {
		b, err := os.ReadFile(vector(version + "/backup/backup/backup_incr_0002.wal"))
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "backup_incr_0002.wal")
		for _, offset := range []int64{3, 24, 36, 45, 100, 200, int64(len(b)) - 2} {
			if version == "v0.5.42" && offset == 24 {
				continue // a number of files, which nothing else shows
			}
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			flip(t, path, offset)
			i, err := archiver.Inspect(t.Context(), path, archiver.InspectOptions{})
			if offset == 3 { // no GBAK any more
				if archiver.CodeOf(err) != archiver.CodeNotDatabase {
					t.Errorf("%s: %+v, %v", version, i, err)
				}
			} else if err != nil || i.Whole() || i.Problem == nil || i.Problem.File != path {
				t.Errorf("%s, byte %d: %+v, %v", version, offset, i.Problem, err)
			}
		}
	}
	list := filepath.Join(t.TempDir(), "backup_manifest.json")
	if err := os.WriteFile(list, []byte("\x01\x05"), 0o600); err != nil {
		t.Fatal(err)
	}
	mustBeDamaged(t, inspect(t, list), list, 2)
}
