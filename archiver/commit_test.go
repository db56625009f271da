package archiver_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

var errLost = errors.New("the answer was lost")

// commitFault lets the hook decide about the requests for manifests alone; n
// counts these, from 1.
func commitFault(hook func(op storage.Op, n int) storagetest.Fault) func(storage.Op, string, int) storagetest.Fault {
	var n atomic.Int64
	return func(op storage.Op, key string, _ int) storagetest.Fault {
		if op == storage.OpList || !strings.HasPrefix(key, manifest.ManifestPrefix) {
			return storagetest.Fault{}
		}
		return hook(op, int(n.Add(1)))
	}
}

// Whatever the store answers, "committed" means that the manifest is there and
// is ours, and any other answer that it is not, or that nobody can know.
func TestCommit(t *testing.T) {
	lostAfter := storagetest.Fault{Err: errLost, Apply: true}
	lostBefore := storagetest.Fault{Err: errLost}
	cases := map[string]struct {
		fault     func(op storage.Op, n int) storagetest.Fault
		code      archiver.Code
		committed bool
	}{
		"plain": {
			func(storage.Op, int) storagetest.Fault { return storagetest.Fault{} }, "", true,
		},
		"answer lost, applied": {
			func(_ storage.Op, n int) storagetest.Fault {
				if n == 1 {
					return lostAfter
				}
				return storagetest.Fault{}
			}, "", true,
		},
		"request lost, not applied": {
			func(_ storage.Op, n int) storagetest.Fault {
				if n == 1 {
					return lostBefore
				}
				return storagetest.Fault{}
			}, "", true,
		},
		"answer lost, then the first read back too": {
			func(_ storage.Op, n int) storagetest.Fault {
				if n <= 2 {
					return storagetest.Fault{Err: errLost, Apply: n == 1}
				}
				return storagetest.Fault{}
			}, "", true,
		},
		"our own first attempt makes the second fail": {
			func(op storage.Op, n int) storagetest.Fault {
				switch n {
				case 1:
					return lostAfter
				case 2:
					return storagetest.Fault{Err: storage.ErrNotExist} // a stale read
				}
				return storagetest.Fault{}
			}, "", true,
		},
		"every put lost before, reads work": {
			func(op storage.Op, _ int) storagetest.Fault {
				if op == storage.OpPut {
					return lostBefore
				}
				return storagetest.Fault{}
			}, archiver.CodeUnknownOutcome, false,
		},
		"applied, and nothing is ever answered again": {
			func(_ storage.Op, n int) storagetest.Fault {
				return storagetest.Fault{Err: errLost, Apply: n == 1}
			}, archiver.CodeUnknownOutcome, true,
		},
		"the put hangs, applied": {
			func(_ storage.Op, n int) storagetest.Fault {
				return storagetest.Fault{Hang: n == 1, Apply: n == 1}
			}, "", true,
		},
		"refused at once": {
			func(op storage.Op, _ int) storagetest.Fault {
				if op == storage.OpPut {
					return storagetest.Fault{Err: storage.ErrPermission}
				}
				return storagetest.Fault{}
			}, archiver.CodePermission, false,
		},
		"refused after an attempt that nobody knows of": {
			func(op storage.Op, n int) storagetest.Fault {
				switch {
				case n == 1:
					return lostBefore
				case op == storage.OpPut:
					return storagetest.Fault{Err: storage.ErrPermission}
				}
				return storagetest.Fault{}
			}, archiver.CodeUnknownOutcome, false,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inner := storagetest.NewMemory()
			store := storagetest.NewFaulty(inner, commitFault(c.fault))
			path := copyVector(t, "v0.6.0/closed")
			const timeout = 3 * time.Second
			r, err := newArchive(store).Backup(t.Context(), path, archiver.BackupOptions{CommitTimeout: timeout})
			if err == nil && (r.Backup.Seq != 1 || r.Backup.Kind != "full") {
				t.Errorf("it was told of backup %d, %s", r.Backup.Seq, r.Backup.Kind) // and did not take its own for another writer's
			}
			if archiver.CodeOf(err) != c.code {
				t.Errorf("error %v, code %q, want %q", err, archiver.CodeOf(err), c.code)
			}
			_, there := inner.Objects()[manifest.Seq(1).Key()]
			if there != c.committed {
				t.Errorf("manifest there: %v, want %v", there, c.committed)
			}
			if there {
				mustBeWhole(t, inner)
			}
			// Whatever was said, the next run works by itself.
			full(t, inner, path)
			mustBeWhole(t, inner)
		})
	}
}

// rival commits a manifest of another writer just before ours.
func rival(t *testing.T, inner *storagetest.Memory, rivals int, lost bool) *storagetest.Faulty {
	t.Helper()
	other := copyVector(t, "v0.6.0/live")
	return storagetest.NewFaulty(inner, func(op storage.Op, key string, _ int) storagetest.Fault {
		if op == storage.OpPut && strings.HasPrefix(key, manifest.ManifestPrefix) && rivals > 0 {
			rivals--
			full(t, inner, other)
			if lost {
				return storagetest.Fault{Err: errLost, Apply: true}
			}
		}
		return storagetest.Fault{}
	})
}

func TestCommitAfterARival(t *testing.T) {
	for _, lost := range []bool{false, true} {
		inner := storagetest.NewMemory()
		r := full(t, rival(t, inner, 3, lost), copyVector(t, "v0.6.0/live"))
		if r.Backup.Seq != 4 || r.Backup.Timeline != 1 {
			t.Errorf("lost %v: backup %d on timeline %d, want 4 on 1", lost, r.Backup.Seq, r.Backup.Timeline)
		}
		if v := mustBeWhole(t, inner); v.Backups != 4 {
			t.Errorf("lost %v: %d backups, want 4", lost, v.Backups)
		}
	}
}

func TestCommitGivesUpAgainstRivals(t *testing.T) {
	inner := storagetest.NewMemory()
	_, err := newArchive(rival(t, inner, 1000, false)).Backup(t.Context(), copyVector(t, "v0.6.0/live"), archiver.BackupOptions{Full: true})
	mustFail(t, err, archiver.CodeConflict)
	mustBeWhole(t, inner)
}

// Nothing is ever written twice with other bytes, and nothing is deleted but what
// a store was tried with.
func TestNothingIsOverwritten(t *testing.T) {
	store := storagetest.NewMemory()
	path := copyVector(t, "v0.6.0/live")
	var before map[string][]byte
	for range 3 {
		full(t, store, path)
		after := store.Objects()
		for key, b := range before {
			if !bytes.Equal(after[key], b) {
				t.Errorf("%s has changed", key)
			}
		}
		before = after
	}
	for _, c := range store.Calls() {
		if c.Op == storage.OpDelete && !strings.HasPrefix(c.Key, manifest.ProbePrefix) {
			t.Errorf("%s was deleted", c.Key)
		}
	}
}

// An interruption before the commit commits nothing; one during the commit
// still learns what became of it.
func TestInterrupted(t *testing.T) {
	for _, prefix := range []string{manifest.SegmentPrefix, manifest.ManifestPrefix} {
		ctx, cancel := context.WithCancel(t.Context())
		inner := storagetest.NewMemory()
		store := storagetest.NewFaulty(inner, func(op storage.Op, key string, _ int) storagetest.Fault {
			if op == storage.OpPut && strings.HasPrefix(key, prefix) {
				cancel()
			}
			return storagetest.Fault{}
		})
		_, err := newArchive(store).Backup(ctx, copyVector(t, "v0.6.0/live"), archiver.BackupOptions{})
		_, there := inner.Objects()[manifest.Seq(1).Key()]
		if there != (err == nil) {
			t.Errorf("%s: committed %v, error %v", prefix, there, err)
		}
		if err != nil {
			mustFail(t, err, archiver.CodeInterrupted)
		}
		cancel()
	}
}

// forgetful is a store that says yes to some puts, and keeps nothing.
type forgetful struct {
	storage.Storage
	prefix string
	times  int
}

func (f *forgetful) Put(ctx context.Context, key string, body io.ReadSeeker, opts storage.PutOptions) (storage.PutResult, error) {
	if strings.HasPrefix(key, f.prefix) && f.times > 0 {
		f.times--
		return storage.PutResult{}, nil
	}
	return f.Storage.Put(ctx, key, body, opts)
}

// A backup is committed if it is there, with all that it names, whatever the store
// has said.
func TestVanishedObject(t *testing.T) {
	path := newPagedImage(t, 300).path
	for _, c := range []struct {
		prefix string
		times  int
		code   archiver.Code
	}{
		{manifest.PagesPrefix, 1, ""}, {manifest.PagesPrefix, 1000, archiver.CodeStore},
		{manifest.SegmentPrefix, 1, ""}, {manifest.SegmentPrefix, 1000, archiver.CodeStore},
		{manifest.ArchiveKey, 1, ""}, {manifest.ArchiveKey, 1000, archiver.CodeStore},
		{manifest.ManifestPrefix, 1, ""}, {manifest.ManifestPrefix, 1000, archiver.CodeUnknownOutcome},
	} {
		inner := storagetest.NewMemory()
		store := &forgetful{inner, c.prefix, c.times}
		_, err := newArchive(store).Backup(t.Context(), path, archiver.BackupOptions{CommitTimeout: time.Second})
		if archiver.CodeOf(err) != c.code {
			t.Errorf("%s, %d times: %v", c.prefix, c.times, err)
		}
		if _, committed := inner.Objects()[manifest.Seq(1).Key()]; committed != (err == nil) {
			t.Errorf("%s, %d times: committed %v, %v", c.prefix, c.times, committed, err)
		}
		if err == nil {
			mustBeWhole(t, inner)
		}
	}
}
