package s3

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/driver"
)

// List implements [storage.Storage]. Objects whose names are not keys are skipped. A
// store that does not list in order is an error.
func (s *Store) List(ctx context.Context, prefix, after string) iter.Seq2[storage.ObjectInfo, error] {
	return func(yield func(storage.ObjectInfo, error) bool) {
		if err := driver.CheckCall(ctx, storage.OpList, prefix); err != nil {
			yield(storage.ObjectInfo{}, err)
			return
		}
		// Stores reject some prefixes that no key has.
		if isPast := after > prefix && !strings.HasPrefix(after, prefix); isPast || !driver.IsKeyPrefix(prefix) {
			return
		}
		list := s.list
		if s.readsOldest() {
			list = s.listVersionsAsObjects
		}
		err := list(ctx, prefix, after, yield)
		if err != nil && !errors.Is(err, errStopped) {
			yield(storage.ObjectInfo{}, fail(ctx, storage.OpList, prefix, err))
		}
	}
}

// errStopped ends a list whose caller left the loop.
var errStopped = errors.New("stopped")

// listVersionsAsObjects is list of a store that reads the oldest versions.
func (s *Store) listVersionsAsObjects(ctx context.Context, prefix, after string, yield func(storage.ObjectInfo, error) bool) error {
	return s.listOldest(ctx, prefix, after, func(v version) error {
		if !yield(storage.ObjectInfo{Key: v.key, Size: v.size, ModTime: v.put}, nil) {
			return errStopped
		}
		return nil
	})
}

func (s *Store) list(ctx context.Context, prefix, after string, yield func(storage.ObjectInfo, error) bool) error {
	input := &awss3.ListObjectsV2Input{
		Bucket: &s.options.Bucket, Prefix: s.objectKey(prefix), RequestPayer: s.payer(),
	}
	// MinIO lists nothing after a key that does not begin with the prefix.
	if after != "" && strings.HasPrefix(after, prefix) && driver.IsKeyPrefix(after) {
		input.StartAfter = s.objectKey(after)
	}
	if s.options.pageSize > 0 {
		input.MaxKeys = &s.options.pageSize
	}
	for last, empty, blank := "", 0, 0; ; {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		page, err := s.client.ListObjectsV2(ctx, input, s.call(storage.OpList))
		if err != nil {
			return err
		}
		if page.IsTruncated == nil && page.Name == nil && len(page.Contents) == 0 {
			if blank++; blank < maxBlankPages {
				continue
			}
			return fmt.Errorf("%w: it answers a list with an empty body", storage.ErrUnavailable)
		}
		s.bucketSeen.Store(true)
		if last, err = s.yieldPage(ctx, page, prefix, after, last, yield); err != nil {
			return err
		}
		if !deref(page.IsTruncated) {
			return nil
		}
		if empty++; len(page.Contents) > 0 {
			empty = 0
		}
		next := deref(page.NextContinuationToken)
		if next == "" || next == deref(input.ContinuationToken) || empty > maxEmptyPages {
			return errors.New("the store says that there is more to list, but not how to get it")
		}
		input.ContinuationToken = &next
	}
}

// maxBlankPages is how often an answer may have no page at all, which must not be taken
// for an empty list.
const maxBlankPages = 3

// maxEmptyPages is how many pages without an object may come in a row: stores send some
// where much was deleted, but not without an end.
const maxEmptyPages = 1000

// yieldPage yields the objects of one page, which come after the key last, and returns
// the last key of the page.
func (s *Store) yieldPage(
	ctx context.Context, page *awss3.ListObjectsV2Output, prefix, after, last string, yield func(storage.ObjectInfo, error) bool,
) (string, error) {
	for _, object := range page.Contents {
		key, ours := strings.CutPrefix(deref(object.Key), s.prefix)
		if !ours || !strings.HasPrefix(key, prefix) || key <= after || storage.CheckKey(key) != nil {
			continue
		}
		if key <= last {
			return "", fmt.Errorf("the store does not list in order: %s comes after %s", key, last)
		}
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		info := storage.ObjectInfo{Key: key, Size: deref(object.Size), ModTime: deref(object.LastModified)}
		if !yield(info, nil) {
			return "", errStopped
		}
		last = key
	}
	return last, nil
}
