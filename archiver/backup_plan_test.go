package archiver_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
	"github.com/gbak-s3/gbak-s3/internal/disk/disktest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// planScene is an archive, and a database that is backed up into it from a host that
// remembers what it has seen.
type planScene struct {
	t     testing.TB
	store *storagetest.Memory
	path  string // of the database
	state string
}

func newPlanScene(t testing.TB, path string) *planScene {
	return &planScene{t, storagetest.NewMemory(), path, filepath.Join(t.TempDir(), "state")}
}

func (s *planScene) archive() *archiver.Archive {
	return newWith(s.store, archiver.Options{Host: "test", Tool: "test", Name: "here", State: s.state}).On(disktest.Unsynced{})
}

// everything returns all files and folders of the host that a backup may change, with what
// is in them and when they were changed.
func (s *planScene) everything() map[string]string {
	all := map[string]string{}
	for _, root := range []string{filepath.Dir(s.path), filepath.Dir(s.state)} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			all[path] = fmt.Sprint(info.Mode(), info.ModTime().UnixNano())
			if d.Type().IsRegular() {
				all[path] += readFile(s.t, path)
			}
			return nil
		})
		if err != nil {
			s.t.Fatal(err)
		}
	}
	return all
}

// plan plans a backup, which must change nothing.
func (s *planScene) plan(o archiver.BackupOptions) (archiver.BackupPlan, error) {
	s.t.Helper()
	before, calls, objects := s.everything(), len(s.store.Calls()), s.store.Objects()
	p, err := s.archive().PlanBackup(s.t.Context(), s.path, o)
	for _, c := range s.store.Calls()[calls:] {
		if c.Op != storage.OpGet && c.Op != storage.OpList && c.Op != storage.OpHead {
			s.t.Errorf("a plan asked for %s %s", c.Op, c.Key)
		}
	}
	if !maps.Equal(before, s.everything()) {
		s.t.Error("a plan changed files")
	}
	if !maps.EqualFunc(objects, s.store.Objects(), bytes.Equal) {
		s.t.Error("a plan changed objects")
	}
	if n := int64(len(s.store.Calls()) - calls); err == nil && p.Requests.Total() != n {
		s.t.Errorf("a plan took %d requests, and says %+v", n, p.Requests)
	}
	return p, err
}

// both plans a backup and then makes it, which must be as planned.
func (s *planScene) both(o archiver.BackupOptions) (archiver.BackupPlan, archiver.BackupReport) {
	s.t.Helper()
	p, err := s.plan(o)
	if err != nil {
		s.t.Fatalf("plan: %v", err)
	}
	r, err := s.archive().Backup(s.t.Context(), s.path, o)
	if err != nil {
		s.t.Fatalf("backup: %v", err)
	}
	b := r.Backup
	if p.Kind != b.Kind || p.Why != r.Why || p.Seq != b.Seq || p.Timeline != b.Timeline || p.EndEpoch != b.EndEpoch || p.RawBytes != b.RawBytes {
		s.t.Errorf("planned %+v, but made %+v", p, r)
	}
	commits := int64(0)
	if b.Kind != archiver.KindNone {
		commits = manifestOf(s.t, s.store.Objects(), b.Seq).Commits
	}
	if p.Commits != commits {
		s.t.Errorf("%d commits were planned, and there are %d", p.Commits, commits)
	}
	slack := p.RawBytes/100 + 2<<10
	if isEncrypted {
		slack += 2 << 10
	}
	if b.StoredBytes > p.MaxStoredBytes || p.MaxStoredBytes > p.RawBytes+slack {
		s.t.Errorf("%d of %d bytes are stored, and planned were at most %d", b.StoredBytes, b.RawBytes, p.MaxStoredBytes)
	}
	for _, c := range [][2]int64{
		{r.Requests.Put, p.MaxRequests.Put}, {r.Requests.Get, p.MaxRequests.Get}, {r.Requests.Head, p.MaxRequests.Head},
		{r.Requests.List, p.MaxRequests.List}, {r.Requests.Delete, p.MaxRequests.Delete},
	} {
		if c[0] > c[1] {
			s.t.Errorf("%+v requests, and planned were at most %+v", r.Requests, p.MaxRequests)
			break
		}
	}
	return p, r
}

// again is both for a full backup that follows another one.
func (s *planScene) again(o archiver.BackupOptions) archiver.BackupPlan {
	s.t.Helper()
	p, r := s.both(o)
	if p.Kind != archiver.KindFull || p.MaxRequests.Put != r.Requests.Put || p.MaxRequests.List != r.Requests.List {
		s.t.Errorf("planned %+v, but made %+v", p, r)
	}
	return p
}

// exactly is both for what takes requests that are known beforehand.
func (s *planScene) exactly(kind archiver.Kind, o archiver.BackupOptions) archiver.BackupPlan {
	s.t.Helper()
	p, r := s.both(o)
	if p.Kind != kind {
		s.t.Errorf("%+v, want %s", p, kind)
	}
	if p.MaxRequests != r.Requests {
		s.t.Errorf("%+v requests, and planned were %+v", r.Requests, p.MaxRequests)
	}
	return p
}

// A plan says what the backup after it does, and changes nothing.
func TestBackupsAreAsPlanned(t *testing.T) {
	m := newModel(t)
	m.commit(100)
	m.commit(200)
	s := newPlanScene(t, m.path)
	if p := s.exactly(archiver.KindFull, archiver.BackupOptions{}); !p.CreatesArchive || p.Commits != 2 || p.Seq != 1 {
		t.Errorf("%+v", p)
	}
	if p := s.exactly(archiver.KindNone, archiver.BackupOptions{}); p.CreatesArchive || p.RawBytes+p.MaxStoredBytes+p.Commits != 0 || p.MaxRequests.Total() != 3 {
		t.Errorf("%+v", p)
	}
	m.commit(300)
	if p := s.exactly(archiver.KindIncremental, archiver.BackupOptions{}); p.Commits != 1 || p.MaxRequests.Total() != 4 {
		t.Errorf("%+v", p)
	}
	s.again(archiver.BackupOptions{Full: true})
	m.commit(300)
	s.exactly(archiver.KindIncremental, archiver.BackupOptions{NoHold: true})

	// Another history has taken its place.
	other := newModel(t)
	other.commit(100)
	other.commit(300)
	s.path = other.path
	if p := s.again(archiver.BackupOptions{}); p.Timeline != 2 || p.Why == "" {
		t.Errorf("%+v", p)
	}
	mustBeWhole(t, s.store)
}

// After the first keep, each commit also looks for the fence of the newest one.
func TestPlanAfterAKeep(t *testing.T) {
	m := newModel(t)
	m.commit(100)
	s := newPlanScene(t, m.path)
	s.exactly(archiver.KindFull, archiver.BackupOptions{})
	if _, err := s.archive().Pin(t.Context(), 1, ""); err != nil {
		t.Fatal(err)
	}
	s.exactly(archiver.KindNone, archiver.BackupOptions{})
	m.commit(300)
	if p := s.exactly(archiver.KindIncremental, archiver.BackupOptions{}); p.MaxRequests.Head != 1 || p.Seq != 3 {
		t.Errorf("%+v", p)
	}
}

// That the log was held since the newest backup can be all that shows that it continues it:
// a plan knows that, too.
func TestPlanWithAHeldLog(t *testing.T) {
	m := newModel(t)
	m.commit(100)
	m.checkpointHeld()
	m.check(m.log.Close())
	m.check(os.RemoveAll(m.path + ".wal")) // a clean close
	s := newPlanScene(t, m.path)
	s.exactly(archiver.KindFull, archiver.BackupOptions{})
	m.reopen()
	m.commit(200)
	m.checkpointHeld()
	m.commit(300)
	if p, err := s.plan(archiver.BackupOptions{NoHold: true}); err != nil || p.Kind != archiver.KindFull || p.Timeline != 2 {
		t.Errorf("%+v, %v", p, err)
	}
	s.exactly(archiver.KindIncremental, archiver.BackupOptions{})
}

// Every kind of database that there is, first and again.
func TestBackupsOfAllKindsAreAsPlanned(t *testing.T) {
	for _, name := range append([]string{"directory/v0.5.42/live", "directory/v0.5.42/torn-tail"}, vectors...) {
		t.Run(name, func(t *testing.T) {
			s := newPlanScene(t, copyVector(t, name))
			if p := s.exactly(archiver.KindFull, archiver.BackupOptions{}); p.RawBytes == 0 {
				t.Errorf("%+v", p)
			}
			s.exactly(archiver.KindNone, archiver.BackupOptions{})
			s.again(archiver.BackupOptions{Full: true})
		})
	}
	t.Run("a commit of 0.5", func(t *testing.T) {
		s := newPlanScene(t, copyVector(t, "v0.5.42/live"))
		s.exactly(archiver.KindFull, archiver.BackupOptions{})
		f, err := os.OpenFile(filepath.Join(s.path+".wal", grafeotest.LogName05(0)), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close() //nolint:errcheck // the write shows it
		if _, err := f.Write(grafeotest.AppendCommit05(nil, 7, 6, []byte("\x00a"))); err != nil {
			t.Fatal(err)
		}
		if p := s.exactly(archiver.KindIncremental, archiver.BackupOptions{}); p.Commits != 1 {
			t.Errorf("%+v", p)
		}
	})
}

// What takes many requests: pages that are shared, segments of a megabyte, bytes that do
// not compress, and an index that is an object of its own.
func TestLargeBackupsAreAsPlanned(t *testing.T) {
	small := archiver.BackupOptions{SegmentBytes: archiver.MinSegmentBytes}
	t.Run("shared pages", func(t *testing.T) {
		im := newPagedImage(t, 2800)
		s := newPlanScene(t, im.path)
		s.both(small)
		for n := range 3 {
			im.change(n*50, 25, 99)
			im.clear(n*300, 100)
			im.append(100)
			im.write(t)
			o := small
			o.Full, o.Fresh = true, n == 1
			s.both(o)
		}
	})
	for _, segmentBytes := range []int64{0, 1 << 20, 5 << 20, 8 << 20, 12 << 20, 30 << 20, 48 << 20, 128 << 20} {
		t.Run(fmt.Sprintf("incompressible, %d", segmentBytes), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "db.grafeo")
			size := int64(50<<20 + 12345)
			if err := grafeotest.Image06(path, grafeotest.Image06Options{Iteration: 1, Epoch: 1, Size: size, ChunkSize: 1 << 20, Seed: func(i int) uint64 { return uint64(i + 1) }}); err != nil {
				t.Fatal(err)
			}
			p, r := newPlanScene(t, path).both(archiver.BackupOptions{SegmentBytes: segmentBytes, Level: 1})
			if r.Backup.StoredBytes < size*99/100 {
				t.Errorf("%d of %d bytes are stored: that compresses", r.Backup.StoredBytes, size)
			}
			if much := p.MaxRequests.Put - r.Requests.Put; much > 3+r.Requests.Put/4 {
				t.Errorf("%d PUT, and planned were at most %d", r.Requests.Put, p.MaxRequests.Put)
			}
		})
	}
	t.Run("many commits", func(t *testing.T) {
		m := newModel(t)
		m.commit(100)
		s := newPlanScene(t, m.path)
		s.both(archiver.BackupOptions{})
		for range 2000 {
			m.commit(10)
		}
		if p, _ := s.both(archiver.BackupOptions{}); p.Commits != 2000 || p.MaxRequests.Put != 3 {
			t.Errorf("%+v", p)
		}
	})
}

// What ends a backup before it stores anything ends a plan in the same way.
func TestPlansFailAsBackupsDo(t *testing.T) {
	fails := func(s *planScene, o archiver.BackupOptions, code archiver.Code) {
		t.Helper()
		_, planned := s.plan(o)
		mustFail(t, planned, code)
		_, err := s.archive().Backup(t.Context(), s.path, o)
		mustFail(t, err, code)
		if planned.Error() != err.Error() {
			t.Errorf("the plan says %q, the backup %q", planned, err)
		}
	}
	m := newModel(t)
	m.commit(100)
	s := newPlanScene(t, m.path)
	s.both(archiver.BackupOptions{})
	s.path = copyVector(t, "v0.6.0/live")
	fails(s, archiver.BackupOptions{}, archiver.CodeWrongDatabase)
	s.again(archiver.BackupOptions{NewDatabase: true})

	s.path = filepath.Join(t.TempDir(), "missing.grafeo")
	fails(s, archiver.BackupOptions{}, archiver.CodeNotFound)
	s.path = t.TempDir()
	fails(s, archiver.BackupOptions{}, archiver.CodeNotDatabase)

	s.path = m.path
	objects := s.store.Objects()
	maps.DeleteFunc(objects, func(key string, _ []byte) bool { return key == "manifests/0000000002.json" })
	lost := refill(t, objects)
	s.store = lost
	fails(s, archiver.BackupOptions{}, archiver.CodeVanished)
	s.store = storagetest.NewMemory()
	fails(s, archiver.BackupOptions{}, archiver.CodeVanished)
	if p := s.exactly(archiver.KindFull, archiver.BackupOptions{BeginAnew: true}); !p.CreatesArchive {
		t.Errorf("%+v", p)
	}
	_, err := s.plan(archiver.BackupOptions{SegmentBytes: 1})
	mustFail(t, err, archiver.CodeFailed, "segment size")
}
