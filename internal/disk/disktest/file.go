package disktest

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// file is an open file of a [Recorder].
type file struct {
	disk.File
	recorder *Recorder
	node     node
	offset   int64 // of the next Write
}

func (f *file) name() string { return f.recorder.name(f.Name()) }

// Write implements [disk.File]. If it fails, it has written half.
func (f *file) Write(p []byte) (n int, err error) {
	err = f.write("write "+f.name(), p, f.offset, func(p []byte) (err error) { n, err = f.File.Write(p); return err }, &n)
	f.offset += int64(n)
	return n, err
}

// WriteAt implements [disk.File]. If it fails, it has written half.
func (f *file) WriteAt(p []byte, offset int64) (n int, err error) {
	note := fmt.Sprintf("write %s at %d", f.name(), offset)
	err = f.write(note, p, offset, func(p []byte) (err error) { n, err = f.File.WriteAt(p, offset); return err }, &n)
	return n, err
}

func (f *file) write(note string, p []byte, offset int64, work func([]byte) error, n *int) error {
	written := func() []change {
		return []change{{node: f.node, data: data{offset: offset, bytes: slices.Clone(p[:*n])}}}
	}
	half := func() {
		if work(p[:len(p)/2]) == nil {
			f.recorder.note(written())
		}
	}
	return f.recorder.step(note, func() error { return work(p) }, written, half)
}

// Truncate implements [disk.File].
func (f *file) Truncate(size int64) error {
	return f.recorder.step(fmt.Sprintf("truncate %s to %d", f.name(), size), func() error { return f.File.Truncate(size) },
		func() []change { return []change{{node: f.node, data: data{truncate: true, offset: size}}} }, nil)
}

// Chmod implements [disk.File].
func (f *file) Chmod(mode fs.FileMode) error {
	return f.recorder.step(fmt.Sprintf("chmod %s %o", f.name(), mode), func() error { return f.File.Chmod(mode) },
		func() []change { return []change{{node: f.node, mode: mode}} }, nil)
}

// Chown implements [disk.File]. Owners are not part of the model.
func (f *file) Chown(user, group int) error {
	return f.recorder.step("chown "+f.name(), func() error { return f.File.Chown(user, group) }, nothing, nil)
}

// Sync implements [disk.File].
func (f *file) Sync() error {
	return f.recorder.step("sync file "+f.name(), func() error { return nil },
		func() []change { return []change{{node: f.node, syncData: true}} }, nil)
}

// Close implements [disk.File]. Even if it returns an error, the file is closed and its
// locks are released, as at the end of a process.
func (f *file) Close() error {
	closed := f.File.Close()
	return f.recorder.step("close "+filepath.ToSlash(f.name()), func() error { return closed }, nothing, nil)
}
