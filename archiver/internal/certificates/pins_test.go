package certificates

import (
	"bytes"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver/internal/seal/sealtest"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

func pinOf(digest string) manifest.DigestPin {
	return manifest.DigestPin{
		ArchiveID: archiveID, State: manifest.StateID{Timeline: 1, Epoch: 40, LSN: 4711}, Digest: digest,
		By: manifest.PinnedByDrill, At: moment(1), Host: "a host",
	}
}

// A state has one digest of each scheme: that of whoever came first.
func TestPin(t *testing.T) {
	t.Parallel()
	for name, ring := range sealtest.Rings(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := storagetest.NewMemory()
			s := storeOf(m, ring)
			for _, c := range []struct {
				digest, pinned string
				isNew          bool
			}{
				{"v1:aa", "v1:aa", true},
				{"v1:bb", "v1:aa", false},
				{"v1:aa", "v1:aa", false},
				{"v2:bb", "v2:bb", true}, // a newer program
				{"cc", "cc", true},       // without a scheme
			} {
				p, isNew, err := Pin(t.Context(), s, pinOf(c.digest))
				if err != nil || p.Digest != c.pinned || isNew != c.isNew {
					t.Errorf("%s: %+v, new %t, %v", c.digest, p, isNew, err)
				}
			}
			another := pinOf("v1:dd")
			another.State.LSN++ // a change of the schema
			if p, isNew, err := Pin(t.Context(), s, another); err != nil || !isNew || p.Digest != "v1:dd" {
				t.Errorf("%+v, new %t, %v", p, isNew, err)
			}
			for key, b := range m.Objects() {
				if isPlain := bytes.Contains(b, []byte("a host")); isPlain == ring.IsSealed() {
					t.Errorf("%s is stored as %s", key, b)
				}
			}
		})
	}
}

// Two at once cannot pin different digests.
func TestPinTogether(t *testing.T) {
	t.Parallel()
	for range 50 {
		m := storagetest.NewMemory()
		var wg sync.WaitGroup
		var found [4]string
		var fresh atomic.Int32
		for i := range found {
			wg.Go(func() {
				p, isNew, err := Pin(t.Context(), storeOf(m, nil), pinOf(string(rune('a'+i))))
				if err != nil {
					t.Error(err)
					return
				}
				if found[i] = p.Digest; isNew {
					fresh.Add(1)
				}
			})
		}
		wg.Wait()
		if fresh.Load() != 1 || found[0] != found[1] || found[1] != found[2] || found[2] != found[3] {
			t.Fatalf("%d are new, pinned is %q", fresh.Load(), found)
		}
	}
}

// What is pinned for another state, and what is damaged, is no digest.
func TestDamagedPin(t *testing.T) {
	t.Parallel()
	for name, ring := range sealtest.Rings(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := storagetest.NewMemory()
			s := storeOf(m, ring)
			a := pinOf("v1:aa")
			if _, _, err := Pin(t.Context(), s, a); err != nil {
				t.Fatal(err)
			}
			b := a
			b.State.Epoch++
			stored := m.Objects()[a.ObjectKey()]
			overwrite(t, m, b.ObjectKey(), stored)
			if p, err := FindPin(t.Context(), s, archiveID, b.State, "v1"); err == nil {
				t.Errorf("a copy counts: %+v", p)
			}
			overwrite(t, m, a.ObjectKey(), bytes.Replace(stored, []byte("format"), []byte("FORMAT"), 1))
			if p, _, err := Pin(t.Context(), s, a); err == nil {
				t.Errorf("a damaged one counts: %+v", p)
			}
		})
	}
}
