package watch

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
)

// closeTime is how long it may take to close what is open: the disk alone is needed.
const closeTime = 5 * time.Second

// stop ends all work within the time of a flush: what runs may end, unless increments do its
// work, and what is unsaved is backed up once more. cancel ends work.
func (d *database) stop(work context.Context, cancel context.CancelFunc) {
	flush := d.w.flush
	defer time.AfterFunc(flush, cancel).Stop()
	if d.beside != nil {
		d.beside.cancel()
	}
	if d.drill != nil {
		d.drill.cancel()
	}
	if w := d.run; w != nil && (!w.isBackup() || w.reason == planned) {
		w.cancel()
	}
	for d.run != nil || d.beside != nil || d.drill != nil {
		d.show(time.Now())
		d.end(work, <-d.results)
	}
	d.isUnsaved = !d.flush(work)
	d.show(time.Now())
	closing, done := context.WithTimeout(context.WithoutCancel(work), closeTime)
	defer done()
	if err := d.archive.Close(closing); err != nil {
		d.w.log.Warn("closing failed", "database", d.key.Name, "archive", d.key.Archive, "err", err)
	}
}

// flush backs up what is unsaved, and reports whether all is saved then.
func (d *database) flush(ctx context.Context) bool {
	now := time.Now()
	l, err := d.archive.Look(ctx)
	switch {
	case archiver.CodeOf(err) == archiver.CodeNotFound:
		if !d.wasSeen && isNothingThere(err) {
			d.w.log.Warn("there was no database until the end, so nothing was stored", "database", d.key.Name, "archive", d.key.Archive,
				"path", d.path)
			return true
		}
		return d.wasLooked && d.dirtySince.IsZero() // otherwise, there was something to save, or perhaps
	case err == nil && l.Known && l.Commits == 0 && l.NeedsFull == "" && !d.trouble.isOfArchive():
		d.look, d.dirtySince = l, time.Time{}
		return true
	}
	d.run = &work{kind: doBackup, was: l.Newest.Seq, noHold: d.guard.state.GivenUp && !d.guard.mayHold(), began: now}
	d.show(now)
	r, err := d.archive.Backup(ctx, archiver.SessionBackup{Observer: d.board.observe, NoHold: d.run.noHold})
	o := outcome{work: d.run, err: err, report: r, ended: time.Now(), isStopped: ctx.Err() != nil}
	d.run = nil
	if err != nil {
		d.board.add(func(c *Counts) { c.Failures[archiver.CodeOf(err)]++ })
		d.news(EventFailed, o.ended).failed("the last backup", err)
		d.isLost = l.Remainder
		return false
	}
	d.succeeded(o)
	d.look.Commits, d.look.UnsavedBytes, d.look.NeedsFull = 0, 0, ""
	return true
}

// UnsavedError says which targets had commits that were not in their archives when the
// watcher stopped, or may have had.
type UnsavedError struct {
	Targets []Key

	// Lost are those of them of which nobody has the log any more, as a 0.5 database was
	// closed: its data is safe, and its last states cannot be restored.
	Lost []Key
}

func (e *UnsavedError) Error() string {
	var names []string
	for _, k := range e.Targets {
		names = append(names, k.String())
	}
	return fmt.Sprintf("not everything was stored before the end: %s", strings.Join(names, ", "))
}
