package picture_test

import (
	"fmt"
	"time"

	"github.com/gbak-s3/gbak-s3/internal/history"
	"github.com/gbak-s3/gbak-s3/internal/page/picture"
)

// now is the right end of all pictures of these tests.
var now = time.Date(2026, 11, 26, 16, 50, 12, 0, time.UTC)

func ago(d time.Duration) time.Time { return now.Add(-d) }

const day = 24 * time.Hour

// span is a span that ends so long ago and is so long.
func span(end, length time.Duration, from, to uint64, backups int) history.Span {
	return history.Span{
		From: ago(end + length), To: ago(end), FromEpoch: from, ToEpoch: to,
		FirstBackup: from + 1, LastBackup: from + uint64(backups), Backups: backups,
	}
}

// fulls are full backups, every so long, the last one so long ago.
func fulls(n int, every, last time.Duration) (all []history.Full) {
	for i := range n {
		all = append(all, history.Full{At: ago(last + time.Duration(n-1-i)*every), Backup: uint64(i + 1)})
	}
	return all
}

// scenes are histories as there are, by name.
func scenes() map[string]picture.View {
	all := map[string]picture.View{
		"unknown": {},
		"empty":   {History: &history.History{}},
		"one backup": {History: &history.History{Backups: 1, Timelines: []history.Timeline{
			{Number: 1, Spans: []history.Span{span(3*time.Second, 0, 19, 19, 1)}, Fulls: fulls(1, day, 3*time.Second)},
		}}, QuietUntil: now},
		"a day of 8640 increments": {History: &history.History{Backups: 8641, Timelines: []history.Timeline{
			{Number: 1, Spans: []history.Span{span(4*time.Second, day, 0, 8640, 8641)}, Fulls: fulls(1, day, day)},
		}}, UnsavedSince: ago(4 * time.Second)},
		"at rest": {History: &history.History{Backups: 40, Timelines: []history.Timeline{
			{Number: 1, Spans: []history.Span{span(15*time.Hour, 3*day, 0, 900, 40)}, Fulls: fulls(3, day, 16*time.Hour)},
		}}, QuietUntil: now},
		"behind": {History: &history.History{Backups: 40, Timelines: []history.Timeline{
			{Number: 1, Spans: []history.Span{span(5*time.Hour, 3*day, 0, 900, 40)}, Fulls: fulls(3, day, 16*time.Hour)},
		}}, UnsavedSince: ago(5 * time.Hour)},
		"two years":               {History: twoYears(), QuietUntil: now},
		"ten timelines":           {History: timelines(10, 6*time.Hour), QuietUntil: now},
		"three hundred timelines": {History: timelines(300, 2*time.Hour), UnsavedSince: ago(40 * time.Second)},
		"gaps": {History: &history.History{
			Backups: 60, Timelines: []history.Timeline{{Number: 1, Fulls: fulls(5, 7*time.Hour, time.Hour), Spans: []history.Span{
				span(26*time.Hour, 5*time.Hour, 0, 100, 20), span(8*time.Hour, 10*time.Hour, 140, 300, 30), span(0, 7*time.Hour+59*time.Minute, 302, 400, 10),
			}}},
			Drills: []history.Drill{{At: ago(20 * time.Hour), OK: true, Timeline: 1, Epoch: 220, Restore: 41 * time.Second},
				{At: ago(3 * time.Hour), Why: `bytes: segments/a is damaged <script>alert("x")</script>`, Timeline: 1, Epoch: 380}},
			DrillsSince: ago(3 * day),
		}, QuietUntil: now},
		"a clock that was set back": {History: &history.History{Backups: 3, Timelines: []history.Timeline{
			{Number: 1, Fulls: fulls(2, -day, -2*time.Hour), Spans: []history.Span{{From: ago(time.Hour), To: ago(30 * time.Hour), ToEpoch: 9, FirstBackup: 1, LastBackup: 3, Backups: 3}}},
		}}},
		"nothing that can be restored": {History: &history.History{Backups: 2, Timelines: []history.Timeline{{Number: 1, Fulls: fulls(1, day, time.Hour)}}}},
	}
	for name, v := range all {
		v.ID, v.At = "d1", now
		all[name] = v
	}
	return all
}

// twoYears is what retention leaves of two years: months, weeks, days and the last days whole.
func twoYears() *history.History {
	h := &history.History{Backups: 3000}
	t := history.Timeline{Number: 1}
	epoch := uint64(0)
	point := func(at time.Time) {
		epoch += 100
		t.Spans = append(t.Spans, history.Span{From: at, To: at, FromEpoch: epoch, ToEpoch: epoch, FirstBackup: epoch, LastBackup: epoch, Backups: 1})
		t.Fulls = append(t.Fulls, history.Full{At: at, Backup: epoch})
	}
	for age := 730 * day; age > 90*day; age -= 30 * day {
		point(ago(age))
	}
	for age := 90 * day; age > 14*day; age -= day {
		point(ago(age))
	}
	t.Spans = append(t.Spans, history.Span{From: ago(14 * day), To: now, FromEpoch: epoch + 100, ToEpoch: epoch + 9000, FirstBackup: epoch + 100, LastBackup: epoch + 3000, Backups: 2900})
	t.Fulls = append(t.Fulls, fulls(14, day, 9*time.Hour)...)
	h.Timelines = []history.Timeline{t}
	for age := 700 * day; age > 0; age -= 7 * day {
		h.Drills = append(h.Drills, history.Drill{At: ago(age), OK: int(age/day)%50 != 0, Why: "structure: the header is wrong", Timeline: 1, Epoch: epoch, Restore: time.Second})
	}
	return h
}

// timelines are so many, each of which begins so long after the one before.
func timelines(n int, every time.Duration) *history.History {
	h := &history.History{Backups: 4 * n}
	for i := range n {
		age := time.Duration(n-i) * every
		h.Timelines = append(h.Timelines, history.Timeline{Number: i + 1, Fulls: []history.Full{{At: ago(age), Backup: uint64(4*i + 1)}}, Spans: []history.Span{{
			From: ago(age), To: ago(age - every*3/4), ToEpoch: 30, FirstBackup: uint64(4*i + 1), LastBackup: uint64(4*i + 4), Backups: 4,
		}}})
	}
	return h
}

// document is a whole page with a picture.
func document(name string, v picture.View) string {
	return fmt.Sprintf("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n<title>%s</title>\n<style>\n:root{color-scheme:light dark;--good:#1a7f37;--bad:#c4271c}\n@media (prefers-color-scheme:dark){:root{--good:#3fb950;--bad:#ff7b72}}\nbody{font:16px/1.5 system-ui,sans-serif;margin:1rem}\n%s</style>\n</head>\n<body>\n<main>\n<h1>%s</h1>\n%s\n</main>\n</body>\n</html>\n", name, picture.CSS, name, v.Draw())
}
