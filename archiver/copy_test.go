package archiver_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// copyScenes are archives of all kinds.
var copyScenes = map[string]func(t *testing.T, store *storagetest.Memory){
	"small ones, two full ones and labels": func(t *testing.T, store *storagetest.Memory) {
		m := increments(t, store, 3)
		m.commit(90_000)
		if _, err := newArchive(store).Backup(t.Context(), m.path, archiver.BackupOptions{Labels: map[string]string{"state": "good"}}); err != nil {
			t.Fatal(err)
		}
		full(t, store, m.path)
		m.commit(50)
		backup(t, store, m.path)
	},
	"full ones that share pages": func(t *testing.T, store *storagetest.Memory) {
		im := newPagedImage(t, 1200)
		for range 3 {
			im.fullOf(t, store, false)
			im.change(300, 20, 7)
			im.write(t)
		}
	},
	"pins, rules and merged ones": func(t *testing.T, store *storagetest.Memory) {
		m := increments(t, store, 7)
		a := newArchive(store)
		if _, err := a.Pin(t.Context(), 3, "before the upgrade"); err != nil {
			t.Fatal(err)
		}
		if _, err := a.SetPolicy(t.Context(), &archiver.Rules{Last: 3}); err != nil {
			t.Fatal(err)
		}
		compactAll(t, store)
		m.commit(10)
		backup(t, store, m.path)
	},
	"a full one whose predecessor was removed": func(t *testing.T, store *storagetest.Memory) {
		m := increments(t, store, 4)
		full(t, store, m.path) // 6
		m.commit(10)
		backup(t, store, m.path)
		remove(t, store, 4, 5)
		m.commit(10)
		backup(t, store, m.path)
	},
	"three databases, of which the first was removed": func(t *testing.T, store *storagetest.Memory) {
		for n := range 3 {
			m := newModel(t)
			m.commit(10 + n)
			m.commit(20)
			for range 2 {
				if _, err := newArchive(store).Backup(t.Context(), m.path, archiver.BackupOptions{NewDatabase: true}); err != nil {
					t.Fatal(err)
				}
				m.commit(30)
			}
		}
		remove(t, store, 1, 2)
	},
	"a directory of 0.5": func(t *testing.T, store *storagetest.Memory) {
		d := newDatabase05(t, true)
		for n := range 5 {
			d.write(fmt.Sprint(n), n == 3)
			backup(t, store, d.path)
		}
	},
}

// copyOf copies an archive into an empty store, which must succeed.
func copyOf(t testing.TB, from storage.Storage) (*storagetest.Memory, archiver.CopyReport) {
	t.Helper()
	to := storagetest.NewMemory()
	return to, copyInto(t, from, to)
}

func copyInto(t testing.TB, from, to storage.Storage) archiver.CopyReport {
	t.Helper()
	r, err := newArchive(from).Copy(t.Context(), newArchive(to), archiver.CopyOptions{})
	if err != nil {
		t.Fatalf("copy: %v", err)
	}
	return r
}

// backupsOf returns the list of an archive, without numbers and what is stored for each backup.
func backupsOf(t testing.TB, store storage.Storage) []archiver.Backup {
	t.Helper()
	l, err := newArchive(store).List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range l.Backups {
		b := &l.Backups[i]
		if b.Kind == archiver.KindMerged {
			b.Kind = archiver.KindIncremental
		}
		b.Seq, b.From, b.StoredBytes, b.ReusedBytes, b.Segments = 0, 0, 0, 0, 0
	}
	return l.Backups
}

// sameArchive demands that a copy has what the archive has.
func sameArchive(t testing.TB, from, to *storagetest.Memory) {
	t.Helper()
	if diff := cmp.Diff(backupsOf(t, from), backupsOf(t, to), cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("the list of the copy (-archive +copy)\n%s", diff)
	}
	sameStates(t, "the copy", epochStates(t, from), to)
	mustBeWhole(t, to)
	pins := func(store storage.Storage) ([]archiver.Pin, *archiver.Rules) {
		s, err := newArchive(store).Status(t.Context(), archiver.StatusOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if s.Retention == nil {
			return nil, nil
		}
		return s.Retention.Pins, s.Retention.Policy
	}
	wantPins, wantRules := pins(from)
	gotPins, gotRules := pins(to)
	if diff := cmp.Diff(wantRules, gotRules); diff != "" || len(wantPins) != len(gotPins) {
		t.Fatalf("%s, pins %v instead of %v", diff, gotPins, wantPins)
	}
	for i, p := range gotPins {
		if origin := recordOf(t, to, manifest.Seq(p.Backup)).CopiedFrom; uint64(origin.Seq) != wantPins[i].Backup || p.Label != wantPins[i].Label {
			t.Errorf("the pin %+v is a copy of %+v", p, wantPins[i])
		}
	}
}

// A copy has every epoch, timeline, label, pin and rule, and the archive stays as it is. A
// second run finds nothing to do; later ones take what has come since.
func TestCopy(t *testing.T) {
	for name, prepare := range copyScenes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from := storagetest.NewMemory()
			prepare(t, from)
			before := from.Objects()
			plan, err := newArchive(from).Copy(t.Context(), newArchive(storagetest.NewMemory()), archiver.CopyOptions{DryRun: true})
			if err != nil {
				t.Fatal(err)
			}
			to, r := copyOf(t, from)
			sameArchive(t, from, to)
			if r.Backups == 0 || r.Compared != r.Backups || r.Newest != uint64(r.Backups) || r.UpTo != slices.Max(numbers(t, from)) {
				t.Errorf("%+v", r)
			}
			about := int64(0)
			if isEncrypted {
				about = 2 << 10 * int64(r.Backups+int(r.Segments))
			}
			if plan.Backups != r.Backups || plan.Segments != r.Segments || plan.Bytes < r.Bytes || plan.Bytes > r.Bytes+about || plan.RawBytes != r.RawBytes {
				t.Errorf("planned were %+v, and done %+v", plan, r)
			}
			stored := to.Objects()
			again := copyInto(t, from, to)
			if again.Backups != 0 || again.Keep != 0 || again.Compared != r.Backups || again.UpTo != r.UpTo {
				t.Errorf("the second time: %+v", again)
			}
			if diff := cmp.Diff(stored, to.Objects()); diff != "" {
				t.Error("the second run has changed something")
			}
			if diff := cmp.Diff(before, from.Objects()); diff != "" {
				t.Error("the archive has changed")
			}
		})
	}
}

// Into what is no copy of the archive, nothing is copied.
func TestCopyRefuses(t *testing.T) {
	from := storagetest.NewMemory()
	m := increments(t, from, 3)
	other := storagetest.NewMemory()
	increments(t, other, 1)
	copied, _ := copyOf(t, from)
	used := refill(t, copied.Objects())
	m.commit(10)
	backup(t, used, m.path)
	pinned := refill(t, copied.Objects())
	if _, err := newArchive(pinned).Pin(t.Context(), 2, ""); err != nil {
		t.Fatal(err)
	}
	third := storagetest.NewMemory()
	increments(t, third, 1)
	ofThird, _ := copyOf(t, third)
	for name, c := range map[string]struct {
		to   *storagetest.Memory
		word string
	}{
		"another archive":          {other, "in use: its record 2"},
		"the archive itself":       {from, "the same archive"},
		"a copy that is in use":    {used, "in use: its record 5"},
		"a copy with a pin":        {pinned, "in use: its record 5"},
		"a copy of something else": {ofThird, "a copy of another archive"},
	} {
		before := c.to.Objects()
		for _, dryRun := range []bool{false, true} {
			_, err := newArchive(from).Copy(t.Context(), newArchive(c.to), archiver.CopyOptions{DryRun: dryRun})
			mustFail(t, err, archiver.CodeTargetExists, c.word)
		}
		if diff := cmp.Diff(before, c.to.Objects()); diff != "" {
			t.Errorf("%s has changed", name)
		}
	}
	_, err := newArchive(storagetest.NewMemory()).Copy(t.Context(), newArchive(other), archiver.CopyOptions{})
	mustFail(t, err, archiver.CodeNoArchive)
}

// The copy is an archive like any other: the next backup continues it, and expiry, merging and
// full backups work in it.
func TestCopyIsUsed(t *testing.T) {
	from := storagetest.NewMemory()
	m := increments(t, from, 8)
	to, _ := copyOf(t, from)
	m.commit(100)
	if b := backup(t, to, m.path); b.Backup.Kind != archiver.KindIncremental || b.Backup.Seq != 10 {
		t.Errorf("the next backup is %+v", b)
	}
	m.commit(100)
	if b := backup(t, from, m.path); b.Backup.Kind != archiver.KindIncremental {
		t.Errorf("the next backup of the archive is %+v", b)
	}
	full(t, to, m.path)
	compactAll(t, to)
	mustBeWhole(t, to)
	for epoch := uint64(1); epoch <= m.epoch; epoch++ {
		m.restoresTo(to, archiver.AtEpoch(epoch), epoch)
	}
	mustExpire(t, "the copy", to, archiver.Rules{Last: 1})
	mustExpire(t, "the copy", to, archiver.Rules{Last: 1})
	m.restoresTo(to, archiver.AtEpoch(m.epoch), m.epoch)
	mustBeWhole(t, to)
	sameArchive(t, from, func() *storagetest.Memory { to, _ := copyOf(t, from); return to }())
}

// While it is copied, the archive grows, and loses and merges backups; what is copied is whole
// and a later run takes the rest.
func TestCopyBesideOthers(t *testing.T) {
	for name, meanwhile := range map[string]func(t *testing.T, from *storagetest.Memory, m *model){
		"a backup": func(t *testing.T, from *storagetest.Memory, m *model) {
			m.commit(10)
			if _, err := newArchive(from).Backup(t.Context(), m.path, archiver.BackupOptions{NoHold: true}); err != nil {
				t.Error(err)
			}
		},
		"an expiry": func(t *testing.T, from *storagetest.Memory, _ *model) {
			mustExpire(t, "", from, archiver.Rules{Last: 2})
		},
		"a compaction": func(t *testing.T, from *storagetest.Memory, _ *model) {
			compactAll(t, from)
			mustExpire(t, "", from, archiver.Rules{Last: 50})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			prepared := storagetest.NewMemory()
			m := increments(t, prepared, 5)
			for range 3 {
				m.commit(70_000)
				backup(t, prepared, m.path)
			}
			full(t, prepared, m.path)
			m.commit(30)
			backup(t, prepared, m.path)
			undisturbed := storagetest.NewFaulty(refill(t, prepared.Objects()), nil)
			to, _ := copyOf(t, undisturbed)
			want := epochStates(t, to)
			for k := range len(undisturbed.Calls()) {
				if isLeftOut(k) {
					continue
				}
				inner := refill(t, prepared.Objects())
				from := storagetest.NewFaulty(inner, func(_ storage.Op, _ string, n int) (f storagetest.Fault) {
					if n == k {
						f.Wait = func(context.Context) error { meanwhile(t, inner, m); return nil }
					}
					return f
				})
				to := storagetest.NewMemory()
				if _, err := newArchive(from).Copy(t.Context(), newArchive(to), archiver.CopyOptions{}); err != nil {
					t.Fatalf("at operation %d: %v", k, err)
				}
				mustBeWhole(t, to)
				copyInto(t, inner, to)
				states := epochStates(t, to)
				for at, state := range epochStates(t, inner) {
					if diff := cmp.Diff(state, states[at]); diff != "" {
						t.Fatalf("at operation %d: the state %s is not that of the archive", k, at)
					}
				}
				if name != "an expiry" && len(states) < len(want) {
					t.Fatalf("at operation %d: %d states instead of %d", k, len(states), len(want))
				}
			}
		})
	}
}
