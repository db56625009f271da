package retention

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Believed are as many as can be; of several such choices it is one with the newest backup,
// and then the one with the later times. The oracle tries all.
func TestBelievedAreAsManyAsCanBe(t *testing.T) {
	t.Parallel()
	forRandom(t, 20_000, func(r *rand.Rand) string {
		start := time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)
		var backups, candidates []*manifest.Committed
		stored := func(seq manifest.Seq) time.Time { return start.Add(time.Duration(seq) * time.Hour) }
		for i := range 1 + r.IntN(9) {
			seq := manifest.Seq(i + 1) //nolint:gosec // small
			m := &manifest.Manifest{Seq: seq, Kind: manifest.Full, CreatedAt: start.Add(time.Duration(r.IntN(10)) * time.Hour)}
			switch r.IntN(8) {
			case 0:
				m.Imported = &manifest.Imported{}
			case 1:
				m.CreatedAt = stored(seq).Add(Lead)
			case 2:
				m.CreatedAt = stored(seq).Add(Lead + 1)
			}
			backups = append(backups, &manifest.Committed{Manifest: m})
			if m.Imported == nil && !m.CreatedAt.After(stored(seq).Add(Lead)) {
				candidates = append(candidates, backups[i])
			}
		}
		var best []*manifest.Committed
		for set := range 1 << len(candidates) {
			var list []*manifest.Committed
			for i, m := range candidates {
				if set>>i&1 == 1 {
					list = append(list, m)
				}
			}
			isInOrder := slices.IsSortedFunc(list, func(a, b *manifest.Committed) int { return a.CreatedAt.Compare(b.CreatedAt) })
			if isInOrder && isBetter(list, best, candidates) {
				best = list
			}
		}
		got := TimesOf(catalog.New(backups), stored)
		for i, m := range backups {
			want, isDisbelieved := naiveTime(backups[i:], best, stored)
			if !got.Taken(m.Seq).Equal(want) || slices.Contains(got.Disbelieved, m.Seq) != isDisbelieved {
				return fmt.Sprintf("backup %d is of %v, want %v (%v)", m.Seq, got.Taken(m.Seq), want, isDisbelieved)
			}
		}
		return ""
	})
}

func isBetter(a, b, candidates []*manifest.Committed) bool {
	if len(a) != len(b) {
		return len(a) > len(b)
	}
	if len(a) == 0 {
		return false
	}
	newest := candidates[len(candidates)-1]
	if hasA, hasB := a[len(a)-1] == newest, b[len(b)-1] == newest; hasA != hasB {
		return hasA
	}
	for i := len(a) - 1; i >= 0; i-- {
		if order := a[i].CreatedAt.Compare(b[i].CreatedAt); order != 0 {
			return order > 0
		}
	}
	return false
}

// naiveTime returns the time of the first of these backups.
func naiveTime(list, believed []*manifest.Committed, stored func(manifest.Seq) time.Time) (at time.Time, isDisbelieved bool) {
	m := list[0]
	if m.Imported != nil {
		return earlier(m.CreatedAt, stored(m.Seq)), false
	}
	if slices.Contains(believed, m) {
		return m.CreatedAt, false
	}
	for _, b := range list {
		if !slices.Contains(believed, b) {
			continue
		}
		if m.CreatedAt.After(b.CreatedAt) && !m.CreatedAt.After(stored(m.Seq).Add(Lead)) {
			return m.CreatedAt, true
		}
		return b.CreatedAt, true
	}
	return stored(m.Seq), true
}

// lie makes hosts lie about the time, at random, and returns an archive where they do.
func (s *randomArchive) lie(r *rand.Rand, lie func(i int, m *manifest.Manifest) time.Time) *randomArchive {
	liars := &randomArchive{stored: s.stored, isLiar: map[manifest.Seq]bool{}}
	for i, m := range s.backups {
		told := *m.Manifest
		if at := lie(i, &told); !at.Equal(told.CreatedAt) {
			took := told.ReadUntil.Sub(told.CreatedAt)
			told.CreatedAt, told.ReadUntil, liars.isLiar[m.Seq] = at, at.Add(took), true
		}
		liars.backups = append(liars.backups, &manifest.Committed{Manifest: &told})
	}
	return liars
}

// However many clocks are wrong, and however: no backup counts as older than it is, against
// the newest one, unless its own clock is wrong. So what is to stay by its age stays.
func TestNoBackupIsOlderForOthersClocks(t *testing.T) {
	t.Parallel()
	forRandom(t, 20_000, func(r *rand.Rand) string {
		s := newRandomArchive(r, options{imports: r.IntN(2) == 0, long: r.IntN(2) == 0})
		liars := s.lie(r, func(_ int, m *manifest.Manifest) time.Time {
			if m.Imported != nil || r.IntN(2) == 0 {
				return m.CreatedAt
			}
			return m.CreatedAt.Add(time.Duration(r.IntN(200)-100) * time.Hour)
		})
		newest := s.backups[len(s.backups)-1].Seq
		q := Request{Rules: &manifest.Rules{Within: 1 + r.Int64N(1_000_000)}}
		d, err := Decide(liars.catalog(), s.storedAt, q)
		if err != nil {
			return err.Error()
		}
		if limit := s.storedAt(newest).Add(Lead); d.Times.Now.After(limit) {
			return fmt.Sprintf("now is %v, after %v", d.Times.Now, limit)
		}
		for i, m := range s.backups {
			if m.Imported != nil || liars.isLiar[m.Seq] {
				continue
			}
			if taken := d.Times.Taken(m.Seq); taken.Before(m.CreatedAt) {
				return fmt.Sprintf("backup %d of %v counts as of %v", m.Seq, m.CreatedAt, taken)
			}
			if age := s.storedAt(newest).Add(Lead).Sub(m.CreatedAt); age <= time.Duration(q.Rules.Within)*time.Second && !d.Verdicts[i].Stays {
				return fmt.Sprintf("backup %d goes at an age of %v", m.Seq, age)
			}
		}
		return ""
	})
}

// A host whose clock is wrong so that it shows, ahead of the store's or behind an earlier
// backup's, does not remove another's backups: what stays of these by some rule if it tells
// the truth stays if it lies.
func TestOneLyingHostRemovesNothing(t *testing.T) {
	t.Parallel()
	forRandom(t, 50_000, func(r *rand.Rand) string {
		s := newRandomArchive(r, options{})
		single := 1 + r.IntN(len(s.backups)) // not the first; perhaps none
		isAhead := r.IntN(2) == 0
		liars := s.lie(r, func(i int, m *manifest.Manifest) time.Time {
			wrong := time.Duration(1 + r.Int64N(int64(1000*time.Hour)))
			switch {
			case isAhead && r.IntN(3) == 0:
				return s.storedAt(m.Seq).Add(Lead + wrong)
			case !isAhead && i == single && i < len(s.backups)-1:
				return s.backups[i-1].CreatedAt.Add(-wrong)
			}
			return m.CreatedAt
		})
		q := s.randomRequest(r)
		truth, err := Decide(s.catalog(), s.storedAt, q)
		if err != nil {
			return err.Error()
		}
		lies, err := Decide(liars.catalog(), s.storedAt, q)
		if err != nil {
			return err.Error()
		}
		if len(lies.Times.Disbelieved) != len(liars.isLiar) {
			return fmt.Sprintf("disbelieved are %v of %v", lies.Times.Disbelieved, liars.isLiar)
		}
		for i := range truth.Verdicts {
			v := &truth.Verdicts[i]
			if !liars.isLiar[v.Backup.Seq] && len(v.Because) > 0 && !lies.Verdicts[i].Stays {
				return fmt.Sprintf("%+v: backup %d, which stays as %v, goes", *q.Rules, v.Backup.Seq, v.Words())
			}
		}
		return ""
	})
}

// 100,000 backups are decided on in far less than a second; a slow way would take minutes.
func TestTimesOfManyBackups(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)
	var backups []*manifest.Committed
	for i := range 100_000 {
		seq := manifest.Seq(i + 1) //nolint:gosec // small
		m := &manifest.Manifest{Seq: seq, Kind: manifest.Incremental, Timeline: 1, EndEpoch: uint64(seq), CreatedAt: start.Add(time.Duration(seq) * time.Second)}
		if i == 0 {
			m.Kind = manifest.Full
		} else {
			m.Continues = &backups[i-1].Seq
		}
		if i%7 == 3 {
			m.CreatedAt = m.CreatedAt.Add(-time.Hour)
		}
		backups = append(backups, &manifest.Committed{Manifest: m})
	}
	d, err := Decide(catalog.New(backups), func(seq manifest.Seq) time.Time { return start.Add(time.Duration(seq) * time.Second) },
		Request{Rules: &manifest.Rules{Daily: 30, Window: 3600}})
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Times.Disbelieved) != 14_286 || len(d.Goes()) != 0 {
		t.Errorf("%d disbelieved, %d go", len(d.Times.Disbelieved), len(d.Goes()))
	}
}
