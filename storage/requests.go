package storage

import (
	"context"
	"sync/atomic"
)

// Requests counts the requests that were sent to a store, with those that failed and
// were sent again, and the bytes of objects that came back. The zero value is ready for
// use. All methods may be called concurrently.
type Requests struct{ put, get, head, list, del, received atomic.Int64 }

// RequestCounts is a reading of [Requests].
type RequestCounts struct {
	Put    int64 `json:"put"`
	Get    int64 `json:"get"`
	Head   int64 `json:"head"`
	List   int64 `json:"list"`
	Delete int64 `json:"delete"`
}

// Plus returns the sum of both.
func (c RequestCounts) Plus(o RequestCounts) RequestCounts {
	return RequestCounts{c.Put + o.Put, c.Get + o.Get, c.Head + o.Head, c.List + o.List, c.Delete + o.Delete}
}

// Total returns the number of all requests.
func (c RequestCounts) Total() int64 { return c.Put + c.Get + c.Head + c.List + c.Delete }

// Add counts one request. On a nil counter it does nothing.
func (r *Requests) Add(op Op) {
	if r == nil {
		return
	}
	switch op {
	case OpPut:
		r.put.Add(1)
	case OpGet:
		r.get.Add(1)
	case OpHead:
		r.head.Add(1)
	case OpList:
		r.list.Add(1)
	case OpDelete:
		r.del.Add(1)
	}
}

// Counts returns the number of requests so far.
func (r *Requests) Counts() RequestCounts {
	return RequestCounts{
		Put: r.put.Load(), Get: r.get.Load(), Head: r.head.Load(),
		List: r.list.Load(), Delete: r.del.Load(),
	}
}

// Receive counts bytes of an object. On a nil counter it does nothing.
func (r *Requests) Receive(bytes int) {
	if r != nil {
		r.received.Add(int64(bytes))
	}
}

// Received returns how many bytes of objects have been received so far.
func (r *Requests) Received() int64 {
	if r == nil {
		return 0
	}
	return r.received.Load()
}

type requestsKey struct{}

// CountRequests returns a context whose operations are counted in r, and no longer in
// the counter that ctx may have. This way a run over a shared Storage counts only its
// own requests.
func CountRequests(ctx context.Context, r *Requests) context.Context {
	return context.WithValue(ctx, requestsKey{}, r)
}

// RequestsFrom returns the counter of ctx, or nil if it has none.
func RequestsFrom(ctx context.Context) *Requests {
	r, _ := ctx.Value(requestsKey{}).(*Requests)
	return r
}
