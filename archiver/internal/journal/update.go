package journal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/internal/progress"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// maxConflicts is how often other writers may be faster before a run gives up.
const maxConflicts = 20

// UpdateOptions says how a run that commits looks at the journal.
type UpdateOptions struct {
	Known        Memory // what the run knows of the archive from before
	BeginAnew    bool   // what has vanished since then is over
	SingleWriter bool   // accept a store without conditional writes for a new archive
	All          bool   // read every manifest, not only the newest one

	// probe finds out whether the store supports conditional writes, before the
	// archive is made.
	Probe func(context.Context) (manifest.Verdict, error)
}

// Head is the end of the journal, on which a writer builds.
type Head struct {
	Journal *Journal       // through which it writes
	Store   *objects.Store // to write what a commit names

	Archive *manifest.Archive   // the document that there is, or that the first commit creates
	Parent  *manifest.Committed // the newest backup, nil if there is none
	Catalog *catalog.Catalog    // all manifests, if they were asked for
	First   bool                // no other writer has been faster yet
	Anew    bool                // what is known from before has vanished, and is over
}

// Update calls attempt with the head of the journal, and again with the new head
// whenever another writer has committed first, which attempt reports by returning
// [errConflict]: an optimistic loop, as the commit itself is a conditional write.
func (j *Journal) Update(ctx context.Context, w UpdateOptions, attempt func(*Head) error) error {
	anew := false
	for n := range maxConflicts {
		progress.Tell(ctx, progress.Phase("journal"))
		head, err := j.begin(ctx, w, n == 0)
		if err != nil {
			return err
		}
		if anew = anew || head.Anew; anew {
			head.Anew = true
		}
		if err := attempt(head); !errors.Is(err, ErrConflict) {
			return err
		}
		progress.Tell(ctx, progress.Conflict{})
		j.Log.Info("another writer committed first; retrying on top of its backup")
	}
	return &ConflictError{maxConflicts}
}

// ConflictError is the error of a run that lost against other writers every time that it
// tried to commit.
type ConflictError struct{ Times int }

func (e *ConflictError) Error() string {
	return fmt.Sprintf("other writers committed first, %d times in a row", e.Times)
}

// begin reads the head of the journal for an attempt. Only the first one compares it
// with what was known; the others look beyond what lists show.
func (j *Journal) begin(ctx context.Context, w UpdateOptions, first bool) (*Head, error) {
	h, err := j.end(ctx, w, !first)
	if err != nil {
		if !w.BeginAnew {
			err = w.Known.NoStore(err)
		}
		return nil, err
	}
	head := &Head{Journal: j, Store: j.Store, Archive: h.Archive, First: first}
	if err := j.parent(ctx, w, h, head); err != nil {
		return nil, err
	}
	if first {
		there, anew, err := j.stillThere(ctx, h, head.Parent, w.Known, w.BeginAnew)
		if err != nil {
			return nil, err
		}
		head.Anew = anew
		if there != head.Parent { // the list was behind
			if head.Parent = there; w.All {
				if err := j.parent(ctx, w, h, head); err != nil {
					return nil, err
				}
			}
		}
	}
	conditions, err := j.conditions(ctx, w, h)
	if err != nil {
		return nil, err
	}
	if conditions.Verdict != manifest.Honoured {
		j.Log.Info("this archive is for a single writer: two backups at the same time may lose one of them", "store", conditions.Verdict)
		alone := *j
		alone.Store = j.Store.ForSingleWriter()
		head.Journal, head.Store = &alone, alone.Store
	}
	if head.Archive == nil {
		head.Archive = j.newArchive(conditions)
	}
	return head, nil
}

// end lists the manifests: all, or as many as show which is the newest.
func (j *Journal) end(ctx context.Context, w UpdateOptions, look bool) (*History, error) {
	if w.All {
		return j.historyBehind(ctx, look)
	}
	return j.recent(ctx, w.Known, look)
}

// parent reads the newest manifest, and with w.all every other one.
func (j *Journal) parent(ctx context.Context, w UpdateOptions, h *History, head *Head) (err error) {
	if w.All {
		head.Catalog, head.Parent, err = j.everything(ctx, h)
		return err
	}
	head.Parent, err = j.Head(ctx, h)
	return err
}

// conditions returns how the store treats conditional writes: what archive.json
// says or, for a new archive, what a probe finds. A store that does not support them
// is an error, unless whoever makes the archive accepts it for a single writer.
func (j *Journal) conditions(ctx context.Context, w UpdateOptions, h *History) (*manifest.Conditions, error) {
	var c *manifest.Conditions
	if h.Archive != nil {
		c = h.Archive.Conditions
	}
	if c == nil {
		verdict, err := w.Probe(ctx)
		if err != nil {
			return nil, err
		}
		c = &manifest.Conditions{Verdict: verdict, ProbedAt: manifest.Now(), SingleWriter: verdict != manifest.Honoured && w.SingleWriter}
	}
	if c.Verdict != manifest.Honoured && !c.SingleWriter {
		return nil, &UnsafeStoreError{j.Address(), c.Verdict}
	}
	return c, nil
}

// ErrOtherArchive is the [errConflict] of a first backup: another one has made the
// archive.
var ErrOtherArchive = fmt.Errorf("%w, and made the archive", ErrConflict)

// Commit commits m, whose content ix says where it is, as the successor of the head's
// parent, which it is then itself. Everything that ix names is stored.
//
// [errConflict] means that the parent has another successor, or that another first
// backup has made the archive: what is new has to be looked for again, on the new
// head. What was stored stays, and is found again. Other errors: see [Journal.commit].
func (h *Head) Commit(ctx context.Context, m *manifest.Manifest, ix *manifest.Index, timeout time.Duration) error {
	progress.Tell(ctx, progress.Phase("commit"))
	if err := h.Journal.place(ctx, m, ix); err != nil {
		return err
	}
	there, err := h.Journal.ensureArchive(ctx, h.Archive, h.Parent == nil)
	if err != nil {
		return err
	}
	if there.ArchiveID != h.Archive.ArchiveID {
		return ErrOtherArchive
	}
	m.ArchiveID = h.Archive.ArchiveID
	if err := h.Journal.commit(ctx, m, timeout); err != nil {
		return err
	}
	h.Parent = &manifest.Committed{Manifest: m, Digest: manifest.Sum(m.Encode())}
	return nil
}

// UnsafeStoreError is the error for a store that does not create an object only if it is
// absent.
type UnsafeStoreError struct {
	Address string
	Verdict manifest.Verdict // what it does instead
}

func (e *UnsafeStoreError) Error() string {
	return fmt.Sprintf("%s %s: nothing was stored", e.Address, e.Verdict.Description())
}
