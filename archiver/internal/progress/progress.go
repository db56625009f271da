package progress

import "sync"

// Func is told how many of the bytes are done. Calls come one after the other.
type Func func(done, total int64)

// Tracker adds up what workers have done.
type Tracker struct {
	observe Func
	mu      sync.Mutex
	done    int64
	total   int64
}

func New(observe Func, total int64) *Tracker {
	t := &Tracker{observe: observe, total: total}
	t.Add(0)
	return t
}

func (t *Tracker) Add(n int64) {
	if t.observe == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done = min(t.done+n, t.total) // what is read twice does not count twice
	t.observe(t.done, t.total)
}
