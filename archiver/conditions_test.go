package archiver_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

var careless = map[manifest.Verdict]storagetest.Care{
	manifest.Ignored: storagetest.Ignores, manifest.Rejected: storagetest.Rejects, manifest.NotAtomic: storagetest.Races,
}

// archiveDocument returns the archive.json of a store.
func archiveDocument(t testing.TB, store *storagetest.Memory) *manifest.Archive {
	t.Helper()
	doc, err := decodeArchive(store.Objects()[manifest.ArchiveKey])
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// A store with conditional writes is probed once, and believed from then on.
func TestFirstBackupTriesTheStore(t *testing.T) {
	store := storagetest.NewMemory()
	m := newModel(t)
	m.commit(500)
	first := backup(t, store, m.path)
	doc := archiveDocument(t, store)
	if c := doc.Conditions; c == nil || c.Verdict != manifest.Honoured || c.SingleWriter || c.ProbedAt.IsZero() {
		t.Errorf("archive.json says %+v", c)
	}
	if first.Requests.Total() > 55 {
		t.Errorf("the first backup took %+v", first.Requests)
	}
	m.commit(500)
	if second := backup(t, store, m.path); second.Requests.Total() > 7 {
		t.Errorf("the second backup took %+v", second.Requests)
	}
	for key := range store.Objects() {
		if strings.HasPrefix(key, manifest.ProbePrefix) {
			t.Errorf("left behind: %s", key)
		}
	}
}

// A store without conditional writes is refused before anything is stored.
func TestUnsafeStoreIsRefused(t *testing.T) {
	for _, care := range []storagetest.Care{
		storagetest.Ignores, storagetest.Rejects, storagetest.Races, storagetest.LooksEarly, storagetest.WritesAnyway, storagetest.Forgets,
	} {
		t.Run(fmt.Sprint(care), func(t *testing.T) {
			inner := storagetest.NewMemory()
			path := copyVector(t, "v0.6.0/live")
			var err error
			synctest.Test(t, func(t *testing.T) { // so that all racers look before one of them writes
				_, err = newArchive(storagetest.NewCareless(inner, care)).Backup(t.Context(), path, archiver.BackupOptions{})
			})
			mustFail(t, err, archiver.CodeUnsafeStore, "nothing was stored")
			if left := slices.Collect(maps.Keys(inner.Objects())); len(left) > 0 {
				t.Errorf("it left %v", left)
			}
			if _, holds := contents(t, path+".wal")["backup_cursor.meta"]; holds {
				t.Error("the log is held for an archive that there is not")
			}
		})
	}
}

// A store may answer a put before it has taken the body, and go on reading that. While it is busy it is asked
// again; and no writer comes after everything was removed.
func TestProbedStoreAnswersEarly(t *testing.T) {
	for name, c := range map[string]answersEarly{
		"for a while":     {err: storage.ErrUnavailable, left: 2 * objects.Attempts},
		"and takes most":  {err: storage.ErrPermission, left: objects.Attempts, takes: 100 << 10}, // so the other writer wins
		"and takes a bit": {err: storage.ErrPermission, left: 1, takes: 10 << 10, isFinal: true},
	} {
		t.Run(name, func(t *testing.T) {
			inner := storagetest.NewMemory()
			path := copyVector(t, "v0.6.0/live")
			synctest.Test(t, func(t *testing.T) {
				c.Storage = inner
				_, err := newArchive(&c).Backup(t.Context(), path, archiver.BackupOptions{})
				time.Sleep(time.Minute)
				if isRefused := errors.Is(err, c.err); isRefused != c.isFinal || err != nil && !isRefused {
					t.Error(err)
				}
			})
			for key := range inner.Objects() {
				if strings.HasPrefix(key, manifest.ProbePrefix) {
					t.Errorf("left behind: %s", key)
				}
			}
		})
	}
}

// answersEarly is a store that does not take the first large objects of a probe, and says so before it has
// read what it takes of them.
type answersEarly struct {
	storage.Storage
	err     error
	left    int // how many it does not take
	takes   int64
	isFinal bool // the backup fails
}

func (s *answersEarly) Put(ctx context.Context, key string, body io.ReadSeeker, opts storage.PutOptions) (storage.PutResult, error) {
	if !strings.HasSuffix(key, "-overtaken") || opts.SHA256 == nil || s.left == 0 {
		return s.Storage.Put(ctx, key, body, opts)
	}
	s.left--
	go func() { _, _ = io.CopyN(io.Discard, struct{ io.Reader }{body}, s.takes) }()
	time.Sleep(time.Millisecond)
	return storage.PutResult{}, &storage.Error{Op: storage.OpPut, Key: key, Err: s.err}
}

// With SingleWriter such a store works for one writer, the archive says so, and
// nobody has to say it again.
func TestSingleWriter(t *testing.T) {
	for verdict, care := range careless {
		t.Run(string(verdict), func(t *testing.T) {
			inner := storagetest.NewMemory()
			store := storagetest.NewCareless(inner, care)
			m := newModel(t)
			m.commit(500)
			synctest.Test(t, func(t *testing.T) {
				if _, err := newArchive(store).Backup(t.Context(), m.path, archiver.BackupOptions{SingleWriter: true}); err != nil {
					t.Fatal(err)
				}
			})
			if c := archiveDocument(t, inner).Conditions; c == nil || c.Verdict != verdict || !c.SingleWriter {
				t.Errorf("archive.json says %+v", c)
			}
			for range 3 {
				m.commit(500)
				backup(t, store, m.path)
			}
			s, err := newArchive(store).Status(t.Context(), archiver.StatusOptions{})
			if err != nil || !s.SingleWriter || s.Conditions != verdict {
				t.Errorf("status: %+v, %v", s, err)
			}
			m.restoresTo(inner, archiver.Target{}, 4)
			mustBeWhole(t, inner)
			written := map[string]bool{}
			for _, c := range inner.Calls() {
				if c.Op == storage.OpPut && c.Err == nil && !strings.HasPrefix(c.Key, manifest.ProbePrefix) {
					if written[c.Key] {
						t.Errorf("%s was written twice", c.Key)
					}
					written[c.Key] = true
				}
			}
		})
	}
}

// The flag changes nothing where the store supports conditional writes.
func TestSingleWriterIsNotNeeded(t *testing.T) {
	store := storagetest.NewMemory()
	if _, err := newArchive(store).Backup(t.Context(), copyVector(t, "v0.6.0/live"), archiver.BackupOptions{SingleWriter: true}); err != nil {
		t.Fatal(err)
	}
	if c := archiveDocument(t, store).Conditions; c.SingleWriter || c.Verdict != manifest.Honoured {
		t.Errorf("archive.json says %+v", c)
	}
}

// In an archive that was created without a probe, each backup probes the store.
func TestArchiveWithoutVerdict(t *testing.T) {
	store := storagetest.NewMemory()
	m := newModel(t)
	m.commit(500)
	backup(t, store, m.path)
	objects := store.Objects()
	doc := archiveDocument(t, store)
	doc.Conditions = nil
	objects[manifest.ArchiveKey] = doc.Encode()
	m.commit(500)
	_, err := newArchive(storagetest.NewCareless(refill(t, objects), storagetest.Ignores)).Backup(t.Context(), m.path, archiver.BackupOptions{})
	mustFail(t, err, archiver.CodeUnsafeStore)
	backup(t, refill(t, objects), m.path)
}

// A store that cannot be written to, or does not answer, is not taken for one
// without conditions, and one that loses some answers not for one that lies.
func TestProbeIsNotMisled(t *testing.T) {
	path := copyVector(t, "v0.6.0/live")
	lossy := storagetest.Random(1, storagetest.Rates{Before: 0.05, After: 0.05, Broken: 0.05})
	for name, c := range map[string]struct {
		hook storagetest.Hook
		code archiver.Code
	}{
		"no permission to write": {func(op storage.Op, _ string, _ int) storagetest.Fault {
			if op == storage.OpPut {
				return storagetest.Fault{Err: storage.ErrPermission}
			}
			return storagetest.Fault{}
		}, archiver.CodePermission},
		"no permission to delete": {func(op storage.Op, _ string, _ int) storagetest.Fault {
			if op == storage.OpDelete {
				return storagetest.Fault{Err: storage.ErrPermission}
			}
			return storagetest.Fault{}
		}, ""},
		"answers to puts lost": {func(op storage.Op, key string, n int) storagetest.Fault {
			if op == storage.OpPut && strings.HasPrefix(key, manifest.ProbePrefix) {
				return lossy(op, key, n)
			}
			return storagetest.Fault{}
		}, ""},
	} {
		inner := storagetest.NewMemory()
		_, err := newArchive(storagetest.NewFaulty(inner, c.hook)).Backup(t.Context(), path, archiver.BackupOptions{Full: true})
		if archiver.CodeOf(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			mustBeWhole(t, inner)
		}
	}
}
