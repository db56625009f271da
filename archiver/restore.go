package archiver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/internal/progress"
	"github.com/gbak-s3/gbak-s3/archiver/internal/rebuild"
	"github.com/gbak-s3/gbak-s3/archiver/internal/staging"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk"
	"github.com/gbak-s3/gbak-s3/storage"
)

// RestoreOptions modify one restore. The zero value restores the newest state.
type RestoreOptions struct {
	// Target is the state to restore.
	Target Target

	// Force moves an existing database at the target aside; [RestoreReport.MovedTo] says
	// where to. It is never deleted.
	Force bool

	// Salvage is for an archive of which objects are missing or damaged: if the target cannot be
	// had, the best state before it is restored, and [RestoreReport.Salvaged] says so.
	Salvage bool

	// Observer is told what the run does; it may be nil.
	Observer Observer

	inspect func(logDir string, plan *catalog.Plan) error // of a drill: looks at the log before it is trimmed; nothing is kept then
}

// RestoreReport describes what one restore did.
type RestoreReport struct {
	Plan     Plan
	Database string // path of the database now
	MovedTo  string // path of the database that was there before; "" if there was none

	// Reopen reports that some edges may be in both the image and the log (generation
	// 0.5): queries may show these twice until the database has been opened and closed
	// once.
	Reopen bool

	// Salvaged says what was restored, compared with the target; nil without
	// [RestoreOptions.Salvage].
	Salvaged *Salvaged

	// ResumedBytes of Plan.RawBytes were fetched by an earlier restore to this path that
	// was killed or failed.
	ResumedBytes int64

	// AccessProblem says why the restored files do not have the owner, group and mode
	// that they should have; "" if they have.
	AccessProblem string

	Requests      storage.RequestCounts
	ReceivedBytes int64 // from the store: manifests, indexes and segments
	Elapsed       time.Duration
}

// Restore writes the database in the state of opts.Target to target: the path that the
// database file is to have, or the directory if the database is one. Folders above it
// are created.
//
// The database appears at target when it is whole, checked and on disk, and not before:
// until then it is in a hidden folder beside the target, without the page that makes it
// a database. When Restore returns nil, a loss of power does not take it away again.
//
// If Restore fails, the target is as it was, even with Force. If that is impossible,
// the error says where the previous database is. If it is killed, or the power fails,
// the target is as it was, or whole, or a part that no Grafeo opens. The next call,
// with or without Force, removes what is left and puts back what was moved aside.
//
// What a restore had fetched and checked when it was killed, or when the store failed,
// stays in the hidden folder if it is 1 MiB or more, and the error says so. The next
// restore to this target reads it back, checks it again and fetches only the rest. If
// that one needs other backups, or the disk is full, it is removed.
//
// With Force, files and folders get exactly the owner, group and mode of those that they
// replace. Otherwise, if the caller is root, they get the owner and group of the folder
// above, and are readable for their owner alone (0600); if that folder is meant for its
// group, because it is setgid or closed to others, the group may read as well (0640), as
// far as the umask allows. It is not an error if that cannot be done, see
// [RestoreReport.AccessProblem].
//
// An existing target is [CodeTargetExists]. Of two restores to one target at the same
// time, one fails with [CodeTargetBusy].
func (a *Archive) Restore(ctx context.Context, target string, opts RestoreOptions) (RestoreReport, error) {
	var r RestoreReport
	requests, elapsed, err := run(ctx, opts.Observer, func(ctx context.Context) (err error) {
		r, err = a.restore(ctx, target, opts)
		r.ReceivedBytes = storage.RequestsFrom(ctx).Received()
		return err
	})
	if err != nil {
		return RestoreReport{}, err
	}
	r.Requests, r.Elapsed = requests, elapsed
	return r, nil
}

func (a *Archive) restore(ctx context.Context, target string, opts RestoreOptions) (r RestoreReport, err error) {
	if target == "" {
		return RestoreReport{}, errNoPath
	}
	folder := isFolderName(target)
	target, err = filepath.Abs(target)
	if err != nil {
		return RestoreReport{}, err
	}
	if !folder { // before any request: most restores that are refused are refused here
		if err := mayRestore(target, opts.Force); err != nil {
			return RestoreReport{}, err
		}
	}
	if opts.Salvage {
		return a.salvageTo(ctx, target, folder, opts)
	}
	staged := "" // for which target something may be
	err = pursue(ctx, a, opts.Target.of, func(p *pursuit) error {
		plan, err := a.planTo(ctx, p)
		if err != nil {
			return err
		}
		to := target
		if folder {
			if to, err = inFolder(target, &plan.Route.Last().Database); err == nil {
				err = mayRestore(to, opts.Force)
			}
			if err != nil {
				return err
			}
		}
		staged = to
		r, err = a.restorePlan(ctx, to, plan, opts)
		return err
	})
	if staged != "" && as[*catalog.UnreachableError](err) { // what is staged is of no use any more
		_ = staging.Clear(a.disk, staged) // else the next restore to this path does
	}
	if as[*journal.NoArchiveError](err) && !folder && staging.HasLeftover(target) {
		err = &fetchedBeforeError{staging.DirOf(target), err}
	}
	return r, err
}

// restorePlan restores what is planned to target.
func (a *Archive) restorePlan(ctx context.Context, target string, plan *catalog.Plan, opts RestoreOptions) (r RestoreReport, err error) {
	o := staging.Options{Database: &plan.Route.Last().Database, Replace: opts.Force, SyncEvery: a.journalEvery}
	if opts.inspect == nil || opts.Salvage {
		o.Chain, o.Segments = plan.Digests(), plan.Segments()
	}
	s, err := staging.Open(a.disk, target, o)
	if err != nil {
		return RestoreReport{}, err
	}
	defer func() {
		if err != nil && s.Keep(err, objects.IsFromStore(err)) {
			err = s.Leave(err, plan.Cost.RawBytes)
			return
		}
		left := s.Discard()
		switch {
		case left != nil && err != nil:
			err = fmt.Errorf("%w; what this restore left behind could not be removed (%w), and the next one to this path removes it%s", err, left, s.WhereIsOld())
		case left != nil:
			a.log.Warn("the restore could not remove its hidden folder; the next one to this path does", "folder", s.Dir, "err", left)
		}
	}()
	if err := staging.CheckAbsent(target); err != nil && !opts.Force {
		return RestoreReport{}, err
	}
	if err := staging.CheckSpace(target, plan.Cost.NeededBytes, a.space); err != nil {
		return RestoreReport{}, err
	}
	if err := newFiller(a).Fill(ctx, s, plan); err != nil {
		return RestoreReport{}, err
	}
	if opts.inspect != nil {
		if err := opts.inspect(s.LogDir(), plan); err != nil {
			return RestoreReport{}, err
		}
	}
	if _, err := rebuild.Trim(s, plan); err != nil {
		return RestoreReport{}, err
	}
	progress.Tell(ctx, PhasePublish)
	moved, err := s.Publish()
	if err != nil {
		return RestoreReport{}, err
	}
	return RestoreReport{
		Plan: planOf(plan), Database: target, MovedTo: moved, ResumedBytes: s.Notes.Resumed(), AccessProblem: s.AccessProblem(),
		Reopen: plan.Replay != nil && plan.Replay.Unsure,
	}, nil
}

// newFiller returns what puts databases together from the archive.
func newFiller(a *Archive) *rebuild.Filler {
	return &rebuild.Filler{Store: a.objects, Workers: a.workers}
}

var errNoPath = errors.New("there is no path to restore to")

// mayRestore returns an error if something at target is in the way of a restore.
func mayRestore(target string, force bool) error {
	if err := staging.CheckAbsent(target); err != nil && !force && !disk.Exists(staging.DirOf(target)) {
		return err
	}
	return staging.CheckMovable(target)
}

// isFolderName reports whether a path can only be that of a folder, into which the
// database then goes.
func isFolderName(path string) bool {
	if os.IsPathSeparator(path[len(path)-1]) {
		return true
	}
	last := filepath.Base(path) // without separators at its end
	for _, name := range []string{".", ".."} {
		if path == name || last == name && len(path) > len(name) && os.IsPathSeparator(path[len(path)-len(name)-1]) {
			return true
		}
	}
	return false
}

// inFolder returns the path of a database in a folder, under the name that it had when
// it was backed up. A database that is a directory becomes the folder itself.
func inFolder(folder string, d *manifest.Database) (string, error) {
	if d.IsDirectory() {
		return folder, nil
	}
	name := filepath.Base(d.Name)
	if name != d.Name || name == "." || name == ".." || !filepath.IsLocal(name) {
		return "", &noNameError{folder}
	}
	return filepath.Join(folder, name), nil
}

// FreeSpace returns how many bytes a restore to target may write: the free space there, and
// what an earlier restore, which was killed or failed, has written already. ok is false
// where the file system does not say. If sure is true, more than that certainly does not
// fit; if not, it may, as on a file system that compresses.
func FreeSpace(target string) (bytes int64, sure, ok bool) {
	return staging.FreeSpace(target, disk.SpaceAt)
}
