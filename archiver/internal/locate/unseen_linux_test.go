package locate

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/internal/procfs"
)

// fakeProc is a folder with what Linux shows of locks, mounts and processes.
type fakeProc struct {
	t   *testing.T
	dir string
}

func newFakeProc(t *testing.T) fakeProc {
	t.Helper()
	p := fakeProc{t, t.TempDir()}
	p.write("locks", "")
	p.write("self/mountinfo", "22 1 254:0 / / rw - ext4 /dev/vda rw\n")
	return p
}

func (p fakeProc) write(name, text string) {
	p.t.Helper()
	path := filepath.Join(p.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// lock writes a list of locks with one of this kind on the file at path.
func (p fakeProc) lock(path, kind string) {
	p.t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		p.t.Fatal(err)
	}
	s := info.Sys().(*syscall.Stat_t) //nolint:errcheck // on Linux it is one
	major, minor := (s.Dev>>8)&0xfff|(s.Dev>>32)&^0xfff, s.Dev&0xff|(s.Dev>>12)&^0xff
	p.write("locks", fmt.Sprintf("1: POSIX  ADVISORY  WRITE 1 00:01:%d 0 EOF\n2: %s 77 %02x:%02x:%d 0 EOF\n", s.Ino, kind, major, minor, s.Ino))
}

// mount writes a list of mounts with the file or folder at path as one of them.
func (p fakeProc) mount(paths ...string) {
	text := "22 1 254:0 / / rw - ext4 /dev/vda rw\n"
	for _, path := range paths {
		text += "36 22 254:0 /x " + strings.ReplaceAll(path, " ", `\040`) + " rw,noatime - ext4 /dev/vda rw\n"
	}
	p.write("self/mountinfo", text)
}

// look looks once for the log of the database at path.
func (p fakeProc) look(path string, closed bool) error {
	_, err := (&logFinder{procfs.Root(p.dir), path}).look(closed)
	return err
}

// TestUnseenLog decides on databases with and without a log beside them, by what can be
// seen of locks and mounts.
func TestUnseenLog(t *testing.T) {
	const exclusive, shared, waiting = "FLOCK  ADVISORY  WRITE", "FLOCK  ADVISORY  READ", "-> FLOCK  ADVISORY  WRITE"
	for _, generation := range []string{"v0.5.42", "v0.6.0"} {
		for _, c := range []struct {
			name   string
			vector string // live has a log, closed none
			see    func(p fakeProc, path string)
			closed bool
			words  string // of the error, "" for none
		}{
			{"nothing", "closed", func(fakeProc, string) {}, false, ""},
			{"no /proc", "closed", func(p fakeProc, _ string) { _ = os.RemoveAll(p.dir) }, false, ""},
			{"open", "closed", func(p fakeProc, path string) { p.lock(path, exclusive) }, false, "is open in process 77"},
			{"open, said to be closed", "closed", func(p fakeProc, path string) { p.lock(path, exclusive) }, true, "is open in process 77"},
			{"open, by a lock of another kind", "closed", func(p fakeProc, path string) { p.lock(path, "OFDLCK ADVISORY  WRITE") }, false, "is open in process 77"},
			{"open for reading", "closed", func(p fakeProc, path string) { p.lock(path, shared) }, false, ""},
			{"about to be opened", "closed", func(p fakeProc, path string) { p.lock(path, waiting) }, false, ""},
			{"open, with its log", "live", func(p fakeProc, path string) { p.lock(path, exclusive) }, false, ""},
			{"a file that is mounted", "closed", func(p fakeProc, path string) { p.mount(path) }, false, "is mounted by itself"},
			{"a file that is mounted, said to be closed", "closed", func(p fakeProc, path string) { p.mount(path) }, true, ""},
			{"a folder that is mounted", "closed", func(p fakeProc, path string) { p.mount(filepath.Dir(path)) }, false, ""},
			{"a file of a similar name that is mounted", "closed", func(p fakeProc, path string) { p.mount(path + "2") }, false, ""},
			{"a file that is mounted beside an old log", "live", func(p fakeProc, path string) { p.mount(path) }, false, "is mounted by itself"},
			{"a file and its log that are mounted", "live", func(p fakeProc, path string) { p.mount(path, path+".wal") }, false, ""},
			{"a file that is mounted, open", "closed", func(p fakeProc, path string) { p.mount(path); p.lock(path, exclusive) }, true, "is open in process 77"},
		} {
			t.Run(generation+"/"+c.name, func(t *testing.T) {
				old := copyVector(t, generation+"/"+c.vector)
				dir := filepath.Join(t.TempDir(), "a folder")
				if err := os.Rename(filepath.Dir(old), dir); err != nil {
					t.Fatal(err)
				}
				path, err := filepath.EvalSymlinks(filepath.Join(dir, filepath.Base(old)))
				if err != nil {
					t.Fatal(err)
				}
				p := newFakeProc(t)
				c.see(p, path)
				switch err := p.look(path, c.closed); {
				case c.words == "" && err != nil:
					t.Errorf("refused: %v", err)
				case c.words != "":
					mustBe[*UnseenLogError](t, err, c.words, path)
				}
			})
		}
	}
}

// TestUnseenLogByOpenFiles shows what the process that holds the lock has open: that says
// where the log is.
func TestUnseenLogByOpenFiles(t *testing.T) {
	for _, vector := range []string{"v0.5.42/live", "v0.6.0/live"} {
		path := copyVector(t, vector)
		elsewhere := copyVector(t, vector) + ".wal"
		p := newFakeProc(t)
		p.lock(path, "FLOCK  ADVISORY  WRITE")
		opens := func(fd, dir string) {
			entries, err := os.ReadDir(dir)
			if err != nil || len(entries) == 0 {
				t.Fatalf("%v: %v", dir, err)
			}
			_ = os.MkdirAll(filepath.Join(p.dir, "77", "fd"), 0o755)
			if err := os.Symlink(filepath.Join(dir, entries[len(entries)-1].Name()), filepath.Join(p.dir, "77", "fd", fd)); err != nil {
				t.Fatal(err)
			}
		}
		p.write("77/comm", "people-server\n")
		opens("5", elsewhere) // another database, or this one by another name
		mustBe[*UnseenLogError](t, p.look(path, false), "people-server", elsewhere, path+".wal")
		opens("6", path+".wal")
		if err := p.look(path, false); err != nil {
			t.Errorf("%s: refused with its log beside it: %v", vector, err)
		}
	}
}

// TestLogThatWasRotated: the process may open a new log file after the log was listed.
func TestLogThatWasRotated(t *testing.T) {
	path := copyVector(t, "v0.6.0/live")
	p := newFakeProc(t)
	f := &logFinder{procfs.Root(p.dir), path}
	listed, err := f.logs(path)
	if err != nil {
		t.Fatal(err)
	}
	rotated := filepath.Join(grafeo.LogDir(path), "wal_00000000000099999999.log")
	if err := os.WriteFile(rotated, []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(p.dir, "77", "fd"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(rotated, filepath.Join(p.dir, "77", "fd", "5")); err != nil {
		t.Fatal(err)
	}
	if err := f.checkOpen([]int{77}, listed); err != nil {
		t.Error(err)
	}
}
