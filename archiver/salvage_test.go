package archiver_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// salvaged restores a target, or what is best before it, and demands that this is the state of an
// epoch of the history, and whether it is exactly what was asked for.
func (m *model) salvaged(objects map[string][]byte, target archiver.Target, wantEpoch uint64, isExact bool) archiver.RestoreReport {
	m.t.Helper()
	path := filepath.Join(m.t.TempDir(), "r.grafeo")
	r, err := newArchive(refill(m.t, objects)).Restore(m.t.Context(), path, archiver.RestoreOptions{Target: target, Salvage: true})
	if err != nil {
		m.t.Fatal(err)
	}
	if r.Salvaged == nil || r.Salvaged.Exact != isExact || r.Plan.Epoch != wantEpoch {
		m.t.Fatalf("%+v, of epoch %d", r.Salvaged, r.Plan.Epoch)
	}
	m.isAt(path, wantEpoch)
	return r
}

// reported returns the state of each epoch that a look at an archive reports, by timeline 1.
func reported(t testing.TB, objects map[string][]byte) (states map[uint64]archiver.SalvageState, r archiver.SalvageReport) {
	t.Helper()
	r, err := newArchive(refill(t, objects)).Salvage(t.Context(), archiver.SalvageOptions{})
	if err != nil {
		t.Fatal(err)
	}
	states = map[uint64]archiver.SalvageState{}
	for _, timeline := range r.Timelines {
		for _, e := range timeline.Epochs {
			for epoch := e.From; timeline.Timeline == 1 && epoch <= e.To; epoch++ {
				states[epoch] = e.State
			}
		}
	}
	return states, r
}

// segmentsNeeded returns the keys of the segments that files of a backup need: those of the log that
// the image does not need, or those of the image.
func segmentsNeeded(t testing.TB, store *storagetest.Memory, seq uint64, isLog bool) (keys []string) {
	t.Helper()
	ix := indexOf(t, store, seq)
	var image []string
	for _, f := range ix.Files {
		for _, e := range f.Extents {
			key := ix.Segments[ix.Frames[e.Frame].Segment].Key
			switch {
			case f.Name == manifest.ImageName && !slices.Contains(image, key):
				image = append(image, key)
			case f.Name != manifest.ImageName && !slices.Contains(image, key) && !slices.Contains(keys, key):
				keys = append(keys, key)
			}
		}
	}
	if isLog {
		return keys
	}
	return image
}

// inSegments is a model whose image and log each have several segments.
func inSegments(t testing.TB, commits int) *model {
	t.Helper()
	m := newModel(t)
	m.paged = newPagedImage(t, 700)
	m.commit(10)
	m.checkpoint(1 << 60)
	for range commits {
		m.commit(300_000)
	}
	return m
}

func largeFull(t testing.TB, store *storagetest.Memory, m *model) uint64 {
	t.Helper()
	r, err := newArchive(store).Backup(t.Context(), m.path, archiver.BackupOptions{Full: true, SegmentBytes: archiver.MinSegmentBytes})
	if err != nil {
		t.Fatal(err)
	}
	return r.Backup.Seq
}

// Of a full backup with a hole in its log, what comes before the hole can be had, up to a whole
// commit; and the image alone, if nothing does.
func TestSalvageOfALogWithAHole(t *testing.T) {
	m, store := inSegments(t, 12), storagetest.NewMemory()
	largeFull(t, store, m)
	log := segmentsNeeded(t, store, 1, true)
	if len(log) < 3 {
		t.Fatalf("the log has %d segments of its own", len(log))
	}
	last, isImageOnly := uint64(0), false
	for n, key := range slices.Backward(log) {
		objects := store.Objects()
		objects[key] = bytes.Repeat([]byte{7}, len(objects[key]))
		states, r := reported(t, objects)
		if len(r.Holes) != 1 || r.Holes[0].Key != key {
			t.Fatalf("%+v", r.Holes)
		}
		reach := uint64(0)
		for epoch, state := range states {
			if state == archiver.SalvageRestorable {
				reach = max(reach, epoch)
			}
		}
		if reach == 0 || reach >= m.epoch || last != 0 && reach >= last {
			t.Fatalf("with a hole in segment %d, epochs up to %d of %d can be had; %d with one in the next", n, reach, m.epoch, last)
		}
		last = reach
		isImageOnly = m.salvaged(objects, archiver.Target{}, reach, false).Salvaged.ImageOnly
		m.salvaged(objects, archiver.AtEpoch(reach).OnTimeline(1), reach, true)
		if reach > 1 { // the image is of epoch 1
			m.salvaged(objects, archiver.AtEpoch(reach-1).OnTimeline(1), reach-1, true)
		}
		m.salvaged(objects, archiver.AtEpoch(reach+1).OnTimeline(1), reach, false)
	}
	if last != 1 || !isImageOnly {
		t.Errorf("without any log, epoch %d can be had; of the image alone: %v", last, isImageOnly)
	}
}

// A damaged image is replaced by an older one and the log from there on.
func TestSalvageOfAnImage(t *testing.T) {
	m, store := inSegments(t, 3), storagetest.NewMemory()
	largeFull(t, store, m)
	m.commit(200)
	backup(t, store, m.path) // 2
	m.paged.change(0, 700, 1)
	m.checkpointHeld()
	m.commit(100)
	if largeFull(t, store, m) != 3 {
		t.Fatal("a full backup should be the third")
	}
	m.commit(100)
	backup(t, store, m.path) // 4
	objects := store.Objects()
	delete(objects, segmentsNeeded(t, store, 3, false)[0])
	states, _ := reported(t, objects)
	for epoch := uint64(1); epoch <= m.epoch; epoch++ {
		if states[epoch] != archiver.SalvageRestorable {
			t.Errorf("epoch %d is %s", epoch, states[epoch])
		}
		m.salvaged(objects, archiver.AtEpoch(epoch).OnTimeline(1), epoch, true)
	}
	if r := m.salvaged(objects, archiver.Target{}, m.epoch, true); r.Plan.Full != 1 {
		t.Errorf("it is restored from %d", r.Plan.Full)
	}
}

// An increment in the middle of a chain that is lost is in the log of a later full backup, as
// far as that reaches back. If it does not, what comes after it is there again from that on.
func TestSalvageOfAChain(t *testing.T) {
	m, store := newModel(t), storagetest.NewMemory()
	for range 3 {
		m.commit(100)
		backup(t, store, m.path)
	}
	full(t, store, m.path) // 4 has the whole log: no checkpoint has cut it
	m.commit(100)
	backup(t, store, m.path)
	objects := store.Objects()
	delete(objects, manifest.Seq(2).Key())
	delete(objects, manifest.Seq(3).Key())
	for epoch := uint64(1); epoch <= m.epoch; epoch++ {
		m.salvaged(objects, archiver.AtEpoch(epoch).OnTimeline(1), epoch, true)
	}

	delete(objects, manifest.Seq(4).Key()) // with it, 2 to 4 are lost
	states, r := reported(t, objects)
	if states[1] == archiver.SalvageLost || states[2] != archiver.SalvageLost || states[4] != archiver.SalvageLost || r.OK() {
		t.Fatalf("%v", states)
	}
	got := m.salvaged(objects, archiver.Target{}, 1, false)
	if s := got.Salvaged; s.WantedBackup != 5 || *s.WantedEpoch != 4 || len(s.Holes) != 3 {
		t.Errorf("%+v", s)
	}
}

// What was merged takes the place of a merged record that is lost, as long as it is there.
func TestSalvageOfAMergedRecord(t *testing.T) {
	store := storagetest.NewMemory()
	m := increments(t, store, 8)
	if r := compactAll(t, store); len(r.Merged) == 0 {
		t.Fatalf("%+v", r)
	}
	objects := store.Objects()
	var merged manifest.Seq
	for seq, record := range recordsIn(t, objects) {
		if record.Kind == manifest.Merged {
			merged = seq
		}
	}
	delete(objects, merged.Key())
	states, r := reported(t, objects)
	for epoch := uint64(1); epoch <= m.epoch; epoch++ {
		if states[epoch] != archiver.SalvageRestorable {
			t.Errorf("epoch %d is %s", epoch, states[epoch])
		}
		m.salvaged(objects, archiver.AtEpoch(epoch).OnTimeline(1), epoch, true)
	}
	if isRemoved := slices.ContainsFunc(r.Timelines[0].Epochs, func(e archiver.SalvagedEpochs) bool { return e.OnlyRemoved }); !isRemoved {
		t.Errorf("nothing says that they need what was merged: %+v", r.Timelines)
	}
}

// If the newest keep is lost, or the newest record is, it is said what nobody can know.
func TestSalvageSaysWhatIsInDoubt(t *testing.T) {
	m, store := newModel(t), storagetest.NewMemory()
	for range 3 {
		m.commit(100)
		full(t, store, m.path)
	}
	remove(t, store, 1) // 4
	m.commit(100)
	backup(t, store, m.path) // 5
	for lost, words := range map[manifest.Seq]string{4: "record 4, which said which backups exist, is lost", 5: "record 5, the newest, cannot be read"} {
		objects := store.Objects()
		objects[lost.Key()] = []byte("rot")
		if _, r := reported(t, objects); r.OK() || !strings.Contains(strings.Join(r.Doubts, "\n"), words) {
			t.Errorf("without record %d: %q", lost, r.Doubts)
		}
	}
	objects := store.Objects()
	objects[manifest.Seq(5).Key()] = []byte("rot")
	if r := m.salvaged(objects, archiver.Target{}, 3, false); r.Salvaged.WantedBackup != 5 {
		t.Errorf("%+v", r.Salvaged)
	}
	if r := m.salvaged(objects, archiver.AtEpoch(3).OnTimeline(1), 3, false); !r.Salvaged.Unsure { // 5 may have had more of it
		t.Errorf("%+v", r.Salvaged)
	}
}

// Salvage asks for nothing but reads.
func TestSalvageChangesNothing(t *testing.T) {
	m, store := newModel(t), storagetest.NewMemory()
	m.commit(100)
	backup(t, store, m.path)
	r, err := newArchive(store).Salvage(t.Context(), archiver.SalvageOptions{Quick: true})
	if err != nil || !r.OK() || r.Requests.Put+r.Requests.Delete > 0 || r.Bytes != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	_, err = newArchive(storagetest.NewMemory()).Salvage(t.Context(), archiver.SalvageOptions{})
	mustFail(t, err, archiver.CodeNoArchive)
}

// A later full backup has the end of one that is lost, but not where that is if more of its last
// epoch follows: then the epoch can be had, and the end of that backup is in doubt.
func TestSalvageOfABackupAmidAnEpoch(t *testing.T) {
	m, store := newModel(t), storagetest.NewMemory()
	for range 2 {
		m.commit(100)
		backup(t, store, m.path)
	}
	m.group(grafeotest.Group06{Epoch: m.epoch, Time: m.now, Origin: 3, Transaction: 1, Records: []byte("CREATE INDEX")})
	backup(t, store, m.path) // 3 ends at the epoch of 2
	m.commit(100)
	full(t, store, m.path)
	objects := store.Objects()
	delete(objects, manifest.Seq(2).Key())
	m.salvaged(objects, archiver.AtEpoch(2).OnTimeline(1), 2, true)
	if r := m.salvaged(objects, archiver.AtBackup(2), 2, false); !r.Salvaged.Unsure {
		t.Errorf("%+v", r.Salvaged)
	}
}

// Of an archive of which nothing at all is left, a restore says just that.
func TestSalvageOfNothing(t *testing.T) {
	store := storagetest.NewMemory()
	m := newModel(t)
	m.commit(200_000)
	backup(t, store, m.path)
	for key := range store.Objects() {
		if strings.HasPrefix(key, manifest.SegmentPrefix) {
			if err := store.Delete(t.Context(), key); err != nil {
				t.Fatal(err)
			}
		}
	}
	target := filepath.Join(t.TempDir(), "people.grafeo")
	_, err := newArchive(store).Restore(t.Context(), target, archiver.RestoreOptions{Salvage: true})
	mustFail(t, err, archiver.CodeUnreachable, "has nothing that can be restored")
	if _, err := os.Lstat(target); err == nil {
		t.Error("something was written")
	}
}
