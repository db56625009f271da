package archiver_test

import (
	"context"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// watchedPuts notes how objects are put, other than those of a probe.
type watchedPuts struct {
	storage.Storage
	mu          sync.Mutex
	heads       map[string]bool
	conditional []string        // keys that were put on condition
	unseen      []string        // keys that were put without a look whether they exist
	kinds       map[string]bool // of the keys
}

func (w *watchedPuts) Head(ctx context.Context, key string) (storage.ObjectInfo, error) {
	w.mu.Lock()
	w.heads[key] = true
	w.mu.Unlock()
	return w.Storage.Head(ctx, key)
}

func (w *watchedPuts) Put(ctx context.Context, key string, body io.ReadSeeker, opts storage.PutOptions) (storage.PutResult, error) {
	if !strings.HasPrefix(key, manifest.ProbePrefix) {
		w.mu.Lock()
		kind, _, _ := strings.Cut(key, "/")
		w.kinds[kind] = true
		if opts.IfAbsent {
			w.conditional = append(w.conditional, key)
		}
		if !w.heads[key] {
			w.unseen = append(w.unseen, key)
		}
		w.mu.Unlock()
	}
	return w.Storage.Put(ctx, key, body, opts)
}

// Everything that is written to an archive for a single writer is written without a
// condition, which its store does not support, and after a look whether it exists.
func TestSingleWriterLooksBeforeEachWrite(t *testing.T) {
	want := map[string][]string{
		"backup": {"archive.json", "indexes", "manifests", "segments"},
		"shared": {"archive.json", "manifests", "pages", "segments"},
		"import": {"archive.json", "manifests", "segments"},
	}
	for name, write := range map[string]func(t *testing.T, a *archiver.Archive) error{
		"backup": func(t *testing.T, a *archiver.Archive) error {
			m := newModel(t)
			for range 1200 { // the index lists them
				m.commit(1)
			}
			_, err := a.Backup(t.Context(), m.path, archiver.BackupOptions{SingleWriter: true})
			if m.commit(1); err == nil {
				_, err = a.Backup(t.Context(), m.path, archiver.BackupOptions{})
			}
			return err
		},
		"shared": func(t *testing.T, a *archiver.Archive) error {
			im := newPagedImage(t, 400)
			_, err := a.Backup(t.Context(), im.path, archiver.BackupOptions{SingleWriter: true})
			im.change(3, 10, 7)
			if im.write(t); err == nil {
				_, err = a.Backup(t.Context(), im.path, archiver.BackupOptions{})
			}
			return err
		},
		"import": func(t *testing.T, a *archiver.Archive) error {
			_, err := a.Import(t.Context(), sample(t, grafeo.Gen06).dir, archiver.ImportOptions{SingleWriter: true})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := &watchedPuts{
				Storage: storagetest.NewCareless(storagetest.NewMemory(), storagetest.Ignores),
				heads:   map[string]bool{}, kinds: map[string]bool{},
			}
			if err := write(t, newArchive(w)); err != nil {
				t.Fatal(err)
			}
			if len(w.conditional) > 0 {
				t.Errorf("written on condition: %v", w.conditional)
			}
			if len(w.unseen) > 0 {
				t.Errorf("written without a look: %v", w.unseen)
			}
			for _, kind := range want[name] {
				if !w.kinds[kind] {
					t.Errorf("no %s were written, only %v", kind, w.kinds)
				}
			}
		})
	}
}

// In a single writer's archive nobody can say which backups stay.
func TestKeepsOfASingleWriter(t *testing.T) {
	store := storagetest.NewCareless(storagetest.NewMemory(), storagetest.Ignores)
	m := newModel(t)
	for range 3 {
		m.commit(100)
		if _, err := newArchive(store).Backup(t.Context(), m.path, archiver.BackupOptions{SingleWriter: true}); err != nil {
			t.Fatal(err)
		}
	}
	for _, v := range []verb{
		compactWith(archiver.CompactOptions{}), pinOf(2),
		expireWith(archiver.ExpireOptions{Rules: &archiver.Rules{Last: 1}}), expireWith(archiver.ExpireOptions{Rules: &archiver.Rules{Last: 1}, Apply: true}),
		func(t *testing.T, a *archiver.Archive) (uint64, bool, error) {
			r, err := a.SetPolicy(t.Context(), &archiver.Rules{Last: 1})
			return r.Keep, r.Keep != 0, err
		},
	} {
		_, _, err := v(t, newArchive(store))
		mustFail(t, err, archiver.CodeUnsafeStore, "which backups stay in this address cannot be changed")
	}
}
