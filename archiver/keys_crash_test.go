package archiver_test

import (
	"bytes"
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"

	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// keyScene is an archive in which keys are changed while operations of the store stop, fail, or
// lose their answers.
type keyScene struct {
	t             *testing.T
	m             *model
	store         *storagetest.Memory
	h             *host
	ada, bob, eve *person
	base          int // records
}

func newKeyScene(t *testing.T, withKeep bool) *keyScene {
	s := &keyScene{t: t}
	s.m, s.store, s.h, s.ada, s.bob = family(t)
	s.eve = newPerson(t)
	s.m.commit(100)
	mustBackup(t, s.h.archive(s.store), s.m.path)
	if withKeep {
		if _, err := s.h.archive(s.store).Pin(t.Context(), 1, "it stays"); err != nil {
			t.Fatal(err)
		}
	}
	s.base = s.records()
	return s
}

// records returns how many manifests there are: none is deleted here.
func (s *keyScene) records() (n int) {
	for s.store.Objects()[manifest.Seq(n+1).Key()] != nil {
		n++
	}
	return n
}

// changes are what is tried: each by Ada.
func (s *keyScene) changes() map[string]archiver.KeyChange {
	return map[string]archiver.KeyChange{
		"add":    {Add: []archiver.Recipient{s.eve.recipient}},
		"remove": {Remove: []string{s.bob.name()}},
		"rotate": {Rotate: true},
		"revoke": {Rotate: true, RevokeHosts: true},
	}
}

// run makes the change on a store that does to calls what the hook says.
func (s *keyScene) run(name string, hook storagetest.Hook) (r archiver.KeyChangeReport, calls []storagetest.Call, err error) {
	s.t.Helper()
	faulty := storagetest.NewFaulty(s.store, hook)
	a := s.ada.reader(faulty)
	synctest.Test(s.t, func(t *testing.T) { r, err = a.ChangeKeys(t.Context(), s.changes()[name]) })
	return r, faulty.Calls(), err
}

// Whatever operation of a change is the last one, or fails, or is done although its answer is lost:
// what was told is true, nobody loses anything, hosts go on, and the change can be made afterwards.
func TestKeyChangesStopAnywhere(t *testing.T) {
	t.Parallel()
	for _, withKeep := range []bool{false, true} {
		for name := range (&keyScene{ada: newPerson(t), bob: newPerson(t), eve: newPerson(t)}).changes() {
			t.Run(fmt.Sprintf("%s, with a keep: %v", name, withKeep), func(t *testing.T) {
				t.Parallel()
				whole := newKeyScene(t, withKeep)
				_, calls, err := whole.run(name, nil)
				if err != nil || len(calls) < 5 {
					t.Fatalf("%d operations, %v", len(calls), err)
				}
				whole.goesOn(name, whole.base+1)
				onEachCall(t, calls, func(t *testing.T, k int) {
					for _, d := range disturbances(k, calls[k-1].Op) {
						s := newKeyScene(t, withKeep)
						r, calls, err := s.run(name, d.hook)
						mustReach(t, k, calls)
						at := fmt.Sprintf("%s at operation %d, %s", d.what, k, calls[k-1])
						isCommitted := s.records() > s.base
						isUnknown := archiver.CodeOf(err) == archiver.CodeUnknownOutcome
						if !isUnknown && (err == nil) != isCommitted || err == nil && r.Record != uint64(s.base+1) || s.records() > s.base+1 {
							t.Fatalf("%s: it was told of %d and %v, and there are %d records after %d", at, r.Record, err, s.records(), s.base)
						}
						s.goesOn(name, s.records())
					}
				})
			})
		}
	}
}

// goesOn demands that the host backs up, that Ada restores and can change keys, and that the archive
// is whole. records is how many there are.
func (s *keyScene) goesOn(name string, records int) {
	s.t.Helper()
	s.m.t = s.t
	isRevoked := name == "revoke" && records > s.base
	if isRevoked {
		made, err := s.ada.reader(s.store).MakeWriterKey(s.t.Context(), false)
		if err != nil {
			s.t.Fatal(err)
		}
		s.h.key = made.Key
	}
	s.m.commit(100)
	if r := mustBackup(s.t, s.h.archive(s.store), s.m.path); r.Backup.Seq != uint64(records+1) || r.Backup.Kind != archiver.KindIncremental {
		s.t.Fatalf("backup %d after %d records, %s", r.Backup.Seq, records, r.Backup.Kind)
	}
	s.ada.restores(s.t, s.store, s.m)
	if _, err := s.ada.reader(s.store).ChangeKeys(s.t.Context(), archiver.KeyChange{Add: []archiver.Recipient{s.eve.recipient}, Rotate: true}); err != nil {
		s.t.Fatal(err)
	}
	s.m.commit(100)
	mustBackup(s.t, s.h.archive(s.store), s.m.path)
	s.eve.restores(s.t, s.store, s.m)
	if v, err := s.eve.reader(s.store).Verify(s.t.Context(), archiver.VerifyOptions{Deep: true}); err != nil || !v.OK() {
		s.t.Fatalf("%+v, %v", v.Findings, err)
	}
}

// Of two who change keys at the same time, both do: one after the other.
func TestKeyChangesBesideEachOther(t *testing.T) {
	t.Parallel()
	s := newKeyScene(t, false)
	through := duringCommit(s.store, func() { s.ada.changes(t, s.store, s.changes()["remove"]) })
	r := s.ada.changes(t, through, s.changes()["add"])
	if n := len(r.Keys.Generations); r.Record != uint64(s.base+2) || n != 2 || len(r.Keys.Recipients) != 2 {
		t.Errorf("%+v", r)
	}
	s.goesOn("add", s.records())
}

// A change and a host that knows only older keys: it meets several records at once.
func TestHostThatSlept(t *testing.T) {
	t.Parallel()
	s := newKeyScene(t, false)
	slept := *s.h
	for i := range 3 {
		s.ada.changes(t, s.store, archiver.KeyChange{Rotate: true})
		s.m.commit(100 + i)
		mustBackup(t, s.h.archive(s.store), s.m.path)
	}
	s.m.commit(100)
	mustBackup(t, slept.archive(s.store), s.m.path)
	if len(slept.key.Generations) != 4 || !bytes.Equal(slept.key.Encode(), s.h.key.Encode()) {
		t.Errorf("it has the keys of %d generations", len(slept.key.Generations))
	}
	s.ada.restores(t, s.store, s.m)
}

// The newest key list, and all that opens what stays, survives any expiry: of records in whole groups,
// deleted with the manifests of earlier lists.
func TestKeysOutliveExpiry(t *testing.T) {
	t.Parallel()
	m, store, h, ada, bob := family(t)
	eve := newPerson(t)
	rules := archiver.Rules{Last: 1}
	expire := func() {
		t.Helper()
		r, err := h.archive(store).Expire(t.Context(), archiver.ExpireOptions{Rules: &rules, Apply: true, Grace: archiver.NoGrace})
		if err != nil {
			t.Fatalf("%+v, %v", r, err)
		}
	}
	grow := func(n int) {
		t.Helper()
		a := h.archive(store)
		for i := range n {
			m.commit(10)
			if _, err := a.Backup(t.Context(), m.path, archiver.BackupOptions{Full: i == n-1}); err != nil {
				t.Fatal(err)
			}
		}
	}
	grow(3)
	expire()
	grow(manifest.GroupBackups)
	ada.changes(t, store, archiver.KeyChange{Add: []archiver.Recipient{eve.recipient}})
	grow(manifest.GroupBackups)
	changed := ada.changes(t, store, archiver.KeyChange{Remove: []string{bob.name()}})
	for range 3 {
		grow(manifest.GroupBackups + 3)
		expire()
		expire()
	}
	var left []string
	for n := range 8 * manifest.GroupBackups {
		if key := manifest.Seq(n + 1).Key(); store.Objects()[key] != nil {
			left = append(left, strconv.Itoa(n+1))
		}
	}
	if store.Objects()[manifest.Seq(changed.Record).Key()] == nil || len(left) > 4*manifest.GroupBackups {
		t.Fatalf("the list is record %d; these are left: %v", changed.Record, left)
	}
	for _, p := range []*person{ada, eve} {
		p.restores(t, store, m) // on a host that has nothing else
		if _, err := p.reader(store).CheckKeys(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if v, err := ada.reader(store).Verify(t.Context(), archiver.VerifyOptions{Deep: true}); err != nil || !v.OK() {
		t.Errorf("%+v, %v", v.Findings, err)
	}
	if made, err := eve.reader(store).MakeWriterKey(t.Context(), false); err != nil || len(made.Key.Generations) != 2 {
		t.Errorf("%+v, %v", made, err)
	}
}
