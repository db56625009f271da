package archiver_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// frames05 are frames of a 0.5 log.
func frames05(payloads ...string) (b []byte) {
	for _, p := range payloads {
		b = grafeotest.AppendFrame05(b, []byte(p))
	}
	return b
}

const (
	created   = "\x00node"
	committed = "\x23\x02"
	aborted   = "\x24\x02"
	mark05    = "\x25\x02"
)

func advance(epoch byte) string { return "\x26" + string([]byte{epoch}) }

// newDirectory makes a database that is a directory, with this log.
func newDirectory(t testing.TB, log ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "db")
	if err := os.MkdirAll(filepath.Join(path, "wal"), 0o700); err != nil {
		t.Fatal(err)
	}
	appendLog(t, path, 0, log...)
	return path
}

func appendLog(t testing.TB, path string, file uint64, payloads ...string) {
	t.Helper()
	dir := filepath.Join(path, "wal")
	if _, err := os.Stat(dir); err != nil {
		dir = path + ".wal"
	}
	f, err := os.OpenFile(filepath.Join(dir, grafeotest.LogName05(file)), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // what was not written is missing below
	if _, err := f.Write(frames05(payloads...)); err != nil {
		t.Fatal(err)
	}
}

// restoredLog restores a state and returns its log file of that number.
func restoredLog(t testing.TB, store *storagetest.Memory, target archiver.Target, file uint64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "restored")
	if _, err := newArchive(store).Restore(t.Context(), path, archiver.RestoreOptions{Target: target}); err != nil {
		t.Fatal(err)
	}
	mustProve(t, store, target)
	b, err := os.ReadFile(filepath.Join(grafeo.LogDir(path), grafeotest.LogName05(file)))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// is fails the test unless the newest backup is of that kind, timeline and epochs.
func is(t testing.TB, r archiver.BackupReport, kind archiver.Kind, timeline int, start, end uint64) {
	t.Helper()
	if r.Backup.Kind != kind || r.Backup.Timeline != timeline || r.Backup.StartEpoch != start || r.Backup.EndEpoch != end {
		t.Errorf("backup %d is %s of epochs %d to %d on timeline %d, want %s, %d to %d, %d", r.Backup.Seq, r.Backup.Kind, r.Backup.StartEpoch, r.Backup.EndEpoch, r.Backup.Timeline, kind, start, end, timeline)
	}
}

// What a log ends with, without an EpochAdvance, is a commit: after a close for good,
// and in the middle of a commit until that is written. Then neither is lost, nor does
// the history fork. That is so in a directory and beside a file.
func TestCommitWithoutItsEpoch(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{"directory": newDirectory(t), "file": filepath.Join(t.TempDir(), "db.grafeo")} {
		t.Run(name, func(t *testing.T) {
			if name == "file" {
				if err := grafeotest.Image05(path, grafeotest.Image05Options{}); err != nil {
					t.Fatal(err)
				}
				if err := os.Mkdir(path+".wal", 0o700); err != nil {
					t.Fatal(err)
				}
			}
			store := storagetest.NewMemory()
			one := []string{created, committed, advance(1)}
			open := []string{created, committed}
			appendLog(t, path, 0, one...)
			appendLog(t, path, 0, open...)
			is(t, backup(t, store, path), "full", 1, 1, 2)
			is(t, backup(t, store, path), archiver.KindNone, 1, 2, 2)
			appendLog(t, path, 0, advance(2))
			is(t, backup(t, store, path), "incremental", 1, 2, 2)
			is(t, backup(t, store, path), archiver.KindNone, 1, 2, 2)
			appendLog(t, path, 0, created, committed, advance(3))
			is(t, backup(t, store, path), "incremental", 1, 3, 3)
			mustBeWhole(t, store)

			seq := func(n uint64) archiver.Target { return archiver.AtBackup(n) }
			upTo := func(more ...string) string { return string(frames05(append(append(one, open...), more...)...)) }
			for _, c := range []struct {
				target archiver.Target
				want   string
			}{
				{epoch(1), string(frames05(one...))},
				{seq(1), upTo()},
				{epoch(2), upTo(advance(2))},
				{seq(2), upTo(advance(2))},
				{epoch(3), upTo(advance(2), created, committed, advance(3))},
			} {
				if got := restoredLog(t, store, c.target, 0); got != c.want {
					t.Errorf("%+v: a log of %d bytes, want %d", c.target, len(got), len(c.want))
				}
			}
		})
	}
}

// A close that has nothing to make durable is nothing new, nor is what was aborted or
// is not committed; what it makes durable is, and the next open starts a new run.
func TestCloseOfADirectory(t *testing.T) {
	t.Parallel()
	path, store := newDirectory(t, created, committed, advance(1)), storagetest.NewMemory()
	is(t, backup(t, store, path), "full", 1, 1, 1)
	appendLog(t, path, 0, committed)
	is(t, backup(t, store, path), archiver.KindNone, 1, 1, 1)
	appendLog(t, path, 0, created, aborted, mark05, committed)
	is(t, backup(t, store, path), archiver.KindNone, 1, 1, 1)
	appendLog(t, path, 0, created)
	is(t, backup(t, store, path), archiver.KindNone, 1, 1, 1)
	appendLog(t, path, 0, committed)
	is(t, backup(t, store, path), "incremental", 1, 2, 2)
	whole, err := os.ReadFile(filepath.Join(path, "wal", grafeotest.LogName05(0)))
	if err != nil {
		t.Fatal(err)
	}
	if got := restoredLog(t, store, archiver.Target{}, 0); got != string(whole) {
		t.Errorf("a log of %d bytes, want %d", len(got), len(whole))
	}
	appendLog(t, path, 0, created, committed, advance(1))
	is(t, backup(t, store, path), "full", 2, 1, 1)
	mustBeWhole(t, store)
	if got := restoredLog(t, store, epoch(2), 0); got != string(whole) {
		t.Errorf("epoch 2: a log of %d bytes, want %d", len(got), len(whole))
	}
}

// After a checkpoint the database skips log files at its next open. What is in them is
// archived until the log shows one.
func TestSkippedFilesOfADirectory(t *testing.T) {
	t.Parallel()
	path, store := newDirectory(t, created, committed, advance(1), created, committed, advance(2)), storagetest.NewMemory()
	appendLog(t, path, 1, created, committed, advance(3), mark05)
	if err := os.WriteFile(filepath.Join(path, "wal", "checkpoint.meta"), []byte{3, 1, 0, 4}, 0o600); err != nil {
		t.Fatal(err)
	}
	appendLog(t, path, 1, created, committed, advance(4))
	is(t, backup(t, store, path), "full", 1, 1, 4)
	if restoredLog(t, store, archiver.Target{}, 0) == "" {
		t.Error("the first file is lost")
	}
	appendLog(t, path, 1, created, committed, advance(1))
	is(t, backup(t, store, path), "full", 2, 1, 1)
	to := filepath.Join(t.TempDir(), "restored")
	if _, err := newArchive(store).Restore(t.Context(), to, archiver.RestoreOptions{}); err != nil {
		t.Fatal(err)
	}
	if names := entries(t, filepath.Join(to, "wal")); len(names) != 1 || names[0] != grafeotest.LogName05(1) {
		t.Errorf("restored: %q", names)
	}
	mustBeWhole(t, store)
}

// A directory is known by its first commit. One that has lost its log's beginning is
// taken for what it was, and another one is refused.
func TestIdentityOfADirectory(t *testing.T) {
	t.Parallel()
	path, store := newDirectory(t, created, committed, advance(1)), storagetest.NewMemory()
	first := backup(t, store, path)
	if !strings.HasPrefix(first.Backup.DatabaseID, "log-") {
		t.Errorf("id %q", first.Backup.DatabaseID)
	}
	_, err := newArchive(store).Backup(t.Context(), newDirectory(t, created+"!", committed, advance(1)), archiver.BackupOptions{})
	if archiver.CodeOf(err) != archiver.CodeWrongDatabase {
		t.Errorf("another one: %v", err)
	}
	appendLog(t, path, 1, created, committed, advance(2))
	is(t, backup(t, store, path), "incremental", 1, 2, 2)
	if err := os.Remove(filepath.Join(path, "wal", grafeotest.LogName05(0))); err != nil {
		t.Fatal(err)
	}
	appendLog(t, path, 1, created, committed, advance(3))
	r := backup(t, store, path)
	is(t, r, "incremental", 1, 3, 3)
	if r.Backup.DatabaseID != first.Backup.DatabaseID {
		t.Errorf("id %q, and was %q", r.Backup.DatabaseID, first.Backup.DatabaseID)
	}

	// An empty one gets its name later.
	empty, store := newDirectory(t), storagetest.NewMemory()
	if r := backup(t, store, empty); r.Backup.Kind != "full" || r.Backup.DatabaseID != "log-unknown" {
		t.Errorf("an empty one: %+v", r)
	}
	appendLog(t, empty, 0, created, committed, advance(1))
	r = backup(t, store, empty)
	is(t, r, "incremental", 1, 1, 1)
	if r.Backup.DatabaseID != first.Backup.DatabaseID {
		t.Errorf("id %q", r.Backup.DatabaseID)
	}
	mustBeWhole(t, store)
}

// The database and the archive have one name for a directory that cannot be named.
func TestUnknownDirectory(t *testing.T) {
	if grafeo.UnknownDirectory != manifest.UnknownID {
		t.Errorf("%s and %s", grafeo.UnknownDirectory, manifest.UnknownID)
	}
}
