package picture

import (
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gbak-s3/gbak-s3/internal/history"
)

// TestGapsShowBetweenPoints: where spans and gaps are each shorter than a cell, the lines of the spans, 3 px
// wide, leave as much of the hatching on a screen of 320 px. Else what cannot be restored would look restorable.
func TestGapsShowBetweenPoints(t *testing.T) {
	t.Parallel()
	to := time.Date(2026, 11, 26, 14, 30, 0, 0, time.UTC)
	s := scale{to.Add(-730 * day), to}
	one := history.Timeline{Number: 1}
	for at := s.from; at.Before(to); at = at.Add(35 * time.Hour) {
		one.Spans = append(one.Spans, history.Span{From: at, To: at.Add(30 * time.Hour)})
	}
	l := (&band{timelines: []*history.Timeline{&one}}).layOut(s)
	if len(l.points) < 20 {
		t.Fatalf("there are %d points", len(l.points))
	}
	const line = 3
	for i, x := range l.points[1:] {
		if left := share(x-l.points[i])*narrow - line; left < line*0.95 {
			t.Fatalf("between two points are %g px", left)
		}
	}
}

// TestLabelsOfBandsFit: what stands above a band is no wider than a picture on a screen of 320 px, and an
// empty band says why it is empty.
func TestLabelsOfBandsFit(t *testing.T) {
	t.Parallel()
	to := time.Date(2026, 11, 26, 14, 30, 0, 0, time.UTC)
	s := scale{to.Add(-day), to}
	old := []history.Span{{From: to.Add(-5 * day), To: to.Add(-3 * day)}}
	for _, tt := range []struct {
		v    View
		want string
	}{
		{View{History: &history.History{Timelines: []history.Timeline{{Number: 123, Fulls: []history.Full{{At: to}}}}}}, "Timeline 123: nothing restorable"},
		{View{History: &history.History{Timelines: []history.Timeline{{Number: 12, Spans: old}}}}, "Timeline 12: nothing of this time"},
		{View{History: &history.History{Timelines: []history.Timeline{{Number: 1, Spans: old}}}, QuietUntil: to}, "Timeline 1"},
		{View{History: &history.History{Timelines: []history.Timeline{{Number: 1, Spans: old}}}, UnsavedSince: to.Add(-time.Hour)}, "Timeline 1"},
	} {
		bands := tt.v.bands(s)
		if len(bands) != 1 || bands[0].label != tt.want {
			t.Fatalf("there are %d bands, want one labelled %q; it is %q", len(bands), tt.want, bands[0].label)
		}
		if width := wideLetter * float64(utf8.RuneCountInString(bands[0].label)); width > narrow+wideLetter {
			t.Errorf("%q is %g px wide", bands[0].label, width)
		}
	}
}
