package archiver_test

import (
	"path/filepath"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Who was added to the recipients of an encrypted archive has everything, although the record
// that says so is lost, and archive.json: full backups repeat the list. What was encrypted with
// keys that nobody hands over any more is lost, and said to be.
func TestSalvageWithoutTheListOfKeys(t *testing.T) {
	t.Parallel()
	m, store, h, ada, bob := family(t)
	eve := newPerson(t)
	added := ada.changes(t, store, archiver.KeyChange{Add: []archiver.Recipient{eve.recipient}, Remove: []string{bob.name()}})
	m.commit(100)
	first := mustBackup(t, h.archive(store), m.path).Backup.Seq
	m.commit(100)
	if _, err := h.archive(store).Backup(t.Context(), m.path, archiver.BackupOptions{Full: true}); err != nil {
		t.Fatal(err)
	}
	objects := store.Objects()
	delete(objects, manifest.ArchiveKey)
	delete(objects, manifest.Seq(added.Record).Key())
	for _, p := range []*person{ada, eve} {
		for epoch := uint64(1); epoch <= m.epoch; epoch++ {
			path := filepath.Join(t.TempDir(), "r.grafeo")
			r, err := p.reader(refill(t, objects)).Restore(t.Context(), path, archiver.RestoreOptions{Target: archiver.AtEpoch(epoch).OnTimeline(1), Salvage: true})
			if err != nil || !r.Salvaged.Exact {
				t.Fatalf("epoch %d: %+v, %v", epoch, r.Salvaged, err)
			}
			m.isAt(path, epoch)
		}
	}

	delete(objects, manifest.Seq(first+1).Key()) // the full backup, which was the newest record
	objects[manifest.ArchiveKey] = store.Objects()[manifest.ArchiveKey]
	report, err := ada.reader(refill(t, objects)).Salvage(t.Context(), archiver.SalvageOptions{})
	if err != nil || report.OK() || len(report.Timelines) != 1 {
		t.Fatalf("%+v, %v", report, err)
	}
	r, err := ada.reader(refill(t, objects)).Restore(t.Context(), filepath.Join(t.TempDir(), "r.grafeo"), archiver.RestoreOptions{Salvage: true})
	if err != nil || r.Salvaged.Exact || r.Plan.Epoch != 1 || r.Salvaged.WantedBackup != first {
		t.Fatalf("%+v of epoch %d, %v", r.Salvaged, r.Plan.Epoch, err)
	}
}
