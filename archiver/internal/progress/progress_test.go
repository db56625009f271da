package progress

import (
	"context"
	"sync"
	"testing"
)

// What workers add up never goes beyond the total, and the observer is called by one of
// them at a time.
func TestTrack(t *testing.T) {
	t.Parallel()
	var seen []Bytes // not locked: the race detector finds calls at the same time
	ctx := With(t.Context(), func(e Event) {
		if b, ok := e.(Bytes); ok {
			seen = append(seen, b)
		}
	})
	tracker := Track(ctx, 100)
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for range 10 {
				tracker.Add(3)
			}
		})
	}
	workers.Wait()
	if len(seen) != 41 || seen[0] != (Bytes{0, 100}) || seen[40] != (Bytes{100, 100}) {
		t.Errorf("%d events, from %v to %v", len(seen), seen[0], seen[len(seen)-1])
	}
	for i := range seen[1:] {
		if seen[i+1].Done < seen[i].Done {
			t.Errorf("%v follows %v", seen[i+1], seen[i])
		}
	}
}

// Without an observer, nobody is told, and nothing is wrong with that.
func TestNobodyWatches(t *testing.T) {
	t.Parallel()
	if ctx := With(t.Context(), nil); ctx != t.Context() {
		t.Error("it is another context")
	}
	Track(context.Background(), 1).Add(1)
	Tell(context.Background(), Conflict{})
}
