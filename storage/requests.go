package storage

import (
	"context"
	"sync/atomic"
)

// Requests counts what was asked of a store: every attempt on the wire, also
// the ones that failed and were tried again. The zero value is ready; all
// methods may be called concurrently.
type Requests struct{ put, get, head, list, del atomic.Int64 }

// RequestCounts is a reading of [Requests].
type RequestCounts struct {
	Put    int64 `json:"put"`
	Get    int64 `json:"get"`
	Head   int64 `json:"head"`
	List   int64 `json:"list"`
	Delete int64 `json:"delete"`
}

// Plus is the sum of both.
func (c RequestCounts) Plus(o RequestCounts) RequestCounts {
	return RequestCounts{c.Put + o.Put, c.Get + o.Get, c.Head + o.Head, c.List + o.List, c.Delete + o.Delete}
}

// Total is the number of all requests.
func (c RequestCounts) Total() int64 { return c.Put + c.Get + c.Head + c.List + c.Delete }

// Counts reads the counters.
func (r *Requests) Counts() RequestCounts {
	return RequestCounts{
		Put: r.put.Load(), Get: r.get.Load(), Head: r.head.Load(),
		List: r.list.Load(), Delete: r.del.Load(),
	}
}

type requestsKey struct{}

// CountRequests returns a ctx whose operations are counted in r, so that one
// run over a shared Storage knows what it alone made.
func CountRequests(ctx context.Context, r *Requests) context.Context {
	return context.WithValue(ctx, requestsKey{}, r)
}

// CountRequest adds one attempt to the ctx's counter, if it has one. It is for
// backends.
func CountRequest(ctx context.Context, op Op) {
	r, _ := ctx.Value(requestsKey{}).(*Requests)
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
