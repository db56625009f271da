package commit

import (
	"context"
	"errors"
	"fmt"

	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/progress"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// maxConflicts is how often other writers may be faster before a run gives up.
const maxConflicts = 20

// UpdateOptions say what a writer knows and accepts.
type UpdateOptions struct {
	Tip          *Tip           // that an earlier update of this process has left, to go on from without reading; nil for none
	Known        journal.Memory // of the archive, from before
	BeginAnew    bool           // continue without what has vanished since then
	Tool         string         // recorded in a new archive as what has made it
	SingleWriter bool           // accept a store without conditional writes for a new archive
	DryRun       bool           // nothing will be committed: keys of a new archive are not made durable
	Existing     bool           // there must be an archive: otherwise that is a [*journal.NoArchiveError]
	List         bool           // find out which backups there are, for [Head.List]
	Catalog      bool           // read the manifest of every backup, for [Head.Catalog], and not only the newest one

	// MayBegin returns an error if no archive may be made; nil for none.
	MayBegin func() error

	// Probe finds out whether the store supports conditional writes. It is called before
	// an archive is created.
	Probe func(context.Context) (manifest.Verdict, error)
}

// ConflictError is the error for a writer to whom others were faster every time.
type ConflictError struct{ Times int }

func (e *ConflictError) Error() string {
	return fmt.Sprintf("other writers committed first, %d times in a row", e.Times)
}

// Update calls attempt with the head of the journal j, and again with the new head as long
// as attempt returns [ErrConflict], as [Head.Commit] does when another writer has
// committed first: an optimistic loop without a lock, because the commit itself is a
// conditional write. It is called again, too, if something is missing or damaged, and the
// journal has grown since the head was read: an expiry may have deleted it. After 20
// conflicts the error is a [*ConflictError].
//
// With a tip, the first call is with the head of that, and nothing is read, see [Tip].
//
// Other errors are a [*journal.VanishedError], unless it is accepted; a [*journal.MirrorError]; an
// [*UnsafeStoreError];
// those of reading the journal; and those of attempt.
func Update(ctx context.Context, j *journal.Journal, options UpdateOptions, attempt func(*Head) error) error {
	if options.Tip != nil {
		isDone, err := onTip(options.Tip, attempt)
		if isDone {
			return err
		}
		if errors.Is(err, ErrConflict) {
			progress.Tell(ctx, progress.Conflict{})
		}
		j.Store().Log.Info("reading the archive again", "err", err)
	}
	w := &writer{journal: j, options: options}
	anew := false
	for n := range maxConflicts {
		progress.Tell(ctx, progress.Phase("journal"))
		w.last = 0
		head, err := w.readHead(ctx, n == 0)
		if err == nil {
			anew = anew || head.Anew
			head.Anew = anew
			err = attempt(head)
		}
		if _, unknown := errors.AsType[*UnknownOutcomeError](err); unknown {
			return err // whatever the reason, the record may be there
		}
		outdated, err := j.IsOutdatedAt(ctx, w.last, err)
		if !outdated && !errors.Is(err, ErrConflict) {
			return err
		}
		progress.Tell(ctx, progress.Conflict{})
		j.Store().Log.Info("another writer committed first; retrying on top of its backup")
	}
	return &ConflictError{maxConflicts}
}
