package archiver_test

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/internal/disk/disktest"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// called is the archive in store under a name.
func called(store *storagetest.Memory, name string) *archiver.Archive {
	return newWith(store, archiver.Options{Name: name}).On(disktest.Unsynced{})
}

func backupTo(t testing.TB, a *archiver.Archive, path string, opts archiver.BackupOptions) archiver.BackupReport {
	t.Helper()
	r, err := a.Backup(t.Context(), path, opts)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// heldBy returns the holds of a database by their names.
func heldBy(t testing.TB, path string) map[string]archiver.HeldLog {
	t.Helper()
	r, err := archiver.Holds(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]archiver.HeldLog{}
	for _, h := range r.Holds {
		all[h.Hold.Name] = h
	}
	return all
}

// sizeOfLog is the bytes of the log files, by their place.
func sizeOfLog(t testing.TB, path string) []int64 {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(path+".wal", "wal_*"))
	if err != nil {
		t.Fatal(err)
	}
	var all []int64
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, info.Size())
	}
	return all
}

// Each hold is charged with the log that it keeps, and with what only it keeps.
func TestHoldsTellWhatTheyCost(t *testing.T) {
	m := newModel(t)
	old, now := called(storagetest.NewMemory(), "old"), called(storagetest.NewMemory(), "new")
	m.commit(100)
	backupTo(t, old, m.path, archiver.BackupOptions{})
	if h := heldBy(t, m.path)["old"]; h.Bytes != 0 || h.OnlyBytes != 0 || h.Age < 0 || h.Age > time.Minute {
		t.Errorf("what the database needs itself is charged to a hold: %+v", h)
	}
	for range 4 {
		m.checkpointHeld()
		m.commit(1000)
		backupTo(t, now, m.path, archiver.BackupOptions{})
	}
	m.checkpointHeld()
	files := sizeOfLog(t, m.path)
	sum := func(sizes []int64) (n int64) {
		for _, s := range sizes {
			n += s
		}
		return n
	}
	got := heldBy(t, m.path)
	last := len(files) - 1 // the one that the database writes to
	if h := got["old"]; h.Bytes != sum(files[:last]) || h.OnlyBytes != sum(files[:last-1]) || h.Abandoned {
		t.Errorf("old: %d, %d; there is %v", h.Bytes, h.OnlyBytes, files)
	}
	if h := got["new"]; h.Bytes != files[last-1] || h.OnlyBytes != 0 || h.Abandoned {
		t.Errorf("new: %d, %d; there is %v", h.Bytes, h.OnlyBytes, files)
	}
}

// A hold that keeps more log than a full backup would cost is abandoned, by all
// that can be seen; one that lags by less is not.
func TestAbandonedHold(t *testing.T) {
	m := newModel(t)
	old, now := called(storagetest.NewMemory(), "old"), called(storagetest.NewMemory(), "new")
	m.commit(100)
	backupTo(t, old, m.path, archiver.BackupOptions{})
	for round := range 8 {
		m.commit(300 << 10)
		m.checkpointHeld()
		r := backupTo(t, now, m.path, archiver.BackupOptions{})
		want := round >= 4 // more than 1 MiB beyond the need of the other one
		if got := len(r.Abandoned) == 1; got != want {
			t.Errorf("round %d: %+v", round, r.Abandoned)
		}
		if want && (r.Abandoned[0].Hold.Name != "old" || r.Abandoned[0].OnlyBytes < 1<<20) {
			t.Errorf("round %d: %+v", round, r.Abandoned)
		}
	}
	// The archive that is still in use is not told about itself.
	if r := backupTo(t, old, m.path, archiver.BackupOptions{}); r.Backup.Kind != "incremental" || len(r.Abandoned) != 0 {
		t.Errorf("%+v", r)
	}
}

// A database that only grows has no more log than image; its abandoned hold is
// reported all the same.
func TestAbandonedHoldOfALargeDatabase(t *testing.T) {
	m := newModel(t)
	if err := os.Truncate(m.path, 3<<20); err != nil {
		t.Fatal(err)
	}
	old, now := called(storagetest.NewMemory(), "old"), called(storagetest.NewMemory(), "new")
	m.commit(100)
	backupTo(t, old, m.path, archiver.BackupOptions{})
	for round := range 5 {
		m.commit(300 << 10)
		m.checkpointHeld()
		if r := backupTo(t, now, m.path, archiver.BackupOptions{}); (len(r.Abandoned) == 1) != (round >= 4) {
			t.Errorf("round %d: %+v", round, r.Abandoned)
		}
	}
}

// A hold that has not moved for two weeks is reported also if it is the only one, as next
// to backups that hold nothing.
func TestAbandonedHoldThatIsTheOnlyOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newModel(t)
		old, now := called(storagetest.NewMemory(), "old"), called(storagetest.NewMemory(), "new")
		m.commit(100)
		backupTo(t, old, m.path, archiver.BackupOptions{})
		m.commit(1000)
		m.checkpointHeld()
		if r := backupTo(t, now, m.path, archiver.BackupOptions{NoHold: true}); len(r.Abandoned) != 0 {
			t.Errorf("now: %+v", r.Abandoned)
		}
		time.Sleep(15 * 24 * time.Hour)
		if r := backupTo(t, now, m.path, archiver.BackupOptions{NoHold: true}); len(r.Abandoned) != 1 || r.Abandoned[0].Hold.Name != "old" {
			t.Errorf("after two weeks: %+v", r.Abandoned)
		}
	})
}

// With a limit, the hold with the most log goes, and only as many as it takes; the
// run's own never.
func TestMaxHold(t *testing.T) {
	m := newModel(t)
	stores := map[string]*storagetest.Memory{}
	archive := func(name string) *archiver.Archive {
		if stores[name] == nil {
			stores[name] = storagetest.NewMemory()
		}
		return called(stores[name], name)
	}
	for _, name := range []string{"oldest", "older", "own"} {
		m.commit(100 << 10)
		backupTo(t, archive(name), m.path, archiver.BackupOptions{})
		m.checkpointHeld()
	}
	m.commit(100)

	limited := func(max int64) archiver.BackupReport {
		return backupTo(t, archive("own"), m.path, archiver.BackupOptions{MaxHold: max})
	}
	if r := limited(1 << 20); len(r.Released) != 0 || len(heldBy(t, m.path)) != 3 {
		t.Errorf("below the limit: %+v", r.Released)
	}
	if r := limited(250 << 10); len(r.Released) != 1 || r.Released[0].Hold.Name != "oldest" || r.Released[0].OnlyBytes < 100<<10 || len(heldBy(t, m.path)) != 2 {
		t.Errorf("%+v", r.Released)
	}
	if r := limited(1); len(r.Released) != 1 || r.Released[0].Hold.Name != "older" || len(heldBy(t, m.path)) != 1 {
		t.Errorf("%+v", r.Released)
	}
	if r := limited(1); len(r.Released) != 0 || len(heldBy(t, m.path)) != 1 {
		t.Errorf("its own: %+v", r.Released)
	}
	m.checkpointHeld()
	m.commit(100)
	if r := limited(1); r.Backup.Kind != "incremental" {
		t.Errorf("its own: %+v", r)
	}
	// What was let go costs the other archive a full backup, and nothing else.
	if r := backupTo(t, archive("oldest"), m.path, archiver.BackupOptions{}); r.Backup.Kind != "full" {
		t.Errorf("%+v", r)
	}
	m.restoresTo(stores["oldest"], archiver.Target{}, m.epoch)
}

// A hold that needs more than others is not helped by letting those go.
func TestMaxHoldReleasesNothingInVain(t *testing.T) {
	m := newModel(t)
	m.commit(100 << 10)
	for _, name := range []string{"one", "two"} { // which need the same
		backupTo(t, called(storagetest.NewMemory(), name), m.path, archiver.BackupOptions{})
	}
	own := called(storagetest.NewMemory(), "own")
	backupTo(t, own, m.path, archiver.BackupOptions{})
	m.checkpointHeld()
	if r := backupTo(t, own, m.path, archiver.BackupOptions{MaxHold: 1}); r.Backup.Kind != archiver.KindNone || len(r.Released) != 0 {
		t.Errorf("%+v", r.Released)
	}
	m.commit(100)
	if r := backupTo(t, own, m.path, archiver.BackupOptions{MaxHold: 1}); len(r.Released) != 2 || len(heldBy(t, m.path)) != 1 {
		t.Errorf("%+v", r.Released)
	}
}

// A hold is released by the name or the id that it has: its archive may be gone,
// and so may its store.
func TestReleaseOfAnArchiveThatIsGone(t *testing.T) {
	m := newModel(t)
	m.commit(100)
	store := storagetest.NewMemory()
	backupTo(t, called(store, "old"), m.path, archiver.BackupOptions{})
	backupTo(t, called(storagetest.NewMemory(), "new"), m.path, archiver.BackupOptions{})
	gone := storagetest.NewMemory()
	if released, err := called(gone, "old").Release(t.Context(), m.path); !released || err != nil {
		t.Errorf("by its name: %v, %v", released, err)
	}
	if n := len(gone.Calls()); n != 0 {
		t.Errorf("%d requests to an archive whose name is enough", n)
	}
	_, err := called(gone, "old").Release(t.Context(), m.path)
	mustFail(t, err, archiver.CodeNoArchive)
	id := heldBy(t, m.path)["new"].Hold.ArchiveID
	if released, err := archiver.ReleaseNamed(t.Context(), m.path, id[:31]); released || err != nil {
		t.Errorf("by a part of its id: %v, %v", released, err)
	}
	if released, err := archiver.ReleaseNamed(t.Context(), m.path, id); !released || err != nil {
		t.Errorf("by its id: %v, %v", released, err)
	}
	// With a record of what was there, its id is enough.
	state := t.TempDir()
	recording := func(store *storagetest.Memory) *archiver.Archive {
		return newWith(store, archiver.Options{Name: "old", State: state}).On(disktest.Unsynced{})
	}
	backupTo(t, recording(storagetest.NewMemory()), m.path, archiver.BackupOptions{})
	backupTo(t, called(storagetest.NewMemory(), "new"), m.path, archiver.BackupOptions{})
	for _, want := range []bool{true, false} {
		if released, err := recording(gone).Release(t.Context(), m.path); released != want || err != nil {
			t.Errorf("by its record: %v, %v", released, err)
		}
	}
	if released, err := archiver.ReleaseAll(t.Context(), m.path); !released || err != nil {
		t.Errorf("all: %v, %v", released, err)
	}
	// Nothing is held: no archive has to be asked.
	if released, err := called(gone, "old").Release(t.Context(), m.path); released || err != nil {
		t.Errorf("nothing is held: %v, %v", released, err)
	}
}
