// Package disktest has disks for tests. A [Recorder] works on real files below one folder.
// It lists the steps, stops or fails at those that its [Plan] says, and makes the states
// that a loss of power may leave ([Recorder.Crash]).
package disktest

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// Unsynced is the disk of the operating system without its syncs: they take most of the
// time, and a test of one process cannot see their effect.
type Unsynced struct{ disk.OS }

// Sync only checks that the folder exists.
func (Unsynced) Sync(folder string) error {
	_, err := os.Stat(folder)
	return err
}

// OpenFile implements [disk.Disk].
func (u Unsynced) OpenFile(path string, flag int, mode fs.FileMode) (disk.File, error) {
	f, err := u.OS.OpenFile(path, flag, mode)
	return unsyncedFile{f}, err
}

type unsyncedFile struct{ disk.File }

func (unsyncedFile) Sync() error { return nil }

// Recorder is a [disk.Disk] that really does every step, except syncs, and records it. What
// was below its root before counts as durable.
type Recorder struct {
	t    testing.TB
	root string
	plan Plan

	mu      sync.Mutex
	steps   []string
	changes []change // after step i+1 there are those up to ends[i]
	ends    []int
	tree    *tree // after all changes
	base    *tree
	stopped bool
}

var _ disk.Disk = (*Recorder)(nil)

// New returns a Recorder of what happens below root. With a nil plan everything succeeds.
func New(t testing.TB, root string, plan Plan) *Recorder {
	t.Helper()
	base, err := readTree(root)
	if err != nil {
		t.Fatal(err)
	}
	return &Recorder{t: t, root: root, plan: plan, base: base, tree: base.clone()}
}

// Restart begins another process on the same disk: what was not synced before is not
// durable now either. Numbers of steps continue.
func (r *Recorder) Restart(plan Plan) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped, r.plan = false, plan
}

// Steps returns the steps so far in words, including those that failed.
func (r *Recorder) Steps() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.steps...)
}

// Text returns the steps so far, a line each, for golden tests.
func (r *Recorder) Text() string { return strings.Join(r.Steps(), "\n") + "\n" }

var (
	tempNumber = regexp.MustCompile(`(put-)\d+`)
	timestamp  = regexp.MustCompile(`\d{8}T\d{6}\.\d{3}Z`)
)

// name returns what steps call a path: it is relative to the root, and without what differs
// from run to run.
func (r *Recorder) name(path string) string {
	rel, err := filepath.Rel(r.root, path)
	if err != nil {
		return path
	}
	return timestamp.ReplaceAllString(tempNumber.ReplaceAllString(filepath.ToSlash(rel), "${1}N"), "TIME")
}

// step does one step: note is the step in words, work does it, and record returns what it
// changed. half is what the step does if it fails in the middle; nil means nothing.
func (r *Recorder) step(note string, work func() error, record func() []change, half func()) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.steps = append(r.steps, note)
	defer func() { r.ends = append(r.ends, len(r.changes)) }()
	if r.stopped {
		return stopped{note}
	}
	var fault Fault
	if r.plan != nil {
		fault = r.plan(len(r.steps), note)
	}
	r.stopped = fault.Stop
	switch err := fault.err(note); {
	case err == nil:
	case fault.Applied:
		if work() == nil {
			r.note(record())
		}
		return err
	default:
		if half != nil && !fault.Stop {
			half()
		}
		return err
	}
	if err := work(); err != nil {
		return err
	}
	r.note(record())
	return nil
}

func (r *Recorder) note(changes []change) {
	for _, c := range changes {
		r.tree.apply(c)
		r.changes = append(r.changes, c)
	}
}

func nothing() []change { return nil }

// OpenFile implements [disk.Disk].
func (r *Recorder) OpenFile(path string, flag int, mode fs.FileMode) (disk.File, error) {
	what := "open "
	if flag&os.O_CREATE != 0 {
		what = "create "
	}
	return r.open(what+r.name(path), func() (disk.File, error) { return disk.OS{}.OpenFile(path, flag, mode) }, flag&os.O_TRUNC != 0)
}

func (r *Recorder) open(note string, work func() (disk.File, error), truncate bool) (disk.File, error) {
	var real disk.File
	var at node
	err := r.step(note, func() (err error) { real, err = work(); return err }, func() (all []change) {
		place, ok := r.place(real.Name())
		if !ok {
			return nil
		}
		if at = r.tree.names[place]; at == 0 {
			at = r.tree.fresh()
			all = append(all, change{made: at, mode: modeOf(real), names: []naming{{place, at}}})
		}
		if truncate {
			all = append(all, change{node: at, data: data{truncate: true}})
		}
		return all
	}, nil)
	if err != nil {
		if real != nil {
			_ = real.Close()
		}
		return nil, err
	}
	return &file{File: real, recorder: r, node: at}, nil
}

// Truncate implements [disk.Disk].
func (r *Recorder) Truncate(path string, size int64) error {
	return r.step(fmt.Sprintf("truncate %s to %d", r.name(path), size), func() error { return os.Truncate(path, size) },
		func() []change { return []change{{node: r.at(path), data: data{truncate: true, offset: size}}} }, nil)
}

// Chmod implements [disk.Disk].
func (r *Recorder) Chmod(path string, mode fs.FileMode) error {
	return r.step(fmt.Sprintf("chmod %s %o", r.name(path), mode), func() error { return os.Chmod(path, mode) },
		func() []change { return []change{{node: r.at(path), mode: mode}} }, nil)
}

// Chown implements [disk.Disk]. Owners are not part of the model.
func (r *Recorder) Chown(path string, user, group int) error {
	return r.step("chown "+r.name(path), func() error { return os.Chown(path, user, group) }, nothing, nil)
}

// Mkdir implements [disk.Disk].
func (r *Recorder) Mkdir(path string, mode fs.FileMode) error {
	return r.step("mkdir "+r.name(path), func() error { return os.Mkdir(path, mode) }, func() []change {
		place, ok := r.place(path)
		if !ok {
			return nil
		}
		n := r.tree.fresh()
		return []change{{made: n, folder: true, mode: mode, names: []naming{{place, n}}}}
	}, nil)
}

// Link implements [disk.Disk].
func (r *Recorder) Link(from, to string) error {
	return r.step("link "+r.name(from)+" "+r.name(to), func() error { return os.Link(from, to) }, func() []change {
		place, ok := r.place(to)
		if !ok {
			return nil
		}
		return []change{{names: []naming{{place, r.at(from)}}}}
	}, nil)
}

// Rename implements [disk.Disk].
func (r *Recorder) Rename(from, to string) error {
	return r.step("rename "+r.name(from)+" "+r.name(to), func() error { return os.Rename(from, to) }, r.renamed(from, to), nil)
}

// RenameNew implements [disk.Disk].
func (r *Recorder) RenameNew(from, to string) error {
	return r.step("rename new "+r.name(from)+" "+r.name(to), func() error { return disk.OS{}.RenameNew(from, to) }, r.renamed(from, to), nil)
}

func (r *Recorder) renamed(from, to string) func() []change {
	return func() []change {
		old, oldOK := r.place(from)
		place, ok := r.place(to)
		if !ok || !oldOK {
			return nil
		}
		return []change{{names: []naming{{old, 0}, {place, r.tree.names[old]}}}}
	}
}

// Remove implements [disk.Disk].
func (r *Recorder) Remove(path string) error { return r.remove(path, os.Remove) }

// RemoveFolder implements [disk.Disk].
func (r *Recorder) RemoveFolder(path string) error { return r.remove(path, disk.OS{}.RemoveFolder) }

func (r *Recorder) remove(path string, remove func(string) error) error {
	return r.step("remove "+r.name(path), func() error { return remove(path) }, func() []change {
		place, ok := r.place(path)
		if !ok {
			return nil
		}
		return []change{{names: []naming{{place, 0}}}}
	}, nil)
}

// Sync implements [disk.Disk].
func (r *Recorder) Sync(folder string) error {
	return r.step("sync "+r.name(folder), func() error { return Unsynced{}.Sync(folder) },
		func() []change { return []change{{node: r.at(folder), syncNames: true}} }, nil)
}

// place returns where a path is in the tree, or false if it is not below the root.
func (r *Recorder) place(path string) (place, bool) {
	folder := r.at(filepath.Dir(path))
	return place{folder, filepath.Base(path)}, folder != 0
}

// at returns the node that a path leads to, 0 if it is not known.
func (r *Recorder) at(path string) node {
	rel, err := filepath.Rel(r.root, path)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return 0
	}
	n := root
	if rel == "." {
		return n
	}
	for _, name := range strings.Split(rel, string(filepath.Separator)) {
		if n = r.tree.names[place{n, name}]; n == 0 {
			return 0
		}
	}
	return n
}

func modeOf(f disk.File) fs.FileMode {
	info, err := f.Stat()
	if err != nil {
		return 0o600
	}
	return info.Mode().Perm()
}
