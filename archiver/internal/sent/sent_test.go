package sent

import (
	"bytes"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk"
	"github.com/gbak-s3/gbak-s3/internal/disk/disktest"
)

const archive, run = "0123456789abcdef0123456789abcdef", "0000000000-00112233445566778899aabbccddeeff"

var key = Key{1}

func folderAt(path string, d disk.Disk) *Folder {
	return &Folder{Path: path, Disk: d, Log: slog.New(slog.DiscardHandler)}
}

// object returns the n-th object.
func object(n int) Object {
	sum := manifest.Sum(fmt.Append(nil, n))
	return Object{manifest.SegmentKey(manifest.SegmentFolder(run), n, sum) + ".age", int64(n) + 1000, sum}
}

func plain(n int) []byte { return fmt.Appendf(nil, "content %d", n) }

// has reports how many of the first n objects are known.
func has(t *testing.T, notes *Notes, n int) (known int) {
	t.Helper()
	for i := range n {
		if o, ok := notes.Find(notes.Hash(plain(i))); ok {
			if o != object(i) {
				t.Fatalf("of object %d it says %+v", i, o)
			}
			known++
		}
	}
	return known
}

func add(notes *Notes, from, to int) {
	for i := from; i < to; i++ {
		notes.Add(notes.Hash(plain(i)), object(i))
	}
}

// files returns the names of all files below the folder.
func files(t *testing.T, path string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// A run knows what it has sent, and so does the next one. After a commit there is one file,
// with all that is right.
func TestNotes(t *testing.T) {
	f := folderAt(t.TempDir(), disk.OS{})
	first := f.Notes()
	if has(t, first, 3) != 0 {
		t.Error("something is known from the beginning")
	}
	add(first, 0, 1)
	if has(t, first, 1) != 0 {
		t.Error("without a key, something is noted")
	}
	first.Open(key, archive, run, true)
	add(first, 0, 2)
	first.Open(key, archive, run, true)
	add(first, 2, 3)
	if has(t, first, 4) != 3 {
		t.Errorf("the run knows %d of 3", has(t, first, 4))
	}
	first.Close()

	second := f.Notes()
	second.Open(key, archive, run, true)
	if has(t, second, 4) != 3 {
		t.Errorf("the next run knows %d of 3", has(t, second, 4))
	}
	add(second, 3, 4)
	for what, other := range map[string]struct {
		key             Key
		archive, folder string
		isLarge         bool
	}{
		"another key":     {Key{2}, archive, run, true},
		"another archive": {key, strings.Repeat("0", 32), run, true},
		"another folder":  {key, archive, strings.Replace(run, "0", "1", 1), true},
		"a small backup":  {key, archive, run, false},
	} {
		n := f.Notes()
		if n.Open(other.key, other.archive, other.folder, other.isLarge); has(t, n, 4) != 0 {
			t.Errorf("%s: %d are known", what, has(t, n, 4))
		}
		n.Close()
	}
	add(second, 0, 2) // it has found these
	second.Committed()
	left := files(t, f.Path)
	if len(left) != 1 {
		t.Errorf("after the commit there are %v", left)
	}
	if has(t, second, 4) != 4 {
		t.Error("in memory it is known no more")
	}
	third := f.Notes()
	third.Open(key, archive, run, true)
	if has(t, third, 4) != 3 {
		t.Errorf("after the commit, the next run knows %d of 3", has(t, third, 4))
	}
	third.Committed() // which has sent nothing
	if again := files(t, f.Path); !slices.Equal(again, left) {
		t.Errorf("there are %v", again)
	}
}

// After a change of the keys, nothing counts that was sent before.
func TestNotesOfAnotherKey(t *testing.T) {
	n := InMemory()
	n.Open(key, archive, run, true)
	add(n, 0, 1)
	before := n.Hash(plain(0))
	n.Open(Key{2}, archive, run, true)
	if _, ok := n.Find(before); ok || n.Hash(plain(0)) == before {
		t.Error("it counts still")
	}
	n.Committed()
	n.Close()
}

// Nobody remembers anything.
func TestNoNotes(t *testing.T) {
	var n *Notes
	n.Open(key, archive, run, true)
	add(n, 0, 1)
	if has(t, n, 1) != 0 {
		t.Error("something is known")
	}
	n.Committed()
	n.Close()
	memory := folderAt("", disk.OS{}).Notes()
	memory.Open(key, archive, run, true)
	if add(memory, 0, 1); has(t, memory, 1) != 1 {
		t.Error("without a folder, nothing is known")
	}
}

// The file says nothing of what was sent, and belongs to the user alone.
func TestFileIsPrivate(t *testing.T) {
	f := folderAt(t.TempDir(), disk.OS{})
	n := f.Notes()
	n.Open(key, archive, run, true)
	add(n, 0, 1)
	n.Close()
	left := files(t, f.Path)
	if len(left) != 1 {
		t.Fatalf("there is %v", left)
	}
	info, err := os.Stat(left[0])
	if err != nil || info.Mode().Perm() != 0o600 && filepath.Separator == '/' {
		t.Errorf("its mode is %v, %v", info.Mode(), err)
	}
	b, err := os.ReadFile(left[0])
	sum := manifest.Sum(plain(0)).String()
	if err != nil || bytes.Contains(b, plain(0)) || bytes.Contains(b, []byte(sum)) || bytes.Contains(b, fmt.Appendf(nil, "%x", key)) {
		t.Errorf("it says %s, %v", b, err)
	}
}

// Of a file that is cut or damaged, lines that are whole count and others do not.
func TestDamagedFile(t *testing.T) {
	f := folderAt(t.TempDir(), disk.OS{})
	n := f.Notes()
	n.Open(key, archive, run, true)
	add(n, 0, 3)
	n.Close()
	name := files(t, f.Path)[0]
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	known := func(b []byte) int {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		n := f.Notes()
		n.Open(key, archive, run, true)
		return has(t, n, 3)
	}
	for cut := range len(whole) {
		if got, want := known(whole[:cut]), bytes.Count(whole[:cut], []byte("\n")); got != want {
			t.Fatalf("of %d bytes, %d lines count instead of %d", cut, got, want)
		}
	}
	for at := range whole {
		b := bytes.Clone(whole)
		b[at] ^= 1
		if got := known(b); got != 2 && (whole[at] != '\n' || got != 1 && got != 2) {
			t.Fatalf("with byte %d changed, %d lines count", at, got)
		}
	}
	if got := known(append(bytes.Repeat([]byte{0}, 4096), whole...)); got != 2 {
		t.Errorf("after zeros, %d lines count", got)
	}
}

// Of runs that never commit, only the last few leave something.
func TestFilesAreBounded(t *testing.T) {
	f := folderAt(t.TempDir(), disk.OS{})
	const runs = maxFiles + 3
	at := time.Now().Add(-time.Hour)
	for i := range runs {
		n := f.Notes()
		n.Open(key, archive, fmt.Sprintf("%010d%s", i, run[10:]), true)
		add(n, i, i+1)
		n.Close()
		for _, name := range files(t, f.Path) {
			if strings.Contains(name, fmt.Sprintf("%010d-", i)) {
				if err := os.Chtimes(name, at, at.Add(time.Duration(i)*time.Minute)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	left := files(t, f.Path)
	if len(left) != maxFiles {
		t.Errorf("%d files are left", len(left))
	}
	n := f.Notes()
	if n.Open(key, archive, fmt.Sprintf("%010d%s", runs-1, run[10:]), true); has(t, n, runs) != 1 {
		t.Error("that of the last run is gone")
	}
}

// Whatever step fails, or is the last one, the run goes on, and the next one knows what was
// noted or less.
func TestDiskFails(t *testing.T) {
	work := func(d disk.Disk, path string) {
		n := folderAt(path, d).Notes()
		n.Open(key, archive, run, true)
		add(n, 0, 3)
		if has(t, n, 3) != 3 {
			t.Error("the run does not know what it has sent")
		}
		n.Close()
		n = folderAt(path, d).Notes()
		n.Open(key, archive, run, true)
		add(n, 0, 1)
		n.Committed()
	}
	root := t.TempDir()
	whole := disktest.New(t, root, nil)
	work(whole, filepath.Join(root, "state"))
	steps := len(whole.Steps())
	if steps < 6 {
		t.Fatalf("%d steps: %v", steps, whole.Steps())
	}
	for k := 1; k <= steps; k++ {
		for i, plan := range []disktest.Plan{disktest.StopAt(k, false), disktest.StopAt(k, true), disktest.FailAt(k, fs.ErrPermission)} {
			root := t.TempDir()
			work(disktest.New(t, root, plan), filepath.Join(root, "state"))
			next := folderAt(filepath.Join(root, "state"), disk.OS{}).Notes()
			next.Open(key, archive, run, true)
			has(t, next, 3)
			add(next, 0, 3)
			next.Committed()
			if left := files(t, root); len(left) != 1 {
				t.Errorf("step %d, way %d: after the next commit there is %v", k, i, left)
			}
		}
	}
}
