package storagetest

import (
	"bytes"
	"context"
	"io"
	"iter"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/driver"
)

// Fault is what happens to one call to a [Faulty]. The zero Fault lets it pass.
type Fault struct {
	// Wait, if set, comes first: a slow store. It gets the ctx of the call. Its error
	// ends the call before anything was done.
	Wait func(ctx context.Context) error

	// Err is returned to the caller, as the cause inside a [*storage.Error].
	Err error

	// Apply carries the call out before Err is returned: a lost answer. Without it the
	// call does not reach the store below. A List is applied by yielding everything
	// before the error.
	Apply bool

	// Hang waits until the call's ctx ends and returns its cause instead of Err; with
	// Apply after the call was carried out.
	Hang bool

	// Part, with Apply, is how many keys of a DeleteAll are carried out before the answer
	// is lost, the first ones; 0 is all.
	Part int

	// Later, with Err or Hang, gets a function that carries out the Put or the deletion,
	// which is not carried out now: a request that is held back on the way until the test
	// lets it go. If it is let go twice, it arrives twice.
	Later func(letGo func())

	// Refuse, without Err and Hang, decides which keys of a DeleteAll the store refuses,
	// and with which error. It keeps them.
	Refuse func(key string) error

	// Pretend makes a Delete or DeleteAll succeed without having done anything: a lie.
	Pretend bool

	// Body, without Err and Hang, is what happens to the bytes of a Put or a Get on the
	// way, at the offset At, or at the end of a shorter body. Other calls pass.
	Body BodyFault
	At   int64
}

// Hook decides what happens to a call; n counts the calls from 1. It may be called
// concurrently.
type Hook = func(op storage.Op, key string, n int) Fault

// Faulty is a Storage in front of another one that makes some calls fail. Its Log has
// the calls as the caller saw them. Calls that the contract refuses outright (an
// invalid key, a ctx that has ended) never reach the hook.
type Faulty struct {
	Log

	next  storage.Storage
	hook  Hook
	calls atomic.Int64
}

// NewFaulty returns a Faulty in front of next. A nil hook lets every call pass.
func NewFaulty(next storage.Storage, hook Hook) *Faulty {
	return &Faulty{next: next, hook: hook}
}

// Put implements [storage.Storage].
func (f *Faulty) Put(
	ctx context.Context, key string, body io.ReadSeeker, opts storage.PutOptions,
) (result storage.PutResult, err error) {
	c := Call{Op: storage.OpPut, Key: key, IfAbsent: opts.IfAbsent, Bytes: remaining(body)}
	var held []byte
	hold := func() { held, _ = io.ReadAll(body) } // an error would also have met a request
	err = f.call(ctx, c, hold, func(ctx context.Context, fault Fault, _ *Call) error {
		if fault.Later != nil { // Put has returned
			_, err := f.next.Put(ctx, key, fault.sent(bytes.NewReader(held)), opts)
			return err
		}
		result, err = f.next.Put(ctx, key, fault.sent(body), opts)
		return err
	})
	if err != nil {
		return storage.PutResult{}, err
	}
	return result, nil
}

// remaining returns how many bytes of body are left to read, 0 if it cannot seek.
func remaining(body io.Seeker) int64 {
	at, err := body.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0
	}
	end, err := body.Seek(0, io.SeekEnd)
	if err != nil {
		return 0
	}
	if _, err := body.Seek(at, io.SeekStart); err != nil {
		return 0
	}
	return end - at
}

// Get implements [storage.Storage].
func (f *Faulty) Get(ctx context.Context, key string, r storage.Range) (body io.ReadCloser, info storage.ObjectInfo, err error) {
	c := Call{Op: storage.OpGet, Key: key, Range: r}
	err = f.call(ctx, c, nil, func(ctx context.Context, fault Fault, c *Call) error {
		body, info, err = f.next.Get(ctx, key, r)
		if err == nil {
			_, c.Bytes, _ = r.Clip(info.Size) // the store has just accepted r
			body = fault.received(key, body, c.Bytes)
		}
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
	err = f.call(ctx, Call{Op: storage.OpHead, Key: key}, nil, func(ctx context.Context, _ Fault, _ *Call) error {
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
		c := Call{Op: storage.OpList, Key: prefix, After: after}
		err := f.call(ctx, c, nil, func(ctx context.Context, _ Fault, c *Call) error {
			for info, err := range f.next.List(ctx, prefix, after) {
				if err != nil {
					return err
				}
				c.Objects++
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
	return f.call(ctx, Call{Op: storage.OpDelete, Key: key}, nil, func(ctx context.Context, fault Fault, _ *Call) error {
		if fault.Pretend {
			driver.CountRequest(ctx, storage.OpDelete)
			return nil
		}
		return f.next.Delete(ctx, key)
	})
}

// DeleteAll implements [storage.BatchDeleter], as one call. The hook gets the first key.
func (f *Faulty) DeleteAll(ctx context.Context, keys []string) (kept map[string]error, err error) {
	if err := storage.CheckDeleteAll(ctx, keys); err != nil || len(keys) == 0 {
		return nil, err
	}
	keys = slices.Clone(keys) // it may be carried out later
	err = f.call(ctx, Call{Op: storage.OpDelete, Key: keys[0], Keys: keys}, nil, func(ctx context.Context, fault Fault, c *Call) error {
		if fault.Pretend {
			driver.CountRequest(ctx, storage.OpDelete)
			return nil
		}
		if fault.Later != nil { // DeleteAll has returned
			late, err := fault.deleteAll(ctx, f.next, keys)
			c.Kept = len(late)
			return err
		}
		kept, err = fault.deleteAll(ctx, f.next, keys)
		c.Kept = len(kept)
		return err
	})
	if err != nil {
		return nil, err
	}
	return kept, nil
}

// Now implements [storage.Clock], as a call of its own.
func (f *Faulty) Now(ctx context.Context) (now time.Time, err error) {
	err = f.call(ctx, Call{Op: storage.OpList, Now: true}, nil, func(ctx context.Context, _ Fault, _ *Call) error {
		now, err = storage.Now(ctx, f.next)
		return err
	})
	if err != nil {
		return time.Time{}, err
	}
	return now, nil
}

// call runs apply as one operation, or what the hook decides instead. hold, if set, is
// called first if apply is to be called later.
func (f *Faulty) call(ctx context.Context, c Call, hold func(), apply applyFunc) error {
	c.Err = driver.CheckCall(ctx, c.Op, c.Key)
	if c.Err == nil {
		c.Err = f.decide(ctx, &c, hold, apply)
	}
	f.add(c)
	return c.Err
}

// applyFunc carries out a call.
type applyFunc = func(context.Context, Fault, *Call) error

func (f *Faulty) decide(ctx context.Context, c *Call, hold func(), apply applyFunc) error {
	n := int(f.calls.Add(1))
	var fault Fault
	if f.hook != nil {
		fault = f.hook(c.Op, c.Key, n)
	}
	if fault.Wait != nil {
		if err := fault.Wait(ctx); err != nil {
			driver.CountRequest(ctx, c.Op)
			return &storage.Error{Op: c.Op, Key: c.Key, Err: err}
		}
	}
	if fault.Err == nil && !fault.Hang {
		return apply(ctx, fault, c)
	}
	switch {
	case fault.Apply:
		// A lost answer is lost even if it was an error.
		_ = apply(ctx, fault, c)
	case fault.Later != nil:
		driver.CountRequest(ctx, c.Op)
		if hold != nil {
			hold()
		}
		late := context.WithoutCancel(storage.CountRequests(ctx, nil))
		fault.Later(func() { _ = apply(late, fault, &Call{}) })
	default:
		driver.CountRequest(ctx, c.Op) // as far as the caller knows, it was sent
	}
	cause := fault.Err
	if fault.Hang {
		<-ctx.Done()
		cause = context.Cause(ctx)
	}
	return &storage.Error{Op: c.Op, Key: c.Key, Err: cause}
}
