package history_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/internal/history"
)

func moment(minute int) time.Time { return time.Date(2026, 11, 26, 12, minute, 0, 0, time.UTC) }

func at(minute int) *time.Time { t := moment(minute); return &t }

// backup is one that was taken at a minute, with what was committed in the minute before.
func backup(seq uint64, kind archiver.Kind, timeline, minute int, start, end uint64) archiver.Backup {
	return archiver.Backup{
		Seq: seq, Kind: kind, Timeline: timeline, StartEpoch: start, EndEpoch: end, RestoreFrom: start, RestoreTo: end,
		CreatedAt: moment(minute), EndTime: at(minute - 1),
	}
}

// A full backup, two that continue it, a gap, and a second timeline.
var (
	backups = []archiver.Backup{
		backup(1, archiver.KindFull, 1, 1, 5, 5),
		backup(2, archiver.KindIncremental, 1, 2, 6, 8),
		backup(3, archiver.KindIncremental, 1, 3, 9, 9),
		backup(5, archiver.KindFull, 1, 9, 20, 20),
		backup(6, archiver.KindFull, 2, 12, 18, 18),
		backup(7, archiver.KindIncremental, 2, 13, 19, 30),
	}
	reach = []archiver.Reach{
		{Timeline: 2, FromEpoch: 18, ToEpoch: 30, FromTime: at(11), AsOf: moment(13), FirstBackup: 6, LastBackup: 7},
		{Timeline: 1, FromEpoch: 5, ToEpoch: 9, FromTime: at(0), AsOf: moment(3), FirstBackup: 1, LastBackup: 3},
		{Timeline: 1, FromEpoch: 20, ToEpoch: 20, FromTime: at(8), AsOf: moment(9), FirstBackup: 5, LastBackup: 5},
	}
)

// TestOf: timelines, spans and full backups are those of the archive.
func TestOf(t *testing.T) {
	t.Parallel()
	want := &history.History{Backups: 6, Timelines: []history.Timeline{
		{
			Number: 1, Fulls: []history.Full{{At: moment(1), Backup: 1}, {At: moment(9), Backup: 5}},
			Spans: []history.Span{
				{From: moment(0), To: moment(3), FromEpoch: 5, ToEpoch: 9, FirstBackup: 1, LastBackup: 3, Backups: 3},
				{From: moment(8), To: moment(9), FromEpoch: 20, ToEpoch: 20, FirstBackup: 5, LastBackup: 5, Backups: 1},
			},
		},
		{
			Number: 2, Fulls: []history.Full{{At: moment(12), Backup: 6}},
			Spans: []history.Span{{From: moment(11), To: moment(13), FromEpoch: 18, ToEpoch: 30, FirstBackup: 6, LastBackup: 7, Backups: 2}},
		},
	}}
	if diff := cmp.Diff(want, history.Of(backups, reach)); diff != "" {
		t.Error(diff)
	}
	if got := history.Of(backups, reach).LastBackup(); got != 7 {
		t.Errorf("the last backup is %d", got)
	}
}

// TestOfNoTimes: where the database keeps no times, a span begins when its first backup was taken.
func TestOfNoTimes(t *testing.T) {
	t.Parallel()
	h := history.Of([]archiver.Backup{{Seq: 1, Kind: archiver.KindFull, Timeline: 1, EndEpoch: 3, CreatedAt: moment(4)}},
		[]archiver.Reach{{Timeline: 1, ToEpoch: 3, AsOf: moment(4), FirstBackup: 1, LastBackup: 1}})
	if s := h.Newest().Last(); !s.From.Equal(moment(4)) || !s.To.Equal(moment(4)) {
		t.Errorf("%+v", s)
	}
}

// TestWith: a history that is kept up with each backup is the one that is read, but for when the
// first state of a full backup was committed.
func TestWith(t *testing.T) {
	t.Parallel()
	kept := &history.History{}
	for i := range backups {
		before := kept
		was := *kept
		kept = kept.With(&backups[i])
		if diff := cmp.Diff(&was, before); diff != "" {
			t.Fatalf("backup %d changed the history before it: %s", backups[i].Seq, diff)
		}
	}
	want := history.Of(backups, reach)
	for i := range want.Timelines {
		for j := range want.Timelines[i].Spans {
			want.Timelines[i].Spans[j].From = kept.Timelines[i].Spans[j].From
		}
	}
	if diff := cmp.Diff(want, kept); diff != "" {
		t.Error(diff)
	}
	next := backup(8, archiver.KindIncremental, 2, 14, 31, 31)
	a, b := kept.With(&next), kept.With(&next)
	if a.Newest().Last() == b.Newest().Last() || kept.Newest().Last().LastBackup != 7 {
		t.Error("two histories share what is changed")
	}
}

// TestWithDrills: which drills there were, or why nobody knows.
func TestWithDrills(t *testing.T) {
	t.Parallel()
	h := history.Of(backups, reach)
	drilled := h.WithDrills(archiver.DrillsReport{Since: moment(2), Drills: []archiver.PastDrill{
		{Drilled: archiver.Drilled{At: moment(5), OK: true, Timeline: 1, Epoch: 9}, Restore: time.Second},
	}})
	want := []history.Drill{{At: moment(5), OK: true, Timeline: 1, Epoch: 9, Restore: time.Second}}
	if diff := cmp.Diff(want, drilled.Drills); diff != "" || !drilled.DrillsSince.Equal(moment(2)) || h.Drills != nil {
		t.Error(diff)
	}
	if u := drilled.WithoutDrills("access denied"); u.Drills != nil || u.DrillsUnknown != "access denied" {
		t.Errorf("%+v", u)
	}
}
