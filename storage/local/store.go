// Package local keeps objects as files in a folder: the key is the path below it.
// Nothing else is needed to read them, and copying the folder copies the archive.
//
// A file appears under its final name whole and in one step. Files that are being
// written are in the folder .tmp, which no key can name.
//
// After a loss of power, every object that a Put acknowledged exists and is whole. The
// object of a Put that was not acknowledged exists or not, and is whole if it does.
// Objects of other processes that a Store has shown to its caller are durable before
// anything that the caller puts next. An object that its caller reads is durable at
// once, unless the process may not write there.
package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/gbak-s3/gbak-s3/internal/disk"
	"github.com/gbak-s3/gbak-s3/internal/errno"
	"github.com/gbak-s3/gbak-s3/internal/shared"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/driver"
)

// Store is a [storage.Storage] in a folder. Any number of stores in any number of
// processes may use the same folder, if its file system has atomic hard links or
// exclusive renames between them.
type Store struct {
	root string
	disk disk.Disk

	sweep    sync.Once
	mu       sync.Mutex
	durable  map[string]bool // folders whose own names are known to be durable
	madeRoot bool            // by this store
	putting  int             // the number of puts that are under way

	namesMu sync.Mutex
	names   map[string]nameState // in each folder of which the caller has seen any
}

var _ storage.Storage = (*Store)(nil)

// Open returns the store in the folder root. It creates nothing: a folder that does not
// exist is an empty store, and the first Put makes it. A link to a path that does not
// exist, such as one on a disk that is not mounted, is an error.
func Open(root string) (*Store, error) { return OpenOn(disk.OS{}, root) }

// OpenOn is Open on another disk, for tests: one that records its steps, or that fails
// at one of them.
func OpenOn(d disk.Disk, root string) (*Store, error) {
	if root == "" {
		return nil, errors.New("open store: the path is empty")
	}
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	info, err := os.Stat(root)
	switch {
	case errno.Is(err, fs.ErrNotExist):
		if err := checkDanglingLink(root); err != nil {
			return nil, fmt.Errorf("open store: %w", err)
		}
	case err != nil:
		return nil, fmt.Errorf("open store: %w", err)
	case !info.IsDir():
		return nil, fmt.Errorf("open store: %s is not a folder", root)
	}
	return &Store{root: root, disk: d, durable: map[string]bool{}, names: map[string]nameState{}}, nil
}

// checkDanglingLink returns an error if path does not exist because it, or a folder
// above it, is a link to something that does not exist.
func checkDanglingLink(path string) error {
	for ; ; path = filepath.Dir(path) {
		if _, err := os.Stat(path); err == nil || path == filepath.Dir(path) {
			return nil
		}
		if to, err := os.Readlink(path); err == nil {
			return fmt.Errorf("%s is a link to %s, which does not exist", path, to)
		}
	}
}

// Get implements [storage.Storage].
func (s *Store) Get(ctx context.Context, key string, r storage.Range) (io.ReadCloser, storage.ObjectInfo, error) {
	if err := driver.CheckCall(ctx, storage.OpGet, key); err != nil {
		return nil, storage.ObjectInfo{}, err
	}
	driver.CountRequest(ctx, storage.OpGet)
	body, info, err := s.get(ctx, key, r)
	if err != nil {
		return nil, storage.ObjectInfo{}, fail(storage.OpGet, key, asNotExist(err))
	}
	return body, info, nil
}

func (s *Store) get(ctx context.Context, key string, r storage.Range) (io.ReadCloser, storage.ObjectInfo, error) {
	path, err := s.path(key)
	if err != nil {
		return nil, storage.ObjectInfo{}, err
	}
	f, err := shared.Open(path)
	if err != nil {
		return nil, storage.ObjectInfo{}, err
	}
	body, info, err := readPart(ctx, f, key, r)
	if err == nil {
		err = s.syncNames(filepath.Dir(path))
	}
	if err != nil {
		_ = f.Close() // it was only read
		return nil, storage.ObjectInfo{}, err
	}
	return body, info, nil
}

// readPart returns a reader of the part r of f that closes f.
func readPart(ctx context.Context, f *os.File, key string, r storage.Range) (io.ReadCloser, storage.ObjectInfo, error) {
	stat, err := f.Stat()
	if err != nil {
		return nil, storage.ObjectInfo{}, err
	}
	info, err := describe(key, stat)
	if err != nil {
		return nil, storage.ObjectInfo{}, err
	}
	offset, length, err := r.Clip(info.Size)
	if err != nil {
		return nil, storage.ObjectInfo{}, err
	}
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return nil, storage.ObjectInfo{}, err
	}
	return driver.NewBody(ctx, key, f, length), info, nil
}

// Head implements [storage.Storage].
func (s *Store) Head(ctx context.Context, key string) (storage.ObjectInfo, error) {
	if err := driver.CheckCall(ctx, storage.OpHead, key); err != nil {
		return storage.ObjectInfo{}, err
	}
	driver.CountRequest(ctx, storage.OpHead)
	info, err := s.head(key)
	if err != nil {
		return storage.ObjectInfo{}, fail(storage.OpHead, key, asNotExist(err))
	}
	return info, nil
}

func (s *Store) head(key string) (storage.ObjectInfo, error) {
	path, err := s.path(key)
	if err != nil {
		return storage.ObjectInfo{}, err
	}
	stat, err := os.Stat(path)
	if err != nil {
		return storage.ObjectInfo{}, err
	}
	info, err := describe(key, stat)
	if err == nil {
		err = s.showNames(filepath.Dir(path))
	}
	return info, err
}

// path returns where the object is. Some valid keys cannot be names on Windows.
func (s *Store) path(key string) (string, error) {
	name, err := filepath.Localize(key)
	if err != nil {
		return "", fmt.Errorf("this system cannot have a file named %s: %w", key, err)
	}
	return filepath.Join(s.root, name), nil
}

// describe returns the ObjectInfo of the file under a key; only files are objects.
func describe(key string, stat fs.FileInfo) (storage.ObjectInfo, error) {
	if !stat.Mode().IsRegular() {
		return storage.ObjectInfo{}, storage.ErrNotExist
	}
	return storage.ObjectInfo{Key: key, Size: stat.Size(), ModTime: stat.ModTime()}, nil
}

// isMissing reports whether err is the error of a path without a file, which includes
// one below something that is no folder.
func isMissing(err error) bool {
	return errno.Is(err, fs.ErrNotExist, syscall.ENOTDIR)
}

// asNotExist turns the error of a path without a file into ErrNotExist.
func asNotExist(err error) error {
	if isMissing(err) {
		return storage.ErrNotExist
	}
	return err
}

// isDenied reports whether the system denied the access.
func isDenied(err error) bool {
	return errno.Is(err, fs.ErrPermission, syscall.EROFS)
}

// fail makes err the error of one operation.
func fail(op storage.Op, key string, err error) error {
	if isDenied(err) {
		err = denied{err}
	}
	return &storage.Error{Op: op, Key: key, Err: err}
}

// denied is an error of the system that is also storage.ErrPermission. It keeps the
// system's text, which names the file.
type denied struct{ error }

func (d denied) Is(target error) bool {
	return target == storage.ErrPermission || target == fs.ErrPermission
}
func (d denied) Unwrap() error { return d.error }
