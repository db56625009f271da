package archiver

import "sync"

// Progress is how far a run has come, in raw bytes of the database's files.
type Progress struct {
	Done  int64
	Total int64
}

// Observer hears how a run goes on. Calls come one after the other, from
// several goroutines; they should return quickly. Done is between 0 and Total. If the database changes
// while it is read, Done starts again.
type Observer func(Progress)

// tracker adds up what workers have done.
type tracker struct {
	observe Observer
	mu      sync.Mutex
	now     Progress
}

func track(observe Observer, total int64) *tracker {
	t := &tracker{observe: observe, now: Progress{Total: total}}
	t.add(0)
	return t
}

func (t *tracker) add(n int64) {
	if t.observe == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now.Done = min(t.now.Done+n, t.now.Total) // what is read twice does not count twice
	t.observe(t.now)
}
