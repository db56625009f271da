package picture

import (
	"fmt"
	"slices"
	"time"

	"github.com/gbak-s3/gbak-s3/internal/history"
)

// What tables have at most: the newest.
const (
	mostRows   = 60
	mostDrills = 30
)

// tables writes what the pictures show as tables, the newest first.
func (v View) tables(w *writer) {
	w.open("details", "class", "pic-tables")
	w.element("summary", "The same as tables")
	v.spanTable(w)
	if len(v.History.Drills) > 0 {
		v.drillTable(w)
	}
	w.close("details")
}

func (v View) spanTable(w *writer) {
	w.open("table")
	w.element("caption", "What can be restored (times in UTC)")
	head(w, "From", "To", "Epochs", "Backups")
	rows, left := 0, 0
	for i := len(v.History.Timelines) - 1; i >= 0; i-- {
		t := &v.History.Timelines[i]
		if rows >= mostRows {
			left += len(t.Spans)
			continue
		}
		w.open("tbody")
		w.open("tr")
		w.element("th", fmt.Sprintf("Timeline %d: %s", t.Number, count(len(t.Fulls), "full backup")), "colspan", "4", "scope", "rowgroup")
		w.close("tr")
		if len(t.Spans) == 0 {
			w.open("tr", "class", "pic-gap-row")
			w.element("td", "Nothing of it can be restored.", "colspan", "4")
			w.close("tr")
		}
		for j := len(t.Spans) - 1; j >= 0; j-- {
			if rows >= mostRows {
				left += j + 1
				break
			}
			spanRow(w, t.Spans[j])
			rows++
			if j > 0 {
				gapRow(w, t.Spans[j-1], t.Spans[j])
			}
		}
		w.close("tbody")
	}
	w.close("table")
	if left > 0 {
		w.element("p", fmt.Sprintf("%s more, older.", count(left, "span")))
	}
}

func head(w *writer, columns ...string) {
	w.open("thead")
	w.open("tr")
	for _, c := range columns {
		w.element("th", c, "scope", "col")
	}
	w.close("tr")
	w.close("thead")
}

func spanRow(w *writer, s history.Span) {
	w.open("tr")
	moment(w, s.From)
	moment(w, s.To)
	w.element("td", fmt.Sprintf("%d to %d", s.FromEpoch, s.ToEpoch))
	backups := fmt.Sprintf("%d: %d to %d", s.Backups, s.FirstBackup, s.LastBackup)
	if s.FirstBackup == s.LastBackup {
		backups = fmt.Sprintf("1: %d", s.FirstBackup)
	}
	w.element("td", backups)
	w.close("tr")
}

// gapRow writes what is between two spans.
func gapRow(w *writer, before, after history.Span) {
	said := "Gap"
	if d := after.From.Sub(before.To); d > 0 {
		said = "Gap of " + length(d)
	}
	if after.FromEpoch > before.ToEpoch+1 {
		said += fmt.Sprintf(": epochs %d to %d cannot be restored", before.ToEpoch+1, after.FromEpoch-1)
	}
	w.open("tr", "class", "pic-gap-row")
	w.element("td", said, "colspan", "4")
	w.close("tr")
}

func moment(w *writer, t time.Time) {
	w.open("td")
	w.element("time", clock(t), "datetime", t.UTC().Format(time.RFC3339))
	w.close("td")
}

func (v View) drillTable(w *writer) {
	w.open("table")
	w.element("caption", "Drills: restores that were tried (times in UTC)")
	head(w, "When", "Result", "State")
	w.open("tbody")
	shown := 0
	for _, d := range slices.Backward(v.History.Drills) {
		if shown++; shown > mostDrills {
			break
		}
		w.open("tr")
		moment(w, d.At)
		w.open("td")
		switch {
		case d.OK && d.Restore > 0:
			w.text("proven, in " + d.Restore.Round(time.Millisecond).String())
		case d.OK:
			w.text("proven")
		default:
			w.text("failed: ")
			w.element("bdi", d.Why)
		}
		w.close("td")
		state := "not known"
		if d.Timeline > 0 {
			state = fmt.Sprintf("epoch %d of timeline %d", d.Epoch, d.Timeline)
		}
		w.element("td", state)
		w.close("tr")
	}
	w.close("tbody")
	w.close("table")
	switch {
	case shown > mostDrills:
		w.element("p", "There were more drills before these.")
	case !v.History.DrillsSince.IsZero():
		w.element("p", fmt.Sprintf("Of drills before %s, some may be missing here.", clock(v.History.DrillsSince)))
	}
}
