package archiver

import (
	"context"

	"github.com/gbak-s3/gbak-s3/archiver/internal/commit"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/locate"
)

// Prepare stores the image of the database and commits nothing. Other methods may be called at the
// same time, so incrementals continue. The next full backup of this session then reads the image
// again, and sends only what has changed since. In 0.5, an image that has changed is sent whole. So
// a full backup that takes long to send neither delays incrementals nor loses to them.
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
