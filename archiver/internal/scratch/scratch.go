// Package scratch makes folders for what is thrown away: a restore that only proves that it works.
//
//	gbak-drill-0123456789abcdef0123456789abcdef/
//	    lock         held as long as somebody works here; free after a crash
//	    ...          whatever the work leaves
//
// Whoever makes one removes those in the same place whose lock is free, so what killed runs have
// left does not pile up. A folder that is kept has no lock, and is left alone.
package scratch

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// Prefix is what the names of these folders begin with.
const Prefix = "gbak-drill-"

const lockName = "lock"

var folderName = regexp.MustCompile(`^` + Prefix + `[0-9a-f]{32}$`)

// Folder is such a folder, which this process has locked.
type Folder struct {
	Dir string

	disk disk.Disk
	lock disk.File
	is   fs.FileInfo // of Dir
}

// Open makes a folder in parent, which must exist, and removes what killed runs have left there. What of
// that cannot be removed is for the log.
func Open(d disk.Disk, parent string, log *slog.Logger) (*Folder, error) {
	parent, err := filepath.Abs(parent)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(parent)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if !e.IsDir() || !folderName.MatchString(e.Name()) {
			continue
		}
		if err := removeLeftover(d, filepath.Join(parent, e.Name())); err != nil {
			log.Warn("what an earlier drill has left cannot be removed", "err", err)
		}
	}
	for range 10 {
		f, err := create(d, filepath.Join(parent, Prefix+manifest.NewID()))
		if f != nil || err != nil {
			return f, err
		}
	}
	return nil, fmt.Errorf("%s: another process removes new folders there at once", parent)
}

// create makes and locks a folder. It returns nil if another run takes it for a leftover before it is
// locked.
func create(d disk.Disk, dir string) (*Folder, error) {
	if err := d.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	info, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	f := &Folder{Dir: dir, disk: d, is: info}
	lock, err := d.OpenFile(f.Path(lockName), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, errors.Join(err, d.Remove(dir))
	}
	locked, err := disk.TryLock(lock)
	if err == nil && locked && disk.IsStill(f.Path(lockName), lock) {
		f.lock = lock
		return f, nil
	}
	_ = lock.Close() // nothing was written
	if err != nil {
		return nil, errors.Join(err, disk.RemoveAll(d, dir))
	}
	return nil, nil
}

// removeLeftover removes a folder unless somebody works there, or has kept it, or it is another user's.
func removeLeftover(d disk.Disk, dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return nil //nolint:nilerr // another run has just removed it
	}
	if user, _, known := disk.OwnerOf(info); known && user != os.Geteuid() {
		return nil
	}
	lock, err := d.OpenFile(filepath.Join(dir, lockName), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		_ = d.RemoveFolder(dir) // it was killed before it had a lock; one that is kept has something in it
		return nil
	}
	if err != nil {
		return err
	}
	locked, err := disk.TryLock(lock)
	if err != nil || !locked || !disk.IsStill(lock.Name(), lock) {
		_ = lock.Close() // nothing was written
		return err
	}
	return (&Folder{Dir: dir, disk: d, lock: lock, is: info}).Remove()
}

// Path returns the path of a name in the folder.
func (f *Folder) Path(name string) string { return filepath.Join(f.Dir, name) }

// Remove removes the folder with everything in it, and releases the lock. After an error, the next
// [Open] in the same place removes what is left.
func (f *Folder) Remove() error {
	if err := f.empty(); err != nil {
		disk.CloseRead(f.lock)
		return err
	}
	if err := disk.EndLock(f.disk, f.lock); err != nil {
		return err
	}
	return f.disk.Remove(f.Dir)
}

// empty removes everything in the folder but the lock.
func (f *Folder) empty() error {
	// A command may have put something else there, such as a link to a folder that is not ours.
	info, err := os.Lstat(f.Dir)
	if err != nil {
		return err
	}
	if !os.SameFile(info, f.is) {
		return fmt.Errorf("%s: something else is in its place, and stays", f.Dir)
	}
	entries, err := os.ReadDir(f.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() != lockName {
			err = errors.Join(err, disk.RemoveAll(f.disk, f.Path(e.Name())))
		}
	}
	return err
}

// Keep releases the lock, and leaves the rest for good.
func (f *Folder) Keep() error { return disk.EndLock(f.disk, f.lock) }
