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

	"github.com/gbak-s3/gbak-s3/internal/ctxio"
	"github.com/gbak-s3/gbak-s3/internal/disk"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/driver"
)

// Put implements [storage.Storage]. A crash at any moment, of the process or of the
// machine, leaves the old object or the new one, and perhaps a file in .tmp, which the
// first Put of another day removes. After success it is the new one. If only the last
// step fails, the sync of the folder, the object exists but may not last: the error is
// then not a refusal, and the object is not shown until a sync succeeds.
func (s *Store) Put(ctx context.Context, key string, body io.ReadSeeker, opts storage.PutOptions) (storage.PutResult, error) {
	if err := driver.CheckCall(ctx, storage.OpPut, key); err != nil {
		return storage.PutResult{}, err
	}
	driver.CountRequest(ctx, storage.OpPut)
	s.sweep.Do(s.sweepTemps)
	result, err := s.put(ctx, key, body, opts)
	if err != nil {
		return storage.PutResult{}, fail(storage.OpPut, key, err)
	}
	return result, nil
}

// putAttempts is how often a put makes its folders anew when somebody removes them
// because they are empty, see [Store.Delete].
const putAttempts = 3

func (s *Store) put(ctx context.Context, key string, body io.ReadSeeker, opts storage.PutOptions) (result storage.PutResult, err error) {
	s.addPutting(1)
	defer s.addPutting(-1)
	start, err := body.Seek(0, io.SeekCurrent)
	for attempt := 1; err == nil && attempt <= putAttempts; attempt++ {
		result, err = s.putOnce(ctx, key, body, opts)
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
		if _, seekErr := body.Seek(start, io.SeekStart); seekErr != nil || attempt == putAttempts {
			break
		}
		err = nil
	}
	return result, err
}

func (s *Store) putOnce(ctx context.Context, key string, body io.ReadSeeker, opts storage.PutOptions) (storage.PutResult, error) {
	path, err := s.path(key)
	if err != nil {
		return storage.PutResult{}, err
	}
	dir := filepath.Dir(path)
	if err := s.ensureDir(dir); err != nil {
		s.tidy(dir, 1)
		return storage.PutResult{}, err
	}
	temp, size, err := s.writeTemp(ctx, body, opts.SHA256)
	if err == nil {
		err = s.publish(ctx, temp, path, opts.IfAbsent)
	}
	if err != nil {
		s.forgetDir(dir)
		if !errors.Is(err, storage.ErrPreconditionFailed) {
			s.tidy(dir, 1) // it may have been made for this object
		}
		return storage.PutResult{}, err
	}
	return storage.PutResult{Size: size, Proved: opts.SHA256 != nil}, nil
}

// writeTemp writes body to a new file in .tmp. When it returns, the bytes are durable
// and the name is not. After an error there is no file.
func (s *Store) writeTemp(ctx context.Context, body io.Reader, sum *[32]byte) (path string, size int64, err error) {
	f, err := s.createTemp()
	if err != nil {
		return "", 0, err
	}
	defer func() {
		if err != nil {
			_ = f.Close()               // the error that matters is being returned
			_ = s.disk.Remove(f.Name()) // else it is swept another day
		}
	}()
	source := ctxio.NewReader(ctx, body)
	digest := sha256.New()
	if sum != nil {
		source = io.TeeReader(source, digest)
	}
	if size, err = io.Copy(f, source); err != nil {
		return "", 0, err
	}
	if sum != nil && [32]byte(digest.Sum(nil)) != *sum {
		return "", 0, fmt.Errorf("the body has SHA-256 %x instead of %x", digest.Sum(nil), *sum)
	}
	if err := f.Sync(); err != nil {
		return "", 0, err
	}
	return f.Name(), size, f.Close()
}

// publish gives the finished file temp its final name, and makes that durable. The name
// temp is gone afterwards, even after an error.
func (s *Store) publish(ctx context.Context, temp, path string, ifAbsent bool) error {
	dir := filepath.Dir(path)
	err := s.syncShown()
	switch {
	case err != nil:
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case ifAbsent:
		err = disk.Move(s.disk, temp, path)
		switch {
		case err != nil && isSameFile(temp, path):
			err = nil // it has its final name; the other one is swept another day
		case errors.Is(err, disk.ErrNoMove):
			err = fmt.Errorf("%w: %w", storage.ErrNoConditionalPut, err)
		}
	default:
		err = s.disk.Rename(temp, path)
	}
	if err != nil {
		_ = s.disk.Remove(temp) // else it is swept another day
	}
	if ifAbsent && errors.Is(err, fs.ErrExist) && !isDir(path) {
		if err = s.showNames(dir); err == nil {
			err = storage.ErrPreconditionFailed
		}
	}
	if err != nil {
		return err
	}
	if err := s.disk.Sync(dir); err != nil {
		s.markDoubtful(dir)
		// Without %w: whatever the cause, it is no refusal. The object exists.
		return fmt.Errorf("the object exists, but may not survive a loss of power: %v", err) //nolint:errorlint // see above
	}
	return nil
}

// isSameFile reports whether two paths are names of one file.
func isSameFile(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}
