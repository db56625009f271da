package manifest

import (
	"strings"
	"testing"
)

// A keep that names more records than any archive has is refused before somebody counts
// them.
func TestTooManyAlive(t *testing.T) {
	t.Parallel()
	newest := Seq(1)
	for n, isRefused := range map[Seq]bool{MaxAlive: false, MaxAlive + 1: true, MaxSeq - 3: true} {
		m := &Manifest{
			Seq: n + 3, CommitID: strings.Repeat("ab", 16), Previous: &Digest{1}, ArchiveID: strings.Repeat("cd", 16),
			CreatedAt: sample().CreatedAt, ReadUntil: sample().ReadUntil, Kind: Keep, Database: sample().Database, Timelines: 1,
			LastBackup: &newest, Keeping: &Keeping{First: n + 3, Alive: Ranges{{1, n / 2}, {n/2 + 2, n + 1}}},
		}
		if _, err := DecodeManifest(m.Encode()); (err != nil) != isRefused {
			t.Errorf("%d: %v", n, err)
		}
	}
}

// The label of a pin is text of one line: anything else would come back from the document
// as another label, or be shown as another line.
func TestPinLabels(t *testing.T) {
	t.Parallel()
	for label, isRefused := range map[string]bool{
		"": false, "before 0.6": false, strings.Repeat("é", 128): false,
		strings.Repeat("é", 129): true, "\xff": true, "a\nb": true, "\x1b[31m": true,
	} {
		if err := ValidatePinLabel(label); (err != nil) != isRefused {
			t.Errorf("%q: %v", label, err)
		}
	}
}
