package capture

import (
	"context"
	"log/slog"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Query is what a backup, or a look at the database, asks it for: what is new since
// a parent.
type Query struct {
	Path   string
	Name   string              // of the database, "" for that of its file
	Parent *manifest.Committed // the newest backup, nil if there is none
	Held   bool                // the log was held for it ever since

	Full        bool // everything is wanted
	NewDatabase bool // another database may go on with the archive

	// knows reports whether the archive has a backup of the database with this id.
	Knows func(ctx context.Context, id string) (bool, error)

	Log *slog.Logger
}

// Capture decides between what is new and everything.
func (q *Query) Capture(ctx context.Context) (*Source, error) {
	from := manifest.Now()
	s, err := q.decide(ctx)
	if err != nil {
		return nil, err
	}
	s.ReadFrom, s.ReadUntil = from, manifest.Now()
	if s.ReadUntil.Before(from) { // the clock was set back
		s.ReadUntil = from
	}
	return s, nil
}

func (q *Query) decide(ctx context.Context) (*Source, error) {
	why, err := q.Succession(ctx)
	if err != nil {
		return nil, err
	}
	before := q.Parent
	switch {
	case why != "":
		before = nil // it continues nothing
	case q.Parent == nil:
		why = "it is the first one"
	case !q.Full:
		s, breach, err := Incremental(q.Path, q.Parent, q.Held)
		if err != nil {
			return nil, err
		}
		if breach == "" {
			s.name = q.Name
			return s, nil
		}
		why = breach
	default:
		why = "it was asked for"
	}
	s, err := Full(q.Path, before, q.Held)
	if err != nil {
		return nil, err
	}
	s.name, s.Why = q.Name, why
	if err := s.findReplay(); err != nil {
		return nil, err
	}
	if q.Parent != nil && !s.Continues {
		q.Log.Warn("taking a full backup on a new timeline", "why", why)
	}
	return s, nil
}
