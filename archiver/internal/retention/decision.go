package retention

import (
	"slices"

	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Rest returns the catalog of the backups that stay.
func (d *Decision) Rest() *catalog.Catalog {
	var rest []*manifest.Committed
	for i := range d.Verdicts {
		if v := &d.Verdicts[i]; v.Stays {
			rest = append(rest, v.Backup)
		}
	}
	return catalog.New(rest)
}

// Newest returns the numbers of the records that a restore needs of the newest state of each
// timeline of which something stays, and of what stays as the newest; ascending. Nothing may
// go because of these unless they can be read.
func (d *Decision) Newest() []manifest.Seq {
	var records []manifest.Seq
	isDone := map[int]bool{}            // timelines
	isNeeded := map[manifest.Seq]bool{} // backups
	for i := range slices.Backward(d.Verdicts) {
		v := &d.Verdicts[i]
		if !v.Stays {
			continue
		}
		isNewest := slices.ContainsFunc(v.Because, func(r Reason) bool { return r.Rule == Newest })
		if isDone[v.Backup.Timeline] && !isNewest && !isNeeded[v.Backup.Seq] {
			continue
		}
		isDone[v.Backup.Timeline] = true
		records = append(records, v.Backup.RecordSeq())
		if v.Backup.Kind != manifest.Full {
			isNeeded[*v.Backup.Continues] = true
		}
	}
	slices.Sort(records)
	return records
}

// Goes returns the numbers of the backups that go, ascending, with those that could not be
// read.
func (d *Decision) Goes() []manifest.Seq {
	goes := slices.Clone(d.Unreadable)
	for i := range d.Verdicts {
		if v := &d.Verdicts[i]; !v.Stays {
			goes = append(goes, v.Backup.Seq)
		}
	}
	slices.Sort(goes)
	return goes
}

// TimelinesGone returns the timelines of which nothing stays, ascending.
func (d *Decision) TimelinesGone() []int {
	stays := map[int]bool{}
	for i := range d.Verdicts {
		v := &d.Verdicts[i]
		stays[v.Backup.Timeline] = stays[v.Backup.Timeline] || v.Stays
	}
	var gone []int
	for timeline, some := range stays {
		if !some {
			gone = append(gone, timeline)
		}
	}
	slices.Sort(gone)
	return gone
}

// ChainsOnly returns how many backups stay only as others need them, and the bytes that
// were stored for them. With a full backup for each point, they would go.
func (d *Decision) ChainsOnly() (backups int, storedBytes int64) {
	for i := range d.Verdicts {
		if v := &d.Verdicts[i]; v.Stays && len(v.Because) == 0 && v.NeededBy != 0 {
			backups++
			storedBytes += v.Backup.StoredBytes
		}
	}
	return backups, storedBytes
}
