package archiver_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk/disktest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// A restore that is interrupted when the old database is aside, and cannot put it
// back, says both: that it was interrupted, and where the old database is.
func TestInterruptedRestoreSaysWhereTheOldDatabaseIs(t *testing.T) {
	for _, name := range []string{"0.6 over 0.6", "0.5 over 0.5"} {
		s := restoreCases[name].prepare(t).again(t)
		ctx, cancel := context.WithCancel(t.Context())
		full := false
		r := disktest.New(t, s.dir, func(_ int, step string) disktest.Fault {
			if !full && strings.Contains(step, "db.grafeo.before-restore") && !strings.Contains(step, "wal") {
				cancel()
				full = true
				return disktest.Fault{}
			}
			if full {
				return disktest.Fault{Err: syscall.ENOSPC}
			}
			return disktest.Fault{}
		})
		a := newWith(s.store, archiver.Options{Concurrency: 1}).On(r)
		_, err := a.Restore(ctx, s.path(), archiver.RestoreOptions{Force: true})
		aside := slices.Collect(maps.Keys(s.find().aside))
		if len(aside) != 1 {
			t.Fatalf("aside: %q, %v", aside, err)
		}
		mustFail(t, err, archiver.CodeInterrupted, "interrupted: context canceled", "db.grafeo.before-restore-"+aside[0], "no space left")
		s.sound(name)
		s.next(name, false)
	}
}

// A verification that is interrupted, or loses its store, says what it has found.
func TestInterruptedVerificationSaysWhatItHasFound(t *testing.T) {
	t.Parallel()
	inner := storagetest.NewMemory()
	for range 2 {
		full(t, inner, copyVector(t, "v0.6.0/live"))
	}
	objects := inner.Objects()
	missing := manifest.Seq(1).Key()
	delete(objects, missing)
	for _, interrupt := range []bool{true, false} {
		ctx, cancel := context.WithCancel(t.Context())
		store := storagetest.NewFaulty(refill(t, objects), func(op storage.Op, key string, _ int) storagetest.Fault {
			if op != storage.OpGet || !strings.HasPrefix(key, "segments/") {
				return storagetest.Fault{}
			}
			if interrupt {
				cancel()
			}
			return storagetest.Fault{Err: storage.ErrPermission}
		})
		_, err := newWith(store, archiver.Options{Concurrency: 1}).Verify(ctx, archiver.VerifyOptions{Deep: true})
		cancel()
		code := archiver.CodePermission
		if interrupt {
			code = archiver.CodeInterrupted
		}
		mustFail(t, err, code, missing)
	}
}
