package resume

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// Note is what is noted of one segment.
type Note struct {
	segment    int
	digest     *xxhash.Digest // of its parts, in their order
	bytes      int64
	files      map[int]bool // of the index
	isHeldBack bool         // something of it is

	fileOf []int
	held   HeldBack
}

// About sets which files are staged, which of them each file of the index is part of, and
// what is held back. It is called once, before anything is added.
func (n *Notes) About(files []disk.File, fileOf []int, held HeldBack) {
	if n != nil {
		n.files, n.fileOf, n.held = files, fileOf, held
	}
}

// Begin returns the note of a segment to which its parts are to be added, nil if there
// are no notes.
func (n *Notes) Begin(segment int) *Note {
	if n == nil {
		return nil
	}
	return &Note{segment: segment, digest: xxhash.New(), files: map[int]bool{}, held: n.held, fileOf: n.fileOf}
}

// Add adds the bytes at an offset of a file of the index, which were written.
func (e *Note) Add(file int, offset int64, b []byte) {
	if e == nil {
		return
	}
	_, _ = e.digest.Write(b) // never fails
	e.bytes += int64(len(b))
	e.files[file] = true
	e.isHeldBack = e.isHeldBack || offset < e.held.Bytes && e.fileOf[file] == e.held.File
}

// Add notes that all of a segment is written. If the last batch is old enough, it makes
// everything that was added durable first, while other workers carry on.
func (n *Notes) Add(e *Note) {
	if n == nil {
		return
	}
	n.mu.Lock()
	for file := range e.files {
		n.dirty[n.fileOf[file]] = true
	}
	if !e.isHeldBack {
		n.pending = append(n.pending, e)
	}
	due := time.Since(n.last) >= n.every
	n.mu.Unlock()
	if due && n.syncing.TryLock() {
		defer n.syncing.Unlock()
		n.Flush()
	}
}

// AddResumed says that so many bytes of an earlier run were read back, and are right.
func (n *Notes) AddResumed(bytes int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.resumed += bytes
	n.kept += bytes
}

// Flush makes what was added durable, and notes it. If that fails, the restore continues
// without notes: syncing the files at its end will return the error. Flush is not called
// while anything is added.
func (n *Notes) Flush() {
	n.mu.Lock()
	n.last = time.Now()
	pending, dirty := n.pending, n.dirty
	n.pending, n.dirty = nil, map[int]bool{}
	broken := n.broken
	n.mu.Unlock()
	if broken || len(pending) == 0 {
		return
	}
	err := n.sync(dirty)
	if err == nil {
		err = n.write(pending)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.broken = err != nil
	for _, e := range pending {
		if err == nil {
			n.kept += e.bytes
		}
	}
}

// MarkSynced says that all files were synced.
func (n *Notes) MarkSynced() {
	if n != nil {
		clear(n.dirty)
	}
}

// Close closes the file of the notes.
func (n *Notes) Close() {
	if n != nil && n.file != nil {
		_ = n.file.Close() // it was synced
		n.file = nil
	}
}

func (n *Notes) sync(dirty map[int]bool) error {
	for i, f := range n.files {
		if dirty[i] {
			if err := f.Sync(); err != nil {
				return err
			}
		}
	}
	return nil
}

// write appends lines. The first ones of a run begin a new file, which replaces that of
// the run before.
func (n *Notes) write(notes []*Note) error {
	path := func(name string) string { return filepath.Join(n.folder, name) }
	var b bytes.Buffer
	isFirst := n.file == nil
	if isFirst {
		f, err := n.disk.OpenFile(path(tempName), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
		if err != nil {
			return err
		}
		n.file = f
		fmt.Fprintf(&b, "%s\n%s\n", magic, n.header())
		for segment, sum := range n.earlier {
			fmt.Fprintf(&b, "%d %016x\n", segment, sum)
		}
	}
	for _, e := range notes {
		fmt.Fprintf(&b, "%d %016x\n", e.segment, e.digest.Sum64())
	}
	if _, err := n.file.Write(b.Bytes()); err != nil {
		return err
	}
	if err := n.file.Sync(); err != nil || !isFirst {
		return err
	}
	if err := n.disk.Rename(path(tempName), path(FileName)); err != nil {
		return err
	}
	folders := map[string]bool{n.folder: true}
	for _, f := range n.files {
		folders[filepath.Dir(f.Name())] = true
	}
	for _, folder := range slices.Sorted(maps.Keys(folders)) {
		if err := n.disk.Sync(folder); err != nil {
			return err
		}
	}
	return nil
}
