package archiver_test

import (
	"context"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// versioning is a store that keeps versions, and locks each for some days.
type versioning struct {
	*storagetest.Memory
	days int

	mu     sync.Mutex
	kept   map[string][]storage.ObjectVersion // the newest first
	n      int
	denies bool // versions are not deleted
}

func newVersioning(days int) *versioning {
	return &versioning{Memory: storagetest.NewMemory(), days: days, kept: map[string][]storage.ObjectVersion{}}
}

func (s *versioning) add(key string, size int64, isMarker bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	v := storage.ObjectVersion{VersionID: storage.VersionID{Key: key, ID: fmt.Sprint(s.n)}, Size: size, ModTime: time.Now(), IsMarker: isMarker}
	s.kept[key] = slices.Insert(s.kept[key], 0, v)
}

func (s *versioning) Put(ctx context.Context, key string, body io.ReadSeeker, o storage.PutOptions) (storage.PutResult, error) {
	r, err := s.Memory.Put(ctx, key, body, o)
	if err == nil {
		s.add(key, r.Size, false)
	}
	return r, err
}

func (s *versioning) Delete(ctx context.Context, key string) error {
	_, err := s.DeleteAll(ctx, []string{key})
	return err
}

func (s *versioning) DeleteAll(ctx context.Context, keys []string) (map[string]error, error) {
	kept, err := s.Memory.DeleteAll(ctx, keys)
	if err == nil {
		for _, key := range keys {
			s.add(key, 0, true)
		}
	}
	return kept, err
}

func (s *versioning) KeepsVersions(context.Context) (bool, error) { return true, nil }

func (s *versioning) ListVersions(_ context.Context, prefix string) iter.Seq2[storage.ObjectVersion, error] {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []storage.ObjectVersion
	for _, key := range slices.Sorted(maps.Keys(s.kept)) {
		if strings.HasPrefix(key, prefix) {
			all = append(all, s.kept[key]...)
		}
	}
	return func(yield func(storage.ObjectVersion, error) bool) {
		for _, v := range all {
			if !yield(v, nil) {
				return
			}
		}
	}
}

// isLocked reports whether a version is locked at a time.
func (s *versioning) isLocked(v *storage.ObjectVersion, at time.Time) bool {
	return !v.IsMarker && at.Before(v.ModTime.Add(time.Duration(s.days)*aDay))
}

func (s *versioning) DeleteVersions(_ context.Context, versions []storage.VersionID) (map[storage.VersionID]error, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := map[storage.VersionID]error{}
	for _, id := range versions {
		i := slices.IndexFunc(s.kept[id.Key], func(v storage.ObjectVersion) bool { return v.VersionID == id })
		switch {
		case i < 0:
		case s.denies:
			kept[id] = &storage.Error{Op: storage.OpDelete, Key: id.Key, Err: storage.ErrPermission}
		case s.isLocked(&s.kept[id.Key][i], time.Now()):
			kept[id] = &storage.Error{Op: storage.OpDelete, Key: id.Key, Err: storage.ErrLocked}
		default:
			s.kept[id.Key] = slices.Delete(s.kept[id.Key], i, i+1)
			if len(s.kept[id.Key]) == 0 {
				delete(s.kept, id.Key)
			}
		}
	}
	return kept, nil
}

// mustBeVisible fails the test unless what is there is the newest version of its key, and what is
// hidden has a marker over it, as long as the store keeps it.
func (s *versioning) mustBeVisible(t *testing.T) {
	t.Helper()
	objects := s.Objects()
	for key := range objects {
		if v := s.kept[key]; len(v) == 0 || v[0].IsMarker {
			t.Errorf("%s is there, and was deleted: %+v", key, v)
		}
	}
	for key, v := range s.kept {
		if _, isThere := objects[key]; !isThere && !v[0].IsMarker {
			t.Errorf("%s was deleted, and shows again", key)
		}
	}
}

// What expiries remove is hidden at once, and gone for good soon after its lock has ended.
// Nothing else is.
func TestVersionsGoWhenTheirLocksEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const days, keep = 10, 3 * aDay
		store := newVersioning(days)
		m := newModel(t)
		hadLocked, hadDeleted := false, false
		for day := range 60 {
			m.commit(100)
			_, err := newArchive(store).Backup(t.Context(), m.path, archiver.BackupOptions{LockKeep: keep, LockLength: days * aDay, Full: day%4 == 0})
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(aDay / 2)
			r, err := newArchive(store).Expire(t.Context(), archiver.ExpireOptions{Rules: &archiver.Rules{Last: 3}, Apply: true, Grace: archiver.NoGrace})
			if err != nil {
				t.Fatal(err)
			}
			if r.Versions != nil {
				hadLocked, hadDeleted = hadLocked || r.Versions.Locked.Objects > 0, hadDeleted || r.Versions.Deleted.Objects > 0
				if r.Versions.Refused != 0 {
					t.Errorf("%+v", r.Versions)
				}
			}
			store.mustBeVisible(t)
			time.Sleep(aDay / 2)
		}
		if !hadLocked || !hadDeleted {
			t.Errorf("locked versions: %t, deleted ones: %t", hadLocked, hadDeleted)
		}
		objects := store.Objects()
		markers := 0
		for key, versions := range store.kept {
			for i := range versions {
				v := &versions[i]
				if _, isThere := objects[key]; !isThere && !v.IsMarker && !store.isLocked(v, time.Now().Add(-2*aDay)) {
					t.Errorf("%s is still there, and was put %s ago", key, time.Since(v.ModTime))
				}
				if v.IsMarker && len(versions) == 1 {
					markers++
				}
			}
		}
		if markers > 10 {
			t.Errorf("%d markers hide nothing", markers)
		}
		m.restoresTo(store.Memory, archiver.Target{}, m.epoch)
	})
}

// That versions may not be deleted is no failure.
func TestVersionsThatStay(t *testing.T) {
	store := newVersioning(0)
	store.denies = true
	m := newModel(t)
	for range 3 {
		m.commit(100)
		if _, err := newArchive(store).Backup(t.Context(), m.path, archiver.BackupOptions{Full: true, Fresh: true}); err != nil {
			t.Fatal(err)
		}
	}
	o := archiver.ExpireOptions{Rules: &archiver.Rules{Last: 1}, Apply: true, Grace: archiver.NoGrace}
	r, err := newArchive(store).Expire(t.Context(), o)
	if err != nil || r.Versions == nil || r.Versions.Refused == 0 || r.Versions.Deleted.Objects != 0 || r.Deleted.Objects == 0 {
		t.Errorf("%+v, %v", r, err)
	}
	store.mustBeVisible(t)
	o.MarkOnly = true
	if r, err := newArchive(store).Expire(t.Context(), o); err != nil || r.Versions != nil {
		t.Errorf("with MarkOnly: %+v, %v", r.Versions, err)
	}
}
