package retention

import (
	"sort"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Lead is how much a host's clock may be ahead of the store's.
const Lead = 5 * time.Minute

// Times are when the backups of an archive were taken.
//
// The clock of a host is believed unless it is ahead of the store's by more than [Lead], or
// goes back from one backup to the next. Which of two backups is wrong then cannot be
// known, so as few as possible are disbelieved: the others are a longest sequence in the
// order of their numbers in which times do not go back. Of several, it is one with the
// newest backup, and then the one with the later times, as what is younger is kept longer.
//
// A backup that is disbelieved counts as being as old as the next one that is believed, or
// as its own clock says if that is later; without a next one, as its record in the store.
// So whatever clocks say, no backup counts as older than its own host says, unless that
// host's clock is ahead of the store's.
//
// Imported backups have the time of the native backup, but not a later one than that of
// their record. They say nothing about other backups, which may be older or younger.
type Times struct {
	Now         time.Time      // zero if there are no backups
	Disbelieved []manifest.Seq // ascending

	taken, read map[manifest.Seq]time.Time
}

// Taken returns when a backup was taken: when its run began to read the database.
func (t *Times) Taken(seq manifest.Seq) time.Time { return t.taken[seq] }

// ReadBy returns when the run of a full backup had read the state of the database: what was
// committed later is not in it. That is as long after [Times.Taken] as its own host says,
// but not after the store had its record.
func (t *Times) ReadBy(seq manifest.Seq) time.Time { return t.read[seq] }

// TimesOf returns the times of the backups of c. stored returns when the store received the
// record of one.
func TimesOf(c *catalog.Catalog, stored func(manifest.Seq) time.Time) *Times {
	backups := c.All()
	t := &Times{taken: make(map[manifest.Seq]time.Time, len(backups)), read: make(map[manifest.Seq]time.Time, len(backups))}
	believed := believable(backups, stored)
	var next *manifest.Committed // the next one that is believed
	for i := len(backups) - 1; i >= 0; i-- {
		m, at := backups[i], stored(backups[i].Seq)
		taken := m.CreatedAt
		switch {
		case m.Imported != nil:
			taken = earlier(taken, at)
		case believed[m.Seq]:
			next = m
		default:
			t.Disbelieved = append(t.Disbelieved, m.Seq)
			taken = at
			if next != nil {
				taken = next.CreatedAt
				if !isAhead(m, at) {
					taken = later(taken, m.CreatedAt)
				}
			}
		}
		t.taken[m.Seq] = taken
		t.read[m.Seq] = taken
		if took := m.ReadUntil.Sub(m.CreatedAt); took > 0 {
			t.read[m.Seq] = later(taken, earlier(taken.Add(took), at))
		}
	}
	sort.Slice(t.Disbelieved, func(i, j int) bool { return t.Disbelieved[i] < t.Disbelieved[j] })
	t.Now = t.now(backups)
	return t
}

// now returns the time of the newest backup that is not imported, or of the newest if all
// are.
func (t *Times) now(backups []*manifest.Committed) time.Time {
	for i := len(backups) - 1; i >= 0; i-- {
		if backups[i].Imported == nil {
			return t.taken[backups[i].Seq]
		}
	}
	if n := len(backups); n > 0 {
		return t.taken[backups[n-1].Seq]
	}
	return time.Time{}
}

// isAhead reports whether the clock of a backup's host was too far ahead of the store's,
// which received its record at a time.
func isAhead(m *manifest.Committed, at time.Time) bool { return m.CreatedAt.After(at.Add(Lead)) }

// believable returns the backups whose own times are believed.
func believable(backups []*manifest.Committed, stored func(manifest.Seq) time.Time) map[manifest.Seq]bool {
	// A sequence is built from the levels that its backups have: that of a backup is the
	// length of the longest sequence that ends with it. The times of a level fall from one
	// backup to the next, as of two that do not the second could follow the first.
	var levels [][]*manifest.Committed
	for _, m := range backups {
		if m.Imported != nil || isAhead(m, stored(m.Seq)) {
			continue
		}
		level := sort.Search(len(levels), func(i int) bool {
			return levels[i][len(levels[i])-1].CreatedAt.After(m.CreatedAt)
		})
		if level == len(levels) {
			levels = append(levels, nil)
		}
		levels[level] = append(levels[level], m)
	}
	believed := map[manifest.Seq]bool{}
	var next *manifest.Committed
	for i := len(levels) - 1; i >= 0; i-- {
		level := levels[i]
		m := level[len(level)-1]
		switch {
		case next != nil: // the latest that is not after the next one
			m = level[sort.Search(len(level), func(i int) bool { return !level[i].CreatedAt.After(next.CreatedAt) })]
		case m.Seq != lastCandidate(levels):
			m = level[0]
		}
		believed[m.Seq], next = true, m
	}
	return believed
}

// lastCandidate returns the highest number in any of the levels.
func lastCandidate(levels [][]*manifest.Committed) manifest.Seq {
	last := manifest.Seq(0)
	for _, level := range levels {
		last = max(last, level[len(level)-1].Seq)
	}
	return last
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
