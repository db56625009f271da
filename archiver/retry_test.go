package archiver_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// failing lets the first n puts of what begins with prefix fail, and counts all.
func failing(prefix string, n int64, fault storagetest.Fault) (storagetest.Hook, *atomic.Int64) {
	var puts atomic.Int64
	return func(op storage.Op, key string, _ int) storagetest.Fault {
		if op == storage.OpPut && strings.HasPrefix(key, prefix) && puts.Add(1) <= n {
			return fault
		}
		return storagetest.Fault{}
	}, &puts
}

var errBusy = fmt.Errorf("busy: %w", storage.ErrUnavailable)

// A busy store is asked again until the time is up. A store with another error is asked
// four times, because that error may be final.
func TestBusyStoreIsWaitedFor(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err     error
		fails   int64
		timeout time.Duration
		puts    int64
		code    archiver.Code
	}{
		"busy, then not":         {errBusy, 4, time.Minute, 5, ""},
		"busy for ever":          {errBusy, 1000, 50 * time.Millisecond, 4, archiver.CodeStore},
		"fails three times":      {errLost, 3, time.Minute, 4, ""},
		"fails too many times":   {errLost, 4, time.Minute, 4, archiver.CodeStore},
		"says no at once":        {storage.ErrPermission, 1, time.Minute, 1, archiver.CodePermission},
		"has no conditional put": {storage.ErrNoConditionalPut, 1, time.Minute, 1, archiver.CodeUnsafeStore},
	} {
		for _, prefix := range []string{manifest.SegmentPrefix, manifest.ArchiveKey} {
			t.Run(name+" "+prefix, func(t *testing.T) {
				t.Parallel()
				inner := storagetest.NewMemory()
				hook, puts := failing(prefix, c.fails, storagetest.Fault{Err: c.err})
				a := newWith(storagetest.NewFaulty(inner, hook), archiver.Options{StoreTimeout: c.timeout})
				_, err := a.Backup(t.Context(), copyVector(t, "v0.6.0/closed"), archiver.BackupOptions{})
				if archiver.CodeOf(err) != c.code || puts.Load() != c.puts {
					t.Errorf("after %d puts: %v, want %q after %d", puts.Load(), err, c.code, c.puts)
				}
				if _, there := inner.Objects()[manifest.Seq(1).Key()]; there != (err == nil) {
					t.Errorf("committed: %t, error %v", there, err)
				}
			})
		}
	}
}

// A store may call it a conflict, every time, that an object is there. What
// cannot be created is read, and what is there is right.
func TestConflictForEverIsLookedAt(t *testing.T) {
	t.Parallel()
	for _, prefix := range []string{manifest.SegmentPrefix, manifest.ArchiveKey} {
		inner := storagetest.NewMemory()
		hook, _ := failing(prefix, 1000, storagetest.Fault{Err: errors.New("conflict"), Apply: true})
		backup(t, storagetest.NewFaulty(inner, hook), copyVector(t, "v0.6.0/closed"))
		mustBeWhole(t, inner)
	}
}

// A document that is damaged on its way, once, is read again; one that is damaged
// where it is stored is reported.
func TestDocumentArrivesDamaged(t *testing.T) {
	t.Parallel()
	inner := storagetest.NewMemory()
	path := copyVector(t, "v0.6.0/live")
	want := wholePart(t, path)
	backup(t, inner, path)
	for _, prefix := range []string{manifest.ArchiveKey, manifest.ManifestPrefix} {
		for _, times := range []int64{1, 1000} {
			var gets atomic.Int64
			store := storagetest.NewFaulty(inner, func(op storage.Op, key string, _ int) storagetest.Fault {
				if op == storage.OpGet && strings.HasPrefix(key, prefix) && gets.Add(1) <= times {
					return storagetest.Fault{Body: storagetest.Flipped, At: 20}
				}
				return storagetest.Fault{}
			})
			if times == 1 || prefix == manifest.ArchiveKey { // without which a restore goes by the manifests
				for name, content := range restore(t, store, 0) {
					if content != want[name] {
						t.Errorf("%s: %s differs", prefix, name)
					}
				}
				continue
			}
			_, err := newArchive(store).Restore(t.Context(), t.TempDir()+"/db.grafeo", archiver.RestoreOptions{})
			mustFail(t, err, archiver.CodeDamagedArchive, prefix)
		}
	}
}
