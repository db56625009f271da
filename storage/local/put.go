package local

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/gbak-s3/gbak-s3/storage"
)

// Put implements [storage.Storage]. A crash at any moment leaves the old object
// or the new one, and perhaps a file in .tmp, which the first Put of another
// day removes.
func (s *Store) Put(ctx context.Context, key string, body io.ReadSeeker, opts storage.PutOptions) (storage.ObjectInfo, error) {
	if err := storage.CheckCall(ctx, storage.OpPut, key); err != nil {
		return storage.ObjectInfo{}, err
	}
	storage.CountRequest(ctx, storage.OpPut)
	s.sweep.Do(s.sweepTemps)
	info, err := s.put(ctx, key, body, opts)
	if err != nil {
		return storage.ObjectInfo{}, fail(storage.OpPut, key, err)
	}
	return info, nil
}

func (s *Store) put(ctx context.Context, key string, body io.ReadSeeker, opts storage.PutOptions) (storage.ObjectInfo, error) {
	path, err := s.path(key)
	if err != nil {
		return storage.ObjectInfo{}, err
	}
	dir := filepath.Dir(path)
	if err := s.ensureDir(dir); err != nil {
		return storage.ObjectInfo{}, err
	}
	var info storage.ObjectInfo
	temp, err := s.writeTemp(ctx, body, opts.SHA256)
	if err == nil {
		info, err = s.publish(ctx, temp, path, opts.IfAbsent)
	}
	if err != nil {
		s.forgetDir(dir)
		return storage.ObjectInfo{}, err
	}
	info.Key, info.SHA256 = key, opts.SHA256
	return info, nil
}

// writeTemp writes body to a new file in .tmp, whose bytes are durable
// when it returns, and whose name is not. On an error there is no file.
func (s *Store) writeTemp(ctx context.Context, body io.Reader, sum *[32]byte) (path string, err error) {
	f, err := s.createTemp()
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			_ = f.Close()           // the error that matters is on its way
			_ = os.Remove(f.Name()) // else it is swept another day
		}
	}()
	source := io.Reader(untilDone{ctx, body})
	digest := sha256.New()
	if sum != nil {
		source = io.TeeReader(source, digest)
	}
	if _, err := io.Copy(f, source); err != nil {
		return "", err
	}
	if sum != nil && [32]byte(digest.Sum(nil)) != *sum {
		return "", fmt.Errorf("the body has SHA-256 %x instead of %x", digest.Sum(nil), *sum)
	}
	if err := f.Sync(); err != nil {
		return "", err
	}
	return f.Name(), f.Close()
}

// untilDone is a reader that ends with ctx.
type untilDone struct {
	ctx context.Context
	io.Reader
}

func (r untilDone) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.Reader.Read(p)
}

// publish gives the finished file temp its final name and makes that durable.
// The name temp is gone afterwards, also after an error.
func (s *Store) publish(ctx context.Context, temp, path string, ifAbsent bool) (storage.ObjectInfo, error) {
	stat, err := os.Stat(temp)
	switch {
	case err != nil:
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case ifAbsent:
		err = s.linkNew(temp, path)
	default:
		err = s.sys.rename(temp, path)
	}
	if err != nil || ifAbsent {
		_ = os.Remove(temp) // else it is swept another day
	}
	if err != nil {
		return storage.ObjectInfo{}, err
	}
	if err := s.sys.syncDir(filepath.Dir(path)); err != nil {
		return storage.ObjectInfo{}, err
	}
	return storage.ObjectInfo{Size: stat.Size(), ModTime: stat.ModTime()}, nil
}

// linkNew names the file temp also path, if nothing has that name.
func (s *Store) linkNew(temp, path string) error {
	err := s.sys.link(temp, path)
	// Linux says EPERM where the file system has no hard links.
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EPERM) {
		renameErr := s.sys.renameNew(temp, path)
		if errors.Is(renameErr, errors.ErrUnsupported) || errors.Is(renameErr, syscall.EINVAL) {
			return fmt.Errorf("%w: the file system has neither hard links nor exclusive renames to create objects safely: %w", errors.ErrUnsupported, err)
		}
		err = renameErr
	}
	if errors.Is(err, fs.ErrExist) && !isDir(path) {
		return storage.ErrPreconditionFailed
	}
	return err
}
