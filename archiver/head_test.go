package archiver_test

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// paged counts requests as a store with pages of a thousand does: reading on after a page
// is another LIST.
type paged struct {
	*storagetest.Memory
	lists int
}

func (p *paged) List(ctx context.Context, prefix, after string) iter.Seq2[storage.ObjectInfo, error] {
	return func(yield func(storage.ObjectInfo, error) bool) {
		n := 0
		for info, err := range p.Memory.List(ctx, prefix, after) {
			if n%1000 == 0 {
				p.lists++
			}
			if n++; !yield(info, err) {
				return
			}
		}
		if n == 0 {
			p.lists++
		}
	}
}

// longArchive copies the last manifest of an archive until there are so many: by
// their names alone they are what a backup looks for. The last one is given as it
// was, with its number changed.
func longArchive(t testing.TB, store *storagetest.Memory, backups int) {
	t.Helper()
	objects := store.Objects()
	var first manifest.Seq
	for objects[(first+1).Key()] != nil {
		first++
	}
	long := maps.Clone(objects)
	m := manifestOf(t, objects, uint64(first))
	for seq := first + 1; seq <= manifest.Seq(backups); seq++ {
		sum, before := manifest.Sum(long[(seq-1).Key()]), *m
		m.Seq, m.Previous, m.CommitID = seq, &sum, fmt.Sprintf("%032x", seq)
		if m.Kind == manifest.Incremental {
			m.Continues = &before.Seq
		}
		m.SetEarlier(&before)
		long[seq.Key()] = m.Encode()
	}
	for key, b := range long {
		if objects[key] == nil {
			if _, err := store.Put(t.Context(), key, bytes.NewReader(b), storage.PutOptions{}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// A backup finds the end of a long log in one LIST by the hold, and in a few
// without; it makes three requests if nothing is new, and four if a little is: no PUT but
// that of the manifest.
func TestRequestsOfABackup(t *testing.T) {
	for _, backups := range []int{2, 999, 1000, 1001, 2500, 12_000} {
		t.Run(fmt.Sprint(backups), func(t *testing.T) {
			store := storagetest.NewMemory()
			m := newModel(t)
			m.commit(100)
			backup(t, store, m.path)
			m.commit(100)
			backup(t, store, m.path)
			longArchive(t, store, backups)

			p := &paged{Memory: store}
			r := backup(t, p, m.path)
			if r.Backup.Kind != archiver.KindNone || int(r.Backup.Seq) != backups {
				t.Fatalf("%+v", r)
			}
			if p.lists > 12 { // the hold still names backup 2
				t.Errorf("%d LISTs with an old hold", p.lists)
			}
			p.lists = 0
			if r = backup(t, p, m.path); r.Backup.Kind != archiver.KindNone || p.lists != 1 || r.Requests.Get != 2 || r.Requests.Put != 0 {
				t.Errorf("nothing new: %d LISTs, %+v", p.lists, r)
			}
			m.commit(100)
			p.lists = 0
			if r = backup(t, p, m.path); r.Backup.Kind != "incremental" || p.lists != 1 || r.Requests.Get != 2 || r.Requests.Put != 1 || r.Requests.Head != 0 {
				t.Errorf("an incremental: %d LISTs, %+v", p.lists, r)
			}

			m.check(os.Remove(m.path + ".wal/backup_cursor.meta"))
			p.lists = 0
			r, err := newArchive(p).Backup(t.Context(), m.path, archiver.BackupOptions{NoHold: true})
			if err != nil || r.Backup.Kind != archiver.KindNone || int(r.Backup.Seq) != backups+1 {
				t.Fatalf("%+v, %v", r, err)
			}
			t.Logf("%d LISTs without a hold", p.lists)
			if p.lists > 12 {
				t.Errorf("%d LISTs", p.lists)
			}
		})
	}
}

// The backup that a hold names is looked for, and missed; a user who accepts that continues
// with what there is.
func TestHoldOfAnotherPast(t *testing.T) {
	store := storagetest.NewMemory()
	m := newModel(t)
	m.commit(100)
	backup(t, store, m.path)
	before := maps.Clone(store.Objects())
	m.commit(100)
	backup(t, store, m.path)
	m.commit(100)
	backup(t, store, m.path)
	// The archive is put back to where it was; the hold names a backup that is gone.
	old := refill(t, before)
	_, err := newArchive(old).Backup(t.Context(), m.path, archiver.BackupOptions{})
	mustFail(t, err, archiver.CodeVanished)
	r, err := newArchive(old).Backup(t.Context(), m.path, archiver.BackupOptions{BeginAnew: true})
	if err != nil || r.Backup.Seq != 2 {
		t.Errorf("%+v, %v", r, err)
	}
	mustBeWhole(t, old)
	keys := slices.Sorted(maps.Keys(old.Objects()))
	if !slices.Contains(keys, manifest.Seq(2).Key()) || slices.Contains(keys, manifest.Seq(3).Key()) {
		t.Errorf("%v", keys)
	}
}
