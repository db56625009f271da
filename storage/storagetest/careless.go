package storagetest

import (
	"bytes"
	"context"
	"io"
	"time"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/driver"
)

// Care is how a store treats the condition of a conditional Put.
type Care int

const (
	// Honours: it does what it promises.
	Honours Care = iota

	// Ignores: it overwrites the object, and reports success.
	Ignores

	// Rejects: it does not support conditional puts, and says so.
	Rejects

	// Races: it looks first, and writes [Window] later.
	Races

	// LooksEarly: it looks, takes the body, and writes. Nobody comes in between, unless the
	// body takes longer than [Window].
	LooksEarly

	// WritesAnyway: it says that the object exists, and overwrites it.
	WritesAnyway

	// Forgets: it says that it has created the object, and has stored something else.
	Forgets
)

// Window is how long a store that [Races] waits between looking and writing.
const Window = time.Millisecond

// NewCareless returns a store in front of next that treats conditions as care says.
func NewCareless(next storage.Storage, care Care) storage.Storage {
	return careless{next, care, make(chan struct{}, 1)}
}

type careless struct {
	storage.Storage
	care Care
	turn chan struct{} // has an element while somebody has the turn; no mutex, so that fake clocks go on
}

// DeleteAll implements [storage.BatchDeleter].
func (c careless) DeleteAll(ctx context.Context, keys []string) (map[string]error, error) {
	return storage.DeleteAll(ctx, c.Storage, keys)
}

// Now implements [storage.Clock], if the store below does.
func (c careless) Now(ctx context.Context) (time.Time, error) { return storage.Now(ctx, c.Storage) }

// Put implements [storage.Storage], except for the condition.
func (c careless) Put(ctx context.Context, key string, body io.ReadSeeker, opts storage.PutOptions) (storage.PutResult, error) {
	if !opts.IfAbsent {
		return c.Storage.Put(ctx, key, body, opts)
	}
	plain := opts
	plain.IfAbsent = false
	fail := func(err error) (storage.PutResult, error) {
		return storage.PutResult{}, &storage.Error{Op: storage.OpPut, Key: key, Err: err}
	}
	switch c.care {
	case Ignores:
		return c.Storage.Put(ctx, key, body, plain)
	case Rejects:
		driver.CountRequest(ctx, storage.OpPut)
		return fail(storage.ErrNoConditionalPut)
	case Races, WritesAnyway:
		_, err := c.Head(ctx, key)
		exists := err == nil
		if exists && c.care == Races {
			return fail(storage.ErrPreconditionFailed)
		}
		time.Sleep(Window)
		result, err := c.Storage.Put(ctx, key, body, plain)
		if err == nil && exists {
			return fail(storage.ErrPreconditionFailed)
		}
		return result, err
	case LooksEarly:
		return c.putEarly(ctx, key, body, plain)
	case Forgets:
		return c.Storage.Put(ctx, key, bytes.NewReader([]byte("something else")), storage.PutOptions{IfAbsent: true})
	}
	return c.Storage.Put(ctx, key, body, opts)
}

// putEarly is Put of a store that [LooksEarly].
func (c careless) putEarly(ctx context.Context, key string, body io.Reader, opts storage.PutOptions) (storage.PutResult, error) {
	c.turn <- struct{}{}
	defer func() { <-c.turn }()
	if _, err := c.Head(ctx, key); err == nil {
		return storage.PutResult{}, &storage.Error{Op: storage.OpPut, Key: key, Err: storage.ErrPreconditionFailed}
	}
	var data []byte
	var err error
	taken := make(chan struct{})
	go func() {
		data, err = io.ReadAll(body)
		close(taken)
	}()
	select {
	case <-taken:
	case <-time.After(Window):
		<-c.turn // others may look now
		<-taken
		c.turn <- struct{}{}
	}
	if err != nil {
		return storage.PutResult{}, &storage.Error{Op: storage.OpPut, Key: key, Err: err}
	}
	return c.Storage.Put(ctx, key, bytes.NewReader(data), opts)
}
