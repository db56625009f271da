package watch

import (
	"errors"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
)

// doLook is what a look is called beside the kinds of work.
const doLook = "look"

// trouble is why a database cannot be backed up at the moment; the zero value is none.
type trouble struct {
	phase Phase // PhaseRefused or PhaseGone
	of    string
	why   string
	code  archiver.Code
	since time.Time
	again time.Time // when it is tried again
	tried time.Time // when it was last found
	loud  bool      // it was said that it lasts
	isYet bool      // nothing was ever seen at the path: perhaps the database is yet to be made
}

// goneFor is how long a database may be gone before that is worth more than a warning.
const goneFor = 5 * time.Minute

func (t *trouble) isNone() bool { return t.phase == "" }

// isOfBackup reports whether a backup has found it, and nothing less would.
func (t *trouble) isOfBackup() bool { return t.of == doBackup || t.of == doFull }

// isOfArchive reports whether the archive could not be read, or is not what it was.
func (t *trouble) isOfArchive() bool { return t.of == doCheck || t.of == doReread }

// hasChanged brings the next attempt forward, as the database's files have changed: perhaps
// they were mended. A look costs nothing, whatever the last one has met; a run is not made with
// each event, and only if a change can have mended it.
func (t *trouble) hasChanged() {
	if t.of == doLook {
		t.again = earlier(t.again, t.tried.Add(time.Second))
		return
	}
	switch t.code {
	case archiver.CodeNotFound, archiver.CodeNotDatabase, archiver.CodeUnsupported, archiver.CodeUnseenLog,
		archiver.CodeDamagedDatabase, archiver.CodeWrongDatabase:
		t.again = earlier(t.again, t.tried.Add(tick))
	}
}

// isNothingThere reports whether err says that nothing is at the database's path. The archiver
// has a hint of its own if it is an upgrade that has taken the database's name away.
func isNothingThere(err error) bool {
	e, ok := errors.AsType[*archiver.Error](err)
	return ok && e.Code == archiver.CodeNotFound && e.Hint == ""
}

// setTrouble notes that the database cannot be backed up, and says so if it is new.
func (d *database) setTrouble(now time.Time, kind string, err error, phase Phase, wait time.Duration) {
	was := d.trouble
	d.trouble = trouble{phase: phase, of: kind, why: err.Error(), code: archiver.CodeOf(err), since: now, again: now.Add(wait), tried: now}
	d.wasSeen = d.wasSeen || !isNothingThere(err) && !d.trouble.isOfArchive()
	d.trouble.isYet = phase == PhaseGone && !d.wasSeen
	switch {
	case was.phase == phase && was.code == d.trouble.code && was.isYet == d.trouble.isYet:
		d.trouble.since, d.trouble.loud = was.since, was.loud
	case d.trouble.isYet:
		d.news(EventFailed, now).notYet(kind, err)
	default:
		d.news(EventFailed, now).failed(kind, err)
	}
	if phase == PhaseGone && !d.trouble.loud && now.Sub(d.trouble.since) >= goneFor {
		d.trouble.loud = true
		d.news(EventState, now).gone(d.trouble)
	}
}
