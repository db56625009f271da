package storagetest

import (
	"context"
	"io"
	"iter"
	"sync/atomic"

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
	err = f.call(ctx, c, func(fault Fault, _ *Call) error {
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
	err = f.call(ctx, c, func(fault Fault, c *Call) error {
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
	err = f.call(ctx, Call{Op: storage.OpHead, Key: key}, func(Fault, *Call) error {
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
		err := f.call(ctx, c, func(_ Fault, c *Call) error {
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
	return f.call(ctx, Call{Op: storage.OpDelete, Key: key}, func(Fault, *Call) error { return f.next.Delete(ctx, key) })
}

// call runs apply as one operation, or what the hook decides instead.
func (f *Faulty) call(ctx context.Context, c Call, apply func(Fault, *Call) error) error {
	c.Err = driver.CheckCall(ctx, c.Op, c.Key)
	if c.Err == nil {
		c.Err = f.decide(ctx, &c, apply)
	}
	f.add(c)
	return c.Err
}

func (f *Faulty) decide(ctx context.Context, c *Call, apply func(Fault, *Call) error) error {
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
		return apply(fault, c)
	}
	if fault.Apply {
		// A lost answer is lost even if it was an error.
		_ = apply(fault, c)
	} else {
		driver.CountRequest(ctx, c.Op) // as far as the caller knows, it was sent
	}
	cause := fault.Err
	if fault.Hang {
		<-ctx.Done()
		cause = context.Cause(ctx)
	}
	return &storage.Error{Op: c.Op, Key: c.Key, Err: cause}
}
