package catalog

import (
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// copied makes copies of backups, which keep the numbers of their timelines.
func copied(backups []*manifest.Committed) []*manifest.Committed {
	timelines := 0
	for _, m := range backups {
		m.CopiedFrom = &manifest.CopiedFrom{Seq: m.Seq + 100}
		timelines = max(timelines, m.Timeline)
		m.Timelines = timelines
	}
	return backups
}

// Copies may begin on any timeline, and full ones may continue nothing in the middle of one. All
// else that they say is compared as ever.
func TestCheckAncestryOfCopies(t *testing.T) {
	good := copied(history())
	good[3].Continues, good[3].Timeline = nil, 1
	for i, m := range good {
		var before *manifest.Committed
		if i > 0 {
			before = good[i-1]
		}
		if err := New(good).CheckAncestry(m, before); err != nil {
			t.Errorf("backup %d: %v", m.Seq, err)
		}
	}
	late := copied(history())[5:]
	late[0].Seq, late[0].Timelines = 1, late[0].Timeline
	if err := New(late).CheckAncestry(late[0], nil); err != nil {
		t.Errorf("a copy that begins with timeline %d: %v", late[0].Timeline, err)
	}
	for name, lie := range map[string]func(m, before *manifest.Committed){
		"it follows what is no copy":   func(_, before *manifest.Committed) { before.CopiedFrom = nil },
		"it knows too many timelines":  func(m, _ *manifest.Committed) { m.Timelines++ },
		"it knows too few timelines":   func(m, before *manifest.Committed) { before.Timelines++ },
		"it is of another timeline":    func(m, _ *manifest.Committed) { m.Timeline = 2; m.Timelines = 2 },
		"it is of another database":    func(m, _ *manifest.Committed) { m.Database.ID = "cities" },
		"states can be restored early": func(m, _ *manifest.Committed) { m.RestoreFrom = 1 },
	} {
		backups := copied(history())
		lie(backups[2], backups[1])
		if err := New(backups).CheckAncestry(backups[2], backups[1]); err == nil {
			t.Errorf("%s: a lie was believed", name)
		}
	}
}
