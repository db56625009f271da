package commit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// DefaultTimeout is how long a commit waits for a clear answer.
const DefaultTimeout = time.Minute

const (
	commitAttempt    = 20 * time.Second // for one request of a commit, at most
	interruptedGrace = 5 * time.Second  // to learn the outcome once the run was interrupted
)

// ErrConflict: another writer has committed a backup with this number.
var ErrConflict = errors.New("another writer committed first")

// UnknownOutcomeError is the error for a commit to which the store gave no clear answer:
// the backup may or may not exist.
type UnknownOutcomeError struct {
	Seq  uint64 // of the backup
	Took time.Duration
	Err  error // the last one
}

func (e *UnknownOutcomeError) Error() string {
	return fmt.Sprintf("backup %d: the store gave no clear answer to the commit, in %s: %v", e.Seq, objects.Round(e.Took), e.Err)
}

// Unwrap returns the last error of the store.
func (e *UnknownOutcomeError) Unwrap() error { return e.Err }

// create creates m's object, and with it the backup. It must only be called when
// everything that m names is stored. It returns m as a reader gets it, which shares no memory
// with m.
//
// The error is nil if and only if the manifest in the store is m, and is a part of the log;
// [ErrConflict] if another one is, or if the number is one of old times (fence.go), so
// that the caller can plan again on it; an [*UnknownOutcomeError] if no answer was clear
// within timeout. In that last case the commit may still happen, even later: nothing that m
// names may be deleted. Any other error means that the store has refused and m does not
// exist.
//
// A lost answer is the reason for all this: the store may have created the object although
// the request failed, and a second request then fails because of our own first one
// (ARCHITECTURE.md, "The commit"). And an answer may be wrong, as a proxy may answer on
// the store's behalf. So the object is read back, unless the answer has a checksum of the
// bytes, which shows that the store has them. That rests on the store's supporting
// conditional writes, which the probe before the first backup looks into: if a store that
// does not says yes to two writers, both believe it.
//
// Once a request has been sent, cancelling ctx does not stop the commit at once: it has a
// few seconds to learn the outcome.
func (h *Head) create(ctx context.Context, m *manifest.Manifest, timeout time.Duration) (*manifest.Committed, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	work, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(interruptedGrace, cancel) })()

	if err := h.setKeys(ctx, m); err != nil {
		return nil, err
	}
	read, err := manifest.DecodeManifest(m.Encode())
	if err != nil {
		return nil, &UnreadableError{err}
	}
	document, err := h.Store.SealManifest(ctx, m)
	if err != nil {
		return nil, err
	}
	key := m.Seq.Key()
	created := &manifest.Committed{Manifest: read, Digest: manifest.Sum(document)}
	sum := [32]byte(created.Digest)
	attempt := min(commitAttempt, timeout/3) // a request that hangs leaves time for others
	pause := objects.Pauses()
	began := time.Now()
	sent := false // an attempt may have been applied without our knowing
	for {
		proved, err := putManifest(work, h.Store, attempt, key, document, &sum)
		if proved {
			return h.confirm(work, created, attempt, began)
		}
		found, readErr := readBack(work, h.Store, attempt, key)
		switch {
		case readErr == nil && bytes.Equal(found, document):
			h.Store.Log.Debug("commit: it is ours", "key", key, "err", err)
			return h.confirm(work, created, attempt, began)
		case err != nil && !sent && refused(err):
			return nil, err
		case readErr == nil:
			return nil, ErrConflict
		case err == nil && errors.Is(readErr, storage.ErrNotExist):
			err = fmt.Errorf("the store says that it created %s, but it is not there", key)
		case !errors.Is(readErr, storage.ErrNotExist):
			err = readErr
		}
		sent = sent || !errors.Is(err, storage.ErrPreconditionFailed)
		h.Store.Log.Debug("commit: not there yet", "key", key, "err", err)
		select {
		case <-work.Done():
			return nil, &UnknownOutcomeError{uint64(m.Seq), time.Since(began), err}
		case <-time.After(pause.NextBackOff()):
		}
	}
}

// setKeys sets what m, the next record, says of keys.
func (h *Head) setKeys(ctx context.Context, m *manifest.Manifest) (err error) {
	ring := h.Store.Ring
	if m.Generation = ring.At(m.Seq); m.Generation == 0 || m.Kind == manifest.KeyChange {
		return nil
	}
	m.Keys, m.KeyList = 0, nil
	if h.Last != nil {
		m.Keys = h.Last.Keys
	}
	if m.Kind == manifest.Full {
		m.KeyList, err = ring.List(ctx)
	}
	return err
}

// confirm returns the record m, which is in the store, if it is in the log. If it is
// not, its number was one of old times, whose manifest had been deleted: that is
// [ErrConflict].
func (h *Head) confirm(work context.Context, m *manifest.Committed, attempt time.Duration, began time.Time) (*manifest.Committed, error) {
	pause := objects.Pauses()
	for {
		ctx, cancel := context.WithTimeout(work, attempt)
		counts, err := h.isInLog(ctx, m)
		cancel()
		switch {
		case err == nil && counts:
			return m, nil
		case err == nil:
			h.Store.Log.Info("a manifest was created under a number of old times; it does not count", "key", m.Seq.Key())
			return nil, ErrConflict
		}
		select {
		case <-work.Done():
			return nil, &UnknownOutcomeError{uint64(m.Seq), time.Since(began), err}
		case <-time.After(pause.NextBackOff()):
		}
	}
}

// refused reports whether the store did not, and will not, apply a first attempt.
func refused(err error) bool {
	return objects.IsPermanent(err) && !errors.Is(err, storage.ErrPreconditionFailed) && !errors.Is(err, context.Canceled)
}

// putManifest makes one attempt to create the manifest.
func putManifest(ctx context.Context, s *objects.Store, limit time.Duration, key string, document []byte, sum *[32]byte) (proved bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	result, err := s.Storage.Put(ctx, key, bytes.NewReader(document), storage.PutOptions{IfAbsent: true, SHA256: sum})
	return err == nil && result.Proved, err
}

// readBack reads what is stored under the key of the manifest.
func readBack(ctx context.Context, s *objects.Store, limit time.Duration, key string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return s.ReadStored(ctx, key)
}
