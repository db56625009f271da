package catalog

import (
	"fmt"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// CheckMerged compares what the merged record m says with the backups that it replaces. If
// one of them is missing or damaged, there is nothing to compare with. The error says what
// differs.
func CheckMerged(m *manifest.Committed, records Records) error {
	from, to := m.Replaces[0], m.Replaces[1]
	last := records(to)
	commits := int64(0)
	first := last
	for part := last; ; part = records(*part.Continues) {
		switch {
		case part == nil:
			return nil
		case part.Kind != manifest.Incremental || part.Seq < from:
			return fmt.Errorf("it has the log of backups %d to %d, and backup %d is not one of them", from, to, part.Seq)
		}
		commits += part.Commits
		if first = part; part.Seq == from {
			break
		}
	}
	switch {
	case *m.Continues != *first.Continues:
		return fmt.Errorf("it continues backup %d, and backup %d continued %d", *m.Continues, from, *first.Continues)
	case m.StartEpoch != first.StartEpoch || !isSameTime(m.StartTime, first.StartTime):
		return fmt.Errorf("it begins at epoch %d, and backup %d began at %d", m.StartEpoch, from, first.StartEpoch)
	case m.EndEpoch != last.EndEpoch || !isSameTime(m.EndTime, last.EndTime):
		return fmt.Errorf("it ends at epoch %d, and backup %d ended at %d", m.EndEpoch, to, last.EndEpoch)
	case !isSamePlace(m.Position, last.Position):
		return fmt.Errorf("it does not end where backup %d ended", to)
	case m.Commits != commits:
		return fmt.Errorf("it has %d commits, and backups %d to %d had %d", m.Commits, from, to, commits)
	case m.Timeline != last.Timeline || m.Database != last.Database || m.RestoreFrom != last.RestoreFrom || !m.CreatedAt.Equal(last.CreatedAt):
		return fmt.Errorf("it says something else of the database than backup %d did", to)
	}
	return nil
}

func isSameTime(a, b *time.Time) bool {
	return a == nil && b == nil || a != nil && b != nil && a.Equal(*b)
}

// isSamePlace compares two ends of logs. In which run a log ends depends on where it
// begins.
func isSamePlace(a, b manifest.Position) bool {
	if a.LSN != b.LSN || (a.Commit == nil) != (b.Commit == nil) {
		return false
	}
	if a.Commit == nil {
		return true
	}
	x, y := *a.Commit, *b.Commit
	x.Run, y.Run = 0, 0
	return x == y
}
