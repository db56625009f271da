package main

import (
	"log/slog"
	"sync"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
)

// bar shows how far a run has come: in one line on the terminal or, where there is none, once a
// minute in the log, which shows that from the level info on.
type bar struct {
	screen *screen
	log    *slog.Logger

	mu    sync.Mutex
	gauge gauge

	end   chan struct{}
	ended sync.WaitGroup
	once  sync.Once
}

// A run that takes less than soonest shows no progress. The line changes every look, and the log
// says something every minute.
const (
	soonest   = 500 * time.Millisecond
	lookEvery = 250 * time.Millisecond
	logEvery  = time.Minute
)

// progress begins to show how far a run has come; what says what it does. [bar.done] ends that.
func (o *output) progress(what string) *bar {
	b := &bar{screen: o.screen, log: o.log, gauge: gauge{what: what, since: time.Now()}, end: make(chan struct{})}
	if o.quiet || o.screen == nil {
		return b
	}
	b.ended.Go(b.watch)
	return b
}

// observe is an [archiver.Observer].
func (b *bar) observe(e archiver.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gauge.tell(e, time.Now())
}

func (b *bar) watch() {
	began := time.Now()
	looks := time.NewTicker(lookEvery)
	defer looks.Stop()
	logged := began
	for {
		select {
		case <-b.end:
			return
		case now := <-looks.C:
			b.mu.Lock()
			b.gauge.look(now)
			g := b.gauge
			b.mu.Unlock()
			if now.Sub(began) >= soonest {
				b.screen.show(func(columns int) string { return g.text(now, columns) })
			}
			if now.Sub(logged) >= logEvery && b.screen.columns() == 0 {
				logged = now
				b.report(g, now)
			}
		}
	}
}

func (b *bar) report(g gauge, now time.Time) {
	if b.log == nil {
		return
	}
	b.log.Info("progress", "doing", g.what, "phase", string(g.phase), "done_bytes", g.done, "total_bytes", g.total,
		"bytes_per_second", int64(g.rate()), "seconds", int(now.Sub(g.since).Seconds()))
}

// done removes the line, so that what is printed next stands alone.
func (b *bar) done() {
	b.once.Do(func() { close(b.end) })
	b.ended.Wait()
	if b.screen != nil {
		b.screen.erase()
	}
}
