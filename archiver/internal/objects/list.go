package objects

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/gbak-s3/gbak-s3/storage"
)

// How many objects a list may have: more than ten times what an archive is made for. A
// store that lies, or an archive that somebody has tampered with, takes no more memory.
const (
	MaxManifests = 1 << 20
	MaxSegments  = 10 << 20
)

// List is the store's List, but ends with an error if there are more than limit
// objects, or if they do not come in order, as in a list without an end.
func (s *Store) List(ctx context.Context, prefix string, limit int) iter.Seq2[storage.ObjectInfo, error] {
	return s.ListAfter(ctx, prefix, "", limit)
}

// ListAfter is [Store.List] of the objects whose keys are greater than after.
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
