package archiver_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// denying is a store that refuses some calls of these credentials.
func denying(next storage.Storage, refuses func(op storage.Op, key string) bool) *storagetest.Faulty {
	return storagetest.NewFaulty(next, func(op storage.Op, key string, _ int) storagetest.Fault {
		if refuses(op, key) {
			return storagetest.Fault{Err: storage.ErrPermission}
		}
		return storagetest.Fault{}
	})
}

// Credentials that may not write get the same answer, and no certificate; those that may not even see
// what was pinned are told that the digest was not compared, unless they said which one they expect.
func TestDrillWithCredentialsThatOnlyRead(t *testing.T) {
	t.Parallel()
	store := storagetest.NewMemory()
	backup(t, store, copyVector(t, "v0.6.0/live"))
	before := len(store.Objects())
	onlyPut := func(op storage.Op, _ string) bool { return op == storage.OpPut }
	notes := func(op storage.Op, key string) bool { return op == storage.OpPut || manifest.IsNote(key) }
	r := mustDrill(t, denying(store, onlyPut), archiver.DrillOptions{Check: digested("v1:aa")})
	if !r.OK() || r.Certificate != "" || !errors.Is(r.NoCertificate, archiver.ErrPermission) || r.Digest.Result != archiver.DrillNotDone || r.Digest.Why == "" {
		t.Errorf("%+v", r)
	}
	_, err := newArchive(denying(store, notes)).Drill(t.Context(), archiver.DrillOptions{Scratch: t.TempDir(), Check: digested("v1:aa")})
	mustFail(t, err, archiver.CodePermission, "not compared")
	for _, refuses := range []func(storage.Op, string) bool{onlyPut, notes} {
		r := mustDrill(t, denying(store, refuses), archiver.DrillOptions{Check: digested("v1:aa"), Expect: "v1:aa"})
		if !r.OK() || r.Digest.Result != archiver.DrillOK {
			t.Errorf("a digest that was expected: %+v", r)
		}
	}
	if len(store.Objects()) != before {
		t.Error("something was stored")
	}
	r = mustDrill(t, store, archiver.DrillOptions{Check: digested("v1:aa"), ReadOnly: true})
	if !r.OK() || r.Certificate != "" || r.NoCertificate != nil || r.Digest.Result != archiver.DrillNotDone || len(store.Objects()) != before {
		t.Errorf("without a certificate: %+v", r)
	}
	mustDrill(t, store, archiver.DrillOptions{Check: digested("v1:aa")})
	for digest, want := range map[string]archiver.DrillResult{"v1:aa": archiver.DrillOK, "v1:bb": archiver.DrillFailed} {
		if r := mustDrill(t, denying(store, onlyPut), archiver.DrillOptions{Check: digested(digest)}); r.Digest.Result != want || r.OK() != (want == archiver.DrillOK) {
			t.Errorf("compared: %+v", r)
		}
	}
}

// A store without an archive, a state that there is not, and a store that is away are no verdicts: there
// is no certificate. Neither is a scratch folder that cannot be used, for which nobody asks the store.
func TestDrillOfNothing(t *testing.T) {
	t.Parallel()
	store := storagetest.NewMemory()
	_, err := newArchive(store).Drill(t.Context(), archiver.DrillOptions{Scratch: t.TempDir()})
	mustFail(t, err, archiver.CodeNoArchive)
	_, err = newArchive(store).Drill(t.Context(), archiver.DrillOptions{Scratch: t.TempDir(), Random: true})
	mustFail(t, err, archiver.CodeNoArchive)
	if len(store.Objects()) > 0 {
		t.Error("something was stored")
	}
	backup(t, store, copyVector(t, "v0.6.0/live"))
	before := len(store.Objects())
	_, err = newArchive(store).Drill(t.Context(), archiver.DrillOptions{Scratch: t.TempDir(), Target: archiver.AtEpoch(1)})
	mustFail(t, err, archiver.CodeUnreachable)
	_, err = newArchive(store).Drill(t.Context(), archiver.DrillOptions{Scratch: t.TempDir(), Target: archiver.AtBackup(9)})
	mustFail(t, err, archiver.CodeNoBackup)
	if len(store.Objects()) != before {
		t.Error("something was stored")
	}
	calls := len(store.Calls())
	for _, random := range []bool{false, true} {
		scratch := t.TempDir() + "/none"
		r, err := newArchive(store).Drill(t.Context(), archiver.DrillOptions{Scratch: scratch, Random: random})
		if e, ok := errors.AsType[*archiver.ScratchError](err); !ok || e.Folder != scratch || r.Certificate != "" || len(store.Calls()) != calls {
			t.Errorf("no scratch folder: %v, %+v, %d requests", err, r, len(store.Calls())-calls)
		}
	}
}

// Whatever is lost or damaged of what the state needs, the drill says so, and certifies it.
func TestDrillFindsDamage(t *testing.T) {
	t.Parallel()
	for _, vector := range []string{"v0.6.0/live", "v0.5.42/live"} {
		for _, damage := range []string{"missing", "flipped", "cut"} {
			t.Run(vector+" "+damage, func(t *testing.T) {
				t.Parallel()
				store := storagetest.NewMemory()
				backup(t, store, copyVector(t, vector))
				objects := store.Objects()
				hit := 0
				for key, b := range objects {
					if !strings.HasPrefix(key, manifest.SegmentPrefix) {
						continue
					}
					hit++
					switch damage {
					case "missing":
						delete(objects, key)
					case "flipped":
						objects[key] = append([]byte{}, b...)
						objects[key][len(b)/2] ^= 1
					case "cut":
						objects[key] = b[:len(b)-1]
					}
				}
				if hit == 0 {
					t.Fatal("there is no segment")
				}
				store = refill(t, objects)
				r := mustDrill(t, store, archiver.DrillOptions{Check: digested("v1:aa")})
				if r.OK() || r.Bytes.Result != archiver.DrillFailed || r.Structure.Result != archiver.DrillNotDone || r.Exec.Result != archiver.DrillNotDone || r.Certificate == "" {
					t.Errorf("%+v", r)
				}
			})
		}
	}
}

// Drills of an encrypted archive need an identity. What they note is sealed.
func TestDrillOfEncryptedArchive(t *testing.T) {
	t.Parallel()
	m, store, h, o := sealedArchive(t)
	for _, epoch := range []uint64{m.epoch, 2, 3} { // of a segment, and of a manifest
		opts := archiver.DrillOptions{Scratch: t.TempDir(), Target: archiver.AtEpoch(epoch), Check: digested("v1:aa" + string(rune('0'+epoch%10)))}
		for _, want := range []archiver.DrillResult{archiver.DrillPinned, archiver.DrillOK} {
			r, err := o.reader(store).Drill(t.Context(), opts)
			if err != nil || !r.OK() || r.Plan.Epoch != epoch || r.Digest.Result != want || r.Certificate == "" {
				t.Fatalf("epoch %d: %v, %+v", epoch, err, r)
			}
		}
		mustBeEmpty(t, opts.Scratch)
	}
	before := len(store.Objects())
	scratch := t.TempDir()
	_, err := h.archive(store).Drill(t.Context(), archiver.DrillOptions{Scratch: scratch})
	mustFail(t, err, archiver.CodeKeyMissing)
	mustBeEmpty(t, scratch)
	if len(store.Objects()) != before {
		t.Error("what a host without an identity could not do is certified")
	}
	// A host with the writer key alone reads what was proved, and attests.
	proofs, _, err := h.archive(store).Proofs(t.Context())
	if err != nil || proofs.Proven == nil || proofs.Proven.Epoch != 3 || proofs.Proven.Digest != "v1:aa3" {
		t.Errorf("%+v, %v", proofs, err)
	}
	if r, err := h.archive(store).Attest(t.Context(), archiver.AttestOptions{Target: archiver.AtEpoch(1), Digest: "v1:cc"}); err != nil || !r.IsNew {
		t.Errorf("%+v, %v", r, err)
	}
	for key, b := range store.Objects() {
		if manifest.IsNote(key) && (bytes.Contains(b, []byte("a-secret")) || bytes.Contains(b, []byte("v1:")) || bytes.Contains(b, []byte("restore_ms"))) {
			t.Errorf("%s has something in the clear: %s", key, b)
		}
	}
}

// Whatever is removed or merged between any two requests of a drill, it proves the state that it was to
// prove, or says that this is not to be had any more: never that the archive is damaged.
func TestDrillBesideRemovals(t *testing.T) {
	for name, c := range map[string]struct {
		target  archiver.Target
		epoch   uint64
		happens func(testing.TB, *storagetest.Memory)
		isThere bool // afterwards
	}{
		"its incrementals are merged": {archiver.AtEpoch(3), 3, merging, true},
		"its chain is removed": {archiver.AtEpoch(2), 2, func(t testing.TB, store *storagetest.Memory) {
			t.Helper()
			remove(t, store, 1, 2, 3, 4)
			sweep(t, store)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before, m := storagetest.NewMemory(), newModel(t)
			largeChains(t, m, before, true, 3, 3) // 1 to 4, 5 to 8
			met, operations := 0, 1
			for k := 1; k <= operations; k++ {
				store, done := refill(t, before.Objects()), false
				faulty := storagetest.NewFaulty(store, func(_ storage.Op, _ string, n int) storagetest.Fault {
					if n == k && !done {
						done = true
						c.happens(t, store)
					}
					return storagetest.Fault{}
				})
				scratch := t.TempDir()
				r, err := newArchive(faulty).Drill(t.Context(), archiver.DrillOptions{Scratch: scratch, Target: c.target})
				if k == 1 {
					operations = len(faulty.Calls())
				}
				switch {
				case err == nil && (!r.OK() || r.Plan.Epoch != c.epoch):
					t.Errorf("at operation %d: %+v", k, r)
				case err != nil && (c.isThere || archiver.CodeOf(err) != archiver.CodeUnreachable):
					t.Errorf("at operation %d: %v", k, err)
				case err != nil:
					met++
				}
				mustBeEmpty(t, scratch)
			}
			if (met > 0) == c.isThere {
				t.Errorf("%d of %d drills did not find the state", met, operations)
			}
		})
	}
}

// What was pinned for a state holds for it after its backups were merged, and by a later chain.
func TestPinsOutliveCompaction(t *testing.T) {
	t.Parallel()
	store := storagetest.NewMemory()
	m := increments(t, store, 40)
	drill := func(target archiver.Target, digest string) archiver.DrillReport {
		return mustDrill(t, store, archiver.DrillOptions{Target: target, Check: digested(digest)})
	}
	if r := drill(archiver.Target{}, "v1:newest"); r.Digest.Result != archiver.DrillPinned || r.Plan.Epoch != m.epoch {
		t.Errorf("%+v", r)
	}
	if r := drill(archiver.AtEpoch(20), "v1:20"); r.Digest.Result != archiver.DrillPinned {
		t.Errorf("%+v", r)
	}
	newest := m.epoch
	for range 3 {
		m.commit(200)
		backup(t, store, m.path)
	}
	compactAll(t, store)
	m.commit(200)
	full(t, store, m.path)
	for _, c := range []struct {
		epoch  uint64
		digest string
		want   archiver.DrillResult
	}{
		{20, "v1:20", archiver.DrillOK},
		{20, "v1:other", archiver.DrillFailed},
		{newest, "v1:newest", archiver.DrillOK},
		{newest, "v1:other", archiver.DrillFailed},
		{newest, "v2:other", archiver.DrillPinned},
		{newest + 1, "v1:other", archiver.DrillPinned},
	} {
		if r := drill(archiver.AtEpoch(c.epoch), c.digest); r.Plan.Epoch != c.epoch || r.Digest.Result != c.want {
			t.Errorf("%+v: %+v", c, r)
		}
	}
}

// What the app says is what drills are compared with, before or after they have been there.
func TestAttest(t *testing.T) {
	t.Parallel()
	for _, vector := range drilledVectors {
		t.Run(vector, func(t *testing.T) {
			t.Parallel()
			store := storagetest.NewMemory()
			epoch := backup(t, store, copyVector(t, vector)).Backup.RestoreTo
			attest := func(target archiver.Target, digest string) (archiver.AttestReport, error) {
				return newArchive(store).Attest(t.Context(), archiver.AttestOptions{Target: target, Digest: digest})
			}
			r, err := attest(archiver.AtEpoch(epoch), "v1:aa")
			if err != nil || !r.IsNew || r.Plan.Epoch != epoch || r.Pinned.By != "app" || r.Pinned.Digest != "v1:aa" {
				t.Fatalf("%+v, %v", r, err)
			}
			if r, err = attest(archiver.AtBackup(1), "v1:aa"); err != nil || r.IsNew {
				t.Errorf("again: %+v, %v", r, err)
			}
			_, err = attest(archiver.AtEpoch(epoch), "v1:bb")
			mustFail(t, err, archiver.CodeDigest, "v1:aa", "v1:bb")
			if d := mustDrill(t, store, archiver.DrillOptions{Check: digested("v1:aa")}); d.Digest.Result != archiver.DrillOK || d.Pinned.By != "app" {
				t.Errorf("%+v", d)
			}
			if d := mustDrill(t, store, archiver.DrillOptions{Check: digested("v1:bb")}); d.Digest.Result != archiver.DrillFailed || d.OK() {
				t.Errorf("%+v", d)
			}
			mustDrill(t, store, archiver.DrillOptions{Check: digested("v2:cc")})
			_, err = attest(archiver.AtEpoch(epoch), "v2:dd")
			mustFail(t, err, archiver.CodeDigest, "v2:cc")
			_, err = attest(archiver.AtEpoch(epoch+1000), "v1:aa")
			mustFail(t, err, archiver.CodeUnreachable)
			_, err = attest(archiver.AtEpoch(epoch), "v1:")
			mustFail(t, err, archiver.CodeFailed)
		})
	}
}
