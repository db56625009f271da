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
	"github.com/gbak-s3/gbak-s3/storage"
)

// Head is the end of the journal, to which a writer appends.
type Head struct {
	Store   *objects.Store      // in which to store what a commit names
	Archive *manifest.Archive   // archive.json, or what the first commit creates it from
	Parent  *manifest.Committed // the newest backup, nil if there is none
	Catalog *catalog.Catalog    // of all backups; nil unless it was asked for
	First   bool                // no other writer has been faster yet
	Anew    bool                // what was known from before has vanished, and that was accepted

	// Generation is the number of the newest keep that the run has seen, for the names of
	// the folders in which it stores.
	Generation manifest.Seq

	journal *Journal // over Store
}

// writer reads the head for the attempts of one [Journal.Update].
type writer struct {
	journal *Journal
	options UpdateOptions
}

// readHead reads the head of the journal for an attempt. Only the first attempt compares
// it with what was known. The others look beyond the list, because their commit has met a
// manifest that the list did not show.
func (w *writer) readHead(ctx context.Context, first bool) (*Head, error) {
	j := w.journal
	l, err := w.list(ctx, first)
	if err != nil {
		if !w.options.BeginAnew {
			err = w.options.Known.NoStore(err)
		}
		return nil, err
	}
	head := &Head{Store: j.store, Archive: l.Archive, First: first, journal: j}
	if err := head.readParent(ctx, l, w.options.Catalog); err != nil {
		return nil, err
	}
	if first {
		if err := w.compare(ctx, head, l); err != nil {
			return nil, err
		}
	}
	c, err := w.conditions(ctx, l)
	if err != nil {
		return nil, err
	}
	if c.Verdict != manifest.Honoured {
		j.log.Info("this archive is for a single writer: two backups at the same time may lose one of them", "store", c.Verdict)
		head.Store = j.store.ForSingleWriter()
		head.journal = New(head.Store, j.name, j.tool, j.log)
	}
	if head.Archive == nil {
		head.Archive = newDocument(j.tool, c)
	}
	return head, nil
}

// list lists all manifests, or as many as show which is the newest.
func (w *writer) list(ctx context.Context, first bool) (l *List, err error) {
	if w.options.Catalog {
		l, err = w.journal.List(ctx)
	} else {
		l, err = w.journal.findNewest(ctx, w.options.Known)
	}
	if err == nil && !first {
		err = lookBeyond(ctx, w.journal.store, l)
	}
	return l, err
}

// compare makes sure that nothing has vanished that was known, unless that is accepted:
// then the writer begins anew. A list that was late is completed.
func (w *writer) compare(ctx context.Context, h *Head, l *List) error {
	newest, err := w.journal.CheckVanished(ctx, l, h.Parent, w.options.Known)
	if _, gone := errors.AsType[*VanishedError](err); gone && w.options.BeginAnew {
		w.journal.log.Warn("continuing without what was there before", "err", err)
		h.Anew = true
		return nil
	}
	if err != nil || newest == h.Parent {
		return err
	}
	if h.Parent = newest; w.options.Catalog {
		return h.readParent(ctx, l, true)
	}
	return nil
}

// readParent reads the newest manifest and, for the catalog, all others.
func (h *Head) readParent(ctx context.Context, l *List, all bool) (err error) {
	if all {
		h.Catalog, h.Parent, err = h.journal.catalogOfWhole(ctx, l)
		return err
	}
	h.Parent, err = h.journal.Newest(ctx, l)
	return err
}

// catalogOfWhole returns the catalog, and the newest backup, whose manifest must be
// whole. A damaged earlier one merely cannot be continued.
func (j *Journal) catalogOfWhole(ctx context.Context, l *List) (*catalog.Catalog, *manifest.Committed, error) {
	all := make([]*manifest.Committed, len(l.Seqs))
	last := len(all) - 1
	err := j.LoadAll(ctx, l, func(i int, m *manifest.Committed, err error) error {
		switch {
		case i == last:
			all[i] = m // with its summaries, which the next manifest takes from it
		case isDamaged(err):
			return nil
		default:
			all[i] = withoutSummaries(m)
		}
		return err
	})
	if err != nil || len(all) == 0 {
		return catalog.New(all), nil, err
	}
	return catalog.New(all), all[last], nil
}

// Load is [Journal.Load] of a manifest of the head's archive.
func (h *Head) Load(ctx context.Context, seq manifest.Seq) (*manifest.Committed, error) {
	return h.journal.Load(ctx, h.Archive.ArchiveID, seq)
}

// Index is [Journal.Index].
func (h *Head) Index(ctx context.Context, m *manifest.Manifest) (*manifest.Index, error) {
	return h.journal.Index(ctx, m)
}

// ErrOtherArchive is the [ErrConflict] of a first backup: another writer has created the
// archive.
var ErrOtherArchive = fmt.Errorf("%w, and made the archive", ErrConflict)

// Commit appends m, the manifest of a backup whose content is where ix says, and sets
// Parent to it. m names Parent as the previous backup, and everything that ix names is
// stored.
//
// [ErrConflict] means that another writer has appended to Parent, or, if it is
// [ErrOtherArchive], created the archive: return it to [Journal.Update], and plan again on
// the new head. What was stored stays, and is found again. Without a clear answer within
// timeout, the error is an [*UnknownOutcomeError]: the backup may exist. If it is an
// [*UnreadableError], nothing was committed, as after any other error.
func (h *Head) Commit(ctx context.Context, m *manifest.Manifest, ix *manifest.Index, timeout time.Duration) error {
	progress.Tell(ctx, progress.Phase("commit"))
	if err := storeIndex(ctx, h.Store, m, ix); err != nil {
		return err
	}
	if h.Parent == nil {
		created, err := createDocument(ctx, h.Store, h.Archive)
		if err != nil {
			return err
		}
		if created.ArchiveID != h.Archive.ArchiveID {
			return ErrOtherArchive
		}
	}
	m.ArchiveID = h.Archive.ArchiveID
	if err := h.journal.commit(ctx, m, timeout); err != nil {
		return err
	}
	h.Parent = &manifest.Committed{Manifest: m, Digest: manifest.Sum(m.Encode())}
	return nil
}

// CommitRequests returns what [Head.Commit] of a backup takes whose encoded index has so
// many bytes, with a store that proves what it has stored.
func (h *Head) CommitRequests(indexBytes int64) storage.RequestCounts {
	c := storage.RequestCounts{Put: 1}
	if indexBytes > maxInlineIndex {
		c.Put++
		c.Head++ // if an earlier backup has the same
		c.Get++
	}
	if h.Parent == nil {
		c.Put++ // archive.json
	}
	return c
}
