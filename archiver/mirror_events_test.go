package archiver_test

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// A mirror that another run has brought further than what this one has seen of the archive is the same
// mirror still.
func TestMirrorMeetsMirrorThatIsAhead(t *testing.T) {
	from, to := storagetest.NewMemory(), storagetest.NewMemory()
	m := increments(t, from, 2)
	mirrorInto(t, from, to)
	isDone := false
	look := func(key string) {
		if key != manifest.MirrorKey || isDone {
			return
		}
		isDone = true // the archive was listed already
		m.commit(10)
		backup(t, from, m.path)
		mirrorInto(t, from, to)
	}
	r, err := newArchive(from).Mirror(t.Context(), newArchive(&reading{to, look}), archiver.MirrorOptions{})
	if err != nil || r.UpTo != r.Newest || r.Records != 0 || !isDone {
		t.Fatalf("%+v, %v", r, err)
	}
	mustMirror(t, from, to)
}

// reading is a store that shows what is read of it, before it is.
type reading struct {
	*storagetest.Memory
	look func(key string)
}

func (s *reading) Get(ctx context.Context, key string, r storage.Range) (io.ReadCloser, storage.ObjectInfo, error) {
	s.look(key)
	return s.Memory.Get(ctx, key, r)
}

// A mirror of which the first mirroring has not come to its end is not detached: nothing could
// complete it then.
func TestMirrorDetachesNoHalf(t *testing.T) {
	from, to := storagetest.NewMemory(), storagetest.NewMemory()
	increments(t, from, 2)
	mirrorInto(t, from, to)
	half := to.Objects()
	delete(half, manifest.ArchiveKey)
	store := refill(t, half)
	_, err := newArchive(store).Detach(t.Context())
	mustFail(t, err, archiver.CodeNoArchive)
	mirrorInto(t, from, store)
	mustMirror(t, from, store)
	if isFresh, err := newArchive(store).Detach(t.Context()); err != nil || !isFresh {
		t.Errorf("%v, %v", isFresh, err)
	}
}

// A segment that is damaged is not copied by the store, so that no later run finds it in the mirror and
// takes it for whole.
func TestMirrorLetsStoreCopyNothingDamaged(t *testing.T) {
	from, to := storagetest.NewMemory(), storagetest.NewMemory()
	m := newModel(t)
	m.commit(200_000)
	backup(t, from, m.path)
	for key, b := range from.Objects() {
		if strings.HasPrefix(key, manifest.SegmentPrefix) {
			b = bytes.Clone(b)
			b[len(b)/2] ^= 1
			if err := from.Delete(t.Context(), key); err != nil {
				t.Fatal(err)
			}
			put(t, from, key, string(b))
		}
	}
	for range 2 {
		r, err := newArchive(from).Mirror(t.Context(), newArchive(&copying{to}), archiver.MirrorOptions{ServerSide: true})
		mustFail(t, err, archiver.CodeDamagedArchive)
		if r.Records != 0 || r.ServerSide != 0 {
			t.Errorf("%+v", r)
		}
	}
	for key := range to.Objects() {
		if strings.HasPrefix(key, manifest.SegmentPrefix) {
			t.Errorf("%s was mirrored", key)
		}
	}
}

// copying is a store that copies by itself.
type copying struct{ *storagetest.Memory }

func (s *copying) CopyFrom(ctx context.Context, key string, from storage.Storage) error {
	b := storage.Innermost(from).(*storagetest.Memory).Objects()[key]
	_, err := s.Put(ctx, key, bytes.NewReader(b), storage.PutOptions{})
	return err
}

// What was proved of the archive says nothing of its mirror: certificates stay where they are, and the mirror
// has its own. What a state's digest is, is true of both.
func TestMirrorLeavesCertificates(t *testing.T) {
	from, to := storagetest.NewMemory(), storagetest.NewMemory()
	increments(t, from, 2)
	mustDrill(t, from, archiver.DrillOptions{Check: digested("v1:aa")})
	mirrorInto(t, from, to)
	if p, _, err := newArchive(to).Proofs(t.Context()); err != nil || p.Proven != nil || p.LastDrill != nil {
		t.Errorf("the mirror has proofs of the archive: %+v, %v", p, err)
	}
	if r := mustDrill(t, to, archiver.DrillOptions{Check: digested("v1:aa")}); r.Digest.Result != archiver.DrillOK {
		t.Errorf("the digest was not mirrored: %+v", r.Digest)
	}
	if r := mirrorInto(t, from, to); r.Objects != 0 {
		t.Errorf("%+v", r)
	}
	if p, _, err := newArchive(to).Proofs(t.Context()); err != nil || p.Proven == nil {
		t.Errorf("the mirror has lost its own: %+v, %v", p, err)
	}
	if _, err := newArchive(from).Mirror(t.Context(), newArchive(to), archiver.MirrorOptions{Deep: true}); err != nil {
		t.Error(err)
	}
}
