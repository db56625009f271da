// Package capture finds out which parts of a database a backup has to store, and with which
// checksums. It reads the database while others may write to it; it locks nothing, writes
// nothing, and knows no store.
//
// Its terms:
//
//   - A [Query] asks a database what is new since the parent, the newest backup.
//   - A [Source] is the answer: files or parts of files, and the checksums that a copy of
//     them must have. The caller copies them later. If the database has moved on by then,
//     the checksums do not fit, and the caller asks again, see [UntilStable].
//   - A source is incremental if its log continues the parent and has all that is new.
//     Else it is full, and says why ([NotContinuedError]).
//   - Continuity means that the database still has the history that the parent was taken
//     of. It shows in content, not in names or numbers: the log still has the commit that
//     the parent ends with, the mark. A full source may continue the parent as well; one
//     that does not begins a new timeline.
//   - Succession means that an archive continues with another database than the parent's,
//     which begins a new timeline, too.
//   - A remainder is what the parent lacks of a run of 0.5 and the present state does not
//     show: of a log that was removed at a clean close while its files were open
//     ([openlog.Files]), of a run that was killed, or before a checkpoint. A whole run that
//     the parent lacks is a full source with the image on which that run began, if the
//     archive has it.
//   - A read is torn if somebody wrote meanwhile, see [grafeo.IsTorn].
package capture

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/openlog"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Query asks a database what is new since a backup of it.
type Query struct {
	Path   string              // of the database
	Name   string              // of the database, "" for that of its file
	Parent *manifest.Committed // the newest backup of the archive, nil for none
	Held   bool                // the database has kept its log for the parent ever since
	Logs   *openlog.Files      // keeps the log files of 0.5 open from one question to the next; nil for none
	Places *Places             // that earlier questions have seen (0.6); nil for none

	NoArchived bool // no source has an image that the archive has, see [Source.Archived]

	Full        bool   // everything is wanted, even if the log continues the parent
	FullWhy     string // why everything is wanted, "" if somebody asked for it
	NoFull      bool   // a full source after a parent is an error, a [*NeedsFullError]
	Skips       bool   // an earlier query has read the log up to the parent's end: it is not read again, where a commit shows that it is the same
	NewDatabase bool   // the archive may continue with a database that it has no backup of

	// Knows reports whether the archive has a backup of the database with this id. It is
	// asked only if the database is not the parent's.
	Knows func(ctx context.Context, id string) (bool, error)

	Log *slog.Logger
}

// NeedsFullError is the error for a database of which only a full source can be had, if none
// is wanted.
type NeedsFullError struct {
	Why   string
	Bytes int64 // that the source would have
}

func (e *NeedsFullError) Error() string {
	return fmt.Sprintf("a full backup is needed, of %d bytes: %s", e.Bytes, e.Why)
}

// Capture returns what a backup has to store: an incremental source if the log of the
// database continues the parent, else a full one. An incremental source without commits
// means that nothing is new. A source that is a remainder comes before what the database
// has now: with it as the parent, the caller asks again. A database that the archive may
// not continue with is an [*OtherDatabaseError] or a [*MaybeUpgradedError].
func (q *Query) Capture(ctx context.Context) (*Source, error) {
	from := manifest.Now()
	s, err := q.Look(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.findReplay(); err != nil {
		return nil, err
	}
	if q.Parent != nil && !s.Continues {
		level := slog.LevelWarn
		if s.Image.Generation == grafeo.Gen05 {
			level = slog.LevelInfo // each clean close does that
		}
		q.Log.Log(ctx, level, "taking a full backup on a new timeline", "why", s.Why)
	}
	if !s.Remainder {
		s.ReadFrom = from
	}
	s.ReadUntil = manifest.Now()
	if s.ReadUntil.Before(s.ReadFrom) { // the clock was set back
		s.ReadUntil = s.ReadFrom
	}
	return s, nil
}

// Look is Capture for a caller that wants to know how much is new and stores nothing: the
// source has neither a replay nor the time of reading.
func (q *Query) Look(ctx context.Context) (*Source, error) {
	if s := q.remainder(); s != nil {
		return s, nil
	}
	s, err := q.present(ctx)
	_, needsFull := errors.AsType[*NeedsFullError](err)
	if err != nil && !needsFull {
		return nil, err
	}
	if needsFull || s.Kind == manifest.Full {
		// The log may have been removed before it was read.
		left := q.remainder()
		if left == nil {
			left = q.beforeImage()
		}
		if left != nil {
			return left, nil
		}
		q.startRun(s)
	} else if c := q.Parent.Position.Commit; c != nil {
		q.Logs.DropBefore(c.StartFile) // the archive has what they have
	}
	return s, err
}

// present looks at the database as it is now.
func (q *Query) present(ctx context.Context) (*Source, error) {
	parent := q.Parent
	why, err := q.newTimeline(ctx)
	switch {
	case err != nil:
		return nil, err
	case why != "":
		parent = nil // it continues nothing
	case parent == nil:
		why = "it is the first one"
	case q.Full:
		why = cmp.Or(q.FullWhy, "it was asked for")
	default:
		s, err := incremental(q.Path, parent, q.Held, q.Skips, q.Places)
		notContinued, ok := errors.AsType[*NotContinuedError](err)
		if !ok {
			return named(s, q.Name), err
		}
		why = notContinued.Why
	}
	s, err := full(q.Path, parent, q.Held)
	if err != nil {
		return nil, err
	}
	if q.NoFull && q.Parent != nil {
		return nil, &NeedsFullError{Why: why, Bytes: s.Bytes()}
	}
	s.Why = why
	return named(s, q.Name), nil
}

func named(s *Source, name string) *Source {
	if s != nil {
		s.name = name
	}
	return s
}
