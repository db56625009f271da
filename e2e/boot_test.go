package e2e

import (
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/s3/s3test"
)

// bootDatabases are what may be at the path of a database when a program is about to
// start, and exits are what `restore --if-absent --if-archive-exists` then says, in the
// order of bootArchives.
var bootDatabases = []struct {
	name  string
	make  func(t *testing.T, b *bootScene, path string)
	exits [5]int
}{
	{"absent", func(*testing.T, *bootScene, string) {}, [5]int{exitOK, exitOK, exitError, exitNoArchive, exitError}},
	{"whole", func(t *testing.T, b *bootScene, path string) {
		copyTree(t, filepath.Dir(b.other.path), filepath.Dir(path))
	}, [5]int{}},
	{"foreign file", func(t *testing.T, _ *bootScene, path string) {
		writeText(t, path, "these are notes")
	}, [5]int{exitTargetIs, exitTargetIs, exitTargetIs, exitTargetIs, exitTargetIs}},
	{"foreign folder", func(t *testing.T, _ *bootScene, path string) {
		writeText(t, filepath.Join(path, "notes"), "these are notes")
	}, [5]int{exitTargetIs, exitTargetIs, exitTargetIs, exitTargetIs, exitTargetIs}},
	{"half: a log without an image", func(t *testing.T, b *bootScene, path string) {
		copyTree(t, b.source.path+".wal", path+".wal")
	}, [5]int{exitTargetIs, exitTargetIs, exitTargetIs, exitTargetIs, exitTargetIs}},
	{"leftover of a killed restore", func(t *testing.T, b *bootScene, path string) {
		copyTree(t, b.leftover, filepath.Join(filepath.Dir(path), ".people.grafeo.gbak-restore"))
	}, [5]int{exitOK, exitNoArchive, exitError, exitNoArchive, exitError}},
}

// bootScene has what the cells of the matrix are made from.
type bootScene struct {
	source, other *database // the one that is archived, and another one
	state         state     // of the source
	otherState    state
	leftover      string // the hidden folder of a restore of the source that was killed
	archives      []bootArchive
}

type bootArchive struct {
	name, address string
	env           []string
}

// newBootScene makes archives on a real store: one that is there, one that is not, and
// three of which nothing can be known.
func newBootScene(t *testing.T) *bootScene {
	t.Helper()
	b := &bootScene{source: mediumSource(t), other: create(t, "0.6.0", "--kill", "--commits", "2")}
	b.state, b.otherState = b.source.state(t), b.other.state(t)
	at := newBucket(t)
	must(t, "backup", b.source.path, at.address())
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	b.archives = []bootArchive{
		{"there", at.address(), nil},
		{"none", strings.Replace(at.address(), "/people?", "/peoples?", 1), nil},
		{"denied", at.address(), []string{"AWS_SECRET_ACCESS_KEY=expired"}},
		{"bucket gone", "s3://gbak-no-such-bucket/team/people?" + at.address()[strings.Index(at.address(), "?")+1:], nil},
		{"no answer", "s3://bucket/team/people?endpoint=http://" + closed.Addr().String(), nil},
	}

	fetching := make(chan struct{}, 1)
	p := s3test.NewProxy(t, at.address(), func(r *s3test.Request) s3test.Fault {
		if r.Op != storage.OpGet || !strings.HasPrefix(r.Key, "segments/") {
			return s3test.Fault{}
		}
		select {
		case fetching <- struct{}{}:
		default:
		}
		return s3test.Fault{Hang: true}
	})
	target := filepath.Join(t.TempDir(), "people.grafeo")
	run := start(t, "restore", p.Address, target)
	select {
	case <-fetching:
	case <-run.done:
		t.Fatalf("the restore ended by itself: %s", run.stderr)
	}
	run.end(t, syscall.SIGKILL)
	b.leftover = filepath.Join(filepath.Dir(target), ".people.grafeo.gbak-restore")
	if len(names(t, b.leftover)) == 0 {
		t.Fatal("the killed restore has left nothing")
	}
	return b
}

func writeText(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// boot is what a container's start does.
func (a bootArchive) boot(t testing.TB, path string) result {
	t.Helper()
	p := startCommand(t, exec.Command(binary, "restore", "--if-absent", "--if-archive-exists", "--store-timeout", "20s", "--json", a.address, path), a.env...)
	p.wait(t)
	return p.result()
}

// TestBootMatrix: before a program starts, each state of its database meets each state of
// its archive. A program may start only with its whole database, or with none if the store
// has said that there is no archive; and what was there is not touched.
func TestBootMatrix(t *testing.T) {
	t.Parallel()
	b := newBootScene(t)
	for _, d := range bootDatabases {
		for i, a := range b.archives {
			t.Run(d.name+", "+a.name, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "db", "people.grafeo")
				d.make(t, b, path)
				before := map[string]file{}
				if names(t, filepath.Dir(path)) != nil {
					before = snapshot(t, filepath.Dir(path))
				}
				r := a.boot(t, path).want(t, d.exits[i])
				restored := d.exits[i] == exitOK && a.name == "there" && d.name != "whole"
				switch {
				case restored:
					if r.one(t, "restore").Kind == "none" {
						t.Error("it says that it has restored nothing")
					}
					holds(t, b.state, b.source.version, path)
					onlyDatabase(t, path)
					return
				case d.exits[i] != exitOK:
					r.failure(t)
				default:
					r.saysNone(t, d.name == "whole")
				}
				if d.name == "whole" {
					holds(t, b.otherState, b.other.version, path)
				}
				if len(before) > 0 {
					unchanged(t, before, filepath.Dir(path))
				} else if left := names(t, filepath.Dir(path)); len(left) > 0 {
					t.Errorf("it has left %q", left)
				}
			})
		}
	}
}

// saysNone checks the answer of a boot that restored nothing: because the database is
// there, or because there is no archive, which must be loud and name the one beside it.
func (r result) saysNone(t testing.TB, present bool) {
	t.Helper()
	var line struct {
		Kind, Why, Database string
		Neighbours          []string
	}
	if err := json.Unmarshal([]byte(r.stdout), &line); err != nil {
		t.Fatalf("%v: %q", err, r.stdout)
	}
	switch {
	case line.Kind != "none" || line.Database == "":
		t.Errorf("it says %s", r.stdout)
	case present && (line.Why != "present" || r.stderr != ""):
		t.Errorf("it says %s, and %s", r.stdout, r.stderr)
	case !present && (line.Why != "no_archive" || len(line.Neighbours) != 1 || !strings.HasSuffix(line.Neighbours[0], "/team/people") ||
		!strings.Contains(r.stderr, "level=WARN") || !strings.Contains(r.stderr, line.Neighbours[0])):
		t.Errorf("it says %s, and %s", r.stdout, r.stderr)
	}
}

// In a directory, the folder above the archive stands for the bucket: without it, a disk
// may not be mounted.
func TestBootFromADirectory(t *testing.T) {
	t.Parallel()
	db := create(t, "0.5.42", "", "--commits", "2")
	want := db.state(t)
	disk := t.TempDir()
	must(t, "backup", db.path, filepath.Join(disk, "people"))
	boot := func(archive string, code int) (path string, r result) {
		path = filepath.Join(t.TempDir(), "people.grafeo")
		return path, gbak(t, "restore", "--if-absent", "--if-archive-exists", filepath.Join(disk, archive), path).want(t, code)
	}
	path, _ := boot("people", exitOK)
	holds(t, want, db.version, path)
	again := gbak(t, "restore", "--if-absent", filepath.Join(disk, "people"), path).want(t, exitOK)
	if !strings.Contains(again.stdout, path+" is there: nothing was restored") {
		t.Errorf("it says %q", again.stdout)
	}
	path, r := boot("peoples", exitOK)
	if _, err := os.Stat(path); err == nil || !strings.Contains(r.stdout, "archives beside it: "+filepath.Join(disk, "people")) {
		t.Errorf("it says %q", r.stdout)
	}
	if left := names(t, filepath.Dir(path)); len(left) > 0 {
		t.Errorf("it has left %q", left)
	}
	if _, r := boot("not mounted/people", exitNoArchive); !strings.Contains(r.stderr, "mounted") {
		t.Errorf("it says %q", r.stderr)
	}
	// An archive without a backup is none that a program may do without.
	writeText(t, filepath.Join(disk, "begun", "archive.json"), string(directory{filepath.Join(disk, "people")}.read(t, "archive.json")))
	boot("begun", exitNoArchive)
}

// What --if-absent cannot be combined with.
func TestBootUsage(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for _, args := range [][]string{
		{"--if-absent", "--force", filepath.Join(folder, "a"), filepath.Join(folder, "db.grafeo")},
		{"--if-absent", "--plan", filepath.Join(folder, "a"), filepath.Join(folder, "db.grafeo")},
		{"--if-archive-exists", "--plan", filepath.Join(folder, "a"), filepath.Join(folder, "db.grafeo")},
		{"--if-absent", filepath.Join(folder, "a"), folder + string(os.PathSeparator)},
	} {
		gbak(t, slices.Insert(args, 0, "restore")...).want(t, exitUsage)
	}
}
