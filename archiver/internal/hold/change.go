package hold

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// CursorTempName is the name of a cursor in the making, in the same folder.
const CursorTempName = grafeo.CursorName + ".gbak-tmp"

// logFolderTemp is appended to the name of a log folder in the making.
const logFolderTemp = ".gbak-tmp"

// changeCursor replaces the entries in the cursor of the database at path, in one step, by
// those that change returns; without any, it removes the cursor. Two runs that do so at the
// same time wait for each other, see [disk.LockFolder]. change may modify its argument.
//
// When it returns nil, the change is durable. After a crash the cursor is the old one or
// the new one, and what else is left is no obstacle and goes with the next change.
func changeCursor(ctx context.Context, d disk.Disk, path string, change func([]Entry) []Entry) error {
	dir := grafeo.LogDir(path)
	lock, err := disk.LockFolder(ctx, dir)
	if errors.Is(err, fs.ErrNotExist) {
		if len(change(nil)) == 0 {
			return disk.RemoveAll(d, dir+logFolderTemp) // of a run that was killed
		}
		if err := makeLogFolder(d, path, dir); err != nil {
			return err
		}
		lock, err = disk.LockFolder(ctx, dir)
	}
	if err != nil {
		return err
	}
	defer disk.CloseRead(lock)
	before, err := Read(path)
	if err != nil {
		return err
	}
	after := change(slices.Clone(before))
	switch {
	case len(after) == 0:
		return removeCursor(d, path)
	case slices.Equal(before, after):
		// The run that wrote it may have been killed before it was durable.
		return d.Sync(dir)
	}
	err = writeCursor(d, path, after)
	if err != nil && len(before) == 0 {
		// A hold that nobody knows of might never be released.
		return errors.Join(err, removeCursor(d, path))
	}
	return err
}

// makeLogFolder makes the log folder, which a closed database does not have, for the
// database to use when it is opened. So it must belong to the database's owner, and gets
// its name only when it does.
func makeLogFolder(d disk.Disk, path, dir string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	temp := dir + logFolderTemp
	if err := d.Mkdir(temp, 0o700); err != nil && !errors.Is(err, fs.ErrExist) { // of a run that was killed
		return err
	}
	mode := info.Mode().Perm()
	err = errors.Join(d.Chmod(temp, mode|mode&0o444>>2), disk.GiveTo(d, temp, info)) // who may read the file may look in
	if err != nil && usable(temp, info, 0o700) {
		err = nil
	}
	if err == nil {
		if err = d.RenameNew(temp, dir); errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EINVAL) {
			err = d.Rename(temp, dir)
		}
	}
	if err != nil {
		_ = d.Remove(temp)
		if disk.Exists(dir) { // another run, or the database, was faster
			return nil
		}
		return err
	}
	if err := d.Sync(filepath.Dir(dir)); err != nil {
		return errors.Join(err, d.Remove(dir))
	}
	return nil
}

// writeCursor writes the file under another name in the same folder and renames it,
// because the database may read it at any time.
func writeCursor(d disk.Disk, path string, entries []Entry) error {
	b, err := encodeCursor(entries)
	if err != nil {
		return err
	}
	temp := filepath.Join(grafeo.LogDir(path), CursorTempName)
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	// The database must be able to read it, whoever it runs as.
	mode := info.Mode().Perm() | 0o444
	f, err := d.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	refused := f.Chmod(mode)
	err = errors.Join(err, disk.Durable(f.Sync()), f.Close())
	if err == nil {
		_ = disk.GiveTo(d, temp, info) // reading is enough
		if refused != nil && !usable(temp, info, 0o400) {
			err = refused
		}
	}
	if err == nil {
		err = d.Rename(temp, grafeo.CursorPath(path))
	}
	if err != nil {
		return errors.Join(err, d.Remove(temp))
	}
	return d.Sync(grafeo.LogDir(path))
}

// usable reports whether the owner of a database, info, can use the file or
// folder at path although its mode could not be set: all have the bits of an owner
// that are wanted, or the owner of the database has made it. Some file systems give
// every file the same mode, and let nobody change it.
func usable(path string, info fs.FileInfo, want fs.FileMode) bool {
	made, err := os.Stat(path)
	if err != nil {
		return false
	}
	mode, all := made.Mode().Perm(), want|want>>3|want>>6
	return mode&all == all || mode&want == want && disk.IsSameOwner(made, info)
}

// removeCursor removes the cursor, so that the database keeps no log for anybody. A folder
// with nothing else in it was made for the cursor, and goes as well.
func removeCursor(d disk.Disk, path string) error {
	dir := grafeo.LogDir(path)
	for _, file := range []string{grafeo.CursorPath(path), filepath.Join(dir, CursorTempName)} {
		if !disk.Exists(file) {
			continue
		}
		if err := d.Remove(file); err != nil {
			return err
		}
	}
	if err := d.Sync(dir); err != nil {
		return err
	}
	_ = d.Remove(dir) // fails if there is a log, as it should
	return nil
}
