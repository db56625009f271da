package retention

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// oracle decides as slowly and plainly as the rules are written: it asks of each backup
// whether a rule wants it, and of each that is wanted, which ones catalog restores it from.
type oracle struct {
	backups []*manifest.Committed
	times   *Times
	rules   *manifest.Rules
	c       *catalog.Catalog
}

// stays returns the backups that stay.
func (o *oracle) stays(pins []manifest.Pin) map[manifest.Seq]bool {
	stays := map[manifest.Seq]bool{}
	for _, m := range o.backups {
		isPinned := len(pins) > 0 && pins[0].Backup == m.Seq
		if isPinned || o.isNewest(m) || o.wants(m) {
			for _, needed := range o.c.ChainTo(m) {
				stays[needed.Seq] = true
			}
		}
	}
	return stays
}

// isNewest reports whether no backup after m, or none that is not imported, is there.
func (o *oracle) isNewest(m *manifest.Committed) bool {
	after, own := 0, 0
	for _, b := range o.backups {
		if b.Seq > m.Seq {
			after++
			if b.Imported == nil {
				own++
			}
		}
	}
	return after == 0 || own == 0 && m.Imported == nil
}

func (o *oracle) wants(m *manifest.Committed) bool {
	r := o.rules
	for _, pattern := range r.Labels {
		if m.Labels.Match(pattern) {
			return true
		}
	}
	younger := 0
	for _, b := range o.backups {
		if o.isYounger(b, m) {
			younger++
		}
	}
	return younger < r.Last || o.isOfNewestFull(m, r.Full) ||
		r.Within > 0 && o.times.Now.Sub(o.times.Taken(m.Seq)) <= time.Duration(r.Within)*time.Second ||
		o.isNewestOf(m, r.Hourly, func(t time.Time) int { return int(t.Unix() / 3600) }) ||
		o.isNewestOf(m, r.Daily, func(t time.Time) int { return int(t.Unix() / 86400) }) ||
		o.isNewestOf(m, r.Weekly, func(t time.Time) int { return (int(t.Unix()/86400) + 3) / 7 }) || // 1970 began on a Thursday
		o.isNewestOf(m, r.Monthly, func(t time.Time) int { return t.Year()*12 + int(t.Month()) }) ||
		o.isNewestOf(m, r.Yearly, time.Time.Year) ||
		r.Window > 0 && o.isInWindow(m, o.times.Now.Add(-time.Duration(r.Window)*time.Second))
}

func (o *oracle) isYounger(a, b *manifest.Committed) bool {
	ta, tb := o.times.Taken(a.Seq), o.times.Taken(b.Seq)
	return ta.After(tb) || ta.Equal(tb) && a.Seq > b.Seq
}

func (o *oracle) isNewestOf(m *manifest.Committed, n int, period func(time.Time) int) bool {
	own, later := period(o.times.Taken(m.Seq)), map[int]bool{}
	for _, b := range o.backups {
		p := period(o.times.Taken(b.Seq))
		if p == own && o.isYounger(b, m) {
			return false
		}
		if p > own {
			later[p] = true
		}
	}
	return len(later) < n
}

func (o *oracle) isOfNewestFull(m *manifest.Committed, n int) bool {
	base, newer := o.c.ChainTo(m)[0], 0
	for _, b := range o.backups {
		if b.Kind == manifest.Full && b.Seq > base.Seq {
			newer++
		}
	}
	return newer < n
}

// isInWindow reports whether m is of a timeline that has a backup since from, and no full
// backup after m begins with what had been committed by then.
func (o *oracle) isInWindow(m *manifest.Committed, from time.Time) bool {
	isAlive := false
	for _, b := range o.backups {
		if b.Timeline == m.Timeline {
			isAlive = isAlive || !o.times.ReadBy(b.Seq).Before(from)
			if b.Kind == manifest.Full && b.Seq > m.Seq && !o.times.ReadBy(b.Seq).After(from) {
				return false
			}
		}
	}
	return isAlive
}

// What stays is what some rule wants and what that needs, and nothing else. It can be
// restored as before.
func TestWhatStaysIsWhatIsWanted(t *testing.T) {
	t.Parallel()
	forRandom(t, 100_000, func(r *rand.Rand) string {
		s := newRandomArchive(r, options{imports: r.IntN(2) == 0, long: r.IntN(2) == 0})
		q := s.randomRequest(r)
		c := s.catalog()
		d, err := Decide(c, s.storedAt, q)
		if err != nil {
			return err.Error()
		}
		o := &oracle{s.backups, d.Times, q.Rules, c}
		want := o.stays(q.Pins)
		for i := range d.Verdicts {
			v := &d.Verdicts[i]
			if v.Stays != want[v.Backup.Seq] {
				return fmt.Sprintf("%+v: backup %d stays: %v (%v)", *q.Rules, v.Backup.Seq, v.Stays, v.Words())
			}
			if (len(v.Words()) > 0) != v.Stays {
				return fmt.Sprintf("backup %d stays: %v, because %v", v.Backup.Seq, v.Stays, v.Words())
			}
		}
		if complaint := newestChains(d); complaint != "" {
			return complaint
		}
		return restoresAsBefore(c, d)
	})
}

// newestChains returns what is wrong with what must be readable for something to go.
func newestChains(d *Decision) string {
	rest := d.Rest()
	newest := map[int]*manifest.Committed{}
	for _, m := range rest.All() {
		newest[m.Timeline] = m
	}
	want := map[manifest.Seq]bool{}
	for _, m := range newest {
		for _, needed := range rest.ChainTo(m) {
			want[needed.Seq] = true
		}
	}
	for i := range d.Verdicts {
		if v := &d.Verdicts[i]; slices.Contains(v.Words(), "newest") {
			for _, needed := range rest.ChainTo(v.Backup) {
				want[needed.Seq] = true
			}
		}
	}
	if got := d.Newest(); !slices.Equal(got, slices.Sorted(maps.Keys(want))) {
		return fmt.Sprintf("of the newest states: %v, want %v", got, slices.Sorted(maps.Keys(want)))
	}
	return ""
}

// restoresAsBefore returns what is wrong with the routes to the backups that stay.
func restoresAsBefore(c *catalog.Catalog, d *Decision) string {
	rest := d.Rest()
	for _, m := range rest.All() {
		before, err := c.Route(catalog.Target{Backup: uint64(m.Seq)})
		if err != nil {
			return err.Error()
		}
		after, err := rest.Route(catalog.Target{Backup: uint64(m.Seq)})
		if err != nil {
			return err.Error()
		}
		if len(before.Chain) != len(after.Chain) || before.Chain[0] != after.Chain[0] {
			return fmt.Sprintf("backup %d was restored from %d on, and is from %d on", m.Seq, before.Chain[0].Seq, after.Chain[0].Seq)
		}
	}
	return ""
}

// Each state of the window that had a route has one after it.
func TestWindowKeepsEveryEpoch(t *testing.T) {
	t.Parallel()
	forRandom(t, 20_000, func(r *rand.Rand) string {
		s := newRandomArchive(r, options{long: r.IntN(2) == 0})
		q := s.randomRequest(r)
		first, last := s.stored[s.backups[0].Seq], s.stored[s.backups[len(s.backups)-1].Seq]
		q.Rules.Window = 1 + r.Int64N(int64(last.Sub(first)/time.Second)+2)
		c := s.catalog()
		d, err := Decide(c, s.storedAt, q)
		if err != nil {
			return err.Error()
		}
		from, rest := d.Times.Now.Add(-time.Duration(q.Rules.Window)*time.Second), d.Rest()
		for timeline, commits := range s.commits {
			for i, at := range commits {
				epoch := uint64(i + 1)
				target := catalog.Target{Epoch: &epoch, Timeline: timeline}
				if _, err := c.Route(target); err != nil || at.Before(from) {
					continue
				}
				if _, err := rest.Route(target); err != nil {
					return fmt.Sprintf("epoch %d, committed %s after the window began: %v", epoch, at.Sub(from), err)
				}
			}
		}
		return ""
	})
}

// What the user gives up goes with all that needs it, and nothing else does.
func TestGivingUp(t *testing.T) {
	t.Parallel()
	forRandom(t, 20_000, func(r *rand.Rand) string {
		s := newRandomArchive(r, options{imports: true, long: true})
		c := s.catalog()
		given := s.backups[r.IntN(len(s.backups))].Seq
		q := Request{GiveUp: []manifest.Seq{given}, Pins: s.randomRequest(r).Pins}
		known := s.backups
		if r.IntN(2) == 0 { // it cannot be read
			q.Unreadable, known = q.GiveUp, nil
			for _, m := range s.backups {
				if m.Seq != given {
					known = append(known, m)
				}
			}
		}
		wants, goes := false, map[manifest.Seq]bool{}
		for _, m := range s.backups {
			for _, needed := range c.ChainTo(m) {
				goes[m.Seq] = goes[m.Seq] || needed.Seq == given
			}
			isLast := m == s.backups[len(s.backups)-1]
			wants = wants || goes[m.Seq] && (isLast || len(q.Pins) > 0 && q.Pins[0].Backup == m.Seq)
		}
		d, err := Decide(catalog.New(known), s.storedAt, q)
		if wants != (err != nil) {
			return fmt.Sprintf("giving up %d: %v, want an error: %v", given, err, wants)
		}
		if err != nil {
			return ""
		}
		for _, seq := range d.Goes() {
			if !goes[seq] {
				return fmt.Sprintf("%d goes with %d", seq, given)
			}
			delete(goes, seq)
		}
		for seq, left := range goes {
			if left {
				return fmt.Sprintf("%d stays without %d", seq, given)
			}
		}
		return ""
	})
}
