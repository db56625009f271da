package replay

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// Frames of a log of 0.5: those that end transactions, and edges.
func edge(id byte) []byte    { return grafeotest.AppendFrame05(nil, []byte{0x02, id, 0, 1, 1, 'E'}) }
func commit(id byte) []byte  { return grafeotest.AppendFrame05(nil, []byte{0x23, id}) }
func point(id byte) []byte   { return grafeotest.AppendFrame05(nil, []byte{0x25, id}) }
func epoch(n byte) []byte    { return grafeotest.AppendFrame05(nil, []byte{0x26, n}) }
func graph(name byte) []byte { return grafeotest.AppendFrame05(nil, []byte{0x1d, 1, 1, name}) }
func unknown() []byte        { return grafeotest.AppendFrame05(nil, []byte{0x1d, 1, 200}) }
func log(f ...[]byte) []byte { return join(f) }
func join(f [][]byte) []byte {
	var b []byte
	for _, frame := range f {
		b = append(b, frame...)
	}
	return b
}

// live copies the vector with the image that has the edges 0 to 7, whose last transaction
// is 4, and gives it this log. It returns the image and the folder of the log.
func live(t *testing.T, b []byte) (*grafeo.Image, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "source")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("..", "..", "grafeo", "testdata", "v0.5.42", "live"))); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "tiny.grafeo")
	if err := os.WriteFile(filepath.Join(grafeo.LogDir(path), grafeotest.LogName05(0)), b, 0o600); err != nil {
		t.Fatal(err)
	}
	image, err := grafeo.ReadDatabase(path)
	if err != nil {
		t.Fatal(err)
	}
	return image, grafeo.LogDir(path)
}

// What the image has is found at a backup, and left out when the log is restored.
func TestFindAndTrim(t *testing.T) {
	three := log(commit(2), epoch(1), commit(3), epoch(2), commit(4), epoch(3))
	for _, c := range []struct {
		name     string
		log      []byte
		replay   *manifest.Replay
		start    uint64
		restored []byte
	}{
		{
			"a checkpoint", log(three, point(4), edge(8), commit(5), epoch(4)),
			&manifest.Replay{Offset: int64(len(three))}, 3, log(point(4), edge(8), commit(5), epoch(4)),
		},
		{
			"an edge of the image after it", log(three, point(4), edge(7), edge(8), commit(5), epoch(4)),
			&manifest.Replay{Offset: int64(len(three)), Without: []manifest.FramesOf{{Offsets: []int64{int64(len(three) + len(point(4)))}}}}, 3,
			log(point(4), edge(8), commit(5), epoch(4)),
		},
		{
			"a current graph", log(graph('g'), three, point(4), edge(7), commit(5), epoch(4)),
			&manifest.Replay{Offset: int64(len(graph('g')) + len(three)), Graph: "g"}, 3, log(graph('g'), point(4), edge(7), commit(5), epoch(4)),
		},
		{ // transactions are numbered anew in each run
			"a checkpoint of a later run with its number", log(three, point(4), three, point(4), edge(8), commit(5), epoch(4)),
			&manifest.Replay{Offset: int64(len(three))}, 0, log(point(4), three, point(4), edge(8), commit(5), epoch(4)),
		},
		{"nothing after it", log(three, point(4)), &manifest.Replay{Offset: int64(len(three))}, 3, nil},
		{"another database's checkpoint", log(commit(2), epoch(1), point(9), edge(8), commit(3), epoch(2)), nil, 0, nil},
		{
			"records that are not known", log(three, unknown(), commit(5), epoch(4)),
			&manifest.Replay{Unsure: true}, 0, log(three, unknown(), commit(5), epoch(4)),
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			image, dir := live(t, c.log)
			scanned, err := grafeo.ScanLog(dir, grafeo.Gen05, grafeo.ScanOptions{})
			if err != nil {
				t.Fatal(err)
			}
			last := scanned.Last
			r, start, err := Find(dir, image, 0, grafeo.Position{Offset: last.End}, last.Epoch)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.replay, r); diff != "" {
				t.Fatalf("-want +got: %s", diff)
			}
			if (start == nil) != (c.start == 0) || start != nil && *start != c.start {
				t.Errorf("the image is of epoch %v, want %d", start, c.start)
			}
			if r == nil {
				return
			}
			file := filepath.Join(dir, grafeotest.LogName05(0))
			if err := os.Truncate(file, last.End); err != nil { // as in the archive
				t.Fatal(err)
			}
			for _, other := range []string{"checkpoint.meta"} {
				if err := os.Remove(filepath.Join(dir, other)); err != nil {
					t.Fatal(err)
				}
			}
			moved, err := Trim(disk.OS{}, dir, r)
			if err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(file)
			if c.restored == nil {
				if !os.IsNotExist(err) || disk.Exists(dir) {
					t.Errorf("the log has %q, %v", got, err)
				}
				return
			}
			if err != nil || string(got) != string(c.restored) {
				t.Errorf("the log has %q, want %q, %v", got, c.restored, err)
			}
			if end := moved.Original(0, int64(len(got))); end != last.End {
				t.Errorf("it ended at %d before, and not at %d", last.End, end)
			}
		})
	}
}

// A replay of frames that are no edges is damage of the manifest that has it.
func TestTrimThatDoesNotFit(t *testing.T) {
	_, dir := live(t, log(commit(2), epoch(1)))
	_, err := Trim(disk.OS{}, dir, &manifest.Replay{Without: []manifest.FramesOf{{Offsets: []int64{0}}}})
	if err == nil {
		t.Error("a commit was left out")
	}
	if m, err := Trim(disk.OS{}, filepath.Join(dir, "none"), &manifest.Replay{}); err != nil || m.Original(3, 7) != 7 {
		t.Errorf("no log: %+v, %v", m, err)
	}
}

func TestTransactions(t *testing.T) {
	var s transactions
	for _, id := range []uint64{2, 3, 5, 200} {
		s.add(id)
	}
	if !s.all(1) || !s.all(3) || s.all(4) || s.all(maxTransactions) {
		t.Error("2, 3, 5 and 200 are not in it, or others are")
	}
	if s.add(maxTransactions); s.all(3) {
		t.Error("a set that was too small knows all")
	}
}
