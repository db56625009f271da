package catalog

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// epochs are what a [Reach] has.
type epochs struct {
	Timeline    int
	From, To    uint64
	First, Last uint64
}

func TestReach(t *testing.T) {
	t.Parallel()
	f1 := full(1, 1, 10, 12)
	i2 := incremental(2, f1, 13, 20)
	i3 := incremental(3, i2, 25, 30) // 21 to 24 changed nothing
	f4 := after(i3, full(4, 1, 35, 35))
	f5 := after(f4, full(5, 1, 40, 50))
	f6 := full(6, 2, 3, 3)
	f7 := after(f6, full(7, 2, 4, 4))
	tests := []struct {
		name    string
		backups []*manifest.Committed
		want    []epochs
	}{
		{"no backups", nil, nil},
		{"everything", []*manifest.Committed{f1, i2, i3, f4, f5, f6, f7}, []epochs{{2, 3, 4, 6, 7}, {1, 10, 50, 1, 5}}},
		{"removed in the middle", []*manifest.Committed{f1, i2, f4, f5}, []epochs{{1, 10, 20, 1, 2}, {1, 35, 50, 4, 5}}},
		{"a single state", []*manifest.Committed{f1, i2, i3, f5, f7}, []epochs{{2, 4, 4, 7, 7}, {1, 10, 30, 1, 3}, {1, 40, 50, 5, 5}}},
		{"without a full backup", []*manifest.Committed{i2, i3, f5}, []epochs{{1, 40, 50, 5, 5}}},
		{"an image of before the removal", []*manifest.Committed{f1, i2, after(i3, full(4, 1, 15, 35))}, []epochs{{1, 10, 35, 1, 4}}},
		{"nothing was committed between", []*manifest.Committed{f1, i2, after(i3, full(4, 1, 21, 35))}, []epochs{{1, 10, 35, 1, 4}}},
	}
	for _, tt := range tests {
		var got []epochs
		for _, r := range New(tt.backups).Reach() {
			got = append(got, epochs{r.Timeline, r.FromEpoch, r.ToEpoch, r.FirstBackup, r.LastBackup})
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: -want +got: %s", tt.name, diff)
		}
	}
}

// The ranges have the epochs to which there are routes, and no others, whatever was removed.
func TestReachIsWhatRoutesReach(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		var all []*manifest.Committed
		last := map[int]*manifest.Committed{} // of each timeline
		timelines, most := 0, uint64(0)
		for i := range rapid.IntRange(1, 25).Draw(r, "backups") {
			seq, timeline := manifest.Seq(i+1), timelines+1 //nolint:gosec // small
			if timelines > 0 && rapid.IntRange(0, 9).Draw(r, "new") > 0 {
				timeline = rapid.IntRange(1, timelines).Draw(r, "timeline")
			}
			parent := last[timeline]
			from := rapid.Uint64Range(0, 3).Draw(r, "from")
			var m *manifest.Committed
			switch {
			case parent == nil:
				timelines++
				m = full(seq, timeline, from, from+rapid.Uint64Range(0, 2).Draw(r, "to"))
			case rapid.IntRange(0, 2).Draw(r, "full") == 0:
				// the image is as old as the last checkpoint
				image := parent.EndEpoch + from - min(parent.EndEpoch, rapid.Uint64Range(0, 4).Draw(r, "checkpoint"))
				m = after(parent, full(seq, timeline, image, max(image, parent.EndEpoch)+rapid.Uint64Range(0, 2).Draw(r, "to")))
			default:
				from += parent.EndEpoch
				m = incremental(seq, parent, from, from+rapid.Uint64Range(0, 2).Draw(r, "to"))
			}
			last[timeline], most = m, max(most, m.EndEpoch)
			if rapid.IntRange(0, 4).Draw(r, "is there") > 0 {
				all = append(all, m)
			}
		}
		c := New(all)
		reach := c.Reach()
		for timeline := 1; timeline <= timelines; timeline++ {
			for epoch := range most + 2 {
				in := 0
				for _, s := range reach {
					if s.Timeline == timeline && s.FromEpoch <= epoch && epoch <= s.ToEpoch {
						in++
					}
				}
				_, err := c.Route(Target{Epoch: &epoch, Timeline: timeline})
				if in > 1 || (err == nil) != (in == 1) {
					r.Errorf("timeline %d, epoch %d: it is in %d ranges, and the route: %v", timeline, epoch, in, err)
				}
			}
		}
	})
}
