package storagetest

import (
	"context"
	"io"
	"iter"
	"sync/atomic"

	"github.com/gbak-s3/gbak-s3/storage"
)

// Fault is what becomes of one call to a [Faulty]. With neither Err nor Hang
// the call passes.
type Fault struct {
	// Err is what the caller gets, as the cause inside a [*storage.Error].
	Err error

	// Apply carries the call out before Err is returned: an answer that is
	// lost. Without it the store below hears nothing. A List is applied by
	// yielding everything before the error.
	Apply bool

	// Hang waits until the call's ctx ends and returns its cause instead of
	// Err; with Apply after the call was carried out.
	Hang bool
}

// Faulty is a Storage in front of another one that lets some calls fail. Its
// Log has the calls as the caller saw them. Calls that the contract refuses
// outright (an invalid key, a ctx that is over) never reach the hook.
type Faulty struct {
	Log

	next  storage.Storage
	hook  func(op storage.Op, key string, n int) Fault
	calls atomic.Int64
}

// NewFaulty returns a Faulty in front of next. For each call hook decides what
// becomes of it; n counts the calls from 1. The hook may be called
// concurrently; a nil one lets everything pass.
func NewFaulty(next storage.Storage, hook func(op storage.Op, key string, n int) Fault) *Faulty {
	return &Faulty{next: next, hook: hook}
}

// Put implements [storage.Storage].
func (f *Faulty) Put(ctx context.Context, key string, body io.ReadSeeker, opts storage.PutOptions) (info storage.ObjectInfo, err error) {
	err = f.call(ctx, storage.OpPut, key, func() error {
		info, err = f.next.Put(ctx, key, body, opts)
		return err
	})
	if err != nil {
		return storage.ObjectInfo{}, err
	}
	return info, nil
}

// Get implements [storage.Storage].
func (f *Faulty) Get(ctx context.Context, key string, r storage.Range) (body io.ReadCloser, info storage.ObjectInfo, err error) {
	err = f.call(ctx, storage.OpGet, key, func() error {
		body, info, err = f.next.Get(ctx, key, r)
		return err
	})
	if err != nil {
		if body != nil {
			_ = body.Close() // opened below, and never seen by the caller
		}
		return nil, storage.ObjectInfo{}, err
	}
	return body, info, nil
}

// Head implements [storage.Storage].
func (f *Faulty) Head(ctx context.Context, key string) (info storage.ObjectInfo, err error) {
	err = f.call(ctx, storage.OpHead, key, func() error {
		info, err = f.next.Head(ctx, key)
		return err
	})
	if err != nil {
		return storage.ObjectInfo{}, err
	}
	return info, nil
}

// List implements [storage.Storage].
func (f *Faulty) List(ctx context.Context, prefix, after string) iter.Seq2[storage.ObjectInfo, error] {
	return func(yield func(storage.ObjectInfo, error) bool) {
		stopped := false
		err := f.call(ctx, storage.OpList, prefix, func() error {
			for info, err := range f.next.List(ctx, prefix, after) {
				if err != nil {
					return err
				}
				if !yield(info, nil) {
					stopped = true
					return nil
				}
			}
			return nil
		})
		if err != nil && !stopped {
			yield(storage.ObjectInfo{}, err)
		}
	}
}

// Delete implements [storage.Storage].
func (f *Faulty) Delete(ctx context.Context, key string) error {
	return f.call(ctx, storage.OpDelete, key, func() error { return f.next.Delete(ctx, key) })
}

// call runs apply as one operation, or what the hook makes of it.
func (f *Faulty) call(ctx context.Context, op storage.Op, key string, apply func() error) error {
	err := storage.CheckCall(ctx, op, key)
	if err == nil {
		err = f.decide(ctx, op, key, apply)
	}
	f.add(op, key, err)
	return err
}

func (f *Faulty) decide(ctx context.Context, op storage.Op, key string, apply func() error) error {
	n := int(f.calls.Add(1))
	var fault Fault
	if f.hook != nil {
		fault = f.hook(op, key, n)
	}
	if fault.Err == nil && !fault.Hang {
		return apply()
	}
	if fault.Apply {
		// The lost answer is lost also if it was an error.
		_ = apply()
	} else {
		storage.CountRequest(ctx, op) // it was sent, for all that the caller knows
	}
	cause := fault.Err
	if fault.Hang {
		<-ctx.Done()
		cause = context.Cause(ctx)
	}
	return &storage.Error{Op: op, Key: key, Err: cause}
}
