package archiver_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
	"github.com/gbak-s3/gbak-s3/storage"
)

var generations = []grafeo.Generation{grafeo.Gen05, grafeo.Gen06}

// nativeDB is a database that makes native backups in dir, as Grafeo does. It knows the
// content of each epoch.
type nativeDB struct {
	t    testing.TB
	gen  grafeo.Generation
	dir  string
	list grafeo.NativeManifest

	id        [16]byte
	born, now time.Time
	epoch, tx uint64
	iteration uint64
	all       []byte         // frames from the beginning
	from      int            // where the next incremental begins
	backedUp  uint64         // what the cursor says
	ends      map[uint64]int // of each epoch in all
	fulls     map[int]string // content, by where they stand in all
	seed      uint64         // of what commits hold
}

func newNativeDB(t testing.TB, gen grafeo.Generation) *nativeDB {
	t.Helper()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return &nativeDB{
		t: t, gen: gen, dir: filepath.Join(t.TempDir(), "native"), list: grafeo.NativeManifest{Generation: gen},
		born: now, now: now, ends: map[uint64]int{0: 0}, fulls: map[int]string{},
	}
}

func (n *nativeDB) check(err error) {
	n.t.Helper()
	if err != nil {
		n.t.Fatal(err)
	}
}

// fork is the same database in the same state, which makes its backups elsewhere.
func (n *nativeDB) fork() *nativeDB {
	n.t.Helper()
	other := *n
	other.dir = filepath.Join(n.t.TempDir(), "native")
	n.check(os.CopyFS(other.dir, os.DirFS(n.dir)))
	other.all, other.list.Entries = bytes.Clone(n.all), slices.Clone(n.list.Entries)
	other.ends, other.fulls = maps.Clone(n.ends), maps.Clone(n.fulls)
	return &other
}

// commit makes a commit of about size bytes.
func (n *nativeDB) commit(size int) {
	n.epoch, n.tx, n.seed = n.epoch+1, n.tx+1, n.seed+1
	n.now = n.now.Add(time.Second)
	record := make([]byte, max(size, 1))
	grafeotest.Fill(record, n.seed, 0)
	if n.gen == grafeo.Gen05 {
		record[0] = 0
		n.all = grafeotest.AppendCommit05(n.all, n.tx, n.epoch, record)
	} else {
		n.all = grafeotest.AppendGroup06(n.all, uint64(len(n.all)), grafeotest.Group06{Epoch: n.epoch, Time: n.now, Transaction: 2, Records: record})
	}
	n.ends[n.epoch] = len(n.all)
}

// full makes a full backup.
func (n *nativeDB) full() {
	n.t.Helper()
	n.iteration++
	path := filepath.Join(n.t.TempDir(), "image")
	if n.gen == grafeo.Gen05 {
		n.check(grafeotest.Image05(path, grafeotest.Image05Options{
			Created: n.born, Time: n.now, Iteration: n.iteration, Epoch: n.epoch, TransactionID: n.tx, Sections: []int64{100}, Seed: n.epoch,
		}))
	} else {
		n.check(grafeotest.Image06(path, grafeotest.Image06Options{
			ID: n.id, Time: n.now, Iteration: 1, Epoch: n.epoch, CheckpointLSN: uint64(len(n.all)), Size: 100, Seed: func(int) uint64 { return n.epoch },
		}))
	}
	b, err := os.ReadFile(path)
	n.check(err)
	n.from, n.fulls[len(n.all)] = len(n.all), string(b)
	n.add(grafeo.NativeEntry{Full: true, Filename: fmt.Sprintf("backup_full_%04d.grafeo", len(n.list.Entries)), EndEpoch: n.epoch}, b)
}

// incremental makes an incremental backup.
func (n *nativeDB) incremental() {
	n.t.Helper()
	start := n.backedUp + 1
	n.add(grafeo.NativeEntry{Filename: fmt.Sprintf("backup_incr_%04d.wal", len(n.list.Entries)), StartEpoch: start, EndEpoch: n.epoch}, n.gbak(start, n.epoch, n.from))
	n.from = len(n.all)
}

// gbak is an incremental backup with all from a place on.
func (n *nativeDB) gbak(start, end uint64, from int) []byte {
	h := grafeo.NativeHeader{Version: 1, StartEpoch: start, EndEpoch: end, Count: 1}
	frames := n.all[from:]
	if n.gen == grafeo.Gen05 {
		return append(h.Encode(), frames...)
	}
	h.Version, h.Count = 2, 0
	for _, at := range n.ends {
		if at > from {
			h.Count++
		}
	}
	b := grafeo.AppendPartLength(h.Encode(), int64(128+len(frames)))
	b = append(b, grafeotest.SegmentHeader06(n.idOrDefault(), uint64(from), n.born)...)
	return append(b, frames...)
}

func (n *nativeDB) idOrDefault() [16]byte {
	if n.id != [16]byte{} {
		return n.id
	}
	return [16]byte{0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef}
}

// add puts a backup into the folder.
func (n *nativeDB) add(e grafeo.NativeEntry, content []byte) {
	n.t.Helper()
	n.now = n.now.Add(time.Millisecond)
	e.Checksum, e.Size, e.Created = crc32.ChecksumIEEE(content), uint64(len(content)), n.now
	n.backedUp = e.EndEpoch
	n.list.Entries = append(n.list.Entries, e)
	n.check(os.MkdirAll(n.dir, 0o777))
	n.check(os.WriteFile(n.path(len(n.list.Entries)-1), content, 0o600))
	n.save()
}

// save writes the list.
func (n *nativeDB) save() {
	n.t.Helper()
	n.check(os.WriteFile(filepath.Join(n.dir, grafeo.NativeManifestName), n.list.Encode(), 0o600))
}

func (n *nativeDB) path(entry int) string {
	return filepath.Join(n.dir, n.list.Entries[entry].Filename)
}

// rewrite changes the content of an entry, and what the list says of it.
func (n *nativeDB) rewrite(entry int, content []byte) {
	n.t.Helper()
	n.check(os.WriteFile(n.path(entry), content, 0o600))
	e := &n.list.Entries[entry]
	e.Checksum, e.Size = crc32.ChecksumIEEE(content), uint64(len(content))
	n.save()
}

func (n *nativeDB) content(entry int) []byte {
	n.t.Helper()
	b, err := os.ReadFile(n.path(entry))
	n.check(err)
	return b
}

// sample is a folder with a full one, incrementals, another full one in the same
// place, and more.
func sample(t testing.TB, gen grafeo.Generation) *nativeDB {
	t.Helper()
	n := newNativeDB(t, gen)
	n.commit(100)
	n.commit(50)
	n.full()
	n.commit(70)
	n.commit(900)
	n.incremental()
	n.commit(30)
	n.incremental()
	n.full()
	n.commit(10)
	n.commit(10)
	n.incremental()
	return n
}

// importing imports the folder and demands that this works.
func (n *nativeDB) importing(store storage.Storage) archiver.ImportReport {
	n.t.Helper()
	r, err := newArchive(store).Import(n.t.Context(), n.dir, archiver.ImportOptions{})
	if err != nil {
		n.t.Fatalf("import: %v", err)
	}
	return r
}

// restores restores epochs, of a timeline if that is not 0, and compares each with the history.
func (n *nativeDB) restores(store storage.Storage, timeline int, epochs ...uint64) {
	n.t.Helper()
	for _, e := range epochs {
		dir := n.t.TempDir()
		r, err := newArchive(store).Restore(n.t.Context(), filepath.Join(dir, "db.grafeo"), archiver.RestoreOptions{Target: archiver.AtEpoch(e).OnTimeline(timeline)})
		if err != nil {
			n.t.Fatalf("restore to epoch %d: %v", e, err)
		}
		mustProve(n.t, store, archiver.AtEpoch(e).OnTimeline(timeline))
		if r.Plan.Epoch != e {
			n.t.Errorf("restored to epoch %d, want %d", r.Plan.Epoch, e)
		}
		n.holds(filepath.Join(dir, "db.grafeo"), e)
	}
}

// holds demands that the database at path is that of an epoch.
func (n *nativeDB) holds(path string, epoch uint64) {
	n.t.Helper()
	image, err := os.ReadFile(path)
	n.check(err)
	var log []byte
	names, _ := filepath.Glob(filepath.Join(path+".wal", "*"))
	next := uint64(0)
	for i, name := range names {
		b, err := os.ReadFile(name)
		n.check(err)
		if n.gen == grafeo.Gen06 {
			first := binary.LittleEndian.Uint64(b[32:])
			if i > 0 && first != next {
				n.t.Fatalf("epoch %d: %s begins at %d, the one before ends at %d", epoch, name, first, next)
			}
			b = b[128:]
			next = first + uint64(len(b))
		}
		log = append(log, b...)
	}
	end := n.ends[epoch]
	if from := end - len(log); from < 0 || n.fulls[from] != string(image) || string(n.all[from:end]) != string(log) {
		n.t.Fatalf("epoch %d: the image and %d bytes of log are not what the history has", epoch, len(log))
	}
}
