package main

import (
	"errors"
	"log/slog"
	"regexp"
	"strings"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/internal/watch"
)

// advice says in the log what to do about an error of a database: once, until it is backed
// up again or the advice is another one.
type advice struct {
	log   *slog.Logger
	given map[watch.Key]string
}

func newAdvice(log *slog.Logger) *advice { return &advice{log, map[watch.Key]string{}} }

// on takes in an event. It is called by one goroutine at a time. That the path may be wrong is no
// advice as long as its program may be about to make the database, unless there is another one.
func (a *advice) on(e watch.Event) {
	key := e.Target.Key()
	switch e.Kind {
	case watch.EventBackup, watch.EventSafe:
		delete(a.given, key)
	case watch.EventFailed:
		if e.Hint == "" || a.given[key] == e.Hint || e.IsYet && e.Hint == checkPathHint {
			return
		}
		a.given[key] = e.Hint
		a.log.Warn("what to do about it", "database", key.Name, "archive", key.Archive, "hint", e.Hint)
	}
}

// adviceFor returns what to do about an event, "" if the watcher does it by itself. It may look around
// on the disk of the database.
func adviceFor(e watch.Event) string {
	switch e.Code {
	case "", archiver.CodeStore, archiver.CodeUnknownOutcome, archiver.CodeConflict, archiver.CodeBusyDatabase,
		archiver.CodeLocked, archiver.CodeInterrupted:
		return ""
	}
	if e.Err == nil {
		return ""
	}
	if hint := lostHintFor(e); hint != "" {
		return hint
	}
	hint := again.ReplaceAllString(hintFor(e.Err, "watch"), ". The watcher then goes on by itself.")
	if strings.Contains(strings.ToLower(hint), "the same command again") {
		hint += " The watcher does that by itself."
	}
	return hint
}

// again matches the end of what to do before a command is run again.
var again = regexp.MustCompile(`,? and run the same command again\.$`)

// lostHintFor returns what to do about a database that was whole, and is not now: its path is right.
func lostHintFor(e watch.Event) string {
	if known, ok := errors.AsType[*archiver.Error](e.Err); !e.WasSaved || ok && known.Hint != "" {
		return ""
	}
	switch e.Code {
	case archiver.CodeNotFound:
		return "It was there before. If it was not removed on purpose, `gbak-s3 restore` brings it back from the archive."
	case archiver.CodeNotDatabase:
		return "It was a database before: find out what has removed or overwritten it. `gbak-s3 restore --force` puts what the archive has in its place, and keeps what is there."
	}
	return ""
}
