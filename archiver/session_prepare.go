package archiver

import (
	"context"

	"github.com/gbak-s3/gbak-s3/archiver/internal/commit"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/locate"
)

// Prepare stores the image of the database and commits nothing. Increments go on meanwhile, as
// other methods may be called at the same time. The next full backup of this session then
// reads the image again, and sends only what has changed since; what the image of 0.5 has, as long as
// it is the same one. So a full backup that takes long to send does not keep increments waiting, nor
// lose to them.
//
// Before the first backup there is nothing to prepare, and Prepare does nothing. A second call
// waits for the first one.
func (s *Session) Prepare(ctx context.Context) error {
	s.preparing.Lock()
	defer s.preparing.Unlock()
	opts := s.options(SessionBackup{Full: true})
	defer opts.sent.Close()
	if err := opts.complete(); err != nil {
		return explain(err)
	}
	_, _, err := s.run(ctx, opts.Observer, func(ctx context.Context) error {
		database, err := locate.Find(ctx, s.path, opts.Closed)
		if err != nil {
			return err
		}
		if opts.lock, err = s.archive.readLock(ctx, &opts); err != nil {
			return err
		}
		o := updateOptions(s.archive, database.Path, opts)
		o.Existing = true
		err = commit.Update(ctx, s.archive.journal, o, func(head *commit.Head) error {
			p, err := newPacker(s.archive, head, opts).Prepare(ctx, database.Path)
			if err == nil {
				s.prepared.Store(p)
			}
			return err
		})
		if as[*journal.NoArchiveError](err) || as[*journal.NoBackupError](err) {
			return nil
		}
		return err
	})
	return err
}
