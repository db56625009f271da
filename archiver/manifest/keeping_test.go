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
