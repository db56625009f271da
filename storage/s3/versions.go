package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sync/errgroup"

	"github.com/gbak-s3/gbak-s3/storage"
)

// A store with [VersionsOldest] reads what was under each key first, whatever was put over
// it or deleted since. Archives write each key once, so that is what they wrote.

// Versions says which version of each key a store reads, in a bucket that keeps what is
// overwritten and deleted.
type Versions string

// The versions that can be read.
const (
	VersionsNewest Versions = ""       // as in a bucket without versions
	VersionsOldest Versions = "oldest" // the first one of each key; read-only
)

// version is one version of a key.
type version struct {
	key     string // below the prefix of the store
	id      string
	size    int64
	modTime time.Time // by the store's clock, or by whoever has put it, see [Store.lookWhenPut]
	put     time.Time // as far as it is known
	looked  bool      // at its lock
	marker  bool      // it hides the versions before it, and has no content
	until   time.Time // to which it is locked; zero if that is not known
}

// isBefore reports whether v was put before o, which a list has before it. A list has the
// newest version of a key first.
func (v *version) isBefore(o *version) bool {
	if !v.until.IsZero() && !o.until.IsZero() && !v.until.Equal(o.until) {
		return v.until.Before(o.until)
	}
	return !v.put.After(o.put)
}

// isHidden reports whether a version was put too late to be read.
func (s *Store) isHidden(v *version) bool {
	return !s.options.Before.IsZero() && !v.put.Before(s.options.Before)
}

// readsOldest reports whether the store reads oldest versions, and is read-only.
func (s *Store) readsOldest() bool { return s.options.Versions == VersionsOldest }

// refuseWrite returns the error of a Put or Delete in a store that is read-only.
func (s *Store) refuseWrite(op storage.Op, key string) error {
	if !s.readsOldest() {
		return nil
	}
	return &storage.Error{Op: op, Key: key, Err: storage.ErrReadOnly}
}

// maxFound is how many keys a store remembers the oldest version of.
const maxFound = 1 << 16

// found remembers the oldest versions of keys: reading an object takes several calls, and a
// list shows many versions at once. Which one is the oldest does not change.
type found struct {
	mu       sync.Mutex
	versions map[string]version
}

func (f *found) get(key string) (version, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	v, ok := f.versions[key]
	return v, ok
}

func (f *found) add(v version) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.versions == nil || len(f.versions) >= maxFound {
		f.versions = map[string]version{}
	}
	f.versions[v.key] = v
}

// versionOf returns the id of the version of a key that is read: nil for the newest one.
func (s *Store) versionOf(ctx context.Context, key string) (*string, error) {
	if !s.readsOldest() {
		return nil, nil
	}
	v, err := s.oldest(ctx, key)
	if err != nil {
		return nil, err
	}
	return &v.id, nil
}

// oldest returns the oldest version of a key. If there is none, the error is
// [storage.ErrNotExist].
func (s *Store) oldest(ctx context.Context, key string) (version, error) {
	if v, ok := s.found.get(key); ok {
		return v, nil
	}
	var got *version
	err := s.listOldest(ctx, key, "", func(v version) error {
		if v.key == key {
			got = &v
		}
		return errStopped // the key itself comes before all that begin with it
	})
	switch {
	case err != nil && !errors.Is(err, errStopped):
		return version{}, err
	case got == nil:
		return version{}, &failure{text: storage.ErrNotExist.Error(), sentinel: storage.ErrNotExist, err: storage.ErrNotExist}
	}
	return *got, nil
}

// listOldest calls use for the oldest version of each key with the prefix that is greater
// than after, in order. An error of use ends the list.
func (s *Store) listOldest(ctx context.Context, prefix, after string, use func(version) error) error {
	var last *version // the oldest one so far of the last key
	end := func() error {
		if last == nil {
			return nil
		}
		s.found.add(*last)
		v := *last
		last = nil
		return use(v)
	}
	err := s.listVersions(ctx, prefix, after, func(page []version) error {
		if err := s.lookWhenPut(ctx, page, last); err != nil {
			return err
		}
		for i := range page {
			v := &page[i]
			if last != nil && last.key != v.key {
				if err := end(); err != nil {
					return err
				}
			}
			if v.marker || s.isHidden(v) {
				continue
			}
			if last == nil || v.isBefore(last) {
				last = v
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return end()
}

// listVersions calls use for each page of versions of keys with a prefix that are greater
// than after, with the markers among them.
func (s *Store) listVersions(ctx context.Context, prefix, after string, use func([]version) error) error {
	input := &awss3.ListObjectVersionsInput{Bucket: &s.options.Bucket, Prefix: s.objectKey(prefix), RequestPayer: s.payer()}
	if after != "" && strings.HasPrefix(after, prefix) {
		input.KeyMarker = s.objectKey(after)
	}
	if s.options.pageSize > 0 {
		input.MaxKeys = &s.options.pageSize
	}
	for last, empty, blank := "", 0, 0; ; {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		page, err := s.client.ListObjectVersions(ctx, input, s.call(storage.OpList))
		if err != nil {
			return err
		}
		if page.IsTruncated == nil && page.Name == nil && len(page.Versions)+len(page.DeleteMarkers) == 0 {
			if blank++; blank < maxBlankPages {
				continue
			}
			return fmt.Errorf("%w: it answers a list with an empty body", storage.ErrUnavailable)
		}
		s.bucketSeen.Store(true)
		var versions []version
		for i := range page.Versions {
			v := &page.Versions[i]
			key, ours := strings.CutPrefix(deref(v.Key), s.prefix)
			if !ours || !strings.HasPrefix(key, prefix) || key <= after || storage.CheckKey(key) != nil {
				continue
			}
			if key < last {
				return fmt.Errorf("the store does not list in order: %s comes after %s", key, last)
			}
			last = key
			versions = append(versions, version{key: key, id: deref(v.VersionId), size: deref(v.Size), modTime: deref(v.LastModified)})
		}
		versions = s.addMarkers(versions, page.DeleteMarkers, prefix, after)
		if err := use(versions); err != nil {
			return err
		}
		if !deref(page.IsTruncated) {
			return nil
		}
		if empty++; len(page.Versions)+len(page.DeleteMarkers) > 0 {
			empty = 0
		}
		key, id := deref(page.NextKeyMarker), deref(page.NextVersionIdMarker)
		if key == "" || key == deref(input.KeyMarker) && id == deref(input.VersionIdMarker) || empty > maxEmptyPages {
			return errors.New("the store says that there are more versions to list, but not how to get them")
		}
		input.KeyMarker, input.VersionIdMarker = &key, page.NextVersionIdMarker
	}
}

// looksAtOnce is how many versions are looked at, at a time.
const looksAtOnce = 16

// lookWhenPut finds out when each version of a page was put, where that matters; last is the
// version before them, nil for none. On AWS the list says it. In MinIO whoever may put an
// object may also say when it was (the header X-Minio-Source-Mtime), and so file it as older
// than what was there: no policy forbids that. But the lock that a bucket gives each object
// by default begins when it is really put, and who may not set locks cannot change that.
func (s *Store) lookWhenPut(ctx context.Context, page []version, last *version) error {
	for i := range page {
		page[i].put = page[i].modTime
	}
	if len(page) == 0 || isAWS(s.client.Options().BaseEndpoint) {
		return nil
	}
	g, running := errgroup.WithContext(ctx)
	g.SetLimit(looksAtOnce)
	look := func(v *version) {
		if !v.looked {
			v.looked = true
			g.Go(func() error { return s.lookAtLock(running, v) })
		}
	}
	if last != nil && last.key == page[0].key && !page[0].marker {
		look(last)
		look(&page[0])
	}
	for i := range page {
		v := &page[i]
		if v.marker {
			continue
		}
		isOneOfSeveral := i > 0 && page[i-1].key == v.key || i+1 < len(page) && page[i+1].key == v.key
		if isOneOfSeveral || !s.options.Before.IsZero() {
			look(v)
		}
	}
	return g.Wait()
}

// lookAtLock finds out until when a version is locked.
func (s *Store) lookAtLock(ctx context.Context, v *version) error {
	out, err := s.client.HeadObject(ctx, &awss3.HeadObjectInput{
		Bucket: &s.options.Bucket, Key: s.objectKey(v.key), VersionId: &v.id, RequestPayer: s.payer(),
	}, s.call(storage.OpHead))
	if err != nil && !isNoSuchKey(err) {
		return err
	}
	if err != nil || out.ObjectLockRetainUntilDate == nil {
		return nil //nolint:nilerr // 404: it was deleted since the list
	}
	v.until = *out.ObjectLockRetainUntilDate
	retention, err := s.defaultRetention(ctx)
	if err != nil || retention == nil {
		return err
	}
	if locked := retention.Before(v.until); locked.After(v.put.Add(time.Second)) {
		s.log.Debug("a version says that it was put earlier than its lock began", "key", v.key, "version", v.id, "says", v.put, "locked", locked)
		v.put = locked
	}
	return nil
}

// defaultRetention returns the retention that the bucket gives each object, nil if it gives
// none, or does not say. It is read once.
func (s *Store) defaultRetention(ctx context.Context) (*storage.Retention, error) {
	s.retention.mu.Lock()
	defer s.retention.mu.Unlock()
	if s.retention.isRead {
		return s.retention.is, nil
	}
	var info storage.StoreInfo
	err := s.readObjectLock(ctx, &info)
	switch {
	case err == nil:
		s.retention.is = info.ObjectLock.Retention
	case isDenied(httpStatus(err), errorCode(err)) || httpStatus(err) == http.StatusNotImplemented:
		s.log.Warn("the bucket's object lock cannot be read, so when versions were put is what the list of them says", "err", describe(err))
	default:
		return nil, err
	}
	s.retention.isRead = true
	return s.retention.is, nil
}

// retention is the retention of a bucket, once it is read.
type retention struct {
	mu     sync.Mutex
	isRead bool
	is     *storage.Retention
}
