package retention

import (
	"cmp"
	"errors"
	"slices"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// errTooManyRanges cannot happen to an archive whose keeps have been made here.
var errTooManyRanges = errors.New("a keep cannot have as many ranges of numbers")

// limitRanges makes more backups stay until the records of those that stay form at most so
// many ranges: of the gaps between these, those of the fewest backups. A record that was
// gone before stays gone.
func (a *archive) limitRanges(limit int, standIns []manifest.StandIn) error {
	records := a.records(standIns)
	for {
		gaps, ranges := a.gaps(records)
		if ranges <= limit {
			return nil
		}
		if len(gaps) == 0 {
			return errTooManyRanges
		}
		slices.SortStableFunc(gaps, func(a, b []record) int { return cmp.Compare(len(a), len(b)) })
		for _, gap := range gaps[:min(ranges-limit, len(gaps))] {
			for _, r := range gap {
				a.keep(Nearby, r.of, "")
			}
		}
		a.closeChains()
	}
}

// record is the number of a backup's record, which is another one's if it was merged.
type record struct {
	seq manifest.Seq
	of  int
}

// records returns the records of all backups, ascending.
func (a *archive) records(standIns []manifest.StandIn) []record {
	records := make([]record, len(a.verdicts))
	for i := range a.verdicts {
		records[i] = record{a.verdicts[i].Backup.Seq, i}
	}
	for _, s := range standIns {
		if i, ok := a.index[s.For]; ok {
			records[i].seq = s.By
		}
	}
	slices.SortFunc(records, func(a, b record) int { return cmp.Compare(a.seq, b.seq) })
	return records
}

// gaps returns how many ranges the records that stay form, and the gaps between these in
// which all numbers are records that could stay.
func (a *archive) gaps(records []record) (gaps [][]record, ranges int) {
	before := -1 // the place of the last record that stays
	for i, r := range records {
		if !a.verdicts[r.of].Stays {
			continue
		}
		if before < 0 || r.seq != records[before].seq+1 {
			ranges++
		}
		if gap := records[before+1 : i]; before >= 0 && len(gap) > 0 && r.seq-records[before].seq == manifest.Seq(i-before) && //nolint:gosec // ascending
			!slices.ContainsFunc(gap, func(r record) bool { return a.verdicts[r.of].GivenUp }) {
			gaps = append(gaps, gap)
		}
		before = i
	}
	return gaps, ranges
}
