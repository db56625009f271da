package certificates

import (
	"bytes"
	"errors"
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
				digest              string
				isNew, isInConflict bool
			}{
				{digest: "v1:aa", isNew: true},
				{digest: "v1:bb", isInConflict: true},
				{digest: "v1:aa"},
				{digest: "v2:bb", isNew: true}, // a newer program
				{digest: "cc", isNew: true},    // without a scheme
			} {
				p, isNew, err := Pin(t.Context(), s, pinOf(c.digest))
				conflict, isInConflict := errors.AsType[*ConflictError](err)
				switch {
				case isInConflict != c.isInConflict, isNew != c.isNew, !isInConflict && (err != nil || p.Digest != c.digest):
					t.Errorf("%s: %+v, new %t, %v", c.digest, p, isNew, err)
				case isInConflict && conflict.Pinned.Digest != "v1:aa":
					t.Errorf("%s: %v", c.digest, conflict)
				}
			}
			for key, b := range m.Objects() {
				if isPlain := bytes.Contains(b, []byte("a host")); isPlain == ring.IsSealed() {
					t.Errorf("%s is stored as %s", key, b)
				}
			}
		})
	}
}

// Several states may have one epoch. Those at different places are not compared; where a place is not
// known, only what the app says is.
func TestPinsOfOneEpoch(t *testing.T) {
	t.Parallel()
	const here, there, unknown = 4711, 4800, 0
	for name, c := range map[string]struct {
		before, now     uint64
		beforeBy, nowBy manifest.PinnedBy
		isCompared      bool
	}{
		"another place":                      {here, there, manifest.PinnedByDrill, manifest.PinnedByDrill, false},
		"another place, by the app":          {here, there, manifest.PinnedByApp, manifest.PinnedByDrill, false},
		"the same place":                     {here, here, manifest.PinnedByDrill, manifest.PinnedByDrill, true},
		"no place, both":                     {unknown, unknown, manifest.PinnedByDrill, manifest.PinnedByDrill, true},
		"no place before":                    {unknown, here, manifest.PinnedByDrill, manifest.PinnedByDrill, false},
		"no place now":                       {here, unknown, manifest.PinnedByDrill, manifest.PinnedByDrill, false},
		"no place before, as the app says":   {unknown, here, manifest.PinnedByApp, manifest.PinnedByDrill, true},
		"no place now, where the app says":   {here, unknown, manifest.PinnedByDrill, manifest.PinnedByApp, true},
		"no place now, after the app's word": {here, unknown, manifest.PinnedByApp, manifest.PinnedByDrill, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := storeOf(storagetest.NewMemory(), nil)
			before, now := pinOf("v1:aa"), pinOf("v1:bb")
			before.State.LSN, before.By, now.State.LSN, now.By = c.before, c.beforeBy, c.now, c.nowBy
			if _, isNew, err := Pin(t.Context(), s, before); err != nil || !isNew {
				t.Fatal(err)
			}
			same := now
			same.Digest = "v1:aa"
			if p, isNew, err := Pin(t.Context(), s, same); err != nil || isNew || p.State != before.State {
				t.Errorf("the same digest: %+v, new %t, %v", p, isNew, err)
			}
			_, isNew, err := Pin(t.Context(), s, now)
			if _, isInConflict := errors.AsType[*ConflictError](err); isInConflict != c.isCompared || isNew == c.isCompared {
				t.Errorf("another digest: new %t, %v", isNew, err)
			}
			elsewhere := pinOf("v1:cc")
			elsewhere.State.Epoch++
			if _, isNew, err := Pin(t.Context(), s, elsewhere); err != nil || !isNew {
				t.Errorf("another epoch: new %t, %v", isNew, err)
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
		var fresh, conflicts atomic.Int32
		for i := range 4 {
			wg.Go(func() {
				_, isNew, err := Pin(t.Context(), storeOf(m, nil), pinOf(string(rune('a'+i))))
				if _, isInConflict := errors.AsType[*ConflictError](err); isInConflict {
					conflicts.Add(1)
				} else if err != nil {
					t.Error(err)
				} else if isNew {
					fresh.Add(1)
				}
			})
		}
		wg.Wait()
		if fresh.Load() != 1 || conflicts.Load() != 3 || len(m.Objects()) != 1 {
			t.Fatalf("%d are new, %d are in conflict, %d are stored", fresh.Load(), conflicts.Load(), len(m.Objects()))
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
			if p, err := Compare(t.Context(), s, b); err == nil {
				t.Errorf("a copy counts: %+v", p)
			}
			overwrite(t, m, a.ObjectKey(), bytes.Replace(stored, []byte("format"), []byte("FORMAT"), 1))
			if p, _, err := Pin(t.Context(), s, a); err == nil {
				t.Errorf("a damaged one counts: %+v", p)
			}
		})
	}
}
