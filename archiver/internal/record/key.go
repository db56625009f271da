package record

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/gbak-s3/gbak-s3/archiver/internal/seal"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// KeyFileError is the error for the file of a writer key that cannot be read.
type KeyFileError struct {
	Path string
	Err  error
}

func (e *KeyFileError) Error() string { return fmt.Sprintf("the writer key %s: %v", e.Path, e.Err) }

// Unwrap returns the cause.
func (e *KeyFileError) Unwrap() error { return e.Err }

// keyPath returns the file of the writer key of an archive, and begunPath that of its
// archive.json as long as it has no backup; "" if there is no folder.
func (f *Folder) keyPath(archiveID string) string   { return f.inKeys(archiveID + ".key") }
func (f *Folder) begunPath(archiveID string) string { return f.inKeys(archiveID + ".archive.json") }

func (f *Folder) inKeys(name string) string {
	if f.Path == "" || name != filepath.Base(name) {
		return ""
	}
	return filepath.Join(f.Path, "keys", name)
}

// KeyFile returns the file of the writer key of an archive, "" if this host has none.
func (f *Folder) KeyFile(archiveID string) string {
	path := f.keyPath(archiveID)
	if path == "" || !disk.Exists(path) {
		return ""
	}
	return path
}

// WriterKey returns the writer key of the archive with this id, nil if this host has none.
func (f *Folder) WriterKey(archiveID string) (*seal.WriterKey, error) {
	path := f.keyPath(archiveID)
	if path == "" {
		return nil, nil
	}
	key, err := f.ReadWriterKey(path)
	switch {
	case isAbsent(err):
		return nil, nil
	case err == nil && key.ArchiveID != archiveID:
		err = &KeyFileError{path, fmt.Errorf("it is that of the archive %s", key.ArchiveID)}
	}
	return key, err
}

// ReadWriterKey reads the file of a writer key. If others than its user may read it, that is
// worth a warning.
func (f *Folder) ReadWriterKey(path string) (*seal.WriterKey, error) {
	b, err := disk.ReadUpTo(path, maxKeyBytes)
	if err != nil {
		return nil, &KeyFileError{path, err}
	}
	key, err := seal.ParseWriterKey(b)
	if err != nil {
		return nil, &KeyFileError{path, err}
	}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" {
		f.Log.Warn("others than its user may read the writer key: make it 0600", "file", path, "mode", info.Mode().Perm())
	}
	return key, nil
}

// ErrNoPlace: a new encrypted archive would have no place for its keys.
var ErrNoPlace = errors.New("there is no folder for its writer key on this host, without which nothing more could be backed up")

// Begin makes the writer key of an archive durable that begins at an address, and its
// archive.json, so that the next run can go on after a crash; and pins that it is encrypted.
func (f *Folder) Begin(ctx context.Context, address string, key *seal.WriterKey, document []byte) error {
	if f.Path == "" {
		return ErrNoPlace
	}
	if err := f.PutWriterKey(ctx, key); err != nil {
		return err
	}
	if err := f.put(ctx, f.begunPath(key.ArchiveID), document, func() bool { return true }); err != nil {
		return err
	}
	return f.Pin(ctx, address, key.ArchiveID)
}

// maxKeyBytes is more than a writer key has, with all the generations that there may be.
const maxKeyBytes = 1 << 20

// PutWriterKey stores a writer key in the folder, readable for its user alone, unless a newer
// one is there, or one with more generations: a run that goes on with a key that was revoked
// must not undo that somebody has made a new one. When it returns nil, a loss of power does not
// take it away.
func (f *Folder) PutWriterKey(ctx context.Context, key *seal.WriterKey) error {
	path := f.keyPath(key.ArchiveID)
	if path == "" {
		return ErrNoPlace
	}
	err := f.put(ctx, path, key.Encode(), func() bool {
		before, err := f.ReadWriterKey(path)
		return err != nil || before.Keys <= key.Keys && len(before.Generations) <= len(key.Generations)
	})
	if err != nil {
		return fmt.Errorf("storing the writer key on this host: %w", err)
	}
	return nil
}

// put gives a file in the folder new content, durably, if isNewer reports that under a lock.
func (f *Folder) put(ctx context.Context, path string, content []byte, isNewer func() bool) error {
	folder := filepath.Dir(path)
	if err := makeFolders(f.Disk, folder); err != nil {
		return err
	}
	lock, err := disk.LockFolder(ctx, folder)
	if err != nil {
		return err
	}
	defer disk.CloseRead(lock)
	if isNewer() {
		if err := replace(f.Disk, path, content); err != nil {
			return err
		}
	}
	return f.settle(path)
}

// Begun returns archive.json of the encrypted archive that was to begin at an address, as long
// as no backup of it was noted; nil if there is none.
func (f *Folder) Begun(address string) ([]byte, error) {
	_, found := f.find(address)
	if found == nil || found.Seq != 0 {
		return nil, nil
	}
	b, err := disk.ReadUpTo(f.begunPath(found.ArchiveID), maxBegun)
	if isAbsent(err) || err == nil && !bytes.HasSuffix(b, []byte("\n")) {
		return nil, nil
	}
	return b, err
}

// maxBegun is more than archive.json has, with the wraps of many recipients.
const maxBegun = 16 << 20

// forgetBegun removes archive.json of an archive that has a backup by now.
func (f *Folder) forgetBegun(archiveID string) {
	if path := f.begunPath(archiveID); path != "" && disk.Exists(path) {
		_ = f.Disk.Remove(path) // it is not read any more
	}
}
