package archiver_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// list returns the numbers of the backups that a list shows.
func list(t testing.TB, a *archiver.Archive) (seqs []uint64) {
	t.Helper()
	r, err := a.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range r.Backups {
		seqs = append(seqs, b.Seq)
	}
	return seqs
}

// All that read an archive show the backups that there are, and say of the others what
// became of them.
func TestReadersOfKeeps(t *testing.T) {
	t.Parallel()
	store, m := storagetest.NewMemory(), newModel(t)
	chains(t, m, store, 2, 4) // 1 to 5, 6 to 10
	remove(t, store, 1, 2, 3, 4, 5)
	by := merge(t, store, 7, 9, false)
	check := func(want int) {
		t.Helper()
		a := newArchive(store)
		if got := list(t, a); len(got) != want || got[0] != 6 {
			t.Errorf("the list has %v", got)
		}
		s, err := a.Status(t.Context(), archiver.StatusOptions{Database: m.path})
		if err != nil || s.Backups != want || s.Newest.Seq != 10 || s.Vanished != nil || s.Behind.Lag != 0 {
			t.Errorf("%+v, %v", s, err)
		}
		d, err := a.WithoutRaces().Doctor(t.Context(), archiver.DoctorOptions{})
		if unseen := d.Backups - want; err != nil || unseen < 0 || unseen > 1 || d.Problem() != nil { // it does not read what is new
			t.Errorf("%+v, %v", d, err)
		}
	}
	restoring := func(seq uint64) error {
		_, err := newArchive(store).Restore(t.Context(), filepath.Join(t.TempDir(), "r.grafeo"), archiver.RestoreOptions{Target: archiver.AtBackup(seq)})
		return err
	}
	check(5)
	mustFail(t, restoring(uint64(by)), archiver.CodeNoBackup) // nobody has put it in their place yet
	keep(t, store, keepChange{standIn: &manifest.StandIn{From: 7, For: 9, By: by}})
	check(3)
	for seq, words := range map[uint64]string{
		3: "there is no backup 3: it was removed", 11: "the number is not that of a backup", uint64(by): "not that of a backup",
		7: "backups 7 to 9 were merged into 9", 99: "there is no backup 99: the archive has 6 to 10",
	} {
		mustFail(t, restoring(seq), archiver.CodeNoBackup, words)
	}
	m.restoresTo(store, archiver.AtBackup(9), 9)
	m.restoresTo(store, archiver.AtBackup(10), 10)
	m.restoresTo(store, archiver.AtEpoch(8), 8)
}

// A backup that follows a keep takes a GET more than ever, for the newest backup; and each
// one from then on a HEAD for the fence.
func TestRequestsOfABackupAfterAKeep(t *testing.T) {
	t.Parallel()
	store, m := storagetest.NewMemory(), newModel(t)
	chains(t, m, store, 2, 1)
	remove(t, store, 1, 2)
	p := &paged{Memory: store}
	for _, c := range []struct {
		what           string
		commits        bool
		get, head, put int64
	}{
		{"nothing new after a keep", false, 3, 0, 0},
		{"the first one after a keep", true, 3, 1, 1},
		{"nothing new", false, 2, 0, 0},
		{"the next one", true, 2, 1, 1},
	} {
		if c.commits {
			m.commit(100)
		}
		p.lists = 0
		r := backup(t, p, m.path)
		if r.Requests.Get != c.get || r.Requests.Head != c.head || r.Requests.Put != c.put || p.lists != 1 {
			t.Errorf("%s: %+v, %d LISTs", c.what, r.Requests, p.lists)
		}
	}
	m.restoresTo(store, archiver.Target{}, m.epoch)
	mustBeWhole(t, store)
}

// What this host has seen may have been removed, and a writer that has slept may have taken
// its number: nothing has vanished.
func TestRemovedHasNotVanished(t *testing.T) {
	t.Parallel()
	store, m := storagetest.NewMemory(), newModel(t)
	state := t.TempDir()
	a := newWith(store, archiver.Options{Name: "the archive", State: state})
	chains(t, m, store, 1, 1)
	keep(t, store, keepChange{})                                                                   // 3
	chains(t, m, store, 1, 60)                                                                     // 4 to 64
	if _, err := a.Backup(t.Context(), m.path, archiver.BackupOptions{NoHold: true}); err != nil { // notes number 64
		t.Fatal(err)
	}
	other := newModel(t)
	other.commit(100)
	chains(t, m, store, 1, 40) // 65 to 105
	remove(t, store, seqs(1, 64)...)
	sweep(t, store)
	stray := manifestOf(t, store.Objects(), 66)
	stray.Seq, stray.CommitID, stray.Earlier, stray.Keep = 64, manifest.NewID(), nil, 3
	stray.Continues, stray.LastFull = new(manifest.Seq(63)), new(manifest.Seq(4))
	for _, exists := range []bool{false, true} {
		if exists {
			if _, err := store.Put(t.Context(), manifest.Seq(64).Key(), bytes.NewReader(stray.Encode()), storage.PutOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		s, err := a.Status(t.Context(), archiver.StatusOptions{})
		if err != nil || s.Vanished != nil {
			t.Errorf("%v, %v", s.Vanished, err)
		}
		mustBeWhole(t, store)
	}
	m.commit(100)
	if _, err := a.Backup(t.Context(), m.path, archiver.BackupOptions{}); err != nil {
		t.Error(err)
	}
}

// If the newest keep is damaged, readers show what the one before it says, and warn; those
// that change the archive refuse. Backups go on, which do not need it.
func TestDamagedKeep(t *testing.T) {
	t.Parallel()
	store, m := storagetest.NewMemory(), newModel(t)
	chains(t, m, store, 3, 0)
	keep(t, store, keepChange{removed: []uint64{1}}) // 4
	k := keep(t, store, keepChange{removed: []uint64{2}})
	m.commit(100)
	backup(t, store, m.path) // 6
	objects := store.Objects()
	objects[k.Key()] = []byte("{}")
	store = refill(t, objects)
	var said bytes.Buffer
	a := newWith(store, archiver.Options{Logger: slog.New(slog.NewTextHandler(&said, nil))})
	if got := list(t, a); len(got) != 3 || got[0] != 2 || !strings.Contains(said.String(), "cannot be read") {
		t.Errorf("%v; said: %s", got, &said)
	}
	if found := findings(t, objects); len(found) != 1 || found[0].Key != k.Key() {
		t.Errorf("%v", found)
	}
	_, err := a.Pin(t.Context(), 3, "x")
	mustFail(t, err, archiver.CodeDamagedArchive, k.Key())
	if failed, ok := errors.AsType[*archiver.Error](err); !ok || !strings.Contains(failed.Hint, "intact copy") {
		t.Errorf("the hint is that of another error: %+v", err)
	}
	m.commit(100)
	backup(t, store, m.path)
	m.restoresTo(store, archiver.Target{}, m.epoch)
}

// Full backups after keeps refer to the newest one that is there.
func TestFullBackupAfterKeeps(t *testing.T) {
	t.Parallel()
	store, m := storagetest.NewMemory(), newModel(t)
	image := func(iteration uint64) {
		m.check(grafeotest.Image06(m.path, grafeotest.Image06Options{Iteration: iteration, Size: 4 << 20, ChunkSize: 128 << 10, Seed: func(n int) uint64 {
			if n == 0 {
				return iteration
			}
			return uint64(n) //nolint:gosec // small
		}}))
	}
	for n := uint64(1); n <= 3; n++ {
		image(n)
		m.commit(100)
		if r := full(t, store, m.path); (r.Backup.ReusedBytes > 0) != (n > 1) {
			t.Errorf("%d: %+v", n, r.Backup)
		}
	}
	remove(t, store, 2)
	sweep(t, store)
	image(4)
	if r := full(t, store, m.path); r.Backup.ReusedBytes == 0 {
		t.Errorf("with the newest full one: %+v", r.Backup)
	}
	remove(t, store, 1, 3)
	sweep(t, store)
	m.restoresTo(store, archiver.Target{}, m.epoch)
	mustBeWhole(t, store)
	image(5)
	if r := full(t, store, m.path); r.Backup.ReusedBytes == 0 {
		t.Errorf("after others were removed: %+v", r.Backup)
	}
	m.restoresTo(store, archiver.Target{}, m.epoch)
	mustBeWhole(t, store)
}

// Directories and files of 0.5 go on after a keep, whatever was removed before.
func TestBackupOf05AfterKeeps(t *testing.T) {
	t.Parallel()
	store, path := chain05(t, 3) // 1 to 3, 4 and 5
	remove(t, store, 1, 2, 3)
	sweep(t, store)
	log, err := grafeotest.NewLog05(path+".wal", 2)
	if err == nil {
		err = log.Append(9, 100, 9)
	}
	if err != nil {
		t.Fatal(err)
	}
	r := backup(t, store, path)
	if r.Backup.Seq != 7 {
		t.Errorf("%+v", r)
	}
	_ = log.Close()
	if got := restore(t, store, 0); len(got) == 0 {
		t.Error("nothing was restored")
	}
	mustBeWhole(t, store)
}

// What was removed is not imported again, as long as nothing new continues it.
func TestImportAfterRemovals(t *testing.T) {
	t.Parallel()
	for _, gen := range generations {
		n := newNativeDB(t, gen)
		store := storagetest.NewMemory()
		n.commit(100)
		n.full()
		n.commit(40)
		n.incremental()
		n.commit(40)
		n.full()
		n.importing(store) // 1, 2, 3
		var digests []manifest.Digest
		for _, seq := range []uint64{1, 2} {
			digests = append(digests, manifestOf(t, store.Objects(), seq).Imported.SHA256)
		}
		keep(t, store, keepChange{removed: []uint64{1, 2}, dead: true, change: func(k *manifest.Keeping) { k.Imported = digests }})
		sweep(t, store)
		if r := n.importing(store); len(r.Backups) != 1 || r.Backups[0].Backup.Kind != archiver.KindNone || r.Known != 3 {
			t.Errorf("%s, again: %+v", gen, r)
		}
		n.commit(40)
		n.incremental()
		if r := n.importing(store); len(r.Backups) != 1 || r.Backups[0].Backup.Seq != 5 || r.Known != 3 {
			t.Errorf("%s, more: %+v", gen, r)
		}
		mustBeWhole(t, store)
		n.restores(store, 0)
	}
}

// A hold can be released although the newest keep is damaged.
func TestReleaseNeedsNoKeep(t *testing.T) {
	t.Parallel()
	store, m := storagetest.NewMemory(), newModel(t)
	m.commit(100)
	backup(t, store, m.path)
	k := keep(t, store, keepChange{})
	if err := store.Delete(t.Context(), k.Key()); err != nil {
		t.Fatal(err)
	}
	if released, err := newArchive(store).Release(t.Context(), m.path); err != nil || !released {
		t.Errorf("%v, %v", released, err)
	}
	if _, err := os.Stat(m.path); err != nil {
		t.Error(err)
	}

}
