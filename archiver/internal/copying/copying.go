package copying

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/commit"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/progress"
	"github.com/gbak-s3/gbak-s3/archiver/internal/sent"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Options say what is copied, and how.
type Options struct {
	Source *journal.Journal
	Target *journal.Journal

	// Open finds out which backups the source has. It is called again if something is missing
	// that an expiry may have deleted.
	Open func(context.Context) (*journal.List, error)

	// Plain accepts that what is encrypted in the source is not in the target. Without it, that is
	// a [*PlainError]. With it, an encrypted target is a [*SealedError].
	Plain bool

	Update  commit.UpdateOptions // of the target
	Sent    *sent.Folder         // where it is noted what was sent into an encrypted target
	Workers int                  // segments that are copied at a time, at least 1
	Timeout time.Duration        // of each commit
	By      commit.KeepAuthor    // of a keep of the target
	Log     *slog.Logger

	// Committed, if not nil, is called after each commit of a backup.
	Committed func(*manifest.Committed)
}

// Report says what one run has done.
type Report struct {
	Backups  int    // that were copied
	Segments int    // that were stored for them
	Bytes    int64  // of these segments, also of those in manifests
	Keep     uint64 // the record with pins and rules that was committed; 0 if none had to be

	Source *journal.List       // as of which the target has everything
	Newest *manifest.Committed // the newest backup of the target, nil if it has none
	Anew   bool                // the target had vanished, and that was accepted
}

// maxFutile is how often in a row a run begins again without anything having been committed by
// anybody.
const maxFutile = 3

// Run copies what the target lacks of the source: backups in the order of their numbers, then
// pins and rules. Any number of runs may work on one target at the same time, and the next one
// goes on where others were killed.
//
// What is wrong with the source is a [*SourceError]. A target that is not a copy of the source
// is a [*NotCopyError]. With an error, there is a report as well: what was committed stays.
func Run(ctx context.Context, o Options) (Report, error) {
	r := &run{Options: o, known: map[manifest.Seq]manifest.Seq{}}
	if err := r.open(ctx); err != nil {
		return r.report, err
	}
	for futile := 0; ; {
		before := r.last
		err := r.pass(ctx)
		if r.last > before {
			futile = 0
		}
		futile++
		switch {
		case err == nil:
			return r.report, nil
		case futile > maxFutile:
			return r.report, err
		case isConflict(err):
			continue
		}
		outdated, err := r.isOutdated(ctx, err)
		if !outdated {
			return r.report, err
		}
	}
}

// isOutdated reports whether err is about something that is missing from the source or from the
// target, which has changed since. Otherwise it returns what is wrong. The source is then opened
// again.
func (r *run) isOutdated(ctx context.Context, err error) (bool, error) {
	ofSource, ok := errors.AsType[*SourceError](err)
	if !ok {
		return r.Target.IsOutdatedAt(ctx, r.last, err)
	}
	outdated, why := r.Source.IsOutdated(ctx, r.list, ofSource.Err)
	if _, ok := errors.AsType[*journal.UnseenError](why); ok {
		return false, r.ofSource(why)
	}
	if !outdated {
		return false, err
	}
	r.Log.Info("the archive that is copied has changed; looking at it again", "err", err)
	err = r.open(ctx)
	return err == nil, err
}

// isConflict reports whether somebody else has written to the target.
func isConflict(err error) bool {
	_, often := errors.AsType[*commit.ConflictError](err)
	return often || errors.Is(err, commit.ErrConflict)
}

// run is one [Run].
type run struct {
	Options
	report Report

	list *journal.List // of the source

	mu      sync.Mutex        // for what the observer is told
	tracker *progress.Tracker // of raw bytes; nil before it is known how many there are

	newestFull manifest.Seq // the newest full backup of list that the target lacked

	last  manifest.Seq                  // the newest record of the target that was seen
	known map[manifest.Seq]manifest.Seq // numbers in the target, by those in the source

	shared   map[manifest.Digest]manifest.Segment // see [run.sharedBy]
	sharedBy manifest.Seq                         // the full backup of the target that has these
}

// pass copies as much as it can on one head of the target.
func (r *run) pass(ctx context.Context) error {
	var done error
	err := commit.Update(ctx, r.Target, r.Update, func(h *commit.Head) error {
		first := h.Last
		done = r.on(ctx, h)
		if h.Last == first && errors.Is(done, commit.ErrConflict) {
			return done // so that the next head is looked for beyond the list
		}
		return nil
	})
	if err != nil {
		return err
	}
	return done
}

// on copies what the head lacks.
func (r *run) on(ctx context.Context, h *commit.Head) error {
	origin, err := r.originOf(r.list, h)
	if err != nil {
		return err
	}
	r.seen(h, origin)
	rest := after(r.list.Backups, origin)
	if err := r.track(ctx, rest); err != nil {
		return err
	}
	for len(rest) > 0 {
		batch, n, err := r.load(ctx, rest)
		if err != nil {
			return err
		}
		if err := r.copy(ctx, h, batch); err != nil {
			return err
		}
		rest = rest[n:]
	}
	return r.keep(ctx, h)
}

// track tells the observer how much there is to be done, the first time.
func (r *run) track(ctx context.Context, rest []journal.Entry) error {
	if r.tracker != nil {
		return nil
	}
	var total int64
	err := r.outlines(ctx, r.list, rest, func(m *manifest.Committed) {
		total += m.RawBytes
		if m.Kind == manifest.Full {
			r.newestFull = max(r.newestFull, m.Seq)
		}
	})
	if err == nil {
		r.tracker = progress.Track(ctx, total)
	}
	return err
}

// seen notes how far the target has come.
func (r *run) seen(h *commit.Head, origin manifest.Seq) {
	r.report.Newest, r.report.Anew = h.Parent, r.report.Anew || h.Anew
	if h.Last != nil {
		r.last = h.Last.Seq
	}
	if h.Parent != nil {
		r.known[origin] = h.Parent.Seq
	}
}
