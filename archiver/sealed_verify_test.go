package archiver_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Whoever has the writer key alone finds every damaged object, although he can open no segment.
func TestRotWithoutIdentity(t *testing.T) {
	t.Parallel()
	_, store, h, _ := sealedArchive(t)
	before := store.Objects()
	n := 0
	for key, b := range before {
		if !strings.HasPrefix(key, manifest.SegmentPrefix) && !strings.HasPrefix(key, manifest.PagesPrefix) {
			continue
		}
		n++
		for _, at := range []int{0, len(b) / 2, len(b) - 1} {
			torn := bytes.Clone(b)
			torn[at] ^= 1
			put(t, store, key, string(torn))
			if v, err := h.archive(store).Verify(t.Context(), archiver.VerifyOptions{Deep: true}); err != nil || len(v.Findings) != 1 || v.Findings[0].Key != key {
				t.Errorf("byte %d of %s: %+v, %v", at, key, v.Findings, err)
			}
		}
		put(t, store, key, string(b))
	}
	if n < 3 {
		t.Errorf("%d objects", n)
	}
}
