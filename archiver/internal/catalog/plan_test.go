package catalog

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

const (
	header   = 128 // bytes of the header of a log file of 0.6
	logOne   = "wal_00000000000000000000.log"
	logTwo   = "wal_00000000000000000100.log"
	spilled  = "spill/vectors.bin"
	minCover = manifest.HoleBytes
)

// index returns an index with these files, each part of a file in a segment of its own.
func index(segments string, files ...manifest.File) *manifest.Index {
	ix := &manifest.Index{Commits: []manifest.CommitTime{}}
	for i, f := range files {
		bytes := f.Bytes - f.From
		ix.Segments = append(ix.Segments, manifest.Segment{Key: segments + string(rune('a'+i)), StoredBytes: 10, RawBytes: bytes})
		ix.Frames = append(ix.Frames, manifest.Frame{Segment: i, StoredBytes: 10, RawBytes: bytes})
		f.Extents = []manifest.Extent{{Offset: f.From, Bytes: bytes, Frame: i}}
		ix.Files = append(ix.Files, f)
	}
	return ix
}

// endsAt makes m end at this position of a 0.6 log.
func endsAt(m *manifest.Committed, lsn uint64) *manifest.Committed {
	m.Position = manifest.Position{LSN: lsn, Commit: &manifest.Commit{}}
	return m
}

// planned returns the chain of a full backup and an incremental, and their indexes.
func planned() (*Route, []*manifest.Index) {
	one := endsAt(full(1, 1, 2, 5), 100)
	two := endsAt(incremental(2, one, 6, 8), 150)
	first := index("1", manifest.File{Name: manifest.ImageName, Bytes: 4096}, manifest.File{Name: logOne, Bytes: header + 100})
	second := index("2", manifest.File{Name: logOne, From: header + 100, Bytes: header + 100}, manifest.File{Name: logTwo, Bytes: header + 50})
	second.Commits = []manifest.CommitTime{{6, millis(6)}, {7, millis(7)}, {8, millis(8)}}
	return &Route{Chain: []*manifest.Committed{one, two}}, []*manifest.Index{first, second}
}

func millis(n int) uint64 { return uint64(minute(n).UnixMilli()) } //nolint:gosec // of this century

func TestPlan(t *testing.T) {
	r, indexes := planned()
	p, err := NewPlan(r, indexes, Target{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{manifest.ImageName, logOne, logTwo}, p.FileNames()); diff != "" {
		t.Errorf("files: -want +got: %s", diff)
	}
	if diff := cmp.Diff([]int{0, 1, 1, 2}, p.FileOf); diff != "" {
		t.Errorf("files of the index: -want +got: %s", diff)
	}
	raw := int64(4096 + header + 100 + header + 50)
	if diff := cmp.Diff(Cost{Objects: 4, ObjectBytes: 40, StoredBytes: 40, RawBytes: raw, NeededBytes: raw}, p.Cost); diff != "" {
		t.Errorf("cost: -want +got: %s", diff)
	}
	if image, first, later := p.NeededBytes(); image != 4096 || first != header+100 || later != header+50 {
		t.Errorf("needed are %d, %d and %d bytes", image, first, later)
	}
	if diff := cmp.Diff(State{Epoch: 8, Time: new(minute(8)), Exact: true}, p.State); diff != "" {
		t.Errorf("state: -want +got: %s", diff)
	}
	if key := p.ManifestKey(3); key != r.Chain[1].Seq.Key() {
		t.Errorf("the second log file is of %s", key)
	}
	if diff := cmp.Diff([]manifest.Digest{{1}, {2}}, p.Digests()); diff != "" {
		t.Errorf("digests: -want +got: %s", diff)
	}
	logs := p.LogFiles()
	if len(logs) != 2 || logs[0].Name != logOne || logs[0].Bytes != header+100 || logs[1].Name != logTwo {
		t.Errorf("the log is %+v", logs)
	}
}

// The state that a plan leads to is known without the log, as far as indexes say it.
func TestStateOfAPlan(t *testing.T) {
	for _, c := range []struct {
		name  string
		route func(r *Route, indexes []*manifest.Index)
		want  State
	}{
		{"cut at an epoch", func(r *Route, _ []*manifest.Index) { r.Epoch = new(uint64(7)) }, State{Epoch: 7, Time: new(minute(7)), Exact: true}},
		{"cut at a time", func(r *Route, _ []*manifest.Index) { r.Time = new(minute(7)) }, State{Epoch: 7, Time: new(minute(7)), Exact: true}},
		{"cut before its first commit", func(r *Route, _ []*manifest.Index) { r.Epoch = new(uint64(5)) }, State{Epoch: 5, Time: new(minute(5)), Exact: true}},
		{"cut, with more commits than are listed", func(r *Route, indexes []*manifest.Index) {
			r.Epoch, r.Chain[1].Commits, indexes[1].Commits = new(uint64(7)), 3, nil
		}, State{Epoch: 7, Time: new(minute(5)), Exact: false}},
		{"cut, with commits without times", func(r *Route, indexes []*manifest.Index) {
			r.Epoch, indexes[1].Commits[1] = new(uint64(7)), manifest.CommitTime{7, 0}
		}, State{Epoch: 7, Time: nil, Exact: true}},
	} {
		r, indexes := planned()
		c.route(r, indexes)
		p, err := NewPlan(r, indexes, Target{Epoch: r.Epoch, Time: r.Time})
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if diff := cmp.Diff(c.want, p.State); diff != "" {
			t.Errorf("%s: -want +got: %s", c.name, diff)
		}
	}
	r, indexes := planned()
	if p, err := NewPlan(r, indexes, Target{Time: new(minute(9))}); err != nil || p.State.Exact {
		t.Errorf("the last backup before a time is %+v, %v", p, err)
	}
}

// Indexes that do not continue each other are damage of the backup that does not fit.
func TestIndexesThatDoNotFit(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(r *Route, indexes []*manifest.Index)
		words string
	}{
		{"a part that begins later", func(_ *Route, indexes []*manifest.Index) { indexes[1].Files[0].From++ }, "what it continues ends at"},
		{"a file that became shorter", func(_ *Route, indexes []*manifest.Index) {
			indexes[1].Files[0].From, indexes[1].Files[0].Bytes = 0, 10
		}, "what it continues ends at"},
		{"another end", func(r *Route, _ []*manifest.Index) { r.Chain[1].Position.LSN++ }, "the log ends at"},
		{"a hole between two files", func(r *Route, indexes []*manifest.Index) {
			indexes[1].Files[1].Name, r.Chain[1].Position.LSN = "wal_00000000000000000101.log", 151
		}, "there is a hole in the log"},
		{"a replay of a file that is not there", func(_ *Route, indexes []*manifest.Index) {
			indexes[0].Replay = &manifest.Replay{File: 7}
		}, "its replay begins"},
	} {
		r, indexes := planned()
		c.spoil(r, indexes)
		if _, err := NewPlan(r, indexes, Target{}); err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: the error is %v", c.name, err)
		}
	}
}

func TestDropSpill(t *testing.T) {
	r, indexes := planned()
	indexes[0] = index("1", manifest.File{Name: manifest.ImageName, Bytes: 4096}, manifest.File{Name: spilled, Bytes: 500}, indexes[0].Files[1])
	p, err := NewPlan(r, indexes, Target{})
	if err != nil {
		t.Fatal(err)
	}
	before := p.Cost.RawBytes
	p.DropSpill()
	if diff := cmp.Diff([]string{manifest.ImageName, logOne, logTwo}, p.FileNames()); diff != "" {
		t.Errorf("files: -want +got: %s", diff)
	}
	if len(p.Index.Files) != 4 || p.FileOf[3] != 2 || p.ManifestKey(3) != r.Chain[1].Seq.Key() || before-p.Cost.RawBytes != 500 {
		t.Errorf("the plan is %+v", p)
	}
}

// Extents with little between them cover it as well; only long gaps become holes.
func TestCovered(t *testing.T) {
	var got [][2]int64
	for from, end := range Covered([]manifest.Extent{{Offset: 10, Bytes: 5}, {Offset: 20, Bytes: 5}, {Offset: 25 + minCover, Bytes: 1}, {Offset: 26 + minCover, Bytes: 1}}) {
		got = append(got, [2]int64{from, end})
	}
	if diff := cmp.Diff([][2]int64{{10, 25}, {25 + minCover, 27 + minCover}}, got); diff != "" {
		t.Errorf("-want +got: %s", diff)
	}
}
