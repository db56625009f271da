package manifest

import (
	"strings"
	"testing"
)

// sampleCopied is a copy of a full backup.
func sampleCopied() *Manifest {
	m := sample()
	m.CopiedFrom = &CopiedFrom{ArchiveID: strings.Repeat("5a", 16), Seq: 41, SHA256: Sum([]byte("41"))}
	return m
}

// What a copy says of its origin is checked.
func TestCopiedFrom(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Manifest){
		"no archive":         func(m *Manifest) { m.CopiedFrom.ArchiveID = "" },
		"the archive itself": func(m *Manifest) { m.CopiedFrom.ArchiveID = m.ArchiveID },
		"no number":          func(m *Manifest) { m.CopiedFrom.Seq = 0 },
		"too large a number": func(m *Manifest) { m.CopiedFrom.Seq = MaxSeq + 1 },
	} {
		m := sampleCopied()
		change(m)
		if _, err := DecodeManifest(m.Encode()); err == nil || !strings.Contains(err.Error(), "a copy") {
			t.Errorf("%s: %v", name, err)
		}
	}
	m := sampleCopied()
	m.Kind = Merged
	if err := m.validateCopy(); err == nil {
		t.Error("a merged record may be a copy")
	}
}
