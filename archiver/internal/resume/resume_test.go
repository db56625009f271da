package resume_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/resume"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

var chain = []manifest.Digest{manifest.Sum([]byte("full")), manifest.Sum([]byte("incremental"))}

// What is noted in one run is known in the next one, except of segments with something
// that is held back.
func TestNotesOfEarlierRuns(t *testing.T) {
	dir := t.TempDir()
	n := resume.Read(disk.OS{}, dir, chain, nil, time.Hour, false)
	if n.Resumes() {
		t.Error("the first run resumes something")
	}
	image := staged(t, dir, "image", "0123456789")
	n.About([]disk.File{image}, []int{0, 0}, resume.HeldBack{File: 0, Bytes: 4})
	add(n, 7, 4, "456")
	add(n, 8, 0, "0123") // held back
	if n.Kept() != 0 || n.Fetched() != 3 {
		t.Errorf("before it is durable, %d bytes are kept, of %d", n.Kept(), n.Fetched())
	}
	n.Flush()
	add(n, 9, 7, "789")
	n.Flush()
	n.Close()
	if n.Kept() != 6 || n.Fetched() != 6 || n.Resumed() != 0 {
		t.Errorf("%d bytes are kept, of %d; %d are resumed", n.Kept(), n.Fetched(), n.Resumed())
	}

	again := resume.Read(disk.OS{}, dir, chain, nil, time.Hour, false)
	again.About([]disk.File{image}, []int{0, 0}, resume.HeldBack{File: 0, Bytes: 4})
	_, has7 := again.Digest(7)
	_, has8 := again.Digest(8)
	_, has9 := again.Digest(9)
	if !again.Resumes() || !again.IsSameChain() || !has7 || has8 || !has9 {
		t.Errorf("resumes: %v, segments %v %v %v", again.Resumes(), has7, has8, has9)
	}
	p := make([]byte, 3)
	if !again.ReadAt(1, p, 4) || string(p) != "456" {
		t.Errorf("read back: %q", p)
	}
	if again.ReadAt(1, p, 8) {
		t.Error("more is read than there is")
	}
	again.AddResumed(3)
	if again.Resumed() != 3 || again.Kept() != 3 {
		t.Errorf("%d bytes are resumed, %d kept", again.Resumed(), again.Kept())
	}
}

// Notes count for the same chain, for one that continues it, and for what another chain
// has in common with it.
func TestNotesOfOtherChains(t *testing.T) {
	dir := t.TempDir()
	n := resume.Read(disk.OS{}, dir, chain, nil, time.Hour, false)
	n.About([]disk.File{staged(t, dir, "log", "123")}, []int{0}, resume.HeldBack{File: -1})
	add(n, 1, 0, "123")
	add(n, 2, 0, "123")
	n.Flush()
	n.Close()
	for _, c := range []struct {
		what          string
		chain         []manifest.Digest
		fresh         bool
		resumes, same bool
	}{
		{"the same", chain, false, true, true},
		{"a longer one", append(chain[:2:2], manifest.Sum([]byte("next"))), false, true, false},
		{"a shorter one", chain[:1], false, true, false},
		{"one with another end", []manifest.Digest{chain[0], manifest.Sum([]byte("other"))}, false, true, false},
		{"another one", []manifest.Digest{manifest.Sum([]byte("other"))}, false, false, false},
		{"the same, but afresh", chain, true, false, false},
	} {
		got := resume.Read(disk.OS{}, dir, c.chain, []int{2, 3, 4}, time.Hour, c.fresh)
		if got.Resumes() != c.resumes || got.IsSameChain() != c.same {
			t.Errorf("%s: resumes: %v, same: %v", c.what, got.Resumes(), got.IsSameChain())
		}
		if _, has := got.Digest(2); has && c.what != "the same" && c.what != "a longer one" {
			t.Errorf("%s: a segment that is of another backup counts", c.what)
		}
	}
}

// Of a file that is torn or damaged, whole lines count up to the first bad one.
func TestTornNotes(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, resume.FileName)
	header := "gbak-s3 restore 1\nchain " + chain[0].String() + " " + chain[1].String() + "\n"
	line := "3 00000000000000ff\n"
	for text, want := range map[string]bool{
		"": false, "gbak-s3 restore 2\n" + header: false, header: false,
		header + line: true, header + line + "4 00": true, header + "4 00\n" + line: false, header + "x" + line: false,
		strings.TrimSuffix(header+line, "\n"): false,
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := resume.Read(disk.OS{}, dir, chain, nil, 0, false).Resumes(); got != want {
			t.Errorf("%q: resumes: %v", text, got)
		}
	}
}

// Without notes, nothing is noted.
func TestNoNotes(t *testing.T) {
	var n *resume.Notes
	n.About(nil, nil, resume.HeldBack{})
	n.Add(n.Begin(1))
	n.MarkSynced()
	n.Close()
	if n.Resumes() {
		t.Error("it resumes")
	}
}

// Notes that cannot be written do not end a restore.
func TestNotesThatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	n := resume.Read(disk.OS{}, filepath.Join(dir, "missing"), chain, nil, 0, false)
	n.About([]disk.File{staged(t, dir, "log", "123")}, []int{0}, resume.HeldBack{File: -1})
	add(n, 1, 0, "123")
	n.Flush()
	if n.Kept() != 0 {
		t.Errorf("%d bytes are kept", n.Kept())
	}
}

func staged(t *testing.T, dir, name, content string) disk.File {
	t.Helper()
	f, err := disk.OS{}.OpenFile(filepath.Join(dir, name), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	if _, err := f.WriteAt([]byte(content), 0); err != nil {
		t.Fatal(err)
	}
	return f
}

func add(n *resume.Notes, segment int, offset int64, b string) {
	note := n.Begin(segment)
	note.Add(0, offset, []byte(b))
	n.Add(note)
}
