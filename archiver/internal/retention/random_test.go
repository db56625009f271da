package retention

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// randomArchive is an archive of a database that commits and is backed up at random times.
// Its timelines take turns; imports have timelines of their own.
type randomArchive struct {
	backups []*manifest.Committed
	stored  map[manifest.Seq]time.Time
	commits map[int][]time.Time // of each timeline: that of epoch n is the n-th
	isLiar  map[manifest.Seq]bool
}

func (s *randomArchive) catalog() *catalog.Catalog { return catalog.New(s.backups) }

func (s *randomArchive) storedAt(seq manifest.Seq) time.Time { return s.stored[seq] }

// options of a random archive.
type options struct {
	imports bool
	long    bool // full backups take hours, beside others
}

func newRandomArchive(r *rand.Rand, o options) *randomArchive {
	s := &randomArchive{stored: map[manifest.Seq]time.Time{}, commits: map[int][]time.Time{}, isLiar: map[manifest.Seq]bool{}}
	now := time.Date(2026, time.Month(1+r.IntN(12)), 1+r.IntN(28), r.IntN(24), 0, 0, 0, time.UTC)
	step := []time.Duration{time.Hour, 7 * time.Hour, 25 * time.Hour, 10 * 24 * time.Hour}[r.IntN(4)]
	last := map[int]*manifest.Committed{} // backups of each timeline
	importing := 0                        // the timeline of the imported backups
	seq := manifest.Seq(0)
	for range 1 + r.IntN(14) {
		seq += 1 + manifest.Seq(r.IntN(8)/7) //nolint:gosec // small
		timeline := max(1, len(last))
		if len(last) == 0 || r.IntN(8) == 0 {
			timeline = len(last) + 1
		} else if r.IntN(6) == 0 {
			timeline = 1 + r.IntN(len(last))
		}
		parent := last[timeline]
		if o.imports && parent == nil && r.IntN(3) == 0 {
			importing = timeline
		}
		began := now
		now = now.Add(time.Duration(r.Int64N(int64(step))) + 1)
		for range r.IntN(4) {
			at := began.Add(time.Duration(r.Int64N(int64(now.Sub(began)))))
			s.commits[timeline] = append(s.commits[timeline], later(at, began))
		}
		slices.SortFunc(s.commits[timeline], time.Time.Compare)
		end := uint64(len(s.commits[timeline]))
		m := &manifest.Manifest{Seq: seq, Kind: manifest.Full, Timeline: timeline, EndEpoch: end, CreatedAt: now, ReadUntil: now}
		if parent != nil {
			m.Continues = &parent.Seq
			if r.IntN(3) > 0 {
				m.Kind = manifest.Incremental
			}
		}
		switch {
		case m.Kind == manifest.Full: // its image is that of the last checkpoint
			m.StartEpoch = end - min(end, r.Uint64N(4))
			if o.long && r.IntN(2) == 0 {
				m.CreatedAt = now.Add(-time.Duration(r.Int64N(int64(2 * step))))
			}
		default:
			m.StartEpoch = min(parent.EndEpoch+1, end)
		}
		if timeline == importing {
			m.CreatedAt = now.Add(time.Duration(r.Int64N(int64(20*step))) - 15*step)
			m.ReadUntil, m.Imported = m.CreatedAt, &manifest.Imported{SHA256: manifest.Digest{byte(seq)}}
		}
		if r.IntN(4) == 0 {
			m.Labels = manifest.Labels{"kind": []string{"a", "b"}[r.IntN(2)]}
		}
		s.stored[seq] = now
		last[timeline] = &manifest.Committed{Manifest: m}
		s.backups = append(s.backups, last[timeline])
	}
	return s
}

// randomRequest returns rules of one or two kinds, and pins.
func (s *randomArchive) randomRequest(r *rand.Rand) Request {
	rules := &manifest.Rules{}
	span := s.stored[s.backups[len(s.backups)-1].Seq].Sub(s.stored[s.backups[0].Seq])
	age := func() int64 { return 1 + r.Int64N(int64(span/time.Second)*5/4+2) }
	for range 1 + r.IntN(2) {
		n := 1 + r.IntN(4)
		switch r.IntN(10) {
		case 0:
			rules.Last = n
		case 1:
			rules.Full = n
		case 2:
			rules.Within = age()
		case 3:
			rules.Window = age()
		case 4:
			rules.Hourly = n
		case 5:
			rules.Daily = n
		case 6:
			rules.Weekly = n
		case 7:
			rules.Monthly = n
		case 8:
			rules.Yearly = n
		case 9:
			rules.Labels = []string{[]string{"kind", "kind=a", "other"}[r.IntN(3)]}
		}
	}
	q := Request{Rules: rules}
	if r.IntN(4) == 0 {
		q.Pins = []manifest.Pin{{Backup: s.backups[r.IntN(len(s.backups))].Seq}}
	}
	return q
}

// forRandom runs a check with many seeds, fewer with -short, on all processors. It stops at
// the first that fails.
func forRandom(t *testing.T, n int, check func(r *rand.Rand) (complaint string)) {
	t.Helper()
	if testing.Short() {
		n /= 20
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for seed := next.Add(1); seed <= int64(n) && !t.Failed(); seed = next.Add(1) {
				if complaint := check(rand.New(rand.NewPCG(uint64(seed), 16))); complaint != "" { //nolint:gosec // a seed
					t.Errorf("seed %d: %s", seed, complaint)
				}
			}
		})
	}
	wg.Wait()
}
