package archiver_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// model is a 0.6 database that a test writes like Grafeo does: commits go to
// the log, a checkpoint makes a new image and a new segment. It knows what a
// restore to each epoch must return: the bytes of the log up to that commit.
type model struct {
	t     testing.TB
	path  string
	log   *grafeotest.Log06
	epoch uint64
	now   time.Time
	iter  uint64
	paged *pagedImage // whose pages the image has; nil for a small one that is new each time

	times map[uint64]time.Time
	all   []byte // all frames from LSN 0 on
}

func newModel(t testing.TB) *model {
	t.Helper()
	m := &model{
		t: t, path: filepath.Join(t.TempDir(), "m.grafeo"), now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		times: map[uint64]time.Time{},
	}
	m.image(0)
	m.check(os.Mkdir(m.path+".wal", 0o700))
	var err error
	m.log, err = grafeotest.NewLog06(m.path+".wal", [16]byte{}, 0)
	m.check(err)
	return m
}

// reopen begins a new segment after a clean close.
func (m *model) reopen() {
	m.t.Helper()
	if err := os.Mkdir(m.path+".wal", 0o700); err != nil && !os.IsExist(err) {
		m.t.Fatal(err)
	}
	var err error
	m.log, err = grafeotest.NewLog06(m.path+".wal", [16]byte{}, uint64(len(m.all)))
	m.check(err)
}

func (m *model) check(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *model) image(lsn uint64) {
	m.t.Helper()
	m.iter++
	o := grafeotest.Image06Options{
		Iteration: m.iter, Epoch: m.epoch, CheckpointLSN: lsn, Time: m.now, Size: 5000,
		Seed: func(int) uint64 { return m.epoch },
	}
	if im := m.paged; im != nil {
		o.Size, o.ChunkSize, o.Compressible = int64(len(im.seeds))*manifest.PageBytes, manifest.PageBytes, 0.5
		o.Seed = func(chunk int) uint64 { return im.seeds[chunk] }
	}
	m.check(grafeotest.Image06(m.path, o))
}

// commit appends a commit of about n bytes.
func (m *model) commit(n int) {
	m.t.Helper()
	m.epoch++
	m.now = m.now.Add(time.Second)
	records := make([]byte, n)
	grafeotest.Fill(records, m.epoch, 0)
	m.group(grafeotest.Group06{Epoch: m.epoch, Time: m.now, Transaction: 2, Records: records})
	m.times[m.epoch] = m.now
}

func (m *model) group(g grafeotest.Group06) {
	m.t.Helper()
	m.all = grafeotest.AppendGroup06(m.all, m.log.LSN(), g)
	m.check(m.log.Append(g))
}

// checkpoint writes a new image and removes segments below keep, as Grafeo does.
func (m *model) checkpoint(keep uint64) {
	m.t.Helper()
	m.check(m.log.Rotate())
	m.image(m.log.LSN())
	all, err := os.ReadDir(m.path + ".wal")
	m.check(err)
	entries := slices.DeleteFunc(all, func(e os.DirEntry) bool { return !strings.HasPrefix(e.Name(), "wal_") })
	for i, e := range entries {
		if i+1 < len(entries) {
			var next uint64
			if _, err := fmt.Sscanf(entries[i+1].Name(), "wal_%d.log", &next); err == nil && next <= keep {
				m.check(os.Remove(filepath.Join(m.path+".wal", e.Name())))
			}
		}
	}
}

// opened is what a restored database would show: the image's epoch and all the
// log after it, as the bytes of the history that they stand for.
func opened(t testing.TB, path string) (epoch, from uint64, replayed string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	image, err := grafeo.ReadImage(f, info.Size(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := image.Check(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	epoch = image.Epoch
	log, err := grafeo.ScanLog(path+".wal", grafeo.Gen06, grafeo.ScanOptions{From: &grafeo.Position{LSN: image.CheckpointLSN}, Visit: func(c grafeo.Commit) error {
		if c.HasEpoch {
			epoch = c.Epoch
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range log.Files {
		b, err := os.ReadFile(filepath.Join(path+".wal", file.Name))
		if err != nil {
			t.Fatal(err)
		}
		skip := int64(128)
		if file.FirstLSN < image.CheckpointLSN {
			skip += int64(image.CheckpointLSN - file.FirstLSN)
		}
		if skip < int64(len(b)) {
			replayed += string(b[skip:])
		}
	}
	return epoch, image.CheckpointLSN, replayed
}

// restoresTo restores a target and compares it with the model's history.
func (m *model) restoresTo(store *storagetest.Memory, target archiver.Target, want uint64) {
	m.t.Helper()
	path := filepath.Join(m.t.TempDir(), "r.grafeo")
	a := newArchive(store)
	plan, err := a.Plan(m.t.Context(), target)
	if err != nil {
		m.t.Fatalf("plan of epoch %d: %v", want, err)
	}
	r, err := a.Restore(m.t.Context(), path, archiver.RestoreOptions{Target: target})
	if err != nil {
		m.t.Fatalf("restore to %d: %v", want, err)
	}
	if r.Requests != plan.RestoreRequests {
		m.t.Fatalf("restore to %d: %+v requests, and planned were %+v", want, r.Requests, plan.RestoreRequests)
	}
	mustProve(m.t, store, target)
	epoch, from, replayed := opened(m.t, path)
	if epoch != want || r.Plan.Epoch != want || plan.Epoch != want {
		list, _ := a.List(m.t.Context())
		m.t.Fatalf("the database is at epoch %d, the restore says %d, the plan %d, want %d\ntarget %+v\nplan %+v\nbackups %+v",
			epoch, r.Plan.Epoch, plan.Epoch, want, target, plan, list)
	}
	if end := from + uint64(len(replayed)); end > uint64(len(m.all)) || string(m.all[from:end]) != replayed {
		m.t.Fatalf("epoch %d: the log is not that of the history", want)
	}
}
