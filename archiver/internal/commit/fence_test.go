package commit

import (
	"context"
	"errors"
	"iter"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal/journaltest"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// keepOnly commits a keep as of which these records alone are alive. If dead is true,
// whatever is older is dead.
func keepOnly(t *testing.T, j *journal.Journal, dead bool, alive ...manifest.Seq) *manifest.Committed {
	t.Helper()
	var k *manifest.Committed
	err := Update(t.Context(), j, options(), func(h *Head) (err error) {
		k, err = h.CommitKeep(t.Context(), manifest.Keeping{Alive: manifest.RangesOf(alive)}, &alive[len(alive)-1], dead, KeepAuthor{}, time.Minute)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// asleep is an archive with a first keep, 3, and backups up to 42.
func asleep(t *testing.T) (*storagetest.Memory, *journal.Journal) {
	t.Helper()
	store := storagetest.NewMemory()
	j := journaltest.Of(store)
	commit(t, j, 2)
	keepOnly(t, j, false, 1, 2)
	commit(t, j, 39)
	return store, j
}

// meanwhile is what happens while a writer sleeps that wants to be 43: others take that
// number and many more, a keep, 101, says that all but the newest is gone, and the manifests
// of 33 to 96 are deleted.
func meanwhile(t *testing.T, store *storagetest.Memory, j *journal.Journal) {
	t.Helper()
	commit(t, j, 58)
	keepOnly(t, j, true, 100)
	for seq := manifest.Seq(33); seq <= 96; seq++ {
		if err := store.Delete(t.Context(), seq.Key()); err != nil {
			t.Fatal(err)
		}
	}
}

// A writer that sleeps between the head and its commit finds a number free that was used
// before. Its record does not count, and it plans again.
func TestWriterThatSleeps(t *testing.T) {
	t.Parallel()
	store, j := asleep(t)
	attempts := 0
	err := Update(t.Context(), j, options(), func(h *Head) error {
		if attempts++; attempts == 1 {
			meanwhile(t, store, j)
		}
		m, ix := journaltest.Next(h.Last)
		m.Folder = manifest.FolderName(h.Generation, strings.Repeat("0", 32))
		ix.Segments[0].Key = strings.Replace(ix.Segments[0].Key, journaltest.Folder, m.Folder, 1)
		err := h.Commit(t.Context(), m, ix, time.Minute)
		if attempts == 1 {
			_, isThere := store.Objects()[manifest.Seq(43).Key()]
			if !errors.Is(err, ErrConflict) || !isThere || h.Generation != 3 {
				t.Errorf("of generation %d: %v; created: %t", h.Generation, err, isThere)
			}
		} else if h.Parent.Seq != 102 || h.Generation != 101 {
			t.Errorf("it is backup %d of generation %d", h.Parent.Seq, h.Generation)
		}
		return err
	})
	if err != nil || attempts != 2 {
		t.Fatalf("%v, after %d attempts", err, attempts)
	}
	l := journaltest.Open(t, j)
	if _, ok := l.Find(43); ok || len(l.Backups) != 2 || l.Backups[0].Seq != 100 || l.Backups[1].Seq != 102 {
		t.Errorf("%+v", l.Backups)
	}
}

// late is a store whose lists show no manifest after a number yet.
type late struct {
	storage.Storage
	after manifest.Seq
}

func (s late) List(ctx context.Context, prefix, after string) iter.Seq2[storage.ObjectInfo, error] {
	return func(yield func(storage.ObjectInfo, error) bool) {
		for info, err := range s.Storage.List(ctx, prefix, after) {
			if seq, ok := manifest.ParseKey(info.Key); ok && seq > s.after {
				continue
			}
			if !yield(info, err) {
				return
			}
		}
	}
}

// A writer whose lists show that manifests were deleted, and not yet what came after them, finds a
// number free, too. The fence of the group says that it was used.
func TestWriterWhoseListsAreLate(t *testing.T) {
	t.Parallel()
	inner, j := asleep(t)
	meanwhile(t, inner, j)
	for _, seq := range []manifest.Seq{64, 96} {
		if err := CreateFence(t.Context(), j.Store(), journaltest.Open(t, j).Archive.ArchiveID, seq); err != nil {
			t.Fatal(err)
		}
	}
	stop := errors.New("seen")
	err := Update(t.Context(), journaltest.Of(late{inner, 96}), options(), func(h *Head) error {
		m, ix := journaltest.Next(h.Last)
		err := h.Commit(t.Context(), m, ix, time.Minute)
		if h.Last.Seq != 32 || !errors.Is(err, ErrConflict) {
			t.Errorf("after %d: %v", h.Last.Seq, err)
		}
		return stop
	})
	if !errors.Is(err, stop) {
		t.Error(err)
	}
}

// So does a run that makes a keep: what it would say is of old times.
func TestKeepAuthorThatSleeps(t *testing.T) {
	t.Parallel()
	store, j := asleep(t)
	attempts := 0
	err := Update(t.Context(), j, options(), func(h *Head) error {
		if attempts++; attempts == 1 {
			meanwhile(t, store, j)
		}
		newest := h.Parent.Seq
		_, err := h.CommitKeep(t.Context(), manifest.Keeping{Alive: manifest.RangesOf([]manifest.Seq{newest})}, &newest, false, KeepAuthor{}, time.Minute)
		if attempts == 1 && !errors.Is(err, ErrConflict) {
			t.Errorf("%v", err)
		}
		return err
	})
	l := journaltest.Open(t, j)
	if err != nil || attempts != 2 || l.Keep.Seq != 102 || len(l.Backups) != 1 || l.Keep.Keeping.DeadBefore != 101 {
		t.Errorf("%v, after %d attempts: %+v", err, attempts, l.Keep)
	}
}

// A backup whose number is its own counts even if a keep has followed meanwhile, as long as
// that has it; a keep that another one has followed does not.
func TestFollowedMeanwhile(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		alive []manifest.Seq
		keeps bool
		want  error
	}{
		"a backup that is alive":    {[]manifest.Seq{2, 4, 5}, false, nil},
		"a backup that was removed": {[]manifest.Seq{2, 5}, false, ErrConflict},
		"a keep":                    {[]manifest.Seq{2}, true, ErrConflict},
	} {
		inner := storagetest.NewMemory()
		commit(t, journaltest.Of(inner), 2)
		keepOnly(t, journaltest.Of(inner), false, 1, 2)
		done := false
		j := journaltest.Of(storagetest.NewFaulty(inner, func(op storage.Op, key string, _ int) storagetest.Fault {
			if op == storage.OpHead && key == manifest.FenceKey(3) && !done {
				done = true
				if !c.keeps {
					commit(t, journaltest.Of(inner), 1) // 5
				}
				keepOnly(t, journaltest.Of(inner), false, c.alive...)
			}
			return storagetest.Fault{}
		}))
		first := true
		err := Update(t.Context(), j, options(), func(h *Head) (err error) {
			if !first {
				return nil
			}
			first = false
			if c.keeps {
				_, err = h.CommitKeep(t.Context(), manifest.Keeping{Alive: manifest.Ranges{{1, 2}}}, h.NewestFull(), false, KeepAuthor{}, time.Minute)
			} else {
				m, ix := journaltest.Next(h.Last)
				err = h.Commit(t.Context(), m, ix, time.Minute)
			}
			if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
				t.Errorf("%s: %v, want %v", name, err, c.want)
			}
			return err
		})
		if err != nil || !done {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// As long as nobody knows whether there is a fence, the outcome is unknown: the record may
// count, or not. Nothing is made of it.
func TestFenceWithoutAnswer(t *testing.T) {
	t.Parallel()
	lost := errors.New("connection reset")
	for name, c := range map[string]struct {
		fault   storagetest.Fault
		times   int
		unknown bool
	}{
		"once":          {storagetest.Fault{Err: lost}, 1, false},
		"never":         {storagetest.Fault{Err: lost}, 1000, true},
		"hangs":         {storagetest.Fault{Hang: true}, 1000, true},
		"no permission": {storagetest.Fault{Err: storage.ErrPermission}, 1000, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				inner := storagetest.NewMemory()
				commit(t, journaltest.Of(inner), 2)
				keepOnly(t, journaltest.Of(inner), false, 1, 2)
				asked := 0
				j := journaltest.Of(storagetest.NewFaulty(inner, func(op storage.Op, key string, _ int) storagetest.Fault {
					if op != storage.OpHead || !strings.HasPrefix(key, manifest.FencePrefix) {
						return storagetest.Fault{}
					}
					if asked++; asked > c.times {
						return storagetest.Fault{}
					}
					return c.fault
				}))
				attempts := 0
				err := Update(t.Context(), j, options(), func(h *Head) error {
					attempts++
					m, ix := journaltest.Next(h.Last)
					return h.Commit(t.Context(), m, ix, time.Minute)
				})
				_, unknown := errors.AsType[*UnknownOutcomeError](err)
				if unknown != c.unknown || (err == nil) == c.unknown || attempts != 1 {
					t.Errorf("%v after %d attempts", err, attempts)
				}
				if _, isThere := inner.Objects()[manifest.Seq(4).Key()]; !isThere {
					t.Error("the record is gone")
				}
			})
		})
	}
}

// The fence is there before the keep is: a keep that fails leaves nothing else.
func TestFenceIsFirst(t *testing.T) {
	t.Parallel()
	inner := storagetest.NewMemory()
	commit(t, journaltest.Of(inner), 2)
	keepOnly(t, journaltest.Of(inner), false, 1, 2)
	if _, isThere := inner.Objects()[manifest.FenceKey(3)]; isThere {
		t.Error("there is a fence before anything follows the keep")
	}
	j := journaltest.Of(storagetest.NewFaulty(inner, func(op storage.Op, key string, _ int) storagetest.Fault {
		if op == storage.OpPut && key == manifest.FenceKey(3) {
			return storagetest.Fault{Err: storage.ErrPermission}
		}
		return storagetest.Fault{}
	}))
	err := Update(t.Context(), j, options(), func(h *Head) error {
		_, err := h.CommitKeep(t.Context(), manifest.Keeping{Alive: manifest.Ranges{{2, 2}}}, nil, false, KeepAuthor{}, time.Minute)
		return err
	})
	if _, isThere := inner.Objects()[manifest.Seq(4).Key()]; isThere || !errors.Is(err, storage.ErrPermission) {
		t.Errorf("without a fence: %v; the keep is there: %t", err, isThere)
	}
}
