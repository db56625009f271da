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

// Put implements [storage.Storage]. A crash at any moment, be it of the process
// or of the power, leaves the old object or the new one, and perhaps a file in
// .tmp, which the first Put of another day removes. After success it is the new
// one. If only the last step fails, the sync of the folder, the object is there
// and may not last: the error is then none that says no, and the object is not
// shown until a sync succeeds.
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

// putTries is how often a put makes its folders anew when somebody removes them
// because they are empty, see [Store.Delete].
const putTries = 3

func (s *Store) put(ctx context.Context, key string, body io.ReadSeeker, opts storage.PutOptions) (result storage.PutResult, err error) {
	s.count(1)
	defer s.count(-1)
	start, err := body.Seek(0, io.SeekCurrent)
	for try := 0; err == nil && try < putTries; try++ {
		result, err = s.putOnce(ctx, key, body, opts)
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
		if _, seekErr := body.Seek(start, io.SeekStart); seekErr != nil || try == putTries-1 {
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

// writeTemp writes body to a new file in .tmp, whose bytes are durable
// when it returns, and whose name is not. On an error there is no file.
func (s *Store) writeTemp(ctx context.Context, body io.Reader, sum *[32]byte) (path string, size int64, err error) {
	f, err := s.createTemp()
	if err != nil {
		return "", 0, err
	}
	defer func() {
		if err != nil {
			_ = f.Close()               // the error that matters is on its way
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

// publish gives the finished file temp its final name and makes that durable.
// The name temp is gone afterwards, also after an error.
func (s *Store) publish(ctx context.Context, temp, path string, ifAbsent bool) error {
	dir := filepath.Dir(path)
	err := s.settle()
	switch {
	case err != nil:
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case ifAbsent:
		err = disk.Move(s.disk, temp, path)
		switch {
		case err != nil && isSame(temp, path):
			err = nil // it has its name; the other one is swept another day
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
		if err = s.show(dir); err == nil {
			err = storage.ErrPreconditionFailed
		}
	}
	if err != nil {
		return err
	}
	if err := s.disk.Sync(dir); err != nil {
		s.doubt(dir)
		// It is no refusal, whatever the cause is: the object is there.
		return fmt.Errorf("the object is there, but perhaps not after a loss of power: %v", err) //nolint:errorlint // see above
	}
	return nil
}

// isSame tells whether two paths are names of one file.
func isSame(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}
