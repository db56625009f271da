package archiver_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
	"github.com/gbak-s3/gbak-s3/internal/disk/disktest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// Where which behaviour is tested, all of it through the door of this package:
//
//	backup, its log and commit    roundtrip_, history_ (on model_), continuity_, empty_log_, commit_, committers_, head_, shared_ (on paged_)
//	plans of both                 backup_plan_, restore_plan_
//	restore, and going on         restore_, resume_, directory_, spill_, replay_, room_, lock_
//	crashes and failures          scenes_ (the parts of sweeps), sweep_ (of stores), *_crash_ (of disks), interrupt_
//	verify, rot and forgery       verify_, rot_* (on rot_archives_), reseal_, outlines_, bounds_
//	keeps and removed backups     keeps_*, removals_* (on removals_scene_ and removals_cases_)
//	holds and vanished archives   hold_, held_, unseen_, vanished_, record_
//	native folders of Grafeo      native_import_*, native_export_* (on nativedb_)
//	status, inspect, doctor       status_, inspect_, doctor_, explained_, conditions_
//	the store's network           body_, retry_, latency_, newest_
//
// The hooks that they need into the package are in hooks_test.go.

func TestMain(m *testing.M) {
	// Tests make much garbage and need little memory: collecting it less often saves a
	// quarter of their time.
	debug.SetGCPercent(400)
	remove := disktest.TempInMemory()
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) { remove(); os.Exit(code) }))
}

// vectors are databases of the real Grafeo in all states that can be backed up.
var vectors = []string{
	"v0.5.42/closed", "v0.5.42/live", "v0.5.42/reopened", "v0.5.42/torn-tail", "v0.5.42/backup",
	"v0.6.0/closed", "v0.6.0/live", "v0.6.0/reopened", "v0.6.0/torn-tail", "v0.6.0/backup", "v0.6.0/bigcommit",
}

// copyVector copies a database of the testdata to a folder of the test's own
// and returns its path.
func copyVector(t testing.TB, name string) string {
	t.Helper()
	if name, ok := strings.CutPrefix(name, "directory/"); ok {
		return copyDirectory(t, name)
	}
	dir := filepath.Join(t.TempDir(), "source")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("grafeo", "testdata", filepath.FromSlash(name)))); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "tiny.grafeo")
}

// copyDirectory is copyVector with the log of the vector alone, as a directory that
// is a database.
func copyDirectory(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "source", "tiny.grafeo")
	log := filepath.Join("grafeo", "testdata", filepath.FromSlash(name), "tiny.grafeo.wal")
	if err := os.CopyFS(filepath.Join(path, "wal"), os.DirFS(log)); err != nil {
		t.Fatal(err)
	}
	return path
}

// contents returns the files below dir, by path.
func contents(t testing.TB, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		files[rel] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// wholePart returns what a restore of the database at path must write: the image,
// and the log after it, up to its last whole commit.
func wholePart(t testing.TB, path string) map[string]string {
	t.Helper()
	generation, err := grafeo.Identify(path)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	image, err := grafeo.ReadImage(bytes.NewReader(b), int64(len(b)), path)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"db.grafeo": usedPart(image, b)}
	log, err := grafeo.ScanLog(grafeo.LogDir(path), generation, grafeo.ScanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range log.Files {
		if generation == grafeo.Gen06 && f.EndLSN <= image.CheckpointLSN || f.End == 0 {
			continue
		}
		b, err := os.ReadFile(filepath.Join(grafeo.LogDir(path), f.Name))
		if err != nil {
			t.Fatal(err)
		}
		want[filepath.Join("db.grafeo.wal", f.Name)] = string(b[:f.End])
	}
	if generation == grafeo.Gen05 && !image.Empty && len(log.Files) > 0 {
		trimmed05(t, path, want)
	}
	return want
}

// trimmed05 leaves out of the log files in want what the image of the vector at
// path has already: after walCheckpoint(), which leaves a file that says so, all
// that comes before its record, and after backupFull(), which begins a new file, the
// edges of the one before.
func trimmed05(t testing.TB, path string, want map[string]string) {
	t.Helper()
	_, err := os.Stat(filepath.Join(path+".wal", "checkpoint.meta"))
	first := filepath.Join("db.grafeo.wal", grafeotest.LogName05(0))
	rotated := filepath.Join("db.grafeo.wal", grafeotest.LogName05(1))
	kept := ""
	for log := want[first]; log != ""; {
		frame := log[:8+binary.LittleEndian.Uint32([]byte(log[:4]))]
		log = log[len(frame):]
		switch edge := frame[4] == 0x02; {
		case err == nil && frame[4] == 0x25:
			kept = frame
		case err != nil && edge && want[rotated] != "":
		default:
			kept += frame
		}
	}
	want[first] = kept
}

// usedPart is an image without the pages that nothing in it refers to: they come
// back as zeros.
func usedPart(image *grafeo.Image, b []byte) string {
	if image.Generation != grafeo.Gen06 {
		return string(b)
	}
	used := make([]byte, len(b))
	const page = 4096
	for at := 0; at < len(b); at += page {
		end := min(at+page, len(b))
		refers := func(r grafeo.Range) bool { return r.Offset < int64(end) && r.Offset+r.Length > int64(at) }
		if end-at < page || slices.ContainsFunc(image.Proof, refers) {
			copy(used[at:end], b[at:end])
		}
	}
	return string(used)
}

// newArchive does not wait for the disk: what a loss of power leaves is shown by
// disktest.Recorder.
func newArchive(store storage.Storage) *archiver.Archive {
	return newWith(store, archiver.Options{Host: "test", Tool: "test"}).On(disktest.Unsynced{})
}

func backup(t testing.TB, store storage.Storage, path string) archiver.BackupReport {
	t.Helper()
	r, err := newArchive(store).Backup(t.Context(), path, archiver.BackupOptions{})
	if err != nil {
		t.Fatalf("backup: %v", err)
	}
	return r
}

// full takes a full backup, whatever there is.
func full(t testing.TB, store storage.Storage, path string) archiver.BackupReport {
	t.Helper()
	r, err := newArchive(store).Backup(t.Context(), path, archiver.BackupOptions{Full: true})
	if err != nil {
		t.Fatalf("backup: %v", err)
	}
	return r
}

// restore restores backup seq (0: the newest) into a new folder and returns what
// is in it.
func restore(t testing.TB, store storage.Storage, seq uint64) map[string]string {
	t.Helper()
	dir := t.TempDir()
	_, err := newArchive(store).Restore(t.Context(), filepath.Join(dir, "db.grafeo"), archiver.RestoreOptions{Target: archiver.AtBackup(seq)})
	if err != nil {
		t.Fatalf("restore %d: %v", seq, err)
	}
	mustProve(t, store, archiver.AtBackup(seq))
	return contents(t, dir)
}

// mustProve demands that a drill of a state, which was restored right, finds that it is.
func mustProve(t testing.TB, store storage.Storage, target archiver.Target) {
	t.Helper()
	r, err := newArchive(store).Drill(t.Context(), archiver.DrillOptions{Target: target, Scratch: t.TempDir(), ReadOnly: true})
	if err != nil || !r.OK() || r.Structure.Result != archiver.DrillOK {
		t.Fatalf("a drill of what was restored right: %v %s", err, r.Why())
	}
}

// mustBeWhole demands that a deep verification finds nothing.
func mustBeWhole(t testing.TB, store storage.Storage) archiver.VerifyReport {
	t.Helper()
	r, err := newArchive(store).Verify(t.Context(), archiver.VerifyOptions{Deep: true})
	if err != nil {
		t.Fatalf("verify: %v", err)
	}
	if !r.OK() {
		t.Fatalf("verify found %v", r.Findings)
	}
	return r
}

// mustFail demands an error with this code, and the words in its text.
func mustFail(t testing.TB, err error, code archiver.Code, words ...string) {
	t.Helper()
	if archiver.CodeOf(err) != code {
		t.Fatalf("error %v has code %q, want %q", err, archiver.CodeOf(err), code)
	}
	if e, ok := err.(*archiver.Error); !ok || e.Err == nil { //nolint:errorlint // every error is one, not wraps one
		t.Errorf("error %v is a %T", err, err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q does not say %q", err, w)
		}
	}
}

// refill makes a store with these objects.
func refill(t testing.TB, objects map[string][]byte) *storagetest.Memory {
	t.Helper()
	store := storagetest.NewMemory()
	for key, b := range objects {
		if _, err := store.Put(context.Background(), key, bytes.NewReader(b), storage.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	return store
}

// chunkOf returns the offset of a byte of the image at path that a directory
// entry covers.
func chunkOf(t testing.TB, path string) int64 {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	image, err := grafeo.ReadImage(bytes.NewReader(b), int64(len(b)), path)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range image.Proof {
		if strings.Contains(r.What, "section") && r.Length > 0 && !strings.Contains(r.What, "directory") {
			return r.Offset
		}
	}
	t.Fatalf("no chunk in %v", image.Proof)
	return 0
}

// flip changes one bit of a file.
func flip(t testing.TB, path string, offset int64) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[offset] ^= 0x10
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
