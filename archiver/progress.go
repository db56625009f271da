package archiver

import "sync"

// progressFunc is told how many of the bytes are done. Calls come one after the other.
type progressFunc func(done, total int64)

// tracker adds up what workers have done.
type tracker struct {
	observe progressFunc
	mu      sync.Mutex
	done    int64
	total   int64
}

func track(observe progressFunc, total int64) *tracker {
	t := &tracker{observe: observe, total: total}
	t.add(0)
	return t
}

func (t *tracker) add(n int64) {
	if t.observe == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done = min(t.done+n, t.total) // what is read twice does not count twice
	t.observe(t.done, t.total)
}
