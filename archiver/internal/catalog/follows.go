package catalog

import (
	"fmt"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Follows checks m against the backup that it continues, and the one before it;
// either may be nil if it cannot be read.
func (c *Catalog) Follows(m, before *manifest.Committed) error {
	timelines := m.Timeline // of a first backup of a timeline
	restoreFrom := m.StartEpoch
	switch {
	case m.Continues == nil:
		if m.Timelines != timelines || m.Seq == 1 && m.Timeline != 1 || before != nil && m.Timeline != before.Timelines+1 {
			return fmt.Errorf("it begins timeline %d of %d, which is not the next one", m.Timeline, m.Timelines)
		}
	case before != nil && m.Timelines != before.Timelines:
		return fmt.Errorf("it knows %d timelines, and there are %d", m.Timelines, before.Timelines)
	}
	if m.Continues != nil {
		continued := c.Backups[*m.Continues]
		switch {
		case continued == nil:
			return nil // that is found elsewhere
		case continued.Timeline != m.Timeline:
			return fmt.Errorf("it is of timeline %d, and backup %d, which it continues, of %d", m.Timeline, continued.Seq, continued.Timeline)
		case !continued.Database.Is(&m.Database):
			return fmt.Errorf("its database is %s, and that of backup %d, which it continues, is %s", m.Database.ID, continued.Seq, continued.Database.ID)
		case continued.Database.Generation != m.Database.Generation:
			return fmt.Errorf("it is of generation %s, and backup %d, which it continues, of %s", m.Database.Generation, continued.Seq, continued.Database.Generation)
		}
		if m.Kind == manifest.Incremental {
			restoreFrom = continued.RestoreFrom
		}
	}
	if m.LastFull != nil && before != nil {
		if full := before.NewestFull(); full == nil || *full != *m.LastFull {
			return fmt.Errorf("it says that the newest full backup before it is %d, and it is not", *m.LastFull)
		}
	}
	if m.RestoreFrom != restoreFrom {
		return fmt.Errorf("it says that states from epoch %d on can be restored, and that is %d", m.RestoreFrom, restoreFrom)
	}
	return nil
}
