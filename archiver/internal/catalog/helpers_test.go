package catalog

import (
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

var start = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

// minute returns the time n minutes after start.
func minute(n int) time.Time { return start.Add(time.Duration(n) * time.Minute) }

// full returns a full backup of a database of 0.6 that continues nothing. Its first commit
// is of the minute that its first epoch counts, and so is its last; it was taken a minute
// later.
func full(seq manifest.Seq, timeline int, from, to uint64) *manifest.Committed {
	first, last := minute(int(from)), minute(int(to)) //nolint:gosec // small
	return &manifest.Committed{
		Manifest: &manifest.Manifest{
			Seq: seq, Kind: manifest.Full, Timeline: timeline, Timelines: timeline,
			Database:   manifest.Database{Generation: "0.6", ID: "people", ImageEpoch: from},
			StartEpoch: from, EndEpoch: to, StartTime: &first, EndTime: &last, CreatedAt: last.Add(time.Minute), RestoreFrom: from,
		},
		Digest: manifest.Digest{byte(seq)},
	}
}

// after makes m continue parent: as a full backup if it was made by full.
func after(parent, m *manifest.Committed) *manifest.Committed {
	m.Continues, m.Timeline = &parent.Seq, parent.Timeline
	return m
}

// incremental returns an incremental backup that continues parent.
func incremental(seq manifest.Seq, parent *manifest.Committed, from, to uint64) *manifest.Committed {
	m := after(parent, full(seq, parent.Timeline, from, to))
	m.Kind, m.RestoreFrom = manifest.Incremental, parent.RestoreFrom
	return m
}

// old makes m one of a database of 0.5, whose commits have no times.
func old(m *manifest.Committed) *manifest.Committed {
	m.Database.Generation = "0.5"
	m.ReadUntil = m.CreatedAt.Add(time.Second)
	m.StartTime, m.EndTime = nil, nil
	return m
}

// without returns the backups but for one.
func without(seq manifest.Seq, backups ...*manifest.Committed) []*manifest.Committed {
	var rest []*manifest.Committed
	for _, m := range backups {
		if m.Seq != seq {
			rest = append(rest, m)
		}
	}
	return rest
}

func seqs(chain []*manifest.Committed) []manifest.Seq {
	var list []manifest.Seq
	for _, m := range chain {
		list = append(list, m.Seq)
	}
	return list
}
