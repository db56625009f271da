package main

import (
	"strings"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
)

// No hint ends the hold that moved last: it is of the archive that backups go to, whichever
// archive was asked about.
func TestNoHintEndsAGoodHold(t *testing.T) {
	now := time.Now()
	hold := func(name string, at time.Time) archiver.HeldLog {
		return archiver.HeldLog{Hold: archiver.Hold{ArchiveID: name, Name: name, Seq: 1, UpdatedAt: at}, Bytes: 1000}
	}
	for asked, want := range map[string]string{"old": "", "new": "old", "other": "old"} {
		r := archiver.StatusReport{ArchiveID: asked}
		r.Log.Holds = []archiver.HeldLog{hold("old", now.Add(-time.Hour)), hold("new", now)}
		said := strings.Join(linesOfHolds(r, "/d.grafeo"), "\n")
		if n := strings.Count(said, "gbak-s3 release"); n > 1 || (n == 1) != (want != "") || !strings.Contains(said, " "+want) {
			t.Errorf("%s: %s", asked, said)
		}
		if strings.Contains(said, "release /d.grafeo new") {
			t.Errorf("%s: %s", asked, said)
		}
	}
}
