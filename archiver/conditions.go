package archiver

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// writable gives the archive as a backup may write to it, and what a new
// archive.json says of the store. A store is tried before the first backup into
// it, and its verdict believed from then on. One that does not keep conditions is
// [CodeUnsafeStore], unless whoever makes the archive accepts it for a single
// writer.
func (a *Archive) writable(ctx context.Context, h *history, singleWriter bool) (*Archive, *manifest.Conditions, error) {
	c := (*manifest.Conditions)(nil)
	if h.archive != nil {
		c = h.archive.Conditions
	}
	if c == nil {
		p := a.newProbe()
		verdict, err := p.conditions(ctx)
		if left := p.clean(ctx); left != nil {
			a.log.Info("a few small objects of the trial of the store stay in it", "prefix", p.prefix, "err", left)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("trying whether the store creates an object only if it is absent: %w", err)
		}
		c = &manifest.Conditions{Verdict: verdict, ProbedAt: a.now(), SingleWriter: verdict != manifest.Honoured && singleWriter}
	}
	if c.Verdict == manifest.Honoured {
		return a, c, nil
	}
	if !c.SingleWriter {
		return nil, nil, a.unsafe(c.Verdict)
	}
	a.log.Info("this archive is for a single writer: two backups at the same time may lose one of them", "store", c.Verdict)
	alone := *a
	alone.store = unconditional{a.store}
	return &alone, c, nil
}

// unsafe is the error for a store with this verdict.
func (a *Archive) unsafe(v manifest.Verdict) *Error {
	return &Error{
		Code: CodeUnsafeStore,
		Err:  fmt.Errorf("%s %s: nothing was stored", a.address(), describeVerdict[v]),
		Hint: "A backup is committed by creating an object only if it is absent; without that, two backups at the same time may overwrite each other. " +
			"Use a store that keeps it, such as AWS S3, MinIO or a local directory. If never more than one process will back up into this archive, --single-writer accepts the store as it is.",
	}
}

// describeVerdict says what a store does with the condition: the end of a sentence
// about it.
var describeVerdict = map[manifest.Verdict]string{
	manifest.Honoured:  "creates an object only if it is absent",
	manifest.Ignored:   "overwrites an object that was to be created only if it is absent, and says that all is well",
	manifest.Rejected:  "refuses to create an object only if it is absent",
	manifest.NotAtomic: "lets several writers create one object at the same time, and tells each of them that it has",
	manifest.Lying:     "does something else with conditional puts than it answers",
}

// unconditional makes the best of a store that does not keep conditions, for a
// single writer: it looks before it writes.
type unconditional struct{ storage.Storage }

// Testify implements [storage.Witness], if the store does.
func (u unconditional) Testify(ctx context.Context, key string) error {
	if w, ok := u.Storage.(storage.Witness); ok {
		return w.Testify(ctx, key)
	}
	return nil
}

// Put implements [storage.Storage], but for the promise of IfAbsent.
func (u unconditional) Put(ctx context.Context, key string, body io.ReadSeeker, opts storage.PutOptions) (storage.PutResult, error) {
	if !opts.IfAbsent {
		return u.Storage.Put(ctx, key, body, opts)
	}
	_, err := u.Head(ctx, key)
	if err == nil {
		return storage.PutResult{}, &storage.Error{Op: storage.OpPut, Key: key, Err: storage.ErrPreconditionFailed}
	}
	if !errors.Is(err, storage.ErrNotExist) {
		return storage.PutResult{}, err
	}
	opts.IfAbsent = false
	result, err := u.Storage.Put(ctx, key, body, opts)
	if err != nil {
		err = answered(err) // the backend tries plain puts again by itself
	}
	return result, err
}
