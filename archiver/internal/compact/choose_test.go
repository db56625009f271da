package compact

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// row returns n backups in a row, of which the first is a full one and each continues the
// one before.
func row(n int) (all []*manifest.Committed) {
	for i := range n {
		end := start.Add(time.Duration(i) * time.Minute)
		m := &manifest.Manifest{
			Seq: manifest.Seq(i + 1), Kind: manifest.Incremental, Timeline: 1, RawBytes: 1000, StoredBytes: 500, SegmentsNew: 1,
			CreatedAt: end, EndTime: &end,
		}
		if i == 0 {
			m.Kind = manifest.Full
		} else {
			m.Continues = &all[i-1].Seq
		}
		all = append(all, &manifest.Committed{Manifest: m})
	}
	return all
}

func TestChoose(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(b []*manifest.Committed) []*manifest.Committed
		o      Options
		fixed  manifest.Seq
		want   string // first to last part of each series
	}{
		{name: "all but the first and the newest", o: Options{Min: 2, Tail: 1}, want: "2-11"},
		{name: "never the newest", o: Options{}, want: "2-11"},
		{name: "a longer tail", o: Options{Min: 2, Tail: 5}, want: "2-7"},
		{name: "a tail that is everything", o: Options{Min: 2, Tail: 50}},
		{name: "too few", o: Options{Min: 11, Tail: 1}},
		{name: "just enough", o: Options{Min: 10, Tail: 1}, want: "2-11"},
		{name: "a pin", o: Options{Min: 2, Tail: 1}, fixed: 5, want: "2-5 6-11"},
		{name: "a label", o: Options{Min: 2, Tail: 1}, want: "2-5 6-11", change: func(b []*manifest.Committed) []*manifest.Committed {
			b[4].Labels = manifest.Labels{"a": "b"}
			return b
		}},
		{name: "a full backup between them", o: Options{Min: 2, Tail: 1}, want: "2-5 7-11", change: func(b []*manifest.Committed) []*manifest.Committed {
			b[5].Kind = manifest.Full
			return b
		}},
		{name: "another one continues a part", o: Options{Min: 2, Tail: 1}, want: "2-4 5-11", change: func(b []*manifest.Committed) []*manifest.Committed {
			b[11].Kind, b[11].Continues = manifest.Full, &b[3].Seq
			return b
		}},
		{name: "an imported one", o: Options{Min: 2, Tail: 1}, want: "2-4 6-11", change: func(b []*manifest.Committed) []*manifest.Committed {
			b[4].Imported = &manifest.Imported{}
			return b
		}},
		{name: "a large one", o: Options{Min: 2, Tail: 1}, want: "2-4 6-11", change: func(b []*manifest.Committed) []*manifest.Committed {
			b[4].RawBytes = LargeBytes
			return b
		}},
		{name: "large ones on average", o: Options{Min: 2, Tail: 1}, change: func(b []*manifest.Committed) []*manifest.Committed {
			for _, m := range b {
				m.StoredBytes = maxAverage
			}
			return b
		}},
		{name: "a missing one", o: Options{Min: 2, Tail: 1}, want: "2-4 6-11", change: func(b []*manifest.Committed) []*manifest.Committed {
			return slices.Delete(b, 4, 5)
		}},
		{name: "another timeline between them", o: Options{Min: 2, Tail: 1}, want: "2-4 6-11", change: func(b []*manifest.Committed) []*manifest.Committed {
			b[4].Kind, b[4].Timeline, b[4].Continues = manifest.Full, 2, nil
			b[5].Continues = &b[3].Seq
			return b
		}},
		{name: "a clock that was set back", o: Options{Min: 2, Tail: 1}, want: "2-4 5-11", change: func(b []*manifest.Committed) []*manifest.Committed {
			b[4].CreatedAt = start
			return b
		}},
		{name: "commits that go back in time", o: Options{Min: 2, Tail: 1}, want: "2-4 5-11", change: func(b []*manifest.Committed) []*manifest.Committed {
			b[4].EndTime = &start
			return b
		}},
		{name: "merged, with little after it", o: Options{Min: 2, Tail: 1}, want: "3-11", change: func(b []*manifest.Committed) []*manifest.Committed {
			b[1].Replaces, b[1].RawBytes = &manifest.Range{2, 2}, 10_000
			return b
		}},
		{name: "merged, with as much after it", o: Options{Min: 2, Tail: 1}, want: "2-11", change: func(b []*manifest.Committed) []*manifest.Committed {
			b[1].Replaces, b[1].RawBytes = &manifest.Range{2, 2}, 9_000
			return b
		}},
		{name: "more than a record has", o: Options{Min: 2, Tail: 1}, want: "2-69 70-99", change: func([]*manifest.Committed) []*manifest.Committed {
			b := row(100)
			for _, m := range b {
				m.RawBytes = 15 << 20
			}
			return b
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			backups := row(12)
			if c.change != nil {
				backups = c.change(backups)
			}
			c.o.IsFixed = func(seq manifest.Seq) bool { return seq == c.fixed }
			got := ""
			for i, s := range Choose(catalog.New(backups), c.o) {
				if i > 0 {
					got += " "
				}
				got += fmt.Sprintf("%d-%d", s.First().Seq, s.Last().Seq)
			}
			if got != c.want {
				t.Errorf("series are %q, and should be %q", got, c.want)
			}
		})
	}
}
