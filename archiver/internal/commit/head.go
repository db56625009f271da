package commit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/internal/progress"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Head is the end of the journal, to which a writer appends.
type Head struct {
	Store   *objects.Store      // in which to store what a commit names
	Archive *manifest.Archive   // archive.json, or what the first commit creates it from
	Last    *manifest.Committed // the newest record, nil if there is none
	Parent  *manifest.Committed // the newest backup, nil if there is none
	List    *journal.List       // of all backups; nil unless it was asked for
	Catalog *catalog.Catalog    // of List; nil unless it was asked for
	First   bool                // no other writer has been faster yet
	Anew    bool                // what was known from before has vanished, and that was accepted

	// Generation is the number of a keep that the run has seen, for the names of the
	// folders in which it stores: as of this head, nothing of that generation is dead.
	Generation manifest.Seq

	keep *manifest.Committed // the newest keep; nil if there is none, or before it is read

	fromTip bool        // it was kept from an earlier update, and not read by this one
	second  *secondLook // of such a head, until something was committed on it; else nil

	journal *journal.Journal // over Store
}

// writer reads the head for the attempts of one [Update].
type writer struct {
	journal *journal.Journal
	options UpdateOptions

	last       manifest.Seq  // the newest record as of this attempt, 0 before that is known
	generation *manifest.Seq // of the attempts so far, nil before the first
	keep       manifest.Seq  // the newest keep as of the last attempt
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
	if err := j.CheckMirror(ctx, l); err != nil {
		return nil, err
	}
	w.last = l.Last()
	if l.Archive == nil && w.options.Existing {
		if lost := w.options.Known.Lost(l); lost != nil {
			return nil, lost
		}
		return nil, &journal.NoArchiveError{Address: j.Address()}
	}
	head := &Head{Store: j.Store(), Archive: l.Archive, First: first, journal: j}
	if err := head.readParent(ctx, l, w.options); err != nil {
		return nil, err
	}
	if first {
		if err := w.compare(ctx, head, l); err != nil {
			return nil, err
		}
	}
	if w.options.Existing && head.Parent == nil {
		return nil, &journal.NoBackupError{}
	}
	if err := w.chooseGeneration(ctx, head); err != nil {
		return nil, err
	}
	if head.Archive == nil {
		if head.Archive, err = begin(ctx, head.Store, w.options); err != nil {
			return nil, err
		}
	} else if err := checkKeys(ctx, head.Store.Ring); err != nil {
		return nil, err
	}
	c, err := w.conditions(ctx, l)
	if err != nil {
		return nil, err
	}
	if c.Verdict != manifest.Honoured {
		j.Store().Log.Info("this archive is for a single writer: two backups at the same time may lose one of them", "store", c.Verdict)
		head.Store = head.Store.ForSingleWriter()
		head.journal = j.Through(head.Store)
	}
	if l.Archive == nil {
		head.Archive.Conditions = c
	}
	return head, nil
}

// list lists all manifests, or as many as show which is the newest. Who decides on what there
// is may find that nothing is to be committed, so that no commit meets what a list does not
// show yet.
func (w *writer) list(ctx context.Context, first bool) (l *journal.List, err error) {
	if w.options.Catalog || w.options.List {
		l, err = w.journal.List(ctx)
	} else {
		l, err = w.journal.FindNewest(ctx, w.options.Known)
	}
	if err == nil && (!first || w.options.Existing) {
		err = w.journal.LookBeyond(ctx, l)
	}
	if err == nil && !w.options.BeginAnew {
		err = w.journal.CheckKeys(ctx, l)
	}
	return l, err
}

// compare makes sure that nothing has vanished that was known, unless that is accepted:
// then the writer begins anew. A list that was late is completed.
func (w *writer) compare(ctx context.Context, h *Head, l *journal.List) error {
	newest, err := w.journal.CheckVanished(ctx, l, h.Parent, w.options.Known)
	if _, gone := errors.AsType[*journal.VanishedError](err); gone && w.options.BeginAnew {
		w.journal.Store().Log.Warn("continuing without what was there before", "err", err)
		h.Anew = true
		return nil
	}
	if err != nil || newest == h.Parent {
		return err
	}
	return h.readParent(ctx, l, w.options)
}

// chooseGeneration sets the generation of an attempt: that of the one before, so that what
// was stored is found again, unless a keep that came meanwhile has declared it dead.
func (w *writer) chooseGeneration(ctx context.Context, h *Head) error {
	keep := h.NewestKeep()
	if w.generation != nil && *w.generation > keep {
		w.generation = nil // a late list has shown an older head; the commit will meet what it lacks
	}
	if w.generation != nil && keep != w.keep && keep != 0 {
		k, err := h.ReadKeep(ctx)
		if err != nil {
			return err
		}
		if *w.generation < k.Keeping.DeadBefore {
			w.generation = nil
		}
	}
	if w.generation == nil {
		w.generation = &keep
	}
	w.keep, h.Generation = keep, *w.generation
	return nil
}

// readParent reads the newest record and the newest backup, and what else was asked for.
func (h *Head) readParent(ctx context.Context, l *journal.List, o UpdateOptions) (err error) {
	h.Parent, h.keep = nil, nil
	if o.Catalog || o.List {
		if err := h.journal.Resolve(ctx, l); err != nil {
			return err
		}
	}
	if h.Last, err = h.journal.Newest(ctx, l); err != nil {
		return err
	}
	if o.Catalog || o.List {
		if l.KeepDamage != nil {
			return l.KeepDamage // nobody knows which backups there are
		}
		h.List, h.keep = l, l.Keep
	}
	if o.Catalog {
		return h.readAll(ctx, l)
	}
	h.Parent, err = h.journal.LastBackup(ctx, l, h.Last)
	return err
}

// readAll reads all backups for the catalog. A damaged one merely cannot be continued.
func (h *Head) readAll(ctx context.Context, l *journal.List) (err error) {
	if h.Catalog, err = h.journal.Catalog(ctx, l); err != nil {
		return err
	}
	if list := h.Catalog.All(); len(list) > 0 {
		h.Parent = list[len(list)-1]
	}
	if h.Last != nil && h.Last.LastBackup != nil && (h.Parent == nil || h.Parent.Seq != *h.Last.LastBackup) {
		seq := *h.Last.LastBackup
		return &journal.DamagedNewestError{Key: seq.Key(), Seq: uint64(seq), Err: &manifest.ObjectError{Key: seq.Key(), Problem: "it is missing or damaged"}}
	}
	return nil
}

// NewestKeep returns the number of the newest keep, 0 if there is none.
func (h *Head) NewestKeep() manifest.Seq {
	if h.Last == nil {
		return 0
	}
	return h.Last.Manifest.NewestKeep()
}

// ReadKeep returns the newest keep, nil if there is none. It takes a request only if the
// head was not that keep.
func (h *Head) ReadKeep(ctx context.Context) (*manifest.Committed, error) {
	seq := h.NewestKeep()
	switch {
	case seq == 0 || h.keep != nil:
	case h.Last.Seq == seq:
		h.keep = h.Last
	default:
		keep, err := h.Load(ctx, seq)
		if err != nil {
			return nil, err
		}
		if keep.Keeping == nil {
			return nil, &manifest.ObjectError{Key: seq.Key(), Problem: "it is no keep, but the newest record says that it is"}
		}
		h.keep = keep
	}
	return h.keep, nil
}

// EarlierGeneration returns the generation before that of the newest keep. It is not ok if
// there is none, or if what is of it is dead.
func (h *Head) EarlierGeneration(ctx context.Context) (generation manifest.Seq, ok bool, err error) {
	if h.NewestKeep() == 0 || h.Generation != h.NewestKeep() {
		return 0, false, nil
	}
	k, err := h.ReadKeep(ctx)
	if err != nil {
		return 0, false, err
	}
	return k.Manifest.Keep, k.Manifest.Keep >= k.Keeping.DeadBefore, nil
}

// IsBackup reports whether there is a backup with this number. It is for a head that has
// the catalog.
func (h *Head) IsBackup(seq manifest.Seq) bool {
	return seq > h.NewestKeep() || h.keep.Keeping.IsBackup(seq)
}

// NewestFull returns the number of the newest full backup, nil if it is not known.
func (h *Head) NewestFull() *manifest.Seq {
	if h.Last == nil {
		return nil
	}
	return h.Last.NewestFull()
}

// Load is [journal.Journal.Load] of a manifest of the head's archive.
func (h *Head) Load(ctx context.Context, seq manifest.Seq) (*manifest.Committed, error) {
	return h.journal.Load(ctx, h.Archive.ArchiveID, seq)
}

// Index is [journal.Journal.Index].
func (h *Head) Index(ctx context.Context, m *manifest.Committed) (*manifest.Index, error) {
	return h.journal.Index(ctx, m)
}

// ErrOtherArchive is the [ErrConflict] of a first backup: another writer has created the
// archive.
var ErrOtherArchive = fmt.Errorf("%w, and made the archive", ErrConflict)

// Commit appends m, the manifest of a backup whose content is where ix says, and sets
// Last and Parent to it. Everything that ix names is stored. What m says of the journal, such
// as its number, Commit fills in; a Timeline of 0 means a new one.
//
// [ErrConflict] means that another writer has appended to Parent, or, if it is
// [ErrOtherArchive], created the archive: return it to [Update], and plan again on
// the new head. What was stored stays, and is found again. Without a clear answer within
// timeout, the error is an [*UnknownOutcomeError]: the backup may exist. If it is an
// [*UnreadableError], nothing was committed, as after any other error.
func (h *Head) Commit(ctx context.Context, m *manifest.Manifest, ix *manifest.Index, timeout time.Duration) error {
	progress.Tell(ctx, progress.Phase("commit"))
	if err := storeIndex(ctx, h.Store, m, ix); err != nil {
		return err
	}
	if h.Last == nil {
		created, err := createDocument(ctx, h.Store, h.Archive)
		if err != nil {
			return err
		}
		if created.ArchiveID != h.Archive.ArchiveID {
			return ErrOtherArchive
		}
	}
	if m.Kind == manifest.Full { // also the first record; a later one replaces a text that was lost
		if err := createInstructions(ctx, h.Store, h.Archive); err != nil {
			return err
		}
	}
	if err := h.mustBeLast(ctx); err != nil {
		return err
	}
	h.Place(m)
	created, err := h.create(ctx, m, timeout)
	if err != nil {
		return err
	}
	h.Last, h.second = created, nil
	if m.Kind.IsBackup() {
		h.Parent = h.Last
	}
	return nil
}

// Place sets what m, the next record, says of the journal, as its commit does.
func (h *Head) Place(m *manifest.Manifest) {
	m.ArchiveID, m.Seq, m.Keep, m.Timelines = h.Archive.ArchiveID, 1, h.NewestKeep(), 0
	m.Previous, m.LastFull, m.LastBackup, m.Earlier = nil, nil, nil, nil
	if last := h.Last; last != nil {
		m.Seq, m.Previous, m.Timelines = last.Seq+1, &last.Digest, last.Timelines
		m.SetEarlier(last.Manifest)
	}
	if m.Kind != manifest.Full {
		m.LastFull = h.NewestFull()
	}
	if !m.Kind.IsBackup() {
		m.LastBackup = &h.Parent.Seq
	} else if m.Timeline == 0 {
		m.Timelines++
		m.Timeline = m.Timelines
	}
	m.Timelines = max(m.Timelines, m.Timeline) // a copy has the timeline that it had
}
