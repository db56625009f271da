package gc

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// ErrSingleWriter is the error for an archive whose store does not support conditional
// writes. Two runs may then believe in the same number, so nothing is ever deleted.
var ErrSingleWriter = errors.New("nothing is deleted in an archive for a single writer")

// Swept is what a sweep has done.
type Swept struct {
	Deleted   Amount // segments, indexes, and digests of pages
	Manifests int    // that were deleted, with those of keeps
	Probes    int    // objects of old probes that were deleted

	// Survivors is how many objects were there after the store had said that it deleted
	// them. Only the first of each request is looked at. They do not count as deleted.
	Survivors int

	// Refused is how many objects the store did not delete, for each of its reasons;
	// Refusals has the first of them.
	Refused  map[string]int
	Refusals []Refusal
}

// Refusal is an object that the store did not delete.
type Refusal struct {
	Key string
	Err error
}

// maxRefusals is how many refusals a sweep tells.
const maxRefusals = 100

// Sweep deletes what is dead for the keep k: one that the caller has committed or found as
// the newest, has read from the store, and knows to be in the log. It must be the keep that
// the names were read for. Objects of probes go if they were written before probesBefore,
// by the store's clock; the zero time spares all.
//
// Objects go first, then manifests: so as long as an object of a removed backup is there,
// so is the manifest that tells it from an orphan. Whatever comes last, a sweep that stops
// on the way leaves only what the next one finds.
//
// That the store refuses some objects is no error. Swept is never nil, and says what was
// deleted even if there is an error: that of a store that does not answer, or refuses a
// request as a whole, [ErrSingleWriter], or [Names.Withheld].
func (n *Names) Sweep(ctx context.Context, s *objects.Store, k *manifest.Committed, probesBefore time.Time) (*Swept, error) {
	sw := &sweep{store: s}
	sw.swept.Refused = map[string]int{}
	if err := n.mayDelete(k); err != nil {
		return &sw.swept, err
	}
	for _, part := range []struct {
		dead  iter.Seq2[storage.ObjectInfo, error]
		count func(info storage.ObjectInfo)
	}{
		{n.deadObjects(ctx, s), func(info storage.ObjectInfo) { sw.swept.Deleted.add(info.Size) }},
		{n.manifestsToDelete(ctx, s), func(storage.ObjectInfo) { sw.swept.Manifests++ }},
		{oldProbes(ctx, s, probesBefore), func(storage.ObjectInfo) { sw.swept.Probes++ }},
	} {
		if err := sw.delete(ctx, part.dead, part.count); err != nil {
			return &sw.swept, err
		}
	}
	return &sw.swept, nil
}

// mayDelete makes sure that the names were read for the keep k.
func (n *Names) mayDelete(k *manifest.Committed) error {
	if c := n.archive.Conditions; c != nil && c.Verdict != manifest.Honoured {
		return ErrSingleWriter
	}
	if n.Withheld != nil {
		return n.Withheld
	}
	if k.Keeping == nil || k.Seq != n.keep.Seq || k.ArchiveID != n.archive.ArchiveID || k.Keeping.First != n.first() || k.Keys != n.keep.Keys ||
		k.Keeping.DeadBefore != n.keep.DeadBefore || !slices.Equal(k.Keeping.Alive, n.keep.Alive) {
		return fmt.Errorf("record %d is not the keep that was planned as %d", k.Seq, n.keep.Seq)
	}
	return nil
}

// deadObjects lists the dead objects.
func (n *Names) deadObjects(ctx context.Context, s *objects.Store) iter.Seq2[storage.ObjectInfo, error] {
	return func(yield func(storage.ObjectInfo, error) bool) {
		for _, prefix := range dataPrefixes {
			for info, err := range s.List(ctx, prefix, objects.MaxSegments) {
				if err == nil {
					if standing, _ := n.judge(info.Key); standing != isDead {
						continue
					}
				}
				if !yield(info, err) || err != nil {
					return
				}
			}
		}
	}
}

// CountProbes counts the objects of probes that were written before a time, which a sweep
// would delete.
func CountProbes(ctx context.Context, s *objects.Store, before time.Time) (n int, err error) {
	for _, err := range oldProbes(ctx, s, before) {
		if err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}

// oldProbes lists the objects of probes that were written before a time.
func oldProbes(ctx context.Context, s *objects.Store, before time.Time) iter.Seq2[storage.ObjectInfo, error] {
	return func(yield func(storage.ObjectInfo, error) bool) {
		if before.IsZero() {
			return
		}
		for info, err := range s.List(ctx, manifest.ProbePrefix, objects.MaxSegments) {
			if err == nil && (!manifest.IsProbeKey(info.Key) || info.ModTime.IsZero() || !info.ModTime.Before(before)) {
				continue
			}
			if !yield(info, err) || err != nil {
				return
			}
		}
	}
}

// batchesAtOnce is how many requests a sweep makes at a time.
const batchesAtOnce = 4

// sweep is a sweep that is being made.
type sweep struct {
	store *objects.Store

	mu    sync.Mutex
	swept Swept
}

// delete deletes what dead lists, and calls count for each object that is deleted, one
// after the other.
func (sw *sweep) delete(ctx context.Context, dead iter.Seq2[storage.ObjectInfo, error], count func(storage.ObjectInfo)) error {
	g, running := errgroup.WithContext(ctx)
	g.SetLimit(batchesAtOnce)
	send := func(batch []storage.ObjectInfo) {
		g.Go(func() error { return sw.deleteBatch(running, batch, count) })
	}
	var batch []storage.ObjectInfo
	var listing error
	for info, err := range dead {
		if listing = err; err != nil || running.Err() != nil {
			break
		}
		if batch = append(batch, info); len(batch) == storage.MaxDelete {
			send(batch)
			batch = nil
		}
	}
	if len(batch) > 0 && listing == nil && running.Err() == nil {
		send(batch)
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if listing == nil {
		listing = context.Cause(ctx)
	}
	return listing
}

// deleteBatch makes one request, and looks whether the first object is really gone.
func (sw *sweep) deleteBatch(ctx context.Context, batch []storage.ObjectInfo, count func(storage.ObjectInfo)) error {
	keys := make([]string, len(batch))
	for i, info := range batch {
		keys[i] = info.Key
	}
	kept, err := sw.store.DeleteAll(ctx, keys)
	if errors.Is(err, storage.ErrPermission) || errors.Is(err, storage.ErrRefused) {
		sw.mu.Lock()
		defer sw.mu.Unlock()
		for _, key := range keys {
			sw.refuse(key, err)
		}
		return err // others would be refused, too
	}
	if err != nil {
		return err
	}
	survivor, err := sw.findSurvivor(ctx, keys, kept)
	sw.mu.Lock()
	defer sw.mu.Unlock()
	for _, info := range batch {
		refusal := kept[info.Key]
		switch {
		case refusal != nil:
			sw.refuse(info.Key, refusal)
			if err == nil && errors.Is(refusal, storage.ErrUnavailable) {
				err = refusal // others would wait as long
			}
		case info.Key == survivor:
			sw.swept.Survivors++
		default:
			count(info)
		}
	}
	return err
}

// findSurvivor returns the first of the keys that the store says it deleted if it is still
// there, else "".
func (sw *sweep) findSurvivor(ctx context.Context, keys []string, kept map[string]error) (string, error) {
	i := slices.IndexFunc(keys, func(key string) bool { return kept[key] == nil })
	if i < 0 {
		return "", nil
	}
	_, err := sw.store.Storage.Head(ctx, keys[i])
	if errors.Is(err, storage.ErrPermission) {
		return sw.findInList(ctx, keys[i]) // who may delete data need not be one who may read it
	}
	switch {
	case err == nil:
		return keys[i], nil
	case errors.Is(err, storage.ErrNotExist):
		return "", nil
	}
	return "", err
}

// findInList returns key if the store lists it, else "".
func (sw *sweep) findInList(ctx context.Context, key string) (string, error) {
	for info, err := range sw.store.List(ctx, key, objects.MaxSegments) {
		if err == nil && info.Key == key {
			return key, nil
		}
		return "", err // an object whose key begins with this one comes after it
	}
	return "", nil
}

// refuse counts an object that the store did not delete.
func (sw *sweep) refuse(key string, err error) {
	sw.swept.Refused[reason(err)]++
	if len(sw.swept.Refusals) < maxRefusals {
		sw.swept.Refusals = append(sw.swept.Refusals, Refusal{key, err})
	}
}

// reason is the store's code for a refusal, or else its cause. It never has the key in it.
func reason(err error) string {
	if e, ok := errors.AsType[*storage.Error](err); ok && e.Answer != nil && e.Answer.Code != "" {
		return e.Answer.Code
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno.Error()
	}
	for _, cause := range []error{storage.ErrPermission, storage.ErrUnavailable, storage.ErrRefused} {
		if errors.Is(err, cause) {
			return cause.Error()
		}
	}
	return "another reason"
}
