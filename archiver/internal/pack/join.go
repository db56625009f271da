package pack

import (
	"slices"
	"sync"
)

// join combines the little that is new in each of many stripes into segments: in the order
// of the stripes, so that the same backup makes the same segments again.
type join struct {
	limit int64 // raw bytes that make a segment large enough

	mu      sync.Mutex
	next    int              // the stripe that must come next
	waiting map[int]leftover // later ones that came before it
	open    *joined
}

// leftover is what is new in one stripe: its frames, one after the other.
type leftover struct {
	stripe *stored
	body   []byte
	raw    int64
}

// joined becomes one segment.
type joined struct {
	first   int // stripe
	stripes []*stored
	body    []byte
	raw     int64
}

// add adds the frames of stripe n, of which there may be none, and returns what is to be
// stored now.
func (j *join) add(n int, r *stored, body []byte, raw int64) (full []*joined) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.waiting[n] = leftover{r, slices.Clone(body), raw}
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
		j.open = &joined{first: j.next}
	}
	at := int64(len(j.open.body))
	for i := range l.stripe.frames {
		l.stripe.frames[i].Offset += at
	}
	j.open.stripes = append(j.open.stripes, l.stripe)
	j.open.body = append(j.open.body, l.body...)
	j.open.raw += l.raw
}

// rest returns what was not enough for a segment.
func (j *join) rest() []*joined {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.open == nil {
		return nil
	}
	return []*joined{j.open}
}
