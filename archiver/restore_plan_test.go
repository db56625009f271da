package archiver_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// A restore takes the requests that its plan says, and fetches as many bytes.
func TestRestoresAreAsPlanned(t *testing.T) {
	check := func(t *testing.T, store *storagetest.Memory, target archiver.Target) {
		t.Helper()
		a := newArchive(store)
		p, err := a.Plan(t.Context(), target)
		if err != nil {
			t.Fatal(err)
		}
		before := len(store.Calls())
		r, err := a.Restore(t.Context(), filepath.Join(t.TempDir(), "db.grafeo"), archiver.RestoreOptions{Target: target})
		if err != nil {
			t.Fatal(err)
		}
		objects, fetched, received := 0, int64(0), int64(0)
		for _, c := range store.Calls()[before:] {
			if c.Op == storage.OpGet {
				received += c.Bytes
			}
			if c.Op == storage.OpGet && strings.HasPrefix(c.Key, "segments/") {
				objects++
				fetched += c.Bytes
			}
		}
		for _, seq := range p.Incrementals { // what stands in their manifests came with the plan
			for _, s := range indexOf(t, store, seq).Segments {
				if s.IsInline() {
					fetched += s.StoredBytes
				}
			}
		}
		if r.Requests != p.RestoreRequests || objects != p.Objects || fetched != p.StoredBytes {
			t.Errorf("%+v requests for %d objects of %d bytes, and planned were %+v", r.Requests, objects, fetched, p)
		}
		if r.ReceivedBytes != received || p.RestoreReceives != received {
			t.Errorf("%d bytes received, planned were %d, and it says %d", received, p.RestoreReceives, r.ReceivedBytes)
		}
	}
	for _, name := range append([]string{"directory/v0.5.42/live"}, vectors...) {
		t.Run(name, func(t *testing.T) {
			store, path := storagetest.NewMemory(), copyVector(t, name)
			backup(t, store, path)
			full(t, store, path)
			check(t, store, archiver.AtBackup(0))
			check(t, store, archiver.AtBackup(1))
		})
	}
	t.Run("a chain", func(t *testing.T) {
		m, store := newModel(t), storagetest.NewMemory()
		for n := range uint64(12) {
			m.commit(100)
			if n == 7 {
				full(t, store, m.path)
			} else {
				backup(t, store, m.path)
			}
		}
		for epoch := range uint64(12) {
			check(t, store, archiver.AtEpoch(epoch+1))
			check(t, store, archiver.AtBackup(epoch+1))
		}
	})
	t.Run("shared pages", func(t *testing.T) {
		store, im := storagetest.NewMemory(), newPagedImage(t, 1200)
		for n := range 4 {
			im.change(n*100, 25, 3)
			im.write(t)
			_, err := newArchive(store).Backup(t.Context(), im.path, archiver.BackupOptions{Full: true, SegmentBytes: archiver.MinSegmentBytes})
			if err != nil {
				t.Fatal(err)
			}
			check(t, store, archiver.AtBackup(0))
		}
	})
}
