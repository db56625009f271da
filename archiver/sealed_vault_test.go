package archiver_test

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk/disktest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// vault is an encrypted archive with objects of all kinds, and what those have who use it.
type vault struct {
	objects    map[string][]byte
	identities []archiver.Identity
	writer     *archiver.WriterKey
	restored   map[uint64]map[string]string // what backups restore to
	turn       atomic.Int64                 // of those who look at changed objects
}

// with returns the archive in a store for somebody with those keys.
func with(store storage.Storage, keys archiver.Keys) *archiver.Archive {
	return archiver.New(store, archiver.Options{Host: "test", Tool: "test", Keys: keys}).On(disktest.Unsynced{})
}

// reader has an identity, and nothing else.
func (v *vault) reader() archiver.Keys {
	return archiver.Keys{Identities: func(context.Context) ([]archiver.Identity, error) { return v.identities, nil }}
}

// host has the writer key.
func (v *vault) host() archiver.Keys {
	return archiver.Keys{WriterKey: func(id string) (*archiver.WriterKey, error) {
		if id != v.writer.ArchiveID {
			return nil, nil
		}
		return v.writer, nil
	}}
}

// both has the writer key, and an identity.
func (v *vault) both() archiver.Keys {
	keys := v.host()
	keys.Identities = v.reader().Identities
	return keys
}

// olderKeep is a keep in a vault, with a newer one.
const olderKeep = 5

// newVault makes an encrypted archive: full backups, one with several segments and digests of
// pages, incrementals in their manifests and with an index of their own, keeps, and a fence.
func newVault(t testing.TB) *vault {
	t.Helper()
	secret, recipient, err := archiver.NewIdentity(false)
	if err != nil {
		t.Fatal(err)
	}
	v := &vault{restored: map[uint64]map[string]string{}}
	if v.identities, err = archiver.ParseIdentities([]byte(secret+"\n"), nil); err != nil {
		t.Fatal(err)
	}
	store := storagetest.NewMemory()
	first := archiver.Keys{Recipients: []archiver.Recipient{recipient}, OnFirst: func(key *archiver.WriterKey, _ []byte) error {
		v.writer = key
		return nil
	}}
	back := func(path string, opts archiver.BackupOptions) {
		t.Helper()
		keys := first
		if v.writer != nil {
			keys = v.host()
		}
		if _, err := with(store, keys).Backup(t.Context(), path, opts); err != nil {
			t.Fatal(err)
		}
	}
	m := newModel(t)
	m.commit(300)
	back(m.path, archiver.BackupOptions{}) // 1
	m.commit(200)
	back(m.path, archiver.BackupOptions{}) // 2, in its manifest
	for range 900 {
		m.commit(1)
	}
	back(m.path, archiver.BackupOptions{}) // 3, with an index
	m.checkpointHeld()
	m.commit(100)
	back(m.path, archiver.BackupOptions{Full: true}) // 4
	if _, err := with(store, v.host()).Pin(t.Context(), 2, "a label"); err != nil {
		t.Fatal(err) // 5
	}
	if _, err := with(store, v.host()).Pin(t.Context(), 1, "another"); err != nil {
		t.Fatal(err) // 6, and the fence of 5
	}
	path := filepath.Join(t.TempDir(), "fork.grafeo")
	if err := grafeotest.Image06(path, grafeotest.Image06Options{Iteration: 1, Epoch: 7, Size: 5 << 19, Compressible: 0.9999}); err != nil {
		t.Fatal(err)
	}
	withLog(t, path, 2)
	back(path, archiver.BackupOptions{Full: true, Fresh: true, SegmentBytes: archiver.MinSegmentBytes}) // 7
	v.objects = store.Objects()
	for _, seq := range []uint64{1, 2, 3, 4, 7} {
		v.restored[seq] = v.restore(t, v.objects, v.reader(), seq, nil)
	}
	kinds := map[string]int{}
	for key := range v.objects {
		kinds[kindOf(key)]++
	}
	if len(kinds) != 7 || kinds["segments"] < 4 || kinds["manifests"] != 7 {
		t.Fatalf("not every kind of object is there: %v", kinds)
	}
	return v
}

// restore restores a backup, and demands that it fails with damage, naming one of the keys,
// or returns what it returned before. It returns the files.
func (v *vault) restore(t testing.TB, objects map[string][]byte, keys archiver.Keys, seq uint64, damaged []string) map[string]string {
	t.Helper()
	dir := t.TempDir()
	_, err := with(refill(t, objects), keys).Restore(t.Context(), filepath.Join(dir, "db.grafeo"), archiver.RestoreOptions{Target: archiver.AtBackup(seq)})
	got := contents(t, dir)
	switch want := v.restored[seq]; {
	case err != nil && slices.Contains(damaged, manifest.ArchiveKey) && archiver.CodeOf(err) == archiver.CodeKeyWrong: // another archive's
	case err != nil && (damaged == nil || !isAbout(err, damaged)):
		t.Errorf("restore %d: %s %v", seq, archiver.CodeOf(err), err)
	case err == nil && want != nil && !cmp.Equal(want, got):
		t.Errorf("restore %d gave other bytes", seq)
	}
	return got
}

// isAbout reports whether an error says that one of the objects is damaged, and names it.
func isAbout(err error, damaged []string) bool {
	if archiver.CodeOf(err) != archiver.CodeDamagedArchive {
		return false
	}
	for _, key := range damaged {
		if strings.Contains(err.Error(), key) {
			return true
		}
	}
	return false
}

// tampered returns the objects with some of them changed, and without those that are nil.
func (v *vault) tampered(change map[string][]byte) map[string][]byte {
	objects := maps.Clone(v.objects)
	maps.Copy(objects, change)
	maps.DeleteFunc(objects, func(_ string, b []byte) bool { return b == nil })
	return objects
}
