package rebuild

import (
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// A log is cut after the last commit of the last run that is wanted; an earlier run is
// kept whole.
func TestCutPoint(t *testing.T) {
	at := func(second int64) time.Time { return time.Unix(second, 0) }
	type commit struct {
		run       int
		epoch     uint64
		at        time.Time
		isNoEpoch bool
	}
	epoch := func(n uint64) *catalog.Route { return &catalog.Route{Epoch: &n} }
	until := at(15)
	byTime := &catalog.Route{Time: &until}
	for _, c := range []struct {
		what    string
		route   *catalog.Route
		commits []commit
		want    int // index of the commit; -1 for none
	}{
		{"no commits", epoch(3), nil, -1},
		{"all are later", epoch(3), []commit{{epoch: 4}, {epoch: 5}}, -1},
		{"the epoch itself", epoch(3), []commit{{epoch: 2}, {epoch: 3}, {epoch: 4}}, 1},
		{"between two epochs", epoch(3), []commit{{epoch: 2}, {epoch: 4}}, 0},
		{"two of one epoch", epoch(3), []commit{{epoch: 3}, {epoch: 3}, {epoch: 4}}, 1},
		{"without an epoch", epoch(3), []commit{{epoch: 3}, {isNoEpoch: true}, {epoch: 4}}, 0},
		{"an earlier run is kept", epoch(1), []commit{{epoch: 7}, {run: 1, epoch: 1}, {run: 1, epoch: 2}}, 1},
		{"a run that begins too late", epoch(1), []commit{{epoch: 7}, {run: 1, epoch: 2}}, 0},
		{"a time", byTime, []commit{{epoch: 2, at: at(10)}, {epoch: 3, at: at(15)}, {epoch: 4, at: at(16)}}, 1},
		{"a clock set back", byTime, []commit{{epoch: 2, at: at(10)}, {epoch: 3, at: at(16)}, {epoch: 4, at: at(14)}}, 0},
	} {
		var p cutPoint
		got, n := -1, 0
		for i, x := range c.commits {
			var commit grafeo.Commit
			commit.Run, commit.Epoch, commit.Time, commit.HasEpoch = x.run, x.epoch, x.at, !x.isNoEpoch
			commit.End = int64(i)
			p.visit(&commit, c.route)
			n++
		}
		if p.at != nil {
			got = int(p.at.End)
		}
		if got != c.want {
			t.Errorf("%s: cut after commit %d of %d, want %d", c.what, got, n, c.want)
		}
	}
}

func TestHasHole(t *testing.T) {
	extents := []manifest.Extent{{Offset: 10, Bytes: 5}, {Offset: 15, Bytes: 5}}
	for bytes, want := range map[int64]bool{20: false, 21: true} {
		if got := hasHole(&manifest.File{From: 10, Bytes: bytes, Extents: extents}); got != want {
			t.Errorf("up to %d: %v", bytes, got)
		}
	}
}
