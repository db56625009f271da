package catalog

import (
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// A merged record says what the backups say that it replaces, as far as these exist.
func TestCheckMerged(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	commit := func(end int64) *manifest.Commit {
		return &manifest.Commit{LSN: 10, EndFile: 1, End: end, Run: int(end)}
	}
	scene := func() (m *manifest.Committed, parts map[manifest.Seq]*manifest.Committed) {
		parts = map[manifest.Seq]*manifest.Committed{}
		for seq := manifest.Seq(2); seq <= 4; seq++ {
			parts[seq] = &manifest.Committed{Manifest: &manifest.Manifest{
				Seq: seq, Kind: manifest.Incremental, Continues: new(seq - 1), StartEpoch: uint64(seq) * 10, EndEpoch: uint64(seq)*10 + 9,
				StartTime: &at, EndTime: &at, Commits: 10, Timeline: 1, CreatedAt: at, Position: manifest.Position{Commit: commit(int64(seq))}, //nolint:gosec // small
			}}
		}
		whole := *parts[4].Manifest
		whole.Seq, whole.Kind, whole.Replaces, whole.Continues = 7, manifest.Merged, &manifest.Range{2, 4}, new(manifest.Seq(1))
		whole.StartEpoch, whole.Commits = 20, 30
		whole.Position.Commit = commit(4)
		whole.Position.Commit.Run = 0 // it depends on where the log begins
		return &manifest.Committed{Manifest: &whole}, parts
	}
	other := at.Add(time.Second)
	for name, c := range map[string]struct {
		change func(m *manifest.Committed, parts map[manifest.Seq]*manifest.Committed)
		ok     bool
	}{
		"right":          {func(*manifest.Committed, map[manifest.Seq]*manifest.Committed) {}, true},
		"a part is gone": {func(m *manifest.Committed, p map[manifest.Seq]*manifest.Committed) { delete(p, 3); m.Commits = 5 }, true},
		"another beginning": {func(m *manifest.Committed, _ map[manifest.Seq]*manifest.Committed) {
			m.Continues = new(manifest.Seq(0))
		}, false},
		"another first epoch": {func(m *manifest.Committed, _ map[manifest.Seq]*manifest.Committed) { m.StartEpoch = 21 }, false},
		"another first time":  {func(m *manifest.Committed, _ map[manifest.Seq]*manifest.Committed) { m.StartTime = &other }, false},
		"another last epoch":  {func(m *manifest.Committed, _ map[manifest.Seq]*manifest.Committed) { m.EndEpoch = 48 }, false},
		"no last time":        {func(m *manifest.Committed, _ map[manifest.Seq]*manifest.Committed) { m.EndTime = nil }, false},
		"another end":         {func(m *manifest.Committed, _ map[manifest.Seq]*manifest.Committed) { m.Position.Commit.End++ }, false},
		"no end":              {func(m *manifest.Committed, _ map[manifest.Seq]*manifest.Committed) { m.Position.Commit = nil }, false},
		"a commit less":       {func(m *manifest.Committed, _ map[manifest.Seq]*manifest.Committed) { m.Commits-- }, false},
		"another timeline":    {func(m *manifest.Committed, _ map[manifest.Seq]*manifest.Committed) { m.Timeline = 2 }, false},
		"another database":    {func(m *manifest.Committed, _ map[manifest.Seq]*manifest.Committed) { m.Database.ID = "x" }, false},
		"a part that is full": {func(_ *manifest.Committed, p map[manifest.Seq]*manifest.Committed) { p[3].Kind = manifest.Full }, false},
		"parts that lead past it": {func(_ *manifest.Committed, p map[manifest.Seq]*manifest.Committed) {
			p[3].Continues, p[1] = new(manifest.Seq(1)), &manifest.Committed{Manifest: &manifest.Manifest{Seq: 1, Kind: manifest.Incremental}}
		}, false},
	} {
		m, parts := scene()
		c.change(m, parts)
		err := CheckMerged(m, func(seq manifest.Seq) *manifest.Committed { return parts[seq] })
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
