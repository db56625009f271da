package memory

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Whatever is asked for, no more is taken than there is, everybody gets something, and the
// test would hang, which a bubble notices, if anybody waited for ever.
func TestPoolIsNeverExceeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const bytes, runs, rounds = 100, 50, 20
		p := New(bytes)
		var taken, most, served atomic.Int64
		var wg sync.WaitGroup
		for range runs {
			wg.Go(func() {
				for range rounds {
					want := rand.Int64N(2 * bytes)
					give, err := p.Take(t.Context(), want)
					if err != nil {
						t.Error(err)
						return
					}
					now := taken.Add(min(want, bytes))
					for old := most.Load(); old < now && !most.CompareAndSwap(old, now); old = most.Load() {
					}
					time.Sleep(time.Duration(rand.Int64N(int64(time.Second))))
					taken.Add(-min(want, bytes))
					give()
					served.Add(1)
				}
			})
		}
		wg.Wait()
		if most.Load() > bytes || most.Load() < bytes/2 || served.Load() != runs*rounds {
			t.Errorf("at most %d of %d bytes were taken, by %d of %d", most.Load(), bytes, served.Load(), runs*rounds)
		}
	})
}

// One who waits for much is served before those who ask for little later.
func TestPoolStarvesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(10)
		var order []string
		var wg sync.WaitGroup
		first, err := p.Take(t.Context(), 6)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			name  string
			bytes int64
		}{{"large", 10}, {"small", 1}} {
			wg.Go(func() {
				give, err := p.Take(t.Context(), c.bytes)
				if err != nil {
					t.Error(err)
					return
				}
				order = append(order, c.name)
				time.Sleep(time.Second)
				give()
			})
			synctest.Wait()
		}
		first()
		wg.Wait()
		if len(order) != 2 || order[0] != "large" {
			t.Errorf("served were %q", order)
		}
	})
}

func TestWaitEndsWithItsContext(t *testing.T) {
	p := New(1)
	give, err := p.Take(t.Context(), 5)
	if err != nil {
		t.Fatal(err)
	}
	cause := errors.New("the cause")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if _, err := p.Take(ctx, 1); !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
	give()
	if _, err := p.Take(t.Context(), 1); err != nil {
		t.Error(err)
	}
}

func TestNoPoolHasNoLimit(t *testing.T) {
	var p *Pool
	for range 3 {
		if _, err := p.Take(t.Context(), 1<<60); err != nil || p.IsLimited() {
			t.Error(err)
		}
	}
}
