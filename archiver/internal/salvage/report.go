package salvage

import (
	"cmp"
	"context"
	"slices"

	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// State says whether epochs can be had.
type State string

// The states.
const (
	Restorable State = "restorable" // exactly as from a whole archive
	Unsure     State = "unsure"     // but more of that epoch may have been committed, in a record that is lost
	Lost       State = "lost"
)

// Timeline is what can be had of one timeline.
type Timeline struct {
	Number               int
	Database, DatabaseID string
	Generation           string
	Ranges               []Range // of epochs that it has, or had, as far as is known, ascending
	Backups              []Backup
}

// Range is epochs in a row with which it is the same.
type Range struct {
	From, To uint64
	State    State

	// OnlyRemoved says that they need records that are no backups any more: removed ones, or
	// such as were merged.
	OnlyRemoved bool

	Why []Hole // of a range that is lost, or unsure: what it would need
}

// Backup is a backup, and whether the state at its end can be had.
type Backup struct {
	Seq      manifest.Seq
	Kind     manifest.Kind
	EndEpoch uint64
	State    State
	Why      []Hole // unless it can be had
}

// Timelines returns what can be had, the newest timeline first.
func (s *Survey) Timelines(ctx context.Context) ([]Timeline, error) {
	spans, err := s.allSpans(ctx)
	if err != nil {
		return nil, err
	}
	byNumber := map[int]*Timeline{}
	had := map[int][]interval{}
	for _, r := range catalog.New(s.knownBackups()).Reach() {
		had[r.Timeline] = append(had[r.Timeline], interval{r.FromEpoch, r.ToEpoch})
	}
	for _, e := range s.list.Backups {
		m := s.shown(e)
		if m == nil {
			continue
		}
		t := byNumber[m.Timeline]
		if t == nil {
			t = &Timeline{Number: m.Timeline}
			byNumber[m.Timeline] = t
		}
		t.Database, t.DatabaseID, t.Generation = m.Database.Name, m.Database.ID, m.Database.Generation
		had[m.Timeline] = append(had[m.Timeline], interval{m.RestoreFrom, m.EndEpoch})
		b := Backup{Seq: e.Seq, Kind: m.Kind, EndEpoch: m.EndEpoch, State: s.stateOf(spans, m)}
		if b.State != Restorable {
			b.Why = s.why(m)
		}
		t.Backups = append(t.Backups, b)
	}
	var all []Timeline
	for number, t := range byNumber {
		s.addRanges(t, spans, had[number])
		all = append(all, *t)
	}
	slices.SortFunc(all, func(a, b Timeline) int { return cmp.Compare(b.Number, a.Number) })
	return all, nil
}

// stateOf says whether the state at the end of a backup can be had.
func (s *Survey) stateOf(spans []*span, m *manifest.Committed) State {
	state := Lost
	for _, sp := range spans {
		if sp.base().m.Timeline != m.Timeline {
			continue
		}
		switch {
		case s.endOf(sp, m) != nil, sp.has(m.EndEpoch) && s.endsEpoch(m):
			return Restorable
		case sp.from <= m.EndEpoch && m.EndEpoch <= sp.to:
			state = Unsure
		}
	}
	return state
}

// interval is epochs in a row, both ends included.
type interval struct{ from, to uint64 }

// addRanges adds to a timeline which epochs can be had.
func (s *Survey) addRanges(t *Timeline, spans []*span, had []interval) {
	var exact, withRemoved, unsure []interval
	for _, sp := range spans {
		if sp.base().m.Timeline != t.Number {
			continue
		}
		to := sp.to
		if !sp.sure {
			unsure = append(unsure, interval{to, to})
			if to == sp.from {
				continue
			}
			to--
		}
		if sp.isGone {
			withRemoved = append(withRemoved, interval{sp.from, to})
		} else {
			exact = append(exact, interval{sp.from, to})
		}
	}
	// Between two of these borders, it is the same everywhere.
	var borders []uint64
	for _, list := range [][]interval{exact, withRemoved, unsure, had} {
		for _, i := range list {
			borders = append(borders, i.from, i.to+1)
		}
	}
	slices.Sort(borders)
	borders = slices.Compact(borders)
	for i := range max(len(borders), 1) - 1 {
		r := Range{From: borders[i], To: borders[i+1] - 1}
		switch {
		case contain(exact, r.From):
			r.State = Restorable
		case contain(withRemoved, r.From):
			r.State, r.OnlyRemoved = Restorable, true
		case contain(unsure, r.From):
			r.State = Unsure
		case contain(had, r.From):
			r.State = Lost
		default:
			continue
		}
		if n := len(t.Ranges); n > 0 && t.Ranges[n-1].To+1 == r.From && t.Ranges[n-1].State == r.State && t.Ranges[n-1].OnlyRemoved == r.OnlyRemoved {
			t.Ranges[n-1].To = r.To
			continue
		}
		t.Ranges = append(t.Ranges, r)
	}
	for i := range t.Ranges {
		if r := &t.Ranges[i]; r.State != Restorable {
			r.Why = s.whyNot(t.Number, r)
		}
	}
}

func contain(list []interval, epoch uint64) bool {
	return slices.ContainsFunc(list, func(i interval) bool { return i.from <= epoch && epoch <= i.to })
}

// whyNot returns the holes that keep a range of epochs from being had.
func (s *Survey) whyNot(timeline int, r *Range) []Hole {
	var holes []Hole
	add := func(more []Hole) {
		for _, h := range more {
			if !slices.Contains(holes, h) {
				holes = append(holes, h)
			}
		}
	}
	for _, e := range s.list.Backups { // those that have some of the epochs themselves
		if m := s.shown(e); m != nil && m.Timeline == timeline && m.StartEpoch <= r.To && m.EndEpoch >= r.From {
			add(s.holesOf(m))
		}
	}
	for _, e := range s.list.Backups { // those that need others for it
		if m := s.shown(e); len(holes) == 0 && m != nil && m.Timeline == timeline && m.RestoreFrom <= r.To && m.EndEpoch >= r.From {
			add(s.why(m))
		}
	}
	if len(holes) == 0 || r.State == Unsure {
		for _, seq := range s.lost {
			add([]Hole{{seq.Key(), s.holes[seq.Key()]}})
		}
	}
	return holes
}

// why returns the holes that keep the end of a backup from being had: its own, or those of
// the ones that it continues.
func (s *Survey) why(m *manifest.Committed) []Hole {
	for {
		if holes := s.holesOf(m); len(holes) > 0 || m.Kind == manifest.Full || m.Continues == nil {
			return holes
		}
		seq := *m.Continues
		e, ok := s.list.Find(seq)
		if !ok {
			e.Seq, e.Record = seq, seq
		}
		parent := s.shown(e)
		if parent == nil || parent.Seq >= m.Seq {
			if problem := s.holes[e.Record.Key()]; problem != "" {
				return []Hole{{e.Record.Key(), problem}}
			}
			return []Hole{{e.Record.Key(), "it is not there any more"}}
		}
		m = parent
	}
}

// holesOf returns the holes among the objects of a backup.
func (s *Survey) holesOf(m *manifest.Committed) (holes []Hole) {
	keys := []string{m.Key()}
	if m.Index != nil {
		keys = append(keys, m.Index.Key)
	}
	if ix := s.indexes[m.RecordSeq()]; ix != nil {
		for _, g := range ix.Segments {
			keys = append(keys, g.Key)
		}
	}
	for _, key := range keys {
		if problem := s.holes[key]; problem != "" && !slices.Contains(holes, Hole{key, problem}) {
			holes = append(holes, Hole{key, problem})
		}
	}
	return holes
}
