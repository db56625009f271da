package history

import (
	"slices"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
)

// Of returns the history that backups of an archive give, of which reach says what can be
// restored, without drills.
func Of(backups []archiver.Backup, reach []archiver.Reach) *History {
	h := &History{Backups: len(backups)}
	at := map[int]int{} // number of a timeline → place
	timeline := func(number int) *Timeline {
		i, ok := at[number]
		if !ok {
			i = len(h.Timelines)
			at[number] = i
			h.Timelines = append(h.Timelines, Timeline{Number: number})
		}
		return &h.Timelines[i]
	}
	taken := map[uint64]time.Time{}
	for i := range backups {
		b := &backups[i]
		taken[b.Seq] = b.CreatedAt
		t := timeline(b.Timeline)
		if b.Kind == archiver.KindFull {
			t.Fulls = append(t.Fulls, Full{b.CreatedAt, b.Seq})
		}
	}
	for _, r := range reach {
		t := timeline(r.Timeline)
		s := Span{From: taken[r.FirstBackup], To: r.AsOf, FromEpoch: r.FromEpoch, ToEpoch: r.ToEpoch, FirstBackup: r.FirstBackup, LastBackup: r.LastBackup}
		if r.FromTime != nil {
			s.From = *r.FromTime
		}
		t.Spans = append(t.Spans, s)
	}
	slices.SortFunc(h.Timelines, func(a, b Timeline) int { return a.Number - b.Number })
	for i := range backups {
		h.count(&backups[i])
	}
	return h
}

// count counts a backup of h in the span that it ends in.
func (h *History) count(b *archiver.Backup) {
	i, ok := slices.BinarySearchFunc(h.Timelines, b.Timeline, func(t Timeline, number int) int { return t.Number - number })
	if !ok {
		return
	}
	for j := range h.Timelines[i].Spans {
		if s := &h.Timelines[i].Spans[j]; s.FromEpoch <= b.EndEpoch && b.EndEpoch <= s.ToEpoch {
			s.Backups++
			return
		}
	}
}

// WithDrills returns h with these drills.
func (h *History) WithDrills(r archiver.DrillsReport) *History {
	n := *h
	n.Drills, n.DrillsSince, n.DrillsUnknown = nil, r.Since, ""
	for _, d := range r.Drills {
		n.Drills = append(n.Drills, Drill{d.At, d.OK, d.Why, d.Timeline, d.Epoch, d.Restore})
	}
	return &n
}

// WithoutDrills returns h, of which it is not known which drills there were, and why.
func (h *History) WithoutDrills(why string) *History {
	n := *h
	n.Drills, n.DrillsSince, n.DrillsUnknown = nil, time.Time{}, why
	return &n
}

// With returns h with one backup more, which was committed after all of its backups.
func (h *History) With(b *archiver.Backup) *History {
	n := *h
	n.Backups++
	n.Timelines = slices.Clone(h.Timelines)
	if t := n.Newest(); t == nil || t.Number != b.Timeline {
		n.Timelines = append(n.Timelines, Timeline{Number: b.Timeline})
	}
	t := n.Newest()
	isFull := b.Kind == archiver.KindFull
	if isFull {
		t.Fulls = append(slices.Clip(t.Fulls), Full{b.CreatedAt, b.Seq})
	}
	end := b.CreatedAt
	if b.EndTime != nil && b.EndTime.After(end) {
		end = *b.EndTime
	}
	t.Spans = slices.Clone(t.Spans)
	if s := t.Last(); s != nil && (!isFull || b.StartEpoch <= s.ToEpoch+1) {
		s.To, s.ToEpoch, s.LastBackup = end, max(s.ToEpoch, b.RestoreTo), b.Seq
		s.Backups++
	} else if isFull {
		t.Spans = append(t.Spans, Span{From: b.CreatedAt, To: end, FromEpoch: b.RestoreFrom, ToEpoch: b.RestoreTo, FirstBackup: b.Seq, LastBackup: b.Seq, Backups: 1})
	}
	return &n
}

// LastBackup returns the number of the newest backup, 0 if there is none.
func (h *History) LastBackup() (seq uint64) {
	for i := range h.Timelines {
		t := &h.Timelines[i]
		for _, s := range t.Spans {
			seq = max(seq, s.LastBackup)
		}
		if n := len(t.Fulls); n > 0 {
			seq = max(seq, t.Fulls[n-1].Backup)
		}
	}
	return seq
}
