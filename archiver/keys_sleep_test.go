package archiver_test

import (
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// aging is an encrypted archive that grows and expires while a change of keys sleeps.
type aging struct {
	t     *testing.T
	m     *model
	store *storagetest.Memory
	h     *host
	ada   *person
}

// newAging returns an archive whose next number is not among those that are never deleted.
func newAging(t *testing.T) *aging {
	a := &aging{t: t}
	a.m, a.store, a.h, a.ada, _ = family(t)
	a.grow(3)
	a.expire()
	a.grow(manifest.GroupBackups)
	return a
}

func (a *aging) expire() {
	a.t.Helper()
	o := archiver.ExpireOptions{Rules: &archiver.Rules{Last: 1}, Apply: true, Grace: archiver.NoGrace}
	if _, err := a.h.archive(a.store).Expire(a.t.Context(), o); err != nil {
		a.t.Fatal(err)
	}
}

func (a *aging) grow(n int) {
	a.t.Helper()
	for i := range n {
		a.m.commit(10)
		if _, err := a.h.archive(a.store).Backup(a.t.Context(), a.m.path, archiver.BackupOptions{Full: i == n-1}); err != nil {
			a.t.Fatal(err)
		}
	}
}

// head returns the number of the newest record.
func (a *aging) head() (n uint64) {
	for n = 1 << 10; a.store.Objects()[manifest.Seq(n).Key()] == nil; n-- {
	}
	return n
}

func (a *aging) mustBeSound() {
	a.t.Helper()
	a.grow(2)
	a.ada.restores(a.t, a.store, a.m)
	if v, err := a.ada.reader(a.store).Verify(a.t.Context(), archiver.VerifyOptions{Deep: true}); err != nil || !v.OK() {
		a.t.Errorf("%+v, %v", v.Findings, err)
	}
	r, err := a.ada.reader(a.store).ListKeys(a.t.Context())
	if err != nil || !r.Proved || len(r.Keys.Generations) != 2 {
		a.t.Errorf("%+v, %v", r.Keys, err)
	}
}

// A change sleeps before its commit, until its number was used, and is free again: it notices, and is
// committed under another one.
func TestKeyChangeSleepsBeforeItsCommit(t *testing.T) {
	t.Parallel()
	a := newAging(t)
	number := a.head() + 1
	through := duringCommit(a.store, func() {
		for range 3 {
			a.grow(manifest.GroupBackups)
			a.expire()
		}
		if a.store.Objects()[manifest.Seq(number).Key()] != nil {
			t.Fatalf("record %d is still there", number)
		}
	})
	r := a.ada.changes(t, through, archiver.KeyChange{Rotate: true})
	if r.Record <= number+manifest.GroupBackups || r.Record != a.head() {
		t.Errorf("it was committed as %d, and was planned as %d", r.Record, number)
	}
	a.mustBeSound()
}

// A change sleeps after its commit, until a keep has followed, and everything around it was deleted: it
// knows that it was committed, and is not made again.
func TestKeyChangeSleepsAfterItsCommit(t *testing.T) {
	t.Parallel()
	a := newAging(t)
	for (a.head()+1)%manifest.GroupBackups != 0 { // so that the next record is deleted, and this one is not
		a.grow(1)
	}
	number := a.head() + 1
	isDone := false
	through := storagetest.NewFaulty(a.store, func(op storage.Op, key string, _ int) storagetest.Fault {
		if op == storage.OpHead && strings.HasPrefix(key, manifest.FencePrefix) && !isDone {
			isDone = true
			for range 3 {
				a.grow(manifest.GroupBackups)
				a.expire()
			}
		}
		return storagetest.Fault{}
	})
	r := a.ada.changes(t, through, archiver.KeyChange{Rotate: true})
	if r.Record != number || !isDone {
		t.Errorf("it was committed as %d, and was planned as %d", r.Record, number)
	}
	a.mustBeSound()
}
