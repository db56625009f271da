package archiver_test

import (
	"slices"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// What a list that lags shows of pins is not taken for what is so.
func TestPinWithALateList(t *testing.T) {
	t.Parallel()
	store, m := storagetest.NewMemory(), newModel(t)
	chains(t, m, store, 2, 1) // 1 to 4
	a := newArchive(store)
	if _, err := a.Pin(t.Context(), 2, ""); err != nil { // 5
		t.Fatal(err)
	}
	if _, err := a.Unpin(t.Context(), 2); err != nil { // 6
		t.Fatal(err)
	}
	stale := late{store, func(key string) bool { return key == manifest.Seq(6).Key() }}
	if r, err := newArchive(stale).Pin(t.Context(), 2, ""); err != nil || r.Keep != 7 {
		t.Errorf("%+v, %v", r, err)
	}
}

// A store that does not say when it has received the records is not one that has received
// them long ago: no rule that looks at times makes anything go, and the grace is not over.
func TestExpireWithoutTimes(t *testing.T) {
	t.Parallel()
	store, m := storagetest.NewMemory(), newModel(t)
	store.SetClock(func() time.Time { return time.Time{} })
	chains(t, m, store, 4, 0) // 1 to 4
	all := []uint64{1, 2, 3, 4}
	for name, rules := range map[string]archiver.Rules{"daily": {Daily: 30}, "within": {Within: time.Hour}, "last": {Last: 1}} {
		if _, err := newArchive(store).Expire(t.Context(), archiver.ExpireOptions{Rules: &rules, Apply: true, Grace: archiver.NoGrace}); err == nil {
			t.Errorf("%s: it has decided on nothing", name)
		}
		if got := look(t, store.Objects()).backups(); !slices.Equal(got, all) {
			t.Errorf("%s: %v are left", name, got)
		}
	}
}

// A living record that is missing at the end of a group, where those before it are there, is
// damage, and nobody who reads what keeps name is confused by it.
func TestMissingEndOfAGroup(t *testing.T) {
	t.Parallel()
	store, m := storagetest.NewMemory(), newModel(t)
	chains(t, m, store, 1, 31) // 1 to 32
	keep(t, store, keepChange{})
	if err := store.Delete(t.Context(), manifest.Seq(32).Key()); err != nil {
		t.Fatal(err)
	}
	a := newArchive(store)
	_, err := a.List(t.Context())
	mustFail(t, err, archiver.CodeDamagedArchive, manifest.Seq(32).Key())
	_, err = a.Expire(t.Context(), archiver.ExpireOptions{Rules: &archiver.Rules{Last: 1}, Apply: true, Grace: archiver.NoGrace})
	mustFail(t, err, archiver.CodeDamagedArchive, manifest.Seq(32).Key())
}
