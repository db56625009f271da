package archiver_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/internal/disk"
	"github.com/gbak-s3/gbak-s3/internal/disk/disktest"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// locked holds the lock of a log folder, as another process that hangs would.
func locked(t *testing.T, folder string) {
	t.Helper()
	lock, err := disk.LockFolder(t.Context(), folder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lock.Close() })
}

// A lock that another process does not release is waited for, but not forever, and the
// error says which lock it is.
func TestLockIsWaitedForWithAnEnd(t *testing.T) {
	m := newModel(t)
	m.commit(100)
	locked(t, m.path+".wal")
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		_, err := archiver.ReleaseAll(t.Context(), m.path)
		mustFail(t, err, archiver.CodeLocked, m.path+".wal", "waited 30")
		if waited := time.Since(begin); waited < 30*time.Second || waited > time.Minute {
			t.Errorf("waited %s", waited)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin = time.Now()
		_, err = archiver.ReleaseNamed(ctx, m.path, "somewhere")
		mustFail(t, err, archiver.CodeInterrupted, m.path+".wal")
		if waited := time.Since(begin); waited > 2*time.Second {
			t.Errorf("interrupted after 1s, it went on for %s", waited)
		}
	})
}

// A backup whose hold cannot be taken works all the same, and says why there is none.
func TestBackupContinuesWithoutTheLock(t *testing.T) {
	m := newModel(t)
	m.commit(100)
	locked(t, m.path+".wal")
	var log bytes.Buffer
	store := storagetest.NewMemory()
	synctest.Test(t, func(t *testing.T) {
		a := newWith(store, archiver.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}).On(disktest.Unsynced{})
		r, err := a.Backup(t.Context(), m.path, archiver.BackupOptions{})
		if err != nil || r.HoldBegan || r.Backup.Seq != 1 {
			t.Errorf("%+v, %v", r, err)
		}
	})
	if !strings.Contains(log.String(), "holds the lock of "+m.path+".wal") {
		t.Errorf("the log says %q", log.String())
	}
	m.restoresTo(store, archiver.Target{}, m.epoch)
}

// refusing lets every step whose text begins with one of these words fail.
func refusing(err error, words ...string) disktest.Plan {
	return func(_ int, step string) disktest.Fault {
		for _, w := range words {
			if strings.HasPrefix(step, w+" ") {
				return disktest.Fault{Err: err}
			}
		}
		return disktest.Fault{}
	}
}

// Where modes and owners cannot be set, and files cannot be synced, the log is held
// all the same if the database's owner can use what was made.
func TestHoldWithoutNiceties(t *testing.T) {
	for _, vector := range []string{"v0.6.0/closed", "v0.6.0/live"} {
		for name, plan := range map[string]disktest.Plan{
			"chmod":           refusing(syscall.EPERM, "chmod"),
			"chmod, no such":  refusing(errors.ErrUnsupported, "chmod"),
			"fsync of a file": refusing(syscall.EINVAL, "sync file"),
			"fsync, no such":  refusing(errors.ErrUnsupported, "sync file"),
		} {
			path := copyVector(t, vector)
			d := disktest.New(t, filepath.Dir(path), plan)
			r, err := newArchive(storagetest.NewMemory()).On(d).Backup(t.Context(), path, archiver.BackupOptions{})
			if err != nil || !r.HoldBegan {
				t.Errorf("%s, %s: %+v, %v", vector, name, r, err)
			}
			if holds, err := archiver.Holds(t.Context(), path); err != nil || len(holds.Holds) != 1 || holds.Holds[0].Hold.Seq != 1 {
				t.Errorf("%s, %s: %+v, %v", vector, name, holds, err)
			}
			if _, err := archiver.ReleaseAll(t.Context(), path); err != nil {
				t.Errorf("%s, %s: %v", vector, name, err)
			}
		}
	}
}

// What the database's owner could not use is not left beside the database: a
// folder for its log, in which it could not write.
func TestHoldThatWouldLockOutTheOwner(t *testing.T) {
	path := copyVector(t, "v0.6.0/closed")
	if err := os.Chown(path, 12345, 12345); err != nil {
		if os.Geteuid() == 0 {
			t.Fatal(err)
		}
		return // only root can change the owner of files
	}
	d := disktest.New(t, filepath.Dir(path), refusing(syscall.EPERM, "chmod", "chown"))
	r, err := newArchive(storagetest.NewMemory()).On(d).Backup(t.Context(), path, archiver.BackupOptions{})
	if err != nil || r.HoldBegan {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := os.Stat(path + ".wal"); !os.IsNotExist(err) {
		t.Errorf("there is a log folder: %v", err)
	}
}
