package manifest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestMirrorDocuments(t *testing.T) {
	m := &Mirror{
		ArchiveID: strings.Repeat("cd", 16), Source: "s3://bucket/a", At: time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC), Tool: "gbak-s3 1", Host: "h",
	}
	const want = `{"type":"mirror","format":1,"archive_id":"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd","source":"s3://bucket/a",` +
		`"at":"2026-11-26T12:00:00Z","tool":"gbak-s3 1","host":"h"}`
	b := m.Encode()
	if line, _, _ := strings.Cut(string(b), "\n"); line != want || !Intact(b) {
		t.Errorf("%s", b)
	}
	again, err := DecodeMirror(b)
	if diff := cmp.Diff(m, again); err != nil || diff != "" {
		t.Errorf("%v, %s", err, diff)
	}
	detached := m.EncodeDetached()
	if _, err := DecodeDetached(detached); err != nil {
		t.Error(err)
	}
	for name, b := range map[string][]byte{
		"cut off":          b[:len(b)-3],
		"the other one":    detached,
		"without a time":   (&Mirror{ArchiveID: m.ArchiveID}).Encode(),
		"without an id":    (&Mirror{At: m.At}).Encode(),
		"an archive":       (&Archive{ArchiveID: m.ArchiveID}).Encode(),
		"with another bit": append([]byte(strings.Replace(string(b), "bucket", "bucken", 1)), ' '),
	} {
		if _, err := DecodeMirror(b); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := DecodeDetached(b); !errors.Is(err, ErrDamaged) {
		t.Errorf("a mirror is not detached: %v", err)
	}
}

// One list shows manifests and these documents, in this order, and nothing else of an archive.
func TestMirrorKeysFollowManifests(t *testing.T) {
	for _, key := range []string{MirrorKey, DetachedKey} {
		if !strings.HasPrefix(key, JournalPrefix) || key < MaxSeq.Key() {
			t.Errorf("%s", key)
		}
	}
	for _, key := range []string{ArchiveKey, SegmentPrefix, IndexPrefix, PagesPrefix, FencePrefix, ProbePrefix, InstructionsKey, CertificatePrefix, DigestPrefix} {
		if strings.HasPrefix(key, JournalPrefix) {
			t.Errorf("%s", key)
		}
	}
}
