package disktest

import (
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// node is a file or a folder, by whatever names; 0 is none.
type node int

const root node = 1

// place is where a name is.
type place struct {
	folder node
	name   string
}

// naming is a change of what a place holds; node 0 is nothing.
type naming struct {
	place place
	node  node
}

// data is a write to a file, or the change of its size to offset.
type data struct {
	offset   int64
	bytes    []byte
	truncate bool
}

// change is what one step did.
type change struct {
	made   node // a new file or folder
	folder bool
	mode   fs.FileMode

	names []naming // in one step, all or none

	node      node
	data      data
	syncData  bool
	syncNames bool
}

// tree is the state of files and folders.
type tree struct {
	names   map[place]node
	folders map[node]bool
	modes   map[node]fs.FileMode
	content map[node][]byte
	last    *node
}

func (t *tree) fresh() node { *t.last++; return *t.last }

func (t *tree) clone() *tree {
	last := *t.last
	c := &tree{maps.Clone(t.names), maps.Clone(t.folders), maps.Clone(t.modes), map[node][]byte{}, &last}
	for n, b := range t.content {
		c.content[n] = slices.Clone(b)
	}
	return c
}

func (t *tree) apply(c change) {
	if c.made != 0 {
		t.folders[c.made], t.modes[c.made] = c.folder, c.mode
	}
	if c.node != 0 && c.mode != 0 {
		t.modes[c.node] = c.mode
	}
	for _, n := range c.names {
		if n.node == 0 {
			delete(t.names, n.place)
		} else {
			t.names[n.place] = n.node
		}
	}
	if c.node != 0 {
		t.content[c.node] = c.data.on(t.content[c.node])
	}
}

// on returns b after the change.
func (d data) on(b []byte) []byte {
	if d.truncate {
		return grown(b, d.offset)[:d.offset]
	}
	if len(d.bytes) > 0 {
		b = grown(b, d.offset+int64(len(d.bytes)))
		copy(b[d.offset:], d.bytes)
	}
	return b
}

func grown(b []byte, size int64) []byte {
	if int64(len(b)) >= size {
		return b
	}
	return append(b, make([]byte, size-int64(len(b)))...)
}

// readTree reads what is below a folder. Other names of a file count as files of their own.
func readTree(dir string) (*tree, error) {
	last := root
	t := &tree{map[place]node{}, map[node]bool{root: true}, map[node]fs.FileMode{}, map[node][]byte{}, &last}
	nodes := map[string]node{dir: root}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		n := t.fresh()
		nodes[path] = n
		t.names[place{nodes[filepath.Dir(path)], d.Name()}] = n
		t.folders[n], t.modes[n] = d.IsDir(), info.Mode().Perm()
		switch {
		case d.IsDir():
			return nil
		case !d.Type().IsRegular():
			return fmt.Errorf("%s is neither a file nor a folder", path)
		}
		t.content[n], err = os.ReadFile(path)
		return err
	})
	return t, err
}

// writeTo writes what is below the folder n of the tree into dir.
func (t *tree) writeTo(dir string, n node, written map[node]string) error {
	for _, p := range slices.SortedFunc(maps.Keys(t.names), func(a, b place) int { return cmp.Compare(a.name, b.name) }) {
		if p.folder != n {
			continue
		}
		path, at := filepath.Join(dir, p.name), t.names[p]
		var err error
		switch {
		case t.folders[at]:
			if err = os.Mkdir(path, 0o700); err == nil {
				err = t.writeTo(path, at, written)
			}
			if err == nil {
				err = os.Chmod(path, t.modes[at])
			}
		case written[at] != "":
			err = os.Link(written[at], path)
		default:
			err = os.WriteFile(path, t.content[at], t.modes[at])
			written[at] = path
		}
		if err != nil {
			return err
		}
	}
	return nil
}
