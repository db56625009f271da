package journal

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

// DefaultCommitTimeout is how long a commit waits for a clear answer.
const DefaultCommitTimeout = time.Minute

const (
	commitAttempt    = 20 * time.Second // for one request of a commit, at most
	interruptedGrace = 5 * time.Second  // to learn the outcome once the run was interrupted
)

// ErrConflict: somebody else has committed this sequence number.
var ErrConflict = errors.New("another writer committed first")

// UnknownOutcomeError is the error of a commit to which the store gave no clear answer:
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

// commit creates m's object, and with it the backup. It must only be called
// when everything that m names is stored.
//
// It returns nil if and only if the manifest in the store is m; errConflict if
// another one is, so that the caller can plan again on it; an [*UnknownOutcomeError]
// if no answer was clear within timeout. In that last case the commit may still
// happen, even later: whatever m names must not be deleted. Any other error
// means that the store has refused and m is not there.
//
// A lost answer is the reason for all this: the store may have created the
// object although the request failed, and a second request then fails because
// of our own first one (ARCHITECTURE.md, "The commit"). And an answer may be
// wrong: something on the way may say yes, or no, in the store's place. So the
// object is read back, unless a yes shows, with a checksum of the bytes, that the
// store has got it. That rests on the store's keeping the condition, which the
// trial before the first backup looks into: of two writers whom a store that does
// not keep it tells yes, both believe it.
//
// Once a request is out, cancelling ctx does not stop the commit at once: it
// has a few seconds to learn the outcome.
func (j *Journal) commit(ctx context.Context, m *manifest.Manifest, timeout time.Duration) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	work, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(interruptedGrace, cancel) })()

	document, key := m.Encode(), m.Seq.Key()
	if _, err := manifest.DecodeManifest(document); err != nil {
		return &UnreadableError{err}
	}
	sum := [32]byte(manifest.Sum(document))
	attempt := min(commitAttempt, timeout/3) // so that a request that hangs leaves time for others
	pause := objects.Pauses()
	began := time.Now()
	sent := false // an attempt may have been applied without our knowing
	for {
		proved, err := j.putManifest(work, attempt, key, document, &sum)
		if proved {
			return nil
		}
		found, readErr := j.readBack(work, attempt, key)
		switch {
		case readErr == nil && bytes.Equal(found, document):
			j.Log.Debug("commit: it is ours", "key", key, "err", err)
			return nil
		case err != nil && !sent && refused(err):
			return err
		case readErr == nil:
			return ErrConflict
		case err == nil && errors.Is(readErr, storage.ErrNotExist):
			err = fmt.Errorf("the store says that it created %s, but it is not there", key)
		case !errors.Is(readErr, storage.ErrNotExist):
			err = readErr
		}
		sent = sent || !errors.Is(err, storage.ErrPreconditionFailed)
		j.Log.Debug("commit: not there yet", "key", key, "err", err)
		select {
		case <-work.Done():
			return &UnknownOutcomeError{uint64(m.Seq), time.Since(began), err}
		case <-time.After(pause.NextBackOff()):
		}
	}
}

// refused tells that the store did not and will not apply a first attempt.
func refused(err error) bool {
	return objects.IsPermanent(err) && !errors.Is(err, storage.ErrPreconditionFailed) && !errors.Is(err, context.Canceled)
}

func (j *Journal) putManifest(ctx context.Context, limit time.Duration, key string, document []byte, sum *[32]byte) (proved bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	result, err := j.Store.Storage.Put(ctx, key, bytes.NewReader(document), storage.PutOptions{IfAbsent: true, SHA256: sum})
	return err == nil && result.Proved, err
}

func (j *Journal) readBack(ctx context.Context, limit time.Duration, key string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return j.Store.ReadDocument(ctx, key)
}
