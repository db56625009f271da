package catalog

import (
	"fmt"
	"sort"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Records returns the record with a number, nil if it is missing or damaged.
type Records func(manifest.Seq) *manifest.Committed

// CheckKeep compares what the keep k says with the records before it that exist: below has
// them all. The error says what differs.
func CheckKeep(k *manifest.Committed, records Records, below []*manifest.Committed) error {
	said := k.Keeping
	if first := records(said.First); first != nil && (first.Kind != manifest.Keep || first.Keep != 0) {
		return fmt.Errorf("it says that the first keep is %d, and it is not", said.First)
	}
	if dead := records(said.DeadBefore); dead != nil && dead.Kind != manifest.Keep {
		return fmt.Errorf("it says that what is older than the keep %d is dead, and that is no keep", said.DeadBefore)
	}
	if before := records(k.Keep); before != nil && before.Kind == manifest.Keep {
		if err := checkShrunk(said, before); err != nil {
			return err
		}
	}
	if newest := records(*k.LastBackup); newest != nil && newest.Database != k.Database {
		return fmt.Errorf("its database is not that of backup %d", newest.Seq)
	}
	if err := checkStandIns(said, records); err != nil {
		return err
	}
	return checkNewest(k, below)
}

// checkShrunk compares a keep with the one before it: nothing that was gone is alive again,
// and nothing that was dead is not.
func checkShrunk(said *manifest.Keeping, before *manifest.Committed) error {
	was := before.Keeping
	switch {
	case said.First != was.First:
		return fmt.Errorf("it says that the first keep is %d, and the keep %d says %d", said.First, before.Seq, was.First)
	case said.DeadBefore < was.DeadBefore:
		return fmt.Errorf("it says that what is older than %d is dead, and the keep %d said %d", said.DeadBefore, before.Seq, was.DeadBefore)
	}
	for _, r := range said.Alive {
		if r[0] >= before.Seq {
			break
		}
		if again, ok := firstOutside(manifest.Range{r[0], min(r[1], before.Seq-1)}, was.Alive); ok {
			return fmt.Errorf("record %d is alive, and was gone as of the keep %d", again, before.Seq)
		}
	}
	for _, s := range said.StandIns {
		if o := was.StandInFor(s.For); s.By < before.Seq && (o == nil || *o != s) {
			return fmt.Errorf("record %d stands in for backup %d, and did not as of the keep %d", s.By, s.For, before.Seq)
		}
	}
	return nil
}

// firstOutside returns the first number of a range that is in none of the others. These are
// apart, so that a range is inside of one of them, or outside.
func firstOutside(r manifest.Range, others manifest.Ranges) (manifest.Seq, bool) {
	i := sort.Search(len(others), func(i int) bool { return others[i][1] >= r[0] })
	if i == len(others) || others[i][0] > r[0] {
		return r[0], true
	}
	return others[i][1] + 1, others[i][1] < r[1]
}

// checkStandIns compares the stand-ins with the merged records that they name.
func checkStandIns(said *manifest.Keeping, records Records) error {
	for _, s := range said.StandIns {
		if m := records(s.By); m != nil && (m.Kind != manifest.Merged || *m.Replaces != manifest.Range{s.From, s.For}) {
			return fmt.Errorf("record %d is not merged from the backups %d to %d", s.By, s.From, s.For)
		}
	}
	return nil
}

// checkNewest makes sure that what is alive are backups, and that the newest of them, and
// the newest full one, are those that the keep names.
func checkNewest(k *manifest.Committed, below []*manifest.Committed) error {
	standsIn := map[manifest.Seq]bool{}
	for _, s := range k.Keeping.StandIns {
		standsIn[s.By] = true
	}
	newest, full := manifest.Seq(0), manifest.Seq(0)
	for _, m := range below {
		switch {
		case m.Seq >= k.Seq || !k.Keeping.Alive.Contains(m.Seq) || standsIn[m.Seq]:
			continue
		case m.Kind != manifest.Full && m.Kind != manifest.Incremental:
			return fmt.Errorf("record %d is alive, and is no backup", m.Seq)
		case m.Kind == manifest.Full:
			full = max(full, m.Seq)
		}
		newest = max(newest, m.Seq)
	}
	switch {
	case newest > *k.LastBackup:
		return fmt.Errorf("it says that the newest backup is %d, and that is %d", *k.LastBackup, newest)
	case k.LastFull != nil && full > *k.LastFull:
		return fmt.Errorf("it says that the newest full backup is %d, and that is %d", *k.LastFull, full)
	}
	for _, m := range below {
		if k.LastFull != nil && m.Seq == *k.LastFull && m.Kind != manifest.Full {
			return fmt.Errorf("it says that the newest full backup is %d, and it is not", m.Seq)
		}
	}
	return nil
}
