package archiver_test

import (
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// What was pinned for a state holds for it in a copy, also in one that is encrypted.
func TestPinsAreCopied(t *testing.T) {
	t.Parallel()
	store := storagetest.NewMemory()
	m := increments(t, store, 5)
	for digest, target := range map[string]archiver.Target{"v1:new": {}, "v1:2": archiver.AtEpoch(2)} {
		mustDrill(t, store, archiver.DrillOptions{Target: target, Check: digested(digest)})
	}
	compactAll(t, store)
	if _, err := newArchive(store).Attest(t.Context(), archiver.AttestOptions{Target: archiver.AtEpoch(3), Digest: "v1:3"}); err != nil {
		t.Fatal(err)
	}
	copied, o := storagetest.NewMemory(), newOwner(t)
	sealed := (&host{}).begins(copied, o.recipient)
	for range 2 { // the second time, all is there
		if _, err := newArchive(store).Copy(t.Context(), sealed, archiver.CopyOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		epoch  uint64
		digest string
		want   archiver.DrillResult
	}{
		{m.epoch, "v1:new", archiver.DrillOK},
		{m.epoch, "v1:other", archiver.DrillFailed},
		{2, "v1:2", archiver.DrillOK},
		{2, "v1:other", archiver.DrillFailed},
		{3, "v1:other", archiver.DrillFailed},
		{4, "v1:other", archiver.DrillPinned},
	} {
		r, err := o.reader(copied).Drill(t.Context(), archiver.DrillOptions{
			Scratch: t.TempDir(), Target: archiver.AtEpoch(c.epoch), Check: digested(c.digest),
		})
		if err != nil || r.Digest.Result != c.want {
			t.Errorf("%+v: %v, %+v", c, err, r)
		}
	}
}

// That digests may not be read, or are damaged, keeps no archive from being copied.
func TestCopyWithoutDigests(t *testing.T) {
	t.Parallel()
	store := storagetest.NewMemory()
	increments(t, store, 2)
	r := mustDrill(t, store, archiver.DrillOptions{Check: digested("v1:aa")})
	if r.Digest.Result != archiver.DrillPinned {
		t.Fatalf("%+v", r)
	}
	notes := func(op storage.Op, key string) bool { return manifest.IsNote(key) }
	if _, err := newArchive(denying(store, notes)).Copy(t.Context(), newArchive(storagetest.NewMemory()), archiver.CopyOptions{}); err != nil {
		t.Error(err)
	}
	objects := store.Objects()
	for key := range objects {
		if manifest.IsNote(key) {
			objects[key] = []byte("rot")
		}
	}
	if _, err := newArchive(refill(t, objects)).Copy(t.Context(), newArchive(storagetest.NewMemory()), archiver.CopyOptions{}); err != nil {
		t.Error(err)
	}
}
