package compact

import (
	"bytes"
	"errors"
	"hash/crc32"
	"slices"
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

const header06 = 128 // bytes of the header of a log segment

// log06 returns a joined log of three parts, which begins in the middle of a log segment, and
// what its parts say of it.
func log06(t *testing.T) (*merging, []byte) {
	t.Helper()
	var frames []byte
	var ends []int
	g := &merging{generation: grafeo.Gen06}
	for epoch := range uint64(6) {
		frames = grafeotest.AppendGroup06(frames, 1000+uint64(len(frames)), grafeotest.Group06{Epoch: epoch + 5, Time: start, Transaction: 2, Records: make([]byte, 40)})
		ends = append(ends, len(frames))
		g.commits = append(g.commits, manifest.CommitTime{epoch + 5, uint64(start.UnixMilli())})
	}
	reader, err := grafeo.ContinueReader06(bytes.NewReader(frames), grafeotest.SegmentName06(1000), header06)
	if err != nil {
		t.Fatal(err)
	}
	var last grafeo.Commit
	for range ends {
		if last, err = reader.Next(); err != nil {
			t.Fatal(err)
		}
	}
	g.first, g.last = &manifest.Manifest{Seq: 2}, &manifest.Manifest{Seq: 4, Position: manifest.Position{
		LSN: last.EndLSN, Commit: &manifest.Commit{LSN: last.LSN, CRC32C: last.CRC32C},
	}}
	for i := 1; i < len(ends); i += 2 {
		g.parts = append(g.parts, part{bytes: int64(ends[i]) - g.rawBytes})
		g.rawBytes = int64(ends[i])
	}
	g.files = []manifest.File{{
		Name: grafeotest.SegmentName06(1000), From: header06, Bytes: header06 + g.rawBytes, CRC32: crc32.ChecksumIEEE(frames),
	}}
	return g, frames
}

// A joined log is refused if it has other commits than its parts say.
func TestScan(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(g *merging, log []byte)
		want   string
	}{
		{name: "as it is"},
		{name: "a part says that it has more commits", want: "there are 6 commits instead of 7", change: func(g *merging, _ []byte) {
			g.commits = append(g.commits, manifest.CommitTime{11, 0})
		}},
		{name: "a part says that it has less commits", want: "there are more than 5 commits", change: func(g *merging, _ []byte) {
			g.commits = g.commits[:5]
		}},
		{name: "another epoch", want: "commit 3 has epoch 7, and should have 8", change: func(g *merging, _ []byte) {
			g.commits[2][0] = 8
		}},
		{name: "another time", want: "commit 3 has", change: func(g *merging, _ []byte) { g.commits[2][1]++ }},
		{name: "another last commit", want: "not the last one", change: func(g *merging, _ []byte) { g.last.Position.Commit.CRC32C++ }},
		{name: "another end", want: "not the last one", change: func(g *merging, _ []byte) { g.last.Position.LSN++ }},
		{name: "a flipped bit", want: "wrong checksum", change: func(_ *merging, log []byte) { log[len(log)/2] ^= 1 }},
		{name: "a longer file", want: "the last commit ends at", change: func(g *merging, _ []byte) { g.files[0].Bytes++ }},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, log := log06(t)
			if c.change != nil {
				c.change(g, log)
			}
			err := g.scan(bytes.NewReader(log))
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("the error is %v", err)
			}
			if object, ok := errors.AsType[*manifest.ObjectError](err); err != nil && (!ok || object.Key != manifest.Seq(4).Key()) {
				t.Errorf("%v is a %T", err, err)
			}
		})
	}
}

// What was stored is refused if its files are not those that the parts give together.
func TestProveSums(t *testing.T) {
	g, _ := log06(t)
	for name, change := range map[string]func(f []manifest.File) []manifest.File{
		"another checksum": func(f []manifest.File) []manifest.File { f[0].CRC32++; return f },
		"another size":     func(f []manifest.File) []manifest.File { f[0].Bytes--; return f },
		"another place":    func(f []manifest.File) []manifest.File { f[0].From++; return f },
		"another name":     func(f []manifest.File) []manifest.File { f[0].Name = grafeotest.SegmentName06(1001); return f },
		"nothing":          func([]manifest.File) []manifest.File { return nil },
	} {
		if err := g.proveSums(&manifest.Index{Files: change(slices.Clone(g.files))}); err == nil {
			t.Errorf("%s: nothing was found", name)
		}
	}
	if err := g.proveSums(&manifest.Index{Files: g.files}); err != nil {
		t.Error(err)
	}
}
