package pack

import (
	"slices"
	"sync"
)

// join puts what little is fresh of many stripes together in segments: in the order of
// the stripes, so that the same backup makes the same segments again.
type join struct {
	limit int64 // raw bytes that make a segment large enough
	front int   // of the bodies

	mu      sync.Mutex
	next    int              // the stripe that must come next
	waiting map[int]leftover // later ones that came before it
	open    *joined
}

// leftover is what is fresh of one stripe. The zero value is that of a stripe that leaves
// nothing.
type leftover struct {
	stripe *packed
	frames []byte // one after another
	raw    int64  // bytes of these, before compression
}

// joined becomes one segment.
type joined struct {
	first   int // stripe
	stripes []*packed
	body    []byte // of [segments]
	raw     int64
}

func newJoin(limit int64, front int) *join {
	return &join{limit: limit, front: front, waiting: map[int]leftover{}}
}

// add takes what stripe n leaves, once for each stripe, and returns what is to be stored
// now. It keeps a copy of the frames.
func (j *join) add(n int, l leftover) (full []*joined) {
	j.mu.Lock()
	defer j.mu.Unlock()
	l.frames = slices.Clone(l.frames)
	j.waiting[n] = l
	for {
		l, ok := j.waiting[j.next]
		if !ok {
			return full
		}
		delete(j.waiting, j.next)
		j.take(l)
		j.next++
		if j.open != nil && j.open.raw >= j.limit {
			full = append(full, j.open)
			j.open = nil
		}
	}
}

func (j *join) take(l leftover) {
	if l.raw == 0 {
		return
	}
	if j.open == nil {
		j.open = &joined{first: j.next, body: make([]byte, j.front)}
	}
	at := int64(len(j.open.body) - j.front)
	for i := range l.stripe.frames {
		l.stripe.frames[i].Offset += at
	}
	j.open.stripes = append(j.open.stripes, l.stripe)
	j.open.body = append(j.open.body, l.frames...)
	j.open.raw += l.raw
}

// rest returns what was not enough for a segment, when all stripes were added.
func (j *join) rest() []*joined {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.open == nil {
		return nil
	}
	return []*joined{j.open}
}
