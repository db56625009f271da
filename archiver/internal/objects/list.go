package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/gbak-s3/gbak-s3/storage"
)

// This file is what keeps a store that lies, or an archive that somebody has
// tampered with, from taking all memory: nothing is made as large as somebody
// claims before the bytes are there.

// How many objects a list may have: more than ten times of what an archive is
// made for.
const (
	MaxManifests = 1 << 20
	MaxSegments  = 10 << 20
)

// List is the store's List, but ends with an error if there are more than limit
// objects, or if they do not come in order, as they do when a list has no end.
func (s *Store) List(ctx context.Context, prefix string, limit int) iter.Seq2[storage.ObjectInfo, error] {
	return s.ListAfter(ctx, prefix, "", limit)
}

// ListAfter is list of the objects behind the key after.
func (s *Store) ListAfter(ctx context.Context, prefix, after string, limit int) iter.Seq2[storage.ObjectInfo, error] {
	return func(yield func(storage.ObjectInfo, error) bool) {
		n, last := 0, after
		fail := func(format string, args ...any) {
			yield(storage.ObjectInfo{}, &storage.Error{Op: storage.OpList, Key: prefix, Err: fmt.Errorf(format, args...)})
		}
		for info, err := range s.Storage.List(ctx, prefix, after) {
			if n++; err == nil {
				switch {
				case !strings.HasPrefix(info.Key, prefix):
					fail("the store lists %s, which does not begin with it", info.Key)
					return
				case info.Key <= last:
					fail("the store does not list in order: %s comes after %s", info.Key, last)
					return
				case n > limit:
					fail("the store lists more than %d objects", limit)
					return
				}
			}
			last = info.Key
			if !yield(info, err) || err != nil {
				return
			}
		}
	}
}

const (
	// firstRead is how much memory is made for an object before any of it is there.
	firstRead = 1 << 20
	// readGrowth is how much more is made than what is there: memory that is given
	// up again is worse than memory that is not touched yet.
	readGrowth = 8
)

// ReadWhole reads exactly size bytes, into the memory of buf as far as that
// reaches. Memory grows with what arrives.
func ReadWhole(r io.Reader, buf []byte, size int64) ([]byte, error) {
	buf = buf[:0]
	for int64(len(buf)) < size {
		if len(buf) == cap(buf) {
			grown := make([]byte, len(buf), max(min(size, int64(len(buf))*readGrowth), min(size, firstRead)))
			copy(grown, buf)
			buf = grown
		}
		part := buf[len(buf):min(int64(cap(buf)), size)]
		n, err := io.ReadFull(r, part)
		buf = buf[:len(buf)+n]
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return buf, err
		}
	}
	return buf, nil
}
