package archiver_test

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// A store that does not delete, or says that it did: the list is changed all the same, and
// the report says what is left. A run that may delete cleans up.
func TestExpireThatCannotDelete(t *testing.T) {
	t.Parallel()
	_, store := grown(t)
	state := snapshotOf(t, store)
	for name, c := range map[string]struct {
		fault storagetest.Fault
		code  archiver.Code
	}{
		"refused altogether":     {storagetest.Fault{Err: storage.ErrPermission}, archiver.CodePermission},
		"each key is refused":    {storagetest.Fault{Refuse: func(string) error { return storage.ErrPermission }}, archiver.CodePermission},
		"segments are refused":   {storagetest.Fault{Refuse: refuseBelow(manifest.SegmentPrefix)}, archiver.CodePermission},
		"manifests are refused":  {storagetest.Fault{Refuse: refuseBelow(manifest.ManifestPrefix)}, archiver.CodePermission},
		"it says yes, and keeps": {storagetest.Fault{Pretend: true}, archiver.CodeStore},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := state.store(t, time.Hour)
			faulty := storagetest.NewFaulty(store, func(op storage.Op, _ string, _ int) storagetest.Fault {
				if op == storage.OpDelete {
					return c.fault
				}
				return storagetest.Fault{}
			})
			r, err := newArchive(faulty).Expire(t.Context(), archiver.ExpireOptions{Apply: true, Grace: archiver.NoGrace})
			mustFail(t, err, c.code)
			if !r.Applied || r.Keep != 71 || r.Removed != 66 {
				t.Errorf("applied: %v, keep %d, %d removed", r.Applied, r.Keep, r.Removed)
			}
			if r.Refused+r.Survivors == 0 || (c.code == archiver.CodePermission) != (len(r.RefusedKeys) > 0) || int64(len(r.RefusedKeys)) != r.Refused {
				t.Errorf("%d refused, %d survivors, %v", r.Refused, r.Survivors, r.RefusedKeys)
			}
			again, err := newArchive(faulty).Expire(t.Context(), archiver.ExpireOptions{Apply: true, Grace: archiver.NoGrace})
			mustFail(t, err, c.code)
			if again.Keep != 0 || again.Head != 71 || again.Refused+again.Survivors != r.Refused+r.Survivors {
				t.Errorf("a second run commits keep %d on %d, %d refused", again.Keep, again.Head, again.Refused)
			}
			after := look(t, store.Objects())
			if diff := cmp.Diff([]uint64{68, 69, 70}, after.backups()); diff != "" {
				t.Errorf("the backups (-want +got)\n%s", diff)
			}
			after.mustHaveAll(t, name, state.objects)
			after.mustBeListed(t, name, store)
			mustBeWhole(t, store)
			mustExpire(t, name, store, archiver.Rules{Last: 2})
			look(t, store.Objects()).mustBeExact(t, name)
		})
	}
}

func refuseBelow(prefix string) func(key string) error {
	return func(key string) error {
		if strings.HasPrefix(key, prefix) {
			return storage.ErrPermission
		}
		return nil
	}
}

// A run that may only mark asks for no deletion, and one elsewhere deletes what it has
// marked, as soon as the grace is over and not before.
func TestMarkOnly(t *testing.T) {
	t.Parallel()
	_, store := grown(t)
	var clock storeClock
	clock.set(time.Now())
	store.SetClock(clock.now)
	noDelete := storagetest.NewFaulty(store, func(op storage.Op, key string, _ int) storagetest.Fault {
		if op == storage.OpDelete {
			t.Errorf("it deletes %s", key)
		}
		return storagetest.Fault{}
	})
	r, err := newArchive(noDelete).Expire(t.Context(), archiver.ExpireOptions{Apply: true, MarkOnly: true})
	if err != nil || r.Removed != 66 || r.Keep != 71 || r.Deleted.Objects != 0 {
		t.Fatalf("keep %d, %d removed, %+v deleted, %v", r.Keep, r.Removed, r.Deleted, err)
	}
	for _, later := range []time.Duration{0, 22 * time.Hour, 24 * time.Hour} {
		clock.set(clock.now().Add(later))
		r, err := newArchive(store).Expire(t.Context(), archiver.ExpireOptions{Apply: true})
		isDue := later == 24*time.Hour
		if err != nil || r.Removed != 0 || (r.Deleted.Objects > 0) != isDue {
			t.Fatalf("%s later: %d removed, %+v deleted, %v", later, r.Removed, r.Deleted, err)
		}
	}
	mustHeal(t, "afterwards", store, archiver.Rules{Last: 2})
}

// A keep that says nothing new is not committed, even if what is dead cannot be deleted. What
// comes later is dead by a later keep.
func TestKeepsThatSayNothingNew(t *testing.T) {
	t.Parallel()
	m, store := grown(t)
	mark := func(want uint64) {
		t.Helper()
		r, err := newArchive(store).Expire(t.Context(), archiver.ExpireOptions{Apply: true, MarkOnly: true, Grace: archiver.NoGrace})
		if err != nil || r.Keep != want || r.Applied != (want != 0) {
			t.Errorf("keep %d, want %d; applied %v, %v", r.Keep, want, r.Applied, err)
		}
	}
	mark(71)
	mark(0)
	put(t, store, manifest.SegmentKey(manifest.SegmentFolder(manifest.FolderName(70, strings.Repeat("0e", 16))), 0, manifest.Sum(nil)), "late")
	mark(0)
	put(t, store, manifest.SegmentKey(manifest.SegmentFolder(manifest.FolderName(71, strings.Repeat("0e", 16))), 0, manifest.Sum(nil)), "of a killed run")
	mark(72)
	mark(0)
	for range 2 {
		m.commit(50)
		full(t, store, m.path)
	}
	mark(75) // as 68 to 70 go
	mark(0)
	mustHeal(t, "afterwards", store, archiver.Rules{Last: 2})
}

// late is a store whose lists lack some objects, though these are there.
type late struct {
	*storagetest.Memory
	lacks func(key string) bool
}

func (l late) List(ctx context.Context, prefix, after string) iter.Seq2[storage.ObjectInfo, error] {
	return func(yield func(storage.ObjectInfo, error) bool) {
		for info, err := range l.Memory.List(ctx, prefix, after) {
			if err == nil && l.lacks(info.Key) {
				continue
			}
			if !yield(info, err) {
				return
			}
		}
	}
}

// Lists that lack the newest records, or objects, make nothing go that is there.
func TestExpireWithLateLists(t *testing.T) {
	t.Parallel()
	m, store := grown(t)
	mustExpire(t, "before", store, archiver.Rules{Last: 2}) // 71
	for range 4 {
		m.commit(manifest.MaxInlineBytes + 5000)
		backup(t, store, m.path) // 72 to 75
	}
	state := snapshotOf(t, store)
	for n := manifest.Seq(1); n <= 7; n++ {
		for _, prefix := range []string{manifest.ManifestPrefix, manifest.SegmentPrefix, ""} {
			at := fmt.Sprintf("the newest %d below %q are not listed", n, prefix)
			store := state.store(t, time.Hour)
			lacks := func(key string) bool {
				if seq, ok := manifest.ParseKey(key); ok {
					return strings.HasPrefix(key, prefix) && seq > 75-n
				}
				generation, _ := manifest.ParseGeneration(key)
				return strings.HasPrefix(key, prefix) && generation == 71
			}
			r, err := newArchive(late{store, lacks}).Expire(t.Context(), archiver.ExpireOptions{Rules: &archiver.Rules{Last: 1}, Apply: true, Grace: archiver.NoGrace})
			if err != nil {
				t.Fatalf("%s: %v", at, err)
			}
			c := look(t, store.Objects())
			c.mustHaveAll(t, at, state.objects)
			if !slices.Contains(c.backups(), 75) {
				t.Fatalf("%s: backup 75 is gone, of %d", at, r.Head)
			}
			mustHeal(t, at, store, archiver.Rules{Last: 1})
		}
	}
}

// If something that says which backups exist, or that one of them needs, is missing or
// damaged, nothing at all changes. A damaged backup can be given up, and then all goes on.
func TestExpireOfADamagedArchive(t *testing.T) {
	t.Parallel()
	m, store := grown(t)
	if _, err := newArchive(store).Pin(t.Context(), 70, ""); err != nil { // 71
		t.Fatal(err)
	}
	m.commit(50)
	backup(t, store, m.path) // 72
	state := snapshotOf(t, store)
	keyOf := func(seq uint64, prefix string) string {
		for _, key := range namedBy(t, state.objects, manifestOf(t, state.objects, seq)) {
			if strings.HasPrefix(key, prefix) {
				return key
			}
		}
		t.Fatalf("backup %d has nothing below %s", seq, prefix)
		return ""
	}
	for name, c := range map[string]struct {
		key    string
		rot    bool
		giveUp uint64 // 0 if that does not help
	}{
		"a damaged keep":                            {manifest.Seq(71).Key(), true, 0},
		"a missing keep":                            {manifest.Seq(71).Key(), false, 0},
		"archive.json is damaged":                   {manifest.ArchiveKey, true, 0},
		"a damaged manifest, the last of its group": {manifest.Seq(64).Key(), true, 64},
		"a damaged manifest of a full backup":       {manifest.Seq(38).Key(), true, 38},
		"a missing manifest":                        {manifest.Seq(50).Key(), false, 50},
		"a missing segment of a full backup":        {keyOf(38, manifest.SegmentPrefix), false, 38},
		"a missing segment of an incremental":       {keyOf(39, manifest.SegmentPrefix), false, 39},
		"a missing index":                           {keyOf(7, manifest.IndexPrefix), false, 7},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			damaged := snapshot{maps.Clone(state.objects), state.written}
			if delete(damaged.objects, c.key); c.rot {
				damaged.objects[c.key] = []byte("{}\n")
			}
			rules := &archiver.Rules{Last: 1000}
			for _, apply := range []bool{false, true} {
				store := damaged.store(t, time.Hour)
				_, err := newArchive(store).Expire(t.Context(), archiver.ExpireOptions{Rules: rules, Apply: apply, Grace: archiver.NoGrace})
				mustFail(t, err, archiver.CodeDamagedArchive)
				if !maps.EqualFunc(damaged.objects, store.Objects(), bytes.Equal) {
					t.Fatal("the store has changed")
				}
			}
			if c.giveUp == 0 {
				return
			}
			store := damaged.store(t, time.Hour)
			r, err := newArchive(store).Expire(t.Context(), archiver.ExpireOptions{Remove: []uint64{c.giveUp}, Apply: true, Grace: archiver.NoGrace})
			if err != nil || r.Removed == 0 {
				t.Fatalf("%d removed, %v", r.Removed, err)
			}
			if slices.Contains(look(t, store.Objects()).backups(), c.giveUp) {
				t.Errorf("backup %d is still there", c.giveUp)
			}
			if c.rot || !strings.HasPrefix(c.key, manifest.ManifestPrefix) { // verify says that a number is missing
				mustBeWhole(t, store)
			}
			mustHeal(t, name, store, *rules)
		})
	}
}
