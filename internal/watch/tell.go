package watch

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
)

// news is an event of a target that is to be told.
type news struct {
	Event
	w *Watcher
}

// news returns an event of this target.
func (d *database) news(kind EventKind, now time.Time) news {
	e := Event{Kind: kind, At: now, Target: d.target, LogBytes: d.look.UnsavedBytes, FreeBytes: d.guard.state.FreeBytes}
	e.WasSaved = d.wasLooked && d.look.Newest.Seq != 0
	if !d.dirtySince.IsZero() {
		e.Lag = now.Sub(d.dirtySince)
	}
	return news{e, d.w}
}

// say logs the event, and tells it.
func (e news) say(level slog.Level, text string, more ...any) {
	args := append([]any{"event", e.Kind, "database", e.Target.Name, "archive", e.Target.Archive}, more...)
	e.w.log.Log(context.Background(), level, text, args...) //nolint:sloglint // each caller has one text
	e.w.tell(e.Event)
}

// phase tells of a phase. wasTroubled says that the one before was bad.
func (e news) phase(is Phase, t trouble, wasTroubled bool) {
	e.Phase, e.Why, e.Code = is, t.why, t.code
	level := slog.LevelDebug
	switch {
	case t.isYet: // which was said
	case isTroubled(is):
		level = slog.LevelWarn
	case wasTroubled:
		level = slog.LevelInfo
	}
	e.say(level, "the database is "+string(is), "state", is, "why", e.Why)
}

func isTroubled(p Phase) bool { return p == PhaseRefused || p == PhaseGone }

func (e news) backup(r *archiver.BackupReport) {
	e.Report, e.Why = r, r.Why
	level := slog.LevelDebug
	if r.Backup.Kind == archiver.KindFull {
		level = slog.LevelInfo
	}
	e.say(level, "a backup is committed", "kind", r.Backup.Kind, "seq", r.Backup.Seq, "epoch", r.Backup.EndEpoch, "why", r.Why,
		"stored_bytes", r.Backup.StoredBytes, "requests", r.Requests.Total(), "elapsed_ms", r.Elapsed.Milliseconds())
}

// about fills in an error, and what to do about it: before anybody waits for the telling.
func (e *news) about(kind string, err error) {
	e.Work, e.Why, e.Code, e.Err = kind, err.Error(), archiver.CodeOf(err), err
	if e.w.opts.Hint != nil {
		e.Hint = e.w.opts.Hint(e.Event)
	}
}

// failed tells of an error. That a store is away is said once for all of its databases.
func (e news) failed(kind string, err error) {
	e.about(kind, err)
	level := slog.LevelError
	if isAway(err) {
		level = slog.LevelDebug
	} else if e.Code == archiver.CodeNotFound {
		level = slog.LevelWarn
	}
	e.say(level, "this failed: "+kind, "code", e.Code, "err", err)
}

// notYet tells that there was never a database: its program may be about to make it.
func (e news) notYet(kind string, err error) {
	e.IsYet = true
	e.about(kind, err)
	e.say(slog.LevelInfo, "there is no database yet", "path", e.Target.Database)
}

func (e news) upkeep(kind string, findings int) {
	e.Work, e.Why = kind, kind
	if findings > 0 {
		e.say(slog.LevelError, "the archive is damaged", "findings", findings)
		return
	}
	e.say(slog.LevelInfo, "this is done: "+kind)
}

func (e news) gone(t trouble) {
	e.Phase, e.Why, e.Code = PhaseGone, t.why, t.code
	if t.isYet {
		e.say(slog.LevelWarn, "there is still no database, and nothing is backed up: is the path right?", "path", e.Target.Database, "since", t.since)
		return
	}
	e.say(slog.LevelError, "the database is gone for a while now, and its archive stays", "since", t.since)
}

func (e news) forks() {
	e.Why = "two databases seem to back up into this archive: each takes a full backup after the other"
	e.say(slog.LevelError, e.Why)
}

// writer tells of another writer, who has made b.
func (e news) writer(b *archiver.Backup) {
	e.Why = "another writer is active: this one lets it lead"
	e.Who = fmt.Sprintf("%s on %s, backup %d", b.Tool, b.Host, b.Seq)
	e.say(slog.LevelWarn, e.Why, "host", b.Host, "tool", b.Tool, "seq", b.Seq)
}

func (e news) gaveUp(held int64) {
	e.Why = "the disk is nearly full and the store is away, so the database may drop its log at its next checkpoint: " +
		"states between the last backup and the next full one may not be restorable"
	e.say(slog.LevelError, e.Why, "log_bytes", held, "free_bytes", e.FreeBytes)
}

func (e news) diskFills(is alarm, g *guard) {
	level := slog.LevelWarn
	if is == withinHours {
		level = slog.LevelError
	}
	e.Why = "the disk will be full soon, and the log that waits for the archive grows"
	e.say(level, e.Why, "full_at", g.state.FullAt, "log_bytes", g.held, "free_bytes", e.FreeBytes)
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
