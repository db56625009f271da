package catalog

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// history returns an archive with two timelines: 1 is a full backup, two incrementals, a
// full one that continues them and an incremental; 2 is a full one.
func history() []*manifest.Committed {
	one := full(1, 1, 2, 5)
	two := incremental(2, one, 6, 8)
	three := incremental(3, two, 9, 12)
	four := after(three, full(4, 1, 12, 15))
	five := incremental(5, four, 16, 20)
	six := full(6, 2, 10, 22)
	return []*manifest.Committed{one, two, three, four, five, six}
}

func TestRoute(t *testing.T) {
	type want struct {
		chain []manifest.Seq
		epoch uint64 // where the log is cut, 0 for nowhere
		time  *time.Time
		other []int
	}
	epoch := func(n uint64) Target { return Target{Epoch: &n} }
	at := func(at time.Time) Target { return Target{Time: &at} }
	cutAt := func(at time.Time) *time.Time { return &at }
	chain := func(seqs ...manifest.Seq) []manifest.Seq { return seqs }
	for _, c := range []struct {
		name    string
		backups []*manifest.Committed
		target  Target
		want    want
	}{
		{"the newest state", history(), Target{}, want{chain: chain(6)}},
		{"the newest state of a timeline", history(), Target{Timeline: 1}, want{chain: chain(4, 5)}},
		{"a backup", history(), Target{Backup: 3}, want{chain: chain(1, 2, 3)}},
		{"a full backup that continues others", history(), Target{Backup: 4}, want{chain: chain(4)}},
		{"an epoch in the middle of a backup", history(), epoch(7), want{chain: chain(1, 2), epoch: 7}},
		{"an epoch at the end of a backup", history(), epoch(8), want{chain: chain(1, 2)}},
		{"the first epoch", history(), epoch(2), want{chain: chain(1), epoch: 2}},
		{"an epoch of two timelines", history(), epoch(17), want{chain: chain(6), epoch: 17, other: []int{1}}},
		{"an epoch of the older timeline", history(), Target{Epoch: epoch(17).Epoch, Timeline: 1}, want{chain: chain(4, 5), epoch: 17}},
		{"an epoch that a full backup in the middle has the log of", without(5, without(6, history()...)...), epoch(11), want{chain: chain(1, 2, 3), epoch: 11}},
		{"a backup, with a later one missing", without(3, history()...), Target{Backup: 2}, want{chain: chain(1, 2)}},
		{"a time", history(), at(minute(7)), want{chain: chain(1, 2), time: cutAt(minute(7))}},
		{"a time between two backups", history(), at(minute(13)), want{chain: chain(4), time: cutAt(minute(13))}},
		{"the last time that is known", history(), at(minute(23)), want{chain: chain(6), time: cutAt(minute(23))}},
		{
			"a time that was cut off", history(), Target{Time: cutAt(minute(22)), Within: 10 * time.Minute},
			want{chain: chain(6), time: cutAt(minute(23))},
		},
		{"a time without times", []*manifest.Committed{old(full(1, 1, 1, 5)), old(full(2, 1, 1, 10))}, at(minute(8)), want{chain: chain(1)}},
		{"a time before the upgrade to 0.6", []*manifest.Committed{old(full(1, 1, 1, 5)), full(2, 2, 20, 22)}, at(minute(8)), want{chain: chain(1)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := New(c.backups).Route(c.target)
			if err != nil {
				t.Fatal(err)
			}
			got := want{chain: seqs(r.Chain), time: r.Time, other: r.OtherTimelines}
			if r.Epoch != nil {
				got.epoch = *r.Epoch
			}
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(want{})); diff != "" {
				t.Errorf("-want +got: %s", diff)
			}
			if r.IsCut() != (c.want.epoch != 0 || c.want.time != nil) {
				t.Errorf("IsCut is %v", r.IsCut())
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	setBack := history()[:3]
	setBack[2].CreatedAt, setBack[2].StartTime, setBack[2].EndTime = minute(4), new(minute(3)), new(minute(3))
	for _, c := range []struct {
		name    string
		backups []*manifest.Committed
		target  Target
		setBack [2]uint64
		known   time.Time
	}{
		{"an epoch before the first", history(), Target{Epoch: new(uint64(1))}, [2]uint64{}, time.Time{}},
		{"an epoch after the last", history(), Target{Epoch: new(uint64(23))}, [2]uint64{}, time.Time{}},
		{"an epoch of a backup that is missing", without(2, history()[:3]...), Target{Epoch: new(uint64(7))}, [2]uint64{}, time.Time{}},
		{"a timeline that does not exist", history(), Target{Timeline: 3}, [2]uint64{}, time.Time{}},
		{"a time before the first", history(), Target{Time: new(minute(1))}, [2]uint64{}, time.Time{}},
		{"a time after the last", history(), Target{Time: new(minute(60))}, [2]uint64{}, minute(23)},
		{"a time that came twice", setBack, Target{Time: new(minute(7))}, [2]uint64{2, 3}, time.Time{}},
		{"a time before the first backup without times", []*manifest.Committed{old(full(1, 1, 1, 5))}, Target{Time: new(minute(1))}, [2]uint64{}, time.Time{}},
		{"no backup", nil, Target{Time: new(minute(1))}, [2]uint64{}, time.Time{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := New(c.backups).Route(c.target)
			e, ok := errors.AsType[*UnreachableError](err)
			if !ok {
				t.Fatalf("the error is %v", err)
			}
			if e.SetBack != c.setBack || !e.Known.Equal(c.known) || e.Target == "" || len(e.Reach) == 0 && c.backups != nil {
				t.Errorf("the error is %+v", e)
			}
		})
	}
}

func TestRouteWithoutABackup(t *testing.T) {
	otherTimeline := history()
	otherTimeline[1].Timeline = 2
	for _, c := range []struct {
		name    string
		backups []*manifest.Committed
		key     string
	}{
		{"missing", without(2, history()...), "manifests/0000000002.json"},
		{"of another timeline", otherTimeline, "manifests/0000000001.json"},
	} {
		_, err := New(c.backups).Route(Target{Backup: 3})
		if e, ok := errors.AsType[*manifest.ObjectError](err); !ok || e.Key != c.key {
			t.Errorf("%s: the error is %v", c.name, err)
		}
	}
	for _, target := range []Target{{Backup: 1, Epoch: new(uint64(1))}, {Backup: 1, Time: new(start)}, {Epoch: new(uint64(1)), Time: new(start)}} {
		if _, err := New(history()).Route(target); err == nil {
			t.Errorf("%+v was accepted", target)
		}
	}
}

// Nothing but the chain to a backup is needed for its state, and all of the chain is: so a
// backup may go if it is in no chain to a state that is to stay.
func TestNothingButAChainIsNeeded(t *testing.T) {
	for _, m := range history() {
		chain := New(history()).ChainTo(m)
		alone := New(chain)
		if diff := cmp.Diff(seqs(chain), seqs(alone.ChainTo(m))); diff != "" {
			t.Errorf("%d: with only its chain, -want +got: %s", m.Seq, diff)
		}
		if r := alone.Reach(); len(r) != 1 || r[0].ToEpoch != m.EndEpoch {
			t.Errorf("%d: its chain alone reaches %+v", m.Seq, r)
		}
		for _, needed := range chain {
			if needed == m {
				continue
			}
			if got := New(without(needed.Seq, history()...)).ChainTo(m); got != nil {
				t.Errorf("%d: there is a chain without %d: %v", m.Seq, needed.Seq, seqs(got))
			}
		}
	}
}

func TestStretches(t *testing.T) {
	type want struct {
		Chain     []manifest.Seq
		Epoch     uint64 // where the log is cut
		Continues bool
	}
	for _, c := range []struct {
		name    string
		backups []*manifest.Committed
		want    []want
	}{
		{"one chain", history()[:3], []want{{[]manifest.Seq{1, 2, 3}, 0, false}}},
		{"a full backup that continues another", history()[:5], []want{{[]manifest.Seq{1, 2, 3, 4}, 12, true}, {[]manifest.Seq{4, 5}, 0, false}}},
		{"a newer timeline", history(), []want{{[]manifest.Seq{1, 2, 3}, 9, false}, {[]manifest.Seq{6}, 0, false}}},
	} {
		list, err := New(c.backups).Stretches(Target{})
		if err != nil {
			t.Fatal(err)
		}
		var got []want
		for _, s := range list {
			w := want{Chain: seqs(s.Route.Chain), Continues: s.Continues}
			if s.Route.Epoch != nil {
				w.Epoch = *s.Route.Epoch
			}
			got = append(got, w)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: -want +got: %s", c.name, diff)
		}
	}
	if _, err := New(nil).Stretches(Target{Epoch: new(uint64(1))}); err == nil {
		t.Error("there are stretches of nothing")
	}
}

// What a manifest says of those before it is compared, one statement after the other.
func TestCheckAncestry(t *testing.T) {
	for _, c := range []struct {
		name  string
		lie   func(m *manifest.Committed)
		which int
	}{
		{"the number of a new timeline", func(m *manifest.Committed) { m.Timeline, m.Timelines = 3, 3 }, 5},
		{"how many timelines there are", func(m *manifest.Committed) { m.Timelines = 2 }, 1},
		{"the timeline", func(m *manifest.Committed) { m.Timeline = 2 }, 1},
		{"the database", func(m *manifest.Committed) { m.Database.ID = "cities" }, 1},
		{"the generation", func(m *manifest.Committed) { m.Database.Generation = "0.5" }, 1},
		{"the newest full backup", func(m *manifest.Committed) { m.LastFull = new(manifest.Seq(2)) }, 2},
		{"from where on states can be restored", func(m *manifest.Committed) { m.RestoreFrom = 1 }, 2},
	} {
		backups := history()
		if err := New(backups).CheckAncestry(backups[c.which], backups[c.which-1]); err != nil {
			t.Fatalf("%s: the truth: %v", c.name, err)
		}
		c.lie(backups[c.which])
		if err := New(backups).CheckAncestry(backups[c.which], backups[c.which-1]); err == nil {
			t.Errorf("%s: a lie was believed", c.name)
		}
	}
	if err := New(without(2, history()...)).CheckAncestry(history()[2], nil); err != nil {
		t.Errorf("a missing parent: %v", err)
	}
}
