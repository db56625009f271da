package objects

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// Read reads a whole object of at most limit bytes that nothing else describes. One
// that is not intact is read again, and the second time returned as it is: the caller
// knows best what is wrong with it. One that is larger is a [*manifest.ObjectError], and
// one that does not exist [storage.ErrNotExist].
func (s *Store) Read(ctx context.Context, key string, limit int64, intact func([]byte) bool) ([]byte, error) {
	var b []byte
	isRead := false
	err := s.readTwice(ctx, key, func() error {
		return s.readOnce(ctx, key, storage.Range{}, func(body io.Reader, info storage.ObjectInfo) (err error) {
			isRead = false
			if info.Size > limit {
				return suspicion("it is larger than any object of its kind can be")
			}
			if b, err = readWhole(body, nil, info.Size); err != nil {
				return err
			}
			isRead = true
			if !intact(b) {
				return suspicion("it is not intact")
			}
			return nil
		})
	})
	if _, damaged := errors.AsType[*manifest.ObjectError](err); damaged && isRead {
		return b, nil
	}
	return b, err
}

// ReadSealed reads a whole object of which a manifest says how many bytes it has, and
// their digest. If it is missing or damaged, the error is a [*manifest.ObjectError].
//
// buffer returns memory to read into, as far as it reaches, and is called when the object
// is known to have as many bytes; nil stands for memory of its own.
func (s *Store) ReadSealed(ctx context.Context, key string, bytes int64, sum manifest.Digest, buffer func() []byte) ([]byte, error) {
	return s.ReadMatching(ctx, key, bytes, func(b []byte) bool { return manifest.Sum(b) == sum }, buffer)
}

// ReadMatching is [Store.ReadSealed] of an object of which something else tells what its bytes
// must be.
func (s *Store) ReadMatching(ctx context.Context, key string, bytes int64, matches func([]byte) bool, buffer func() []byte) ([]byte, error) {
	var b []byte
	err := s.readStored(ctx, key, storage.Range{}, func(body io.Reader, info storage.ObjectInfo) (err error) {
		if info.Size != bytes {
			return suspicion(fmt.Sprintf("it has %d bytes instead of %d", info.Size, bytes))
		}
		if buffer != nil {
			b = buffer()
		}
		if b, err = readWhole(body, b, bytes); err == nil && !matches(b) {
			return suspicion("its bytes are not those that were stored")
		}
		return err
	})
	return b, err
}

// ReadPart reads a part of an object that a manifest names. If the object is missing, or
// ends before the part does, the error is a [*manifest.ObjectError]. The bytes are not
// checked: if they prove to be wrong, [Store.Blame] returns the error.
func (s *Store) ReadPart(ctx context.Context, key string, part storage.Range) ([]byte, error) {
	var b []byte
	err := s.readStored(ctx, key, part, func(body io.Reader, info storage.ObjectInfo) (err error) {
		if info.Size < part.Offset+part.Length {
			return suspicion(isShorter)
		}
		b, err = readWhole(body, nil, part.Length)
		return err
	})
	return b, err
}

const isShorter = "it is shorter than it was when it was stored"

// Blame returns the error for an object whose bytes, as they have arrived, are not those
// that were stored.
func (s *Store) Blame(ctx context.Context, key, problem string) error {
	if foreign := s.checkOrigin(ctx, key); foreign != nil {
		return foreign
	}
	return &manifest.ObjectError{Key: key, Problem: problem}
}

// suspicion is what seems to be wrong with an object. The first time, the network may be
// the cause; the second time, it is not.
type suspicion string

func (s suspicion) Error() string { return string(s) }

// readTwice retries read, and blames the object for what is suspected twice. The second
// read follows the first one at once: the store has answered, so there is nothing to wait
// for.
func (s *Store) readTwice(ctx context.Context, key string, read func() error) error {
	suspected := false
	_, err := Retry(ctx, s.Patience, func() (struct{}, error) {
		err := read()
		if isSuspicion(err) && !suspected {
			suspected = true
			if err = read(); isSuspicion(err) {
				err = s.readOther(ctx, key, err, read)
			}
		}
		if problem, ok := errors.AsType[suspicion](err); ok {
			err = noRetry(s.Blame(ctx, key, string(problem)))
		}
		return struct{}{}, err
	})
	return err
}

// readOther retries read with other versions of an object, where the store has a choice:
// what an attacker has put over an object may be taken for the object.
func (s *Store) readOther(ctx context.Context, key string, err error, read func() error) error {
	t, ok := s.Storage.(storage.VersionTurner)
	for tried := 0; ok && isSuspicion(err); tried++ {
		versions, turnErr := t.TurnVersion(ctx, key)
		if turnErr != nil {
			return noRetry(turnErr) // the backend has retried it
		}
		if tried >= versions {
			return err
		}
		err = read()
	}
	return err
}

func isSuspicion(err error) bool {
	_, ok := errors.AsType[suspicion](err)
	return ok
}

// readStored reads what a manifest names: that it is missing is a suspicion, too.
func (s *Store) readStored(ctx context.Context, key string, part storage.Range, use func(io.Reader, storage.ObjectInfo) error) error {
	return s.readTwice(ctx, key, func() error {
		err := s.readOnce(ctx, key, part, use)
		switch {
		case errors.Is(err, storage.ErrNotExist):
			return suspicion("it is missing")
		case errors.Is(err, storage.ErrInvalidRange):
			return suspicion(isShorter)
		}
		return err
	})
}

// readOnce gets an object, or a part of it, and passes its body to use.
func (s *Store) readOnce(ctx context.Context, key string, part storage.Range, use func(io.Reader, storage.ObjectInfo) error) error {
	body, info, err := s.Get(ctx, key, part)
	if err != nil {
		return noRetry(err) // the backend has retried it
	}
	defer body.Close()
	return use(body, info)
}

// checkOrigin is called before an object is called damaged: what has arrived, twice,
// may not be what the store keeps. Then that is the error.
func (s *Store) checkOrigin(ctx context.Context, key string) error {
	if c, ok := s.Storage.(storage.OriginChecker); ok {
		return c.CheckOrigin(ctx, key)
	}
	return nil
}
