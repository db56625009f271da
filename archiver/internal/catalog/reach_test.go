package catalog

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// What can be restored is what there are chains to, whatever is missing, and
// whatever continues what.
func TestReachIsWhatChainsReach(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		var all []*manifest.Committed
		for seq := range rapid.IntRange(1, 40).Draw(r, "backups") {
			m := &manifest.Manifest{
				Seq: manifest.Seq(seq + 1), Kind: manifest.Full, Timeline: rapid.IntRange(1, 3).Draw(r, "timeline"),
				StartEpoch: rapid.Uint64Range(0, 20).Draw(r, "start"), EndEpoch: rapid.Uint64Range(0, 20).Draw(r, "end"),
				CreatedAt: time.Unix(rapid.Int64Range(0, 100).Draw(r, "created"), 0).UTC(),
			}
			if seq > 0 && rapid.IntRange(0, 4).Draw(r, "full") > 0 {
				before := manifest.Seq(rapid.IntRange(max(1, seq-3), seq).Draw(r, "continues"))
				m.Kind, m.Continues = manifest.Incremental, &before
			}
			if rapid.IntRange(0, 9).Draw(r, "is there") > 0 {
				all = append(all, &manifest.Committed{Manifest: m})
			}
		}
		c := New(all)
		var want []Reach
		for _, timeline := range c.timelines() {
			reach := Reach{Timeline: timeline}
			some := false
			for _, m := range c.of(timeline) {
				chain := c.ChainTo(m)
				if chain == nil {
					continue
				}
				if !some || chain[0].StartEpoch < reach.FromEpoch {
					reach.FromEpoch = chain[0].StartEpoch
				}
				reach.ToEpoch, reach.AsOf, some = max(reach.ToEpoch, m.EndEpoch), m.CreatedAt, true
			}
			if some {
				want = append(want, reach)
			}
		}
		if diff := cmp.Diff(want, c.Reach()); diff != "" {
			t.Errorf("-want +got: %s", diff)
		}
	})
}
