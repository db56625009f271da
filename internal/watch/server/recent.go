package server

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/gbak-s3/gbak-s3/internal/page"
	"github.com/gbak-s3/gbak-s3/internal/view"
	"github.com/gbak-s3/gbak-s3/internal/watch"
)

// Recent remembers what pages show of the last day, and no state has: backups, errors, and what was
// seen of other writers. All of it is bounded, for each target.
type Recent struct {
	mu sync.Mutex
	of map[watch.Key]*recent
}

// NewRecent returns one that has seen nothing yet.
func NewRecent() *Recent {
	return &Recent{of: map[watch.Key]*recent{}}
}

// recent is what is remembered of one target, the newest first.
type recent struct {
	hours  []page.Hour
	last   []page.Backup
	errors []page.Problem
	writer page.Writer
}

// How much is remembered.
const (
	mostHours  = 25 // the hour that goes on, and a day
	mostLast   = 20
	mostErrors = 20
)

// Event takes in what a watcher tells. It returns at once.
func (r *Recent) Event(e watch.Event) {
	switch e.Kind {
	case watch.EventBackup, watch.EventFailed, watch.EventDrill, watch.EventGaveUp, watch.EventDisk, watch.EventForks, watch.EventWriter:
	default:
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	key := e.Target.Key()
	if r.of[key] == nil {
		r.of[key] = &recent{}
	}
	r.of[key].take(e)
}

func (r *recent) take(e watch.Event) {
	switch e.Kind {
	case watch.EventBackup:
		r.backup(e)
	case watch.EventFailed:
		r.failed(page.Problem{At: e.At, What: e.Work, Text: page.Text(e.Why), Code: string(e.Code), Hint: e.Hint})
	case watch.EventDrill:
		if e.Why != "" {
			r.failed(page.Problem{At: e.At, What: "drill", Text: page.Text(e.Why)})
		}
	case watch.EventGaveUp:
		r.failed(page.Problem{At: e.At, What: "hold given up", Text: page.Text(e.Why)})
	case watch.EventDisk:
		r.failed(page.Problem{At: e.At, What: "disk", Text: page.Text(e.Why)})
	case watch.EventForks:
		r.writer.Forks = e.At
		r.failed(page.Problem{At: e.At, What: "forks", Text: page.Text(e.Why)})
	case watch.EventWriter:
		r.writer.Other, r.writer.Who = e.At, page.Text(e.Who)
	}
}

// failed remembers an error. One that comes again is the same one.
func (r *recent) failed(p page.Problem) {
	p.Times, p.Since = 1, p.At
	if i := slices.IndexFunc(r.errors, func(o page.Problem) bool { return o.What == p.What && o.Text == p.Text && o.Code == p.Code }); i >= 0 {
		p.Times, p.Since = r.errors[i].Times+1, r.errors[i].Since
		r.errors = slices.Delete(r.errors, i, i+1)
	}
	r.errors = slices.Insert(r.errors, 0, p)
	r.errors = r.errors[:min(len(r.errors), mostErrors)]
}

// backup remembers a backup.
func (r *recent) backup(e watch.Event) {
	if e.Report == nil {
		return
	}
	b := view.Backup(&e.Report.Backup)
	b.Took, b.Why = e.Report.Elapsed, page.Text(e.Report.Why)
	r.last = slices.Insert(r.last, 0, b)
	r.last = r.last[:min(len(r.last), mostLast)]
	from := e.At.UTC().Truncate(time.Hour)
	if len(r.hours) == 0 || r.hours[0].From.Before(from) {
		r.hours = slices.Insert(r.hours, 0, page.Hour{From: from})
		r.hours = r.hours[:min(len(r.hours), mostHours)]
	}
	h := &r.hours[0] // a clock that was put back counts for the hour that was newest
	if b.Kind == "full" {
		h.Full++
	} else {
		h.Incremental++
	}
	h.Read += b.Raw
	h.Stored += b.Stored
	h.Longest = max(h.Longest, b.Took)
}

// Keep forgets what is none of these targets, so that it does not grow with those that come and go.
func (r *Recent) Keep(targets []watch.Target) {
	watched := map[watch.Key]bool{}
	for i := range targets {
		watched[targets[i].Key()] = true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.DeleteFunc(r.of, func(key watch.Key, _ *recent) bool { return !watched[key] })
}

// fill puts what is remembered into rows.
func (r *Recent) fill(s *watch.State, rows []page.Database) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range s.Targets {
		o := r.of[s.Targets[i].Target.Key()]
		if o == nil {
			continue
		}
		d := &rows[i]
		d.Last, d.Errors, d.Writer = slices.Clone(o.last), slices.Clone(o.errors), o.writer
		for _, h := range o.hours {
			if s.At.Sub(h.From) < 25*time.Hour {
				d.Hours = append(d.Hours, h)
			}
		}
	}
}
