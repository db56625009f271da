package archiver

import (
	"context"

	"github.com/gbak-s3/gbak-s3/archiver/internal/commit"
	"github.com/gbak-s3/gbak-s3/archiver/internal/hold"
	"github.com/gbak-s3/gbak-s3/archiver/internal/locate"
)

// Prepare stores most of what a full backup needs, and commits nothing. A full backup that
// follows soon has little left to send. Other methods may be called meanwhile, so that
// increments go on.
func (s *Session) Prepare(ctx context.Context) error {
	opts := s.options(SessionBackup{Full: true})
	if err := opts.complete(); err != nil {
		return explain(err)
	}
	opts.logs, opts.pace = nil, nil // they are for one at a time
	_, _, err := s.run(ctx, nil, func(ctx context.Context) error {
		database, err := locate.Find(ctx, s.path, opts.Closed)
		if err != nil {
			return err
		}
		opts.name = database.Name
		return commit.Update(ctx, s.archive.journal, updateOptions(s.archive, database.Path, opts), func(head *commit.Head) error {
			held := hold.WasHeldSince(database.Path, head.Archive.ArchiveID, head.Parent)
			_, err := newPacker(s.archive, head, opts).Copy(ctx, newQuery(s.archive, database.Path, head, held, opts))
			return err
		})
	})
	return err
}
