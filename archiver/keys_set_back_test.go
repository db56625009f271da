package archiver_test

import (
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// Whoever hides the record by which a recipient was removed does not have hosts go on as
// before: one that has nothing but its writer key notices, stores nothing, and names the record.
func TestRemovalIsHidden(t *testing.T) {
	t.Parallel()
	m, store, h, ada, bob := family(t)
	before := store.Objects()
	hidden := ada.changes(t, store, archiver.KeyChange{Remove: []string{bob.name()}}).Record
	m.commit(100)
	mustBackup(t, h.archive(store), m.path) // so the host learns of it
	back := refill(t, before)
	puts := func() (n int) {
		for _, c := range back.Calls() {
			if c.Op == storage.OpPut || c.Op == storage.OpDelete {
				n++
			}
		}
		return n
	}
	already, key := puts(), manifest.Seq(hidden).Key()
	_, err := h.archive(back).Backup(t.Context(), m.path, archiver.BackupOptions{})
	mustFail(t, err, archiver.CodeDamagedArchive, key)
	_, err = h.archive(back).Backup(t.Context(), m.path, archiver.BackupOptions{Full: true})
	mustFail(t, err, archiver.CodeDamagedArchive, key)
	_, err = h.archive(back).Pin(t.Context(), 1, "")
	mustFail(t, err, archiver.CodeDamagedArchive, key)
	if v, err := h.archive(back).Verify(t.Context(), archiver.VerifyOptions{}); err != nil || !names(v.Findings, key) {
		t.Errorf("verify found %v, %v", v.Findings, err)
	}
	if n := puts() - already; n > 0 || len(back.Objects()) != len(before) {
		t.Errorf("%d puts and deletes", n)
	}
}
