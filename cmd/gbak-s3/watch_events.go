package main

import (
	"sync/atomic"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/internal/watch"
)

// watchLine is something that has happened to a watcher, in JSON.
type watchLine struct {
	Type      string          `json:"type"` // "watch"
	Event     watch.EventKind `json:"event"`
	At        time.Time       `json:"at"`
	Database  string          `json:"database,omitempty"`
	Archive   string          `json:"archive,omitempty"`
	Store     string          `json:"store,omitempty"`
	State     string          `json:"state,omitempty"`
	Why       string          `json:"why,omitempty"`
	Code      archiver.Code   `json:"code,omitempty"`
	Hint      string          `json:"hint,omitempty"`
	LagMS     int64           `json:"lag_ms,omitempty"`
	LogBytes  int64           `json:"log_bytes,omitempty"`
	FreeBytes int64           `json:"free_bytes,omitempty"`
	Writer    string          `json:"writer,omitempty"`
	Unsaved   []unsavedLine   `json:"unsaved,omitempty"`
	Lines     int64           `json:"lines,omitempty"`
}

// unsavedLine is a database of which not everything was stored at the end.
type unsavedLine struct {
	Database string `json:"database"`
	Archive  string `json:"archive"`
}

// The events that the watcher itself does not know of.
const (
	eventReady watch.EventKind = "ready" // each database was looked at
	eventLost  watch.EventKind = "lost"  // nobody read the lines that were to be printed
)

// eventPrinter prints what happens as JSON, if that is wanted. For people there is the log.
// Whoever reads it may be slow, or stand still, and backups go on: then lines are left out.
type eventPrinter struct {
	out   output
	lines chan any // that wait; nil if nothing is printed
	lost  atomic.Int64
	quit  chan struct{}
	ended chan struct{}
}

const (
	waitingLines = 10_000

	// lastLines is how long the end waits for somebody to read what waits.
	lastLines = 5 * time.Second
)

func newEventPrinter(out output) *eventPrinter {
	p := &eventPrinter{out: out}
	if out.json {
		p.lines, p.quit, p.ended = make(chan any, waitingLines), make(chan struct{}), make(chan struct{})
		go p.work()
	}
	return p
}

// work prints what waits, until the end.
func (p *eventPrinter) work() {
	defer close(p.ended)
	for {
		select {
		case v := <-p.lines:
			p.write(v)
			continue
		default:
		}
		select {
		case v := <-p.lines:
			p.write(v)
		case <-p.quit:
			return
		}
	}
}

// write prints a line, and how many were left out meanwhile. That it cannot be printed is no
// reason to stop.
func (p *eventPrinter) write(v any) {
	_ = p.out.printJSON(v)
	if n := p.lost.Swap(0); n > 0 {
		_ = p.out.printJSON(watchLine{Type: "watch", Event: eventLost, At: time.Now().UTC(), Lines: n})
	}
}

// end waits until what waits is printed, for a while.
func (p *eventPrinter) end() {
	if p.lines == nil {
		return
	}
	close(p.quit)
	select {
	case <-p.ended:
	case <-time.After(lastLines):
	}
}

func (p *eventPrinter) line(v any) {
	if p.lines == nil {
		return
	}
	select {
	case p.lines <- v:
	default:
		p.lost.Add(1)
	}
}

// print prints an event of the watcher.
func (p *eventPrinter) print(e watch.Event) {
	if e.Kind == watch.EventBackup && e.Report != nil {
		p.line(lineOfWatched(p.out, e.Target, *e.Report))
		return
	}
	if e.Kind == watch.EventDrill && e.Drilled != nil {
		p.line(lineOfWatchedDrill(p.out, e.Target, *e.Drilled))
		return
	}
	line := watchLine{
		Type: "watch", Event: e.Kind, At: e.At.UTC(), Database: e.Target.Name, Archive: e.Target.Archive, Store: e.Store,
		State: string(e.Phase), Why: e.Why, Code: e.Code, Hint: e.Hint,
		LagMS: e.Lag.Milliseconds(), LogBytes: e.LogBytes, FreeBytes: e.FreeBytes, Writer: e.Who,
	}
	if e.Kind == watch.EventStore {
		line.State = "away"
		if e.Up {
			line.State = "up"
		}
	}
	for _, k := range e.Unsaved {
		line.Unsaved = append(line.Unsaved, unsavedLine{k.Name, k.Archive})
	}
	p.line(line)
}

// ready prints that each database was looked at.
func (p *eventPrinter) ready() {
	p.line(watchLine{Type: "watch", Event: eventReady, At: time.Now().UTC()})
}

// reload prints that the file was read again.
func (p *eventPrinter) reload(err error) {
	line := watchLine{Type: "watch", Event: watch.EventReload, At: time.Now().UTC(), State: "ok"}
	if err != nil {
		line.State, line.Why = "refused", err.Error()
	}
	p.line(line)
}

// lineOfWatched is a backup of a watched database, in JSON.
func lineOfWatched(o output, t watch.Target, r archiver.BackupReport) backupLine {
	o.paid = isBucket(t.Address)
	line := o.lineOfReport(t.Database, r)
	line.Database, line.Archive = t.Name, t.Archive
	return line
}

// lineOfWatchedDrill is a drill of a watched database, in JSON.
func lineOfWatchedDrill(o output, t watch.Target, r archiver.DrillReport) drillLine {
	o.paid = isBucket(t.Address)
	line := lineOfDrill(r)
	line.Database, line.Archive, line.Cost = t.Name, t.Archive, o.costOf(r.Requests, r.ReceivedBytes, 0)
	return line
}
