package archiver

import (
	"context"
	"log/slog"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// query is what a backup, or a look at the database, asks it for: what is new since
// a parent.
type query struct {
	path   string
	name   string              // of the database, "" for that of its file
	parent *manifest.Committed // the newest backup, nil if there is none
	held   bool                // the log was held for it ever since

	full        bool // everything is wanted
	newDatabase bool // another database may go on with the archive

	// knows reports whether the archive has a backup of the database with this id.
	knows func(ctx context.Context, id string) (bool, error)

	log *slog.Logger
}

// capture decides between what is new and everything.
func (q *query) capture(ctx context.Context) (*source, error) {
	why, err := q.succession(ctx)
	if err != nil {
		return nil, err
	}
	before := q.parent
	switch {
	case why != "":
		before = nil // it continues nothing
	case q.parent == nil:
		why = "it is the first one"
	case !q.full:
		s, breach, err := increment(q.path, q.parent, q.held)
		if err != nil {
			return nil, err
		}
		if breach == "" {
			s.name = q.name
			return s, nil
		}
		why = breach
	default:
		why = "it was asked for"
	}
	s, err := captureAll(q.path, before, q.held)
	if err != nil {
		return nil, err
	}
	s.name, s.why = q.name, why
	if err := s.findReplay(); err != nil {
		return nil, err
	}
	if q.parent != nil && !s.continues {
		q.log.Warn("taking a full backup on a new timeline", "why", why)
	}
	return s, nil
}
