// Package disk is what a process does with files and folders, and sees of them.
//
// A step is one change: a file is created, written, renamed, removed. A step is
// visible to every process at once, but it is durable, and survives a loss of power,
// only after a sync: of the file for its bytes, of its folder for its name. What is
// promised about crashes is promised about the order of steps, so everything that must
// survive one goes through a [Disk]. Package disktest has disks that stop, fail and
// lose power.
//
// Reading needs no Disk. Besides there are what tells files apart and shows that they
// have changed ([Identity], [State], [IsSame], [IsStill]), whom they belong to
// ([OwnerOf], [GiveTo]), locks that end with the process ([TryLock], [LockFolder]), and
// the room that is left ([RoomAt]). Systems differ in all of these: each function says
// what it does where there is no such thing.
package disk

import (
	"io"
	"io/fs"
	"os"
	"syscall"
)

// Disk changes files and folders. What a step has done is there at once for
// every process, and after the end of this one. After a loss of power only what
// was synced is sure: the bytes of a file by [File.Sync], its name by Sync of
// its folder.
type Disk interface {
	OpenFile(path string, flag int, mode fs.FileMode) (File, error) // as [os.OpenFile]
	Truncate(path string, size int64) error
	Chmod(path string, mode fs.FileMode) error
	Chown(path string, user, group int) error
	Mkdir(path string, mode fs.FileMode) error
	Link(from, to string) error
	Rename(from, to string) error
	RenameNew(from, to string) error // fs.ErrExist if to exists, errors.ErrUnsupported where there is no such step
	Remove(path string) error
	RemoveFolder(path string) error // if it is an empty folder, and nothing else
	Sync(folder string) error       // makes the names in a folder durable
}

// File is an open [os.File] that is changed.
type File interface {
	io.Writer
	io.WriterAt
	io.Closer
	Name() string
	Fd() uintptr
	Stat() (fs.FileInfo, error)
	Truncate(size int64) error
	Chmod(mode fs.FileMode) error
	Chown(user, group int) error
	Sync() error
}

// OS is the disk of the operating system.
type OS struct{}

var _ Disk = OS{}

// OpenFile is [os.OpenFile].
func (OS) OpenFile(path string, flag int, mode fs.FileMode) (File, error) {
	return opened(os.OpenFile(path, flag, mode))
}

// opened keeps a nil pointer from becoming a File that is not nil.
func opened(f *os.File, err error) (File, error) {
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Truncate is [os.Truncate].
func (OS) Truncate(path string, size int64) error { return os.Truncate(path, size) }

// Chmod is [os.Chmod].
func (OS) Chmod(path string, mode fs.FileMode) error { return os.Chmod(path, mode) }

// Chown is [os.Chown].
func (OS) Chown(path string, user, group int) error { return os.Chown(path, user, group) }

// Mkdir is [os.Mkdir].
func (OS) Mkdir(path string, mode fs.FileMode) error { return os.Mkdir(path, mode) }

// Link is [os.Link].
func (OS) Link(from, to string) error { return os.Link(from, to) }

// Rename is [os.Rename].
func (OS) Rename(from, to string) error { return os.Rename(from, to) }

// RenameNew renames a file unless something has the new name, in one step.
func (OS) RenameNew(from, to string) error { return renameNew(from, to) }

// Remove is [os.Remove].
func (OS) Remove(path string) error { return os.Remove(path) }

// RemoveFolder is [syscall.Rmdir]: [os.Remove] would remove a file, too.
func (OS) RemoveFolder(path string) error {
	if err := syscall.Rmdir(path); err != nil {
		return &fs.PathError{Op: "rmdir", Path: path, Err: err}
	}
	return nil
}

// Sync makes the names in a folder durable, where the system has a call for
// that.
func (OS) Sync(folder string) error { return syncFolder(folder) }
