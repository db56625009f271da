package watch

import (
	"context"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/internal/history"
)

// doHistory reads what can be restored, for the pages that show it.
const doHistory = "history"

const (
	// rereadAfter is the least time between two readings of a history.
	rereadAfter = 10 * time.Minute

	// rereadPart bounds the part of the time that goes into readings, and with it what they
	// cost: one in so many.
	rereadPart = 500
)

// past is what can be restored of a database, as pages show it. It is read once, when the archive is
// known, and then kept up with each backup of this watcher. It is read again where that is not all
// that has happened: others have committed, or something was removed, merged or drilled.
type past struct {
	known   *history.History   // nil before it was read
	newest  uint64             // the newest backup that it has
	isStale bool               // not all of what has happened is in it
	again   time.Time          // not before that
	since   []*archiver.Backup // committed while it is read
}

// startHistory starts to read the history, if that is to be done, and returns when it is.
func (d *database) startHistory(ctx context.Context, now time.Time) time.Time {
	p := &d.past
	if !d.w.opts.History || d.drill != nil || !d.trouble.isNone() || !d.look.Known || d.look.Newest.Seq == 0 || d.store.isAway() {
		return time.Time{}
	}
	if p.known != nil && !p.isStale && p.newest == d.look.Newest.Seq {
		return time.Time{}
	}
	if p.again.After(now) {
		return p.again
	}
	if !d.w.runs.take(d) {
		return time.Time{}
	}
	d.drill = &work{kind: doHistory, began: now}
	p.since, p.isStale = nil, false
	d.launch(ctx, d.drill, d.w.runs, func(ctx context.Context) outcome {
		h, err := d.archive.History(ctx)
		return outcome{history: h, err: err}
	})
	return time.Time{}
}

// endHistory takes in a history that was read. That one cannot be read is no trouble for backups.
func (d *database) endHistory(o outcome) {
	p, now := &d.past, o.ended
	if o.isStopped && o.err != nil {
		return
	}
	p.again = now.Add(max(rereadAfter, rereadPart*now.Sub(o.work.began)))
	if o.err != nil {
		p.isStale = true
		d.w.log.Info("what can be restored could not be read for the page", "event", EventFailed, "database", d.key.Name, "archive", d.key.Archive, "err", o.err)
		return
	}
	p.known, p.newest = o.history, o.history.LastBackup()
	since := p.since
	p.since = nil
	for _, b := range since {
		d.addToHistory(b)
	}
}

// addToHistory adds a backup that this watcher has committed. One whose number is not the next one
// has others before it, or the record of a removal.
func (d *database) addToHistory(b *archiver.Backup) {
	p := &d.past
	switch {
	case !d.w.opts.History:
	case d.drill != nil && d.drill.kind == doHistory:
		p.since = append(p.since, b)
	case p.known == nil || b.Seq <= p.newest:
	case b.Seq > p.newest+1:
		p.isStale = true
	default:
		p.known, p.newest = p.known.With(b), b.Seq
	}
}

// outdateHistory has the history read again: something else than a backup has changed it.
func (d *database) outdateHistory() { d.past.isStale = true }
