package disk

import (
	"io/fs"
	"log/slog"
)

// Logged returns a disk that does the same as d, and logs every step that fails, at level
// debug: also those that are then tried in another way, or do not matter. (The files that
// it opens are those of d: their callers return their errors.)
func Logged(d Disk, log *slog.Logger) Disk { return &logged{d, log} }

type logged struct {
	disk Disk
	log  *slog.Logger
}

func (l *logged) note(call, path string, err error) error {
	if err != nil {
		l.log.Debug("system call", "call", call, "path", path, "err", err)
	}
	return err
}

func (l *logged) OpenFile(path string, flag int, mode fs.FileMode) (File, error) {
	f, err := l.disk.OpenFile(path, flag, mode)
	return f, l.note("open", path, err)
}

func (l *logged) Truncate(path string, size int64) error {
	return l.note("truncate", path, l.disk.Truncate(path, size))
}

func (l *logged) Chmod(path string, mode fs.FileMode) error {
	return l.note("chmod", path, l.disk.Chmod(path, mode))
}

func (l *logged) Chown(path string, user, group int) error {
	return l.note("chown", path, l.disk.Chown(path, user, group))
}

func (l *logged) Mkdir(path string, mode fs.FileMode) error {
	return l.note("mkdir", path, l.disk.Mkdir(path, mode))
}

func (l *logged) Link(from, to string) error { return l.note("link", to, l.disk.Link(from, to)) }

func (l *logged) Rename(from, to string) error {
	return l.note("rename", to, l.disk.Rename(from, to))
}

func (l *logged) RenameNew(from, to string) error {
	return l.note("renameat2", to, l.disk.RenameNew(from, to))
}

func (l *logged) Remove(path string) error { return l.note("unlink", path, l.disk.Remove(path)) }

func (l *logged) RemoveFolder(path string) error {
	return l.note("rmdir", path, l.disk.RemoveFolder(path))
}

func (l *logged) Sync(folder string) error { return l.note("fsync", folder, l.disk.Sync(folder)) }
