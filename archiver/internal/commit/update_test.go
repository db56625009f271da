package commit

import (
	"context"
	"errors"
	"slices"
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

// A writer that loses plans again on the new head, and gives up after many times.
func TestUpdateRetries(t *testing.T) {
	t.Parallel()
	for _, rivals := range []int{0, 1, 5, maxConflicts - 1, maxConflicts} {
		j := journaltest.Of(storagetest.NewMemory())
		commit(t, j, 1)
		attempts := 0
		err := Update(t.Context(), j, options(), func(h *Head) error {
			attempts++
			if h.First != (attempts == 1) || h.Parent.Seq != manifest.Seq(attempts) {
				t.Errorf("attempt %d: first %t, on backup %d", attempts, h.First, h.Parent.Seq)
			}
			if attempts <= rivals {
				commit(t, j, 1)
			}
			m, ix := journaltest.Next(h.Parent)
			return h.Commit(t.Context(), m, ix, time.Minute)
		})
		if e, ok := errors.AsType[*ConflictError](err); ok != (rivals == maxConflicts) || ok && e.Times != maxConflicts || !ok && err != nil {
			t.Errorf("%d rivals: %v", rivals, err)
		}
		if want := min(rivals+1, maxConflicts); attempts != want {
			t.Errorf("%d rivals: %d attempts, want %d", rivals, attempts, want)
		}
	}
}

// Of two first backups, one creates the archive, and the other one continues in it.
func TestTwoFirstBackups(t *testing.T) {
	t.Parallel()
	j := journaltest.Of(storagetest.NewMemory())
	attempts := 0
	var first string
	err := Update(t.Context(), j, options(), func(h *Head) error {
		if attempts++; attempts == 1 {
			first = commit(t, j, 1).ArchiveID
		}
		m, ix := journaltest.Next(h.Parent)
		err := h.Commit(t.Context(), m, ix, time.Minute)
		if (attempts == 1) != errors.Is(err, ErrOtherArchive) {
			t.Errorf("attempt %d: %v", attempts, err)
		}
		return err
	})
	l := journaltest.Open(t, j)
	if err != nil || attempts != 2 || l.Last() != 2 || l.Archive.ArchiveID != first {
		t.Errorf("%v after %d attempts: %+v", err, attempts, l)
	}
}

// With the catalog, a writer has every backup, and can do without damaged ones but the
// newest.
func TestUpdateWithCatalog(t *testing.T) {
	t.Parallel()
	store := storagetest.NewMemory()
	j := journaltest.Of(store)
	commit(t, j, 3)
	journaltest.Put(t, store, manifest.Seq(2).Key(), "{}\n")
	w := options()
	w.Catalog = true
	err := Update(t.Context(), j, w, func(h *Head) error {
		var seqs []manifest.Seq
		for _, m := range h.Catalog.All() {
			seqs = append(seqs, m.Seq)
		}
		if h.Parent.Seq != 3 || !slices.Equal(seqs, []manifest.Seq{1, 3}) {
			t.Errorf("on backup %d: %v", h.Parent.Seq, seqs)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// A store without conditional writes takes no archive, unless its creator accepts that it
// is for a single writer.
func TestUnsafeStore(t *testing.T) {
	t.Parallel()
	j := journaltest.Of(storagetest.NewCareless(storagetest.NewMemory(), storagetest.Ignores))
	w := UpdateOptions{Probe: func(context.Context) (manifest.Verdict, error) { return manifest.Ignored, nil }}
	err := Update(t.Context(), j, w, func(*Head) error { t.Error("there is a head"); return nil })
	if e, ok := errors.AsType[*UnsafeStoreError](err); !ok || e.Verdict != manifest.Ignored {
		t.Errorf("%v", err)
	}
	for _, w.SingleWriter = range []bool{true, false} { // it stands in archive.json then
		err := Update(t.Context(), j, w, func(h *Head) error {
			m, ix := journaltest.Next(h.Parent)
			return h.Commit(t.Context(), m, ix, time.Minute)
		})
		if err != nil {
			t.Error(err)
		}
	}
	broken := errors.New("no answer")
	w.Probe = func(context.Context) (manifest.Verdict, error) { return "", broken }
	if err := Update(t.Context(), journaltest.Of(storagetest.NewMemory()), w, nil); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}

// A large index is an object of its own, and reads as it was.
func TestLargeIndex(t *testing.T) {
	t.Parallel()
	store := storagetest.NewMemory()
	j := journaltest.Of(store)
	err := Update(t.Context(), j, options(), func(h *Head) error {
		m, ix := journaltest.Next(h.Parent)
		m.Commits = 20_000
		for epoch := range uint64(20_000) {
			ix.Commits = append(ix.Commits, manifest.CommitTime{101 + epoch, 1795428000000})
		}
		m.EndEpoch = 20_100
		return h.Commit(t.Context(), m, ix, time.Minute)
	})
	if err != nil {
		t.Fatal(err)
	}
	m, err := j.Newest(t.Context(), journaltest.Open(t, j))
	if err != nil || m.Index == nil || m.Content != nil {
		t.Fatalf("%+v, %v", m, err)
	}
	ix, err := j.Index(t.Context(), m)
	if err != nil || len(ix.Commits) != 20_000 {
		t.Errorf("%v", err)
	}
	journaltest.Put(t, store, m.Index.Key, "something else")
	if _, err := j.Index(t.Context(), m); !journal.IsDamaged(err) {
		t.Errorf("%v", err)
	}
}

// A commit is nil only if the manifest is stored, and unknown only if no answer was clear.
func TestCommitOutcomes(t *testing.T) {
	t.Parallel()
	lost := errors.New("connection reset")
	for name, c := range map[string]struct {
		fault   storagetest.Fault
		times   int
		unknown bool
		is      error
	}{
		"proved":             {},
		"answer lost":        {fault: storagetest.Fault{Err: lost, Apply: true}, times: 1},
		"request lost":       {fault: storagetest.Fault{Err: lost}, times: 3},
		"never an answer":    {fault: storagetest.Fault{Err: lost}, times: 1000, unknown: true, is: lost},
		"hangs":              {fault: storagetest.Fault{Hang: true}, times: 1000, unknown: true},
		"no permission":      {fault: storagetest.Fault{Err: storage.ErrPermission}, times: 1000, is: storage.ErrPermission},
		"refused by a proxy": {fault: storagetest.Fault{Err: storage.ErrPreconditionFailed, Apply: true}, times: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				inner := storagetest.NewMemory()
				puts := 0
				j := journaltest.Of(storagetest.NewFaulty(inner, func(op storage.Op, key string, _ int) storagetest.Fault {
					if op != storage.OpPut || !strings.HasPrefix(key, manifest.ManifestPrefix) {
						return storagetest.Fault{}
					}
					if puts++; puts > c.times {
						return storagetest.Fault{}
					}
					return c.fault
				}))
				began := time.Now()
				err := Update(t.Context(), j, options(), func(h *Head) error {
					m, ix := journaltest.Next(h.Parent)
					err := h.Commit(t.Context(), m, ix, time.Minute)
					if (err == nil) != (h.Parent != nil) {
						t.Errorf("%v, and the parent is %+v", err, h.Parent)
					}
					return err
				})
				_, unknown := errors.AsType[*UnknownOutcomeError](err)
				if unknown != c.unknown || c.is != nil && !errors.Is(err, c.is) || (err == nil) != (c.is == nil && !c.unknown) {
					t.Errorf("%v", err)
				}
				_, stored := inner.Objects()[manifest.Seq(1).Key()]
				if err == nil && !stored {
					t.Error("it is not stored")
				}
				if took := time.Since(began); took > time.Minute+commitAttempt {
					t.Errorf("it took %s", took)
				}
			})
		})
	}
}
