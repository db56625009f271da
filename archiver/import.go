package archiver

import (
	"context"
	"slices"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/capture"
	"github.com/gbak-s3/gbak-s3/archiver/internal/commit"
	"github.com/gbak-s3/gbak-s3/archiver/internal/native"
	"github.com/gbak-s3/gbak-s3/archiver/internal/progress"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/archiver/segment"
	"github.com/gbak-s3/gbak-s3/storage"
)

// ImportOptions modify one import. The zero value is usable; fields that [BackupOptions]
// has, too, mean the same.
type ImportOptions struct {
	SingleWriter  bool
	SegmentBytes  int64
	Level         segment.Level
	CommitTimeout time.Duration
	Observer      Observer
	NewDatabase   bool
	BeginAnew     bool

	// Strict refuses a folder that lacks files that its list names.
	Strict bool

	// Committed, if not nil, is called with the report of each backup when it is
	// committed.
	Committed func(BackupReport)
}

// ImportReport describes what one import did.
type ImportReport struct {
	// Backups are those that were committed. If nothing was new, it is a single one of
	// [KindNone], which describes the newest of the folder's backups in the archive.
	Backups []BackupReport
	Entries int // native backups in the folder
	Known   int // of these, that the archive had; some may have been removed from it since

	// Lost says which epochs are neither in the archive nor in a complete chain of the
	// folder, because files are missing from it.
	Lost []*NativeFault

	Requests storage.RequestCounts
	Elapsed  time.Duration
}

// Import archives a folder of backups that Grafeo itself has made: each becomes a backup
// of the archive, with the same epochs. The whole folder is read and checked first. If
// anything is damaged, the error is [CodeDamagedDatabase], which says what is wrong and
// which epochs are lost, and nothing is stored.
//
// Missing files, as Grafeo-server's retention leaves them, are not such an error unless
// [ImportOptions.Strict] is set: the chains that are complete without them are archived,
// and [ImportReport.Lost] has the epochs of the others. If no chain is complete, it is an
// error. Backups that the archive already has are not stored again. Nor are those that were
// removed from it, unless something new continues them. A folder with a history other than
// that of earlier imports becomes a new timeline.
//
// Unlike other verbs, Import also returns a report with an error: of the backups that
// were committed before it. They stay, and the same call continues after them.
func (a *Archive) Import(ctx context.Context, folder string, opts ImportOptions) (ImportReport, error) {
	modify := BackupOptions{
		SingleWriter: opts.SingleWriter, SegmentBytes: opts.SegmentBytes, Level: opts.Level, CommitTimeout: opts.CommitTimeout, Observer: opts.Observer, NewDatabase: opts.NewDatabase, BeginAnew: opts.BeginAnew,
	}
	if err := modify.complete(); err != nil {
		return ImportReport{}, explain(err)
	}
	modify.sent = a.sent.Notes()
	defer modify.sent.Close()
	var r ImportReport
	requests, elapsed, err := run(ctx, opts.Observer, func(ctx context.Context) error {
		folder, err := native.Read(ctx, folder)
		if err != nil {
			return err
		}
		if err := folder.CheckImportable(opts.Strict); err != nil {
			return err
		}
		r.Entries = len(folder.Backups)
		return a.importFolder(ctx, folder, modify, opts.Committed, &r)
	})
	r.Requests, r.Elapsed = requests, elapsed
	for _, b := range r.Backups {
		r.Requests = r.Requests.Plus(b.Requests)
	}
	return r, err
}

func (a *Archive) importFolder(ctx context.Context, f *native.Folder, opts BackupOptions, committed func(BackupReport), r *ImportReport) error {
	if !slices.ContainsFunc(f.Backups, func(b *native.Backup) bool { return b.Source != nil }) {
		return &native.EmptyFolderError{Path: f.Path}
	}
	w := updateOptions(a, "", opts)
	w.Catalog = true
	return commit.Update(ctx, a.journal, w, func(head *commit.Head) error {
		keep, err := head.ReadKeep(ctx)
		if err != nil {
			return err
		}
		var removed []manifest.Digest
		if keep != nil {
			removed = keep.Keeping.Imported
		}
		i := &importing{archive: a, folder: f, head: head, opts: opts, committed: committed, report: r, known: f.KnownIn(head.Catalog, removed)}
		if head.First {
			r.Known = i.known.Entries()
			r.Lost = nativeFaultsOf(f.LostIn(head.Catalog))
		}
		err = i.run(ctx)
		a.note(ctx, head.Parent, head.Anew)
		return err
	})
}

// importing is one attempt to archive a folder on one head of the journal.
type importing struct {
	archive   *Archive
	folder    *native.Folder
	head      *commit.Head
	opts      BackupOptions
	committed func(BackupReport)
	report    *ImportReport

	known *native.Known // what of the folder the archive has
}

// run archives what is new.
func (i *importing) run(ctx context.Context) error {
	var before *manifest.Committed // what the entry before is now
	nothing := true
	for n, b := range i.folder.Backups {
		if b.Source == nil {
			continue
		}
		if err := i.belongs(b.Source); err != nil {
			return err
		}
		if i.known.Has[n] != nil {
			before = i.known.Has[n]
			continue
		}
		if i.known.Gone[n] {
			before = nil
			continue
		}
		nothing = false
		r, err := i.one(ctx, b, before)
		if err != nil {
			return err
		}
		before = i.head.Parent
		i.report.Backups = append(i.report.Backups, r)
		if i.committed != nil {
			i.committed(r)
		}
	}
	if before == nil {
		before = i.head.Parent // all that the folder has was removed from the archive
	}
	if nothing && len(i.report.Backups) == 0 {
		i.report.Backups = []BackupReport{nothingNew(before)}
	}
	return nil
}

// belongs refuses a folder of a database that the archive has no backup of, unless it has
// none at all.
func (i *importing) belongs(s *capture.Source) error {
	if i.opts.NewDatabase || i.known.HasDatabase(s.Image.DatabaseID) {
		return nil
	}
	return capture.CheckDatabase(s.Image, i.head.Parent)
}

// one stores and commits one backup, which follows before.
func (i *importing) one(ctx context.Context, b *native.Backup, before *manifest.Committed) (BackupReport, error) {
	started := time.Now()
	var requests storage.Requests
	ctx = storage.CountRequests(ctx, &requests)
	s := *b.Source
	s.Parent = before
	if b.Entry.Full {
		s.Continues, s.Why = b.Follows, "Grafeo made it a full one"
		if b.Follows && (before == nil || !i.known.IsEnd(before)) {
			s.Continues, s.Why = false, "what it continues is not the end of a timeline of the archive"
		} else if !b.Follows {
			s.Why = b.Why
		}
	}
	s.Files = slices.Clone(s.Files)
	for k := range s.Files {
		s.Files[k].Proof = grafeo.NewProof(s.Files[k].Path, b.Ranges[k])
	}
	c, err := newPacker(i.archive, i.head, i.opts).Store(ctx, &s)
	if err != nil {
		return BackupReport{}, err
	}
	if err := i.head.Commit(ctx, c.Manifest(i.archive.tool, i.archive.host, nil), c.Index, i.opts.CommitTimeout); err != nil {
		return BackupReport{}, err
	}
	i.opts.sent.Committed()
	head := i.head.Parent
	progress.Tell(ctx, Committed{describe(head.Manifest)})
	i.known.Add(head)
	return BackupReport{Backup: describe(head.Manifest), Why: s.Why, Requests: requests.Counts(), Elapsed: time.Since(started)}, nil
}

// NativeFault says what is wrong with a native backup, and which epochs are lost by it:
// From to To are in no complete chain of the folder.
type NativeFault struct {
	File     string // path
	From, To uint64
	Err      error

	// Gone reports that the only problem is that the file does not exist: the retention
	// of Grafeo-server removes files, and leaves the list as it is.
	Gone bool
}

func nativeFaultsOf(faults []*native.Fault) []*NativeFault {
	var all []*NativeFault
	for _, f := range faults {
		all = append(all, &NativeFault{f.File, f.From, f.To, f.Err, f.Gone})
	}
	return all
}
