package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// The versions of the real database that are installed: one for each
// generation on disk.
var versions = []string{"0.5.42", "0.6.0"}

// state is what inspect.js says of a database.
type state struct {
	Version string `json:"version"`
	Epoch   *int64 `json:"epoch"` // null on 0.5, which has no call for it
	Nodes   int    `json:"nodes"`
	Edges   int    `json:"edges"`
	Digest  string `json:"digest"`
	Schema  string `json:"schema"`
}

// commit is a line of gen.js's log: what the database must hold after it.
type commit struct {
	Commit int    `json:"commit"`
	Epoch  int64  `json:"epoch"`
	Nodes  int    `json:"nodes"`
	Edges  int    `json:"edges"`
	Digest string `json:"digest"`
}

// database is one made by the real Grafeo, with what it must hold.
type database struct {
	version string
	path    string
	model   string // gen.js's model, to continue with it elsewhere
	log     string
}

// grafeoInstalled reports whether both bindings load. It checks once.
var grafeoInstalled = sync.OnceValue(func() bool {
	for _, v := range versions {
		cmd := exec.Command("node", "-e", `require("./lib").binding()`)
		cmd.Dir = "grafeo"
		cmd.Env = append(os.Environ(), "GRAFEO_VERSION="+v)
		if cmd.Run() != nil {
			return false
		}
	}
	return true
})

func needGrafeo(t testing.TB) {
	t.Helper()
	if !grafeoInstalled() {
		missing(t, "the real Grafeo is not installed")
	}
}

// node runs one of the scripts in grafeo/ with a version of the database. A
// script that kills itself with SIGKILL has done what it was asked to.
func node(ctx context.Context, version, script string, args ...string) (stdout []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", append([]string{filepath.Join("grafeo", script)}, args...)...)
	cmd.Env = append(os.Environ(), "GRAFEO_VERSION="+version)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err = cmd.Output()
	killed := ctx.Err() == nil && err != nil && cmd.ProcessState.ExitCode() == -1
	if stderr.Len() > 0 || err != nil && !killed {
		return stdout, fmt.Errorf("%s %v with Grafeo %s: %w %s", script, args, version, err, &stderr)
	}
	return stdout, nil
}

// create makes a database with gen.js. ending is "" for a clean close, "--kill"
// or "--kill-mid".
func create(t testing.TB, version, ending string, args ...string) *database {
	t.Helper()
	needGrafeo(t)
	dir := t.TempDir()
	db := &database{version, filepath.Join(dir, "db", "people.grafeo"), filepath.Join(dir, "model"), filepath.Join(dir, "log")}
	if err := os.Mkdir(filepath.Dir(db.path), 0o755); err != nil {
		t.Fatal(err)
	}
	db.write(t, ending, args...)
	return db
}

// write opens the database for a run of gen.js.
func (db *database) write(t testing.TB, ending string, args ...string) {
	t.Helper()
	args = append([]string{db.path, "--state", db.model, "--log", db.log}, args...)
	if ending != "" {
		args = append(args, ending)
	}
	if _, err := node(t.Context(), db.version, "gen.js", args...); err != nil {
		t.Fatal(err)
	}
	// 0.5 leaves an empty folder that is not part of the database.
	if err := os.RemoveAll(db.path + ".spill"); err != nil {
		t.Fatal(err)
	}
}

// last is the newest commit.
func (db *database) last(t testing.TB) commit {
	t.Helper()
	b, err := os.ReadFile(db.log)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSpace(b), []byte("\n"))
	var c commit
	if err := json.Unmarshal(lines[len(lines)-1], &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// state opens a copy of the database in the real Grafeo, and insists that it
// holds what was committed to it. So what a restored database is compared with
// comes from two sources.
func (db *database) state(t testing.TB) state {
	t.Helper()
	s := inspect(t, db.version, db.path)
	if want := db.last(t); s.Digest != want.Digest {
		t.Fatalf("Grafeo %s itself lost something: it holds %+v, committed was %+v", db.version, s, want)
	}
	return s
}

// at is the same history at another path, where it was restored to.
func (db *database) at(path string) *database {
	return &database{db.version, path, db.model, db.log}
}

// inspect opens a copy of a database in the real Grafeo.
func inspect(t testing.TB, version, path string) state {
	t.Helper()
	out, err := node(t.Context(), version, "inspect.js", path)
	if err != nil {
		t.Fatalf("%v %s", err, out)
	}
	var s state
	if err := json.Unmarshal(out, &s); err != nil {
		t.Fatalf("inspect.js %s: %v: %q", path, err, out)
	}
	return s
}

// file is all that must stay of a file that was only read.
type file struct {
	mode    fs.FileMode
	size    int64
	modTime time.Time
	content string // empty for a folder
}

// snapshot records every file and folder under dir.
func snapshot(t testing.TB, dir string) map[string]file {
	t.Helper()
	all := map[string]file{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		f := file{info.Mode(), info.Size(), info.ModTime(), ""}
		if !d.IsDir() {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			f.content = string(b)
		}
		rel, err := filepath.Rel(dir, path)
		all[rel] = f
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// names lists what is in dir, or nothing if there is no such folder.
func names(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

// copyFile copies one file, without holding it in memory.
func copyFile(t testing.TB, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	out, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}
