package archiver_test

import (
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk"
	"github.com/gbak-s3/gbak-s3/internal/disk/disktest"
	"github.com/gbak-s3/gbak-s3/internal/sweeptest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/local"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// The tests of crashes and failures are sweeps: a run is repeated, and each time
// another one of its steps is the last one, or fails. All of them have the same parts:
//
//   - A case says what is run, and what is there beforehand.
//   - A scene is a folder in which that happens: prepare makes it, again copies it
//     before anything has happened, and run is the run to be stopped.
//   - sound demands what must hold whatever the last step was.
//   - next runs once more, undisturbed, and demands that this succeeds and that nothing
//     else is left.

// onEachStep calls test in a subtest for each step on the disk, from first on, that is
// to be the last one or to fail; steps are those of an undisturbed run. It stops after
// the first failure.
func onEachStep(t *testing.T, first int, steps []string, test func(t *testing.T, k int)) {
	t.Helper()
	onEach(t, first, len(steps), func(k int) bool { return disktest.Changes(steps[k-1]) }, test)
}

// onEachCall is onEachStep for the operations of a store, from the first on.
func onEachCall(t *testing.T, calls []storagetest.Call, test func(t *testing.T, k int)) {
	t.Helper()
	changes := func(k int) bool { op := calls[k-1].Op; return op == storage.OpPut || op == storage.OpDelete }
	onEach(t, 1, len(calls), changes, test)
}

func onEach(t *testing.T, first, last int, changes func(k int) bool, test func(t *testing.T, k int)) {
	t.Helper()
	for k := range sweeptest.Steps(first, last, changes) {
		if !t.Run(strconv.Itoa(k), func(t *testing.T) { test(t, k) }) {
			t.FailNow()
		}
	}
}

// few is n, or a fifth of it with -short: of seeds, or of things that are alike.
func few(n int) int {
	if testing.Short() {
		return (n + 4) / 5
	}
	return n
}

// isLeftOut reports whether the n-th of things that are alike is not among few.
func isLeftOut(n int) bool { return testing.Short() && n%5 != 0 }

// mustReach demands that step k has come: until then a run does what the undisturbed
// one does.
func mustReach[S any](t *testing.T, k int, steps []S) {
	t.Helper()
	if len(steps) < k {
		t.Fatalf("step %d has not come: %v", k, steps)
	}
}

// backupCase is a backup to be stopped: what is there before it, and how it is made.
type backupCase struct {
	before func(t *testing.T, store *storagetest.Memory) (path string)
	opts   archiver.BackupOptions
	kind   archiver.Kind
}

var backupCases = map[string]backupCase{
	"first": {
		before: func(t *testing.T, _ *storagetest.Memory) string {
			m := newModel(t)
			m.commit(3000)
			return m.path
		},
		kind: "full",
	},
	"first, of several segments": {
		before: func(t *testing.T, _ *storagetest.Memory) string {
			path := bigDatabase(t, 5<<20)
			withLog(t, path, 3)
			return path
		},
		opts: archiver.BackupOptions{SegmentBytes: 1 << 20},
		kind: "full",
	},
	"full": {
		before: func(t *testing.T, store *storagetest.Memory) string {
			m := newModel(t)
			for range 3 {
				m.commit(500)
				backup(t, store, m.path)
			}
			m.commit(100)
			m.checkpointHeld()
			m.commit(100)
			return m.path
		},
		opts: archiver.BackupOptions{Full: true},
		kind: "full",
	},
	"full, that refers to an earlier one": {
		before: func(t *testing.T, store *storagetest.Memory) string {
			im := newPagedImage(t, 600)
			im.fullOf(t, store, false)
			im.change(20, 5, 50)
			im.write(t)
			return im.path
		},
		opts: archiver.BackupOptions{Full: true, SegmentBytes: 1 << 20},
		kind: "full",
	},
	"incremental": {
		before: func(t *testing.T, store *storagetest.Memory) string {
			m := newModel(t)
			for range 3 {
				m.commit(500)
				backup(t, store, m.path)
			}
			m.commit(100)
			return m.path
		},
		kind: "incremental",
	},
	"incremental, of an object": {
		before: func(t *testing.T, store *storagetest.Memory) string {
			m := newModel(t)
			m.commit(500)
			backup(t, store, m.path)
			m.commit(manifest.MaxInlineBytes + 5000)
			return m.path
		},
		kind: "incremental",
	},
	"after a fork": {
		before: func(t *testing.T, store *storagetest.Memory) string {
			m := newModel(t)
			m.commit(500)
			past := m.save()
			backup(t, store, m.path)
			m.commit(600)
			backup(t, store, m.path)
			m.check(os.RemoveAll(m.path + ".wal"))
			m = m.putBack(past, true)
			m.all, m.epoch = nil, 0
			m.reopen()
			for range 3 {
				m.commit(70)
			}
			return m.path
		},
		kind: "full",
	},
}

// backupCasesOnDisk are those of the sweep over the store, and one of a closed
// database, which gets a log folder for its cursor.
func backupCasesOnDisk() map[string]backupCase {
	all := maps.Clone(backupCases)
	delete(all, "first, of several segments") // more of the same
	all["first, closed"] = backupCase{kind: "full", before: func(t *testing.T, _ *storagetest.Memory) string {
		return copyVector(t, "v0.6.0/closed")
	}}
	return all
}

// backupScene is a folder with a database in db/ and an archive in archive/, in which
// a backup is stopped.
type backupScene struct {
	backupCase
	t    *testing.T
	dir  string
	name string            // of the database
	old  map[string]string // what the archive has before, by key
	seq  int               // of the newest backup before
}

func (c backupCase) prepare(t *testing.T) *backupScene {
	t.Helper()
	store := storagetest.NewMemory()
	path := c.before(t, store)
	s := &backupScene{backupCase: c, t: t, dir: t.TempDir(), name: filepath.Base(path), old: map[string]string{}}
	if err := os.CopyFS(filepath.Join(s.dir, "db"), os.DirFS(filepath.Dir(path))); err != nil {
		t.Fatal(err)
	}
	for ; store.Objects()[manifest.Seq(s.seq+1).Key()] != nil; s.seq++ {
	}
	for key, b := range store.Objects() {
		s.old[key] = string(b)
		if _, err := s.store(disktest.Unsynced{}).Put(t.Context(), key, strings.NewReader(string(b)), storage.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// again returns a copy in which nothing has happened yet.
func (s *backupScene) again(t *testing.T) *backupScene {
	t.Helper()
	fresh := *s
	fresh.t, fresh.dir = t, t.TempDir()
	if err := os.CopyFS(fresh.dir, os.DirFS(s.dir)); err != nil {
		t.Fatal(err)
	}
	return &fresh
}

func (s *backupScene) path() string { return filepath.Join(s.dir, "db", s.name) }

func (s *backupScene) store(d disk.Disk) *local.Store {
	s.t.Helper()
	store, err := local.OpenOn(d, filepath.Join(s.dir, "archive"))
	if err != nil {
		s.t.Fatal(err)
	}
	return store
}

func (s *backupScene) run(d disk.Disk) (r archiver.BackupReport, err error) {
	s.t.Helper()
	o := archiver.Options{Concurrency: 1, Name: "archive", Host: "test", Tool: "test"}
	a := hostWith(s.store(d), o, filepath.Join(s.dir, "state")).On(d).WithoutRaces()
	synctest.Test(s.t, func(t *testing.T) { r, err = a.Backup(t.Context(), s.path(), s.opts) })
	return r, err
}

// undisturbed runs the backup in a copy to its good end.
func (s *backupScene) undisturbed(t *testing.T) *disktest.Recorder {
	t.Helper()
	whole := s.again(t)
	r := disktest.New(t, whole.dir, nil)
	if _, err := whole.run(r); err != nil {
		t.Fatal(err)
	}
	if n := len(r.Steps()); n < 15 {
		t.Fatalf("%d steps only", n)
	}
	return r
}

// objects returns what the archive has.
func (s *backupScene) objects() *storagetest.Memory {
	s.t.Helper()
	store, objects := s.store(disktest.Unsynced{}), map[string][]byte{}
	for info, err := range store.List(s.t.Context(), "", "") {
		if err != nil {
			s.t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(s.dir, "archive", info.Key))
		if err != nil {
			s.t.Fatal(err)
		}
		objects[info.Key] = b
	}
	return refill(s.t, objects)
}

// sound demands what holds after any end of the backup: the head is the old one or
// the new one, what was there is there byte for byte, and a deep verification
// finds nothing. It reports whether the head is the new one.
func (s *backupScene) sound(at string) (committed bool) {
	s.t.Helper()
	store := s.objects()
	for key, b := range s.old {
		if string(store.Objects()[key]) != b {
			s.t.Fatalf("%s: %s has changed", at, key)
		}
	}
	committed = store.Objects()[manifest.Seq(s.seq+1).Key()] != nil
	if s.seq > 0 || committed {
		if r := mustBeWhole(s.t, store); r.Backups != s.seq+1 && committed || r.Backups != s.seq && !committed {
			s.t.Fatalf("%s: there are %d backups, there were %d", at, r.Backups, s.seq)
		}
	}
	return committed
}

// next runs the backup again, by itself, and demands that it is right and that
// nothing else is left.
func (s *backupScene) next(at string, committed bool) {
	s.t.Helper()
	r, err := s.run(disktest.Unsynced{})
	if err != nil {
		s.t.Fatalf("%s, the next run: %v", at, err)
	}
	if committed && !s.opts.Full && r.Backup.Kind != archiver.KindNone || !committed && (r.Backup.Kind != s.kind || int(r.Backup.Seq) != s.seq+1) {
		s.t.Fatalf("%s, committed: %v; the next run: %+v", at, committed, r)
	}
	store := s.objects()
	mustBeWhole(s.t, store)
	restoresLike(s.t, store, s.path())
	for name := range contents(s.t, filepath.Join(s.dir, "db")) {
		if strings.Contains(name, "gbak-tmp") {
			s.t.Fatalf("%s, after the next run there is %s", at, name)
		}
	}
	if h, err := archiver.Holds(s.t.Context(), s.path()); err != nil || h.ForeignCursor || len(h.Holds) != 1 || h.Holds[0].Hold.Seq != r.Backup.Seq {
		s.t.Fatalf("%s, after the next run, %d, the log is held by %+v, foreign: %v, %v", at, r.Backup.Seq, h.Holds, h.ForeignCursor, err)
	}
}
