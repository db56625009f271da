package watch

import (
	"context"
	"log/slog"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
)

// event returns an event of this target.
func (d *database) event(kind EventKind, now time.Time) Event {
	e := Event{Kind: kind, At: now, Target: d.target, LogBytes: d.look.UnsavedBytes, FreeBytes: d.guard.state.FreeBytes}
	if !d.dirtySince.IsZero() {
		e.Lag = now.Sub(d.dirtySince)
	}
	return e
}

// say logs an event of this target, and tells it.
func (d *database) say(level slog.Level, text string, e Event, more ...any) {
	args := append([]any{"event", e.Kind, "database", d.key.Name, "archive", d.key.Archive}, more...)
	d.w.log.Log(context.Background(), level, text, args...) //nolint:sloglint // each caller has one text
	d.w.tell(e)
}

func (d *database) tellPhase(now time.Time, phase Phase) {
	e := d.event(EventState, now)
	e.Phase, e.Why, e.Code = phase, d.trouble.why, d.trouble.code
	level := slog.LevelDebug
	switch {
	case phase == PhaseRefused || phase == PhaseGone:
		level = slog.LevelWarn
	case d.wasTroubled:
		level = slog.LevelInfo
	}
	d.wasTroubled = phase == PhaseRefused || phase == PhaseGone || phase == PhaseRunning && d.wasTroubled
	d.say(level, "the database is "+string(phase), e, "state", phase, "why", e.Why)
}

func (d *database) tellBackup(now time.Time, r *archiver.BackupReport) {
	e := d.event(EventBackup, now)
	e.Report, e.Why = r, r.Why
	level := slog.LevelDebug
	if r.Backup.Kind == archiver.KindFull {
		level = slog.LevelInfo
	}
	d.say(level, "a backup is committed", e, "kind", r.Backup.Kind, "seq", r.Backup.Seq, "epoch", r.Backup.EndEpoch, "why", r.Why,
		"stored_bytes", r.Backup.StoredBytes, "requests", r.Requests.Total(), "elapsed_ms", r.Elapsed.Milliseconds())
}

func (d *database) tellSafe(now time.Time) { d.w.tell(d.event(EventSafe, now)) }

// tellFailed tells of an error. That a store is away is said once for all of its databases.
func (d *database) tellFailed(now time.Time, kind string, err error) {
	e := d.event(EventFailed, now)
	e.Why, e.Code = err.Error(), archiver.CodeOf(err)
	level := slog.LevelError
	if isAway(err) {
		level = slog.LevelDebug
	} else if e.Code == archiver.CodeNotFound {
		level = slog.LevelWarn
	}
	d.say(level, "this failed: "+kind, e, "code", e.Code, "err", err)
}

func (d *database) tellUpkeep(now time.Time, kind string, findings int) {
	e := d.event(EventUpkeep, now)
	e.Why = kind
	if findings > 0 {
		d.say(slog.LevelError, "the archive is damaged", e, "findings", findings)
		return
	}
	d.say(slog.LevelInfo, "this is done: "+kind, e)
}

func (d *database) tellGone(now time.Time) {
	e := d.event(EventState, now)
	e.Phase, e.Why, e.Code = PhaseGone, d.trouble.why, d.trouble.code
	d.say(slog.LevelError, "the database is gone for a while now, and its archive stays", e, "since", d.trouble.since)
}

func (d *database) tellForks(now time.Time) {
	e := d.event(EventForks, now)
	e.Why = "two databases seem to back up into this archive: each takes a full backup after the other"
	d.say(slog.LevelError, e.Why, e)
}

func (d *database) tellWriter(now time.Time) {
	e, b := d.event(EventWriter, now), d.look.Newest
	e.Why = "another writer is active: this one lets it lead"
	d.say(slog.LevelWarn, e.Why, e, "host", b.Host, "tool", b.Tool, "seq", b.Seq)
}

func (d *database) gaveUp(now time.Time) {
	e := d.event(EventGaveUp, now)
	e.Why = "the disk is nearly full and the store is away, so the database may drop its log at its next checkpoint: states between the last backup and the next full one may not be restorable"
	d.say(slog.LevelError, e.Why, e, "log_bytes", d.guard.held, "free_bytes", e.FreeBytes)
}

func (d *database) diskFills(now time.Time, is alarm) {
	e, level := d.event(EventDisk, now), slog.LevelWarn
	if is == withinHours {
		level = slog.LevelError
	}
	e.Why = "the disk will be full soon, and the log that waits for the archive grows"
	d.say(level, e.Why, e, "full_at", d.guard.state.FullAt, "log_bytes", d.guard.held, "free_bytes", e.FreeBytes)
}

// tellStore tells that a store went away, or is back.
func (w *Watcher) tellStore(name string, now time.Time, up bool, err error) {
	e := Event{Kind: EventStore, At: now, Store: name, Up: up, Code: archiver.CodeOf(err)}
	if up {
		w.log.Info("the store answers again", "event", EventStore, "store", name)
	} else {
		e.Why = err.Error()
		w.log.Error("the store does not answer: backups wait", "event", EventStore, "store", name, "err", err)
	}
	w.tell(e)
}

// tell tells whoever wants to know.
func (w *Watcher) tell(e Event) {
	if w.opts.Event == nil {
		return
	}
	w.telling.Lock()
	defer w.telling.Unlock()
	w.opts.Event(e)
}
