package catalog

import (
	"errors"
	"fmt"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// CheckAncestry compares what the record m says about those before it with their manifests:
// the backup that it continues, and previous, the record with the number before its own.
// Either may be missing, previous is nil then. The error says what differs. What else a
// keep or a merged record says, [CheckKeep] and [CheckMerged] compare.
func (c *Catalog) CheckAncestry(m, previous *manifest.Committed) error {
	restoreFrom := m.StartEpoch
	switch {
	case previous != nil && m.Keep != previous.NewestKeep():
		return fmt.Errorf("it says that the newest keep before it is %d, and that is %d", m.Keep, previous.NewestKeep())
	case previous != nil && m.LastBackup != nil && *m.LastBackup != previous.NewestBackup():
		return fmt.Errorf("it says that the newest backup before it is %d, and that is %d", *m.LastBackup, previous.NewestBackup())
	case previous != nil && m.Kind != manifest.KeyChange && m.Keys != previous.Keys:
		return fmt.Errorf("it says that the newest list of keys is that of record %d, and that is %d", m.Keys, previous.Keys)
	case m.CopiedFrom != nil && m.Kind.HasContent():
		if err := checkCopy(m, previous); err != nil {
			return err
		}
	case !m.Kind.HasContent() && (previous == nil || m.Timelines == previous.Timelines):
		return nil
	case m.Kind.HasContent() && m.Continues == nil:
		if m.Timelines != m.Timeline || m.Seq == 1 && m.Timeline != 1 || previous != nil && m.Timeline != previous.Timelines+1 {
			return fmt.Errorf("it begins timeline %d of %d, which is not the next one", m.Timeline, m.Timelines)
		}
	case previous != nil && m.Timelines != previous.Timelines:
		return fmt.Errorf("it knows %d timelines, and there are %d", m.Timelines, previous.Timelines)
	}
	if m.Continues != nil {
		parent := c.parent(m)
		switch {
		case parent == nil:
			return nil // that is found elsewhere
		case parent.Timeline != m.Timeline:
			return fmt.Errorf("it is of timeline %d, and backup %d, which it continues, of %d", m.Timeline, parent.Seq, parent.Timeline)
		case !parent.Database.Is(&m.Database):
			return fmt.Errorf("its database is %s, and that of backup %d, which it continues, is %s", m.Database.ID, parent.Seq, parent.Database.ID)
		case parent.Database.Generation != m.Database.Generation:
			return fmt.Errorf("it is of generation %s, and backup %d, which it continues, of %s",
				m.Database.Generation, parent.Seq, parent.Database.Generation)
		}
		if m.Kind != manifest.Full {
			restoreFrom = parent.RestoreFrom
		}
	}
	if m.LastFull != nil && previous != nil {
		if full := previous.NewestFull(); full == nil || *full != *m.LastFull {
			return fmt.Errorf("it says that the newest full backup before it is %d, and it is not", *m.LastFull)
		}
	}
	if m.RestoreFrom != restoreFrom {
		return fmt.Errorf("it says that states from epoch %d on can be restored, and that is %d", m.RestoreFrom, restoreFrom)
	}
	return nil
}

// checkCopy compares what the copy of a backup says of timelines. They keep the numbers that
// they had, and some may have been removed before the copy was made.
func checkCopy(m, previous *manifest.Committed) error {
	timelines := m.Timeline
	switch {
	case previous != nil && previous.CopiedFrom == nil:
		return errors.New("it is a copy, and the record before it is none")
	case previous != nil:
		timelines = max(timelines, previous.Timelines)
	case m.Seq > 1:
		timelines = m.Timelines // the record before is missing
	}
	if m.Timelines != timelines {
		return fmt.Errorf("it knows %d timelines, and there are %d", m.Timelines, timelines)
	}
	return nil
}
