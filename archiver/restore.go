package archiver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
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

	// Force moves a database that is at the target aside, under a name that
	// RestoreReport.MovedTo tells. It is never deleted.
	Force bool

	// Observer is told what the run does; nil for nobody.
	Observer Observer
}

// RestoreReport is what one restore has done.
type RestoreReport struct {
	Plan     Plan
	Database string // path of the database now
	MovedTo  string // where the database is that was there before, or ""

	// Reopen tells that it could not be found out which edges of the log the image
	// has as well (generation 0.5): queries may show some of them twice until the
	// database was opened and closed once.
	Reopen bool

	// ResumedBytes of Plan.RawBytes had an earlier restore to this path fetched,
	// which was killed or has failed.
	ResumedBytes int64

	Requests storage.RequestCounts
	Elapsed  time.Duration

	// AccessProblem says why what was restored has not the owner, group and mode that
	// it should have, "" if it has.
	AccessProblem string
}

// Restore writes the database in the state of opts.Target to target, the path of
// the database file that will be, or of the directory if the database is one;
// folders above it are made.
//
// With Force, files and folders get exactly the owner, group and mode of those that were
// there. Else they get, if the caller is root, the owner and group of the folder above, and
// are for their owner alone (0600); if that folder is for its group, by its setgid bit or as
// others may not look into it, the group may read as well (0640), unless the umask says no. What cannot be
// done is no error: [RestoreReport.AccessProblem] tells.
//
// The database appears at target when it is whole, checked and on disk, and
// not before: until then it is in a hidden folder beside the target, without
// the page that makes it a database. If Restore fails, the target is as it was,
// with Force, too; should even that not work, the error says where the database
// is that was there. If it is killed, or the power fails, the target is as it
// was, whole, or a part that no Grafeo opens, and the next call, with Force or
// without, clears what is left and puts back what was moved aside.
//
// What a restore that was killed, or has failed for the store's sake, had fetched
// and checked stays in the hidden folder, if it was 1 MiB or more. The next one to
// this target reads it back, checks it again and fetches the rest, unless it takes
// another way through the archive: then it is removed. It is also removed if the
// disk is full. The error says what is kept, and where. When Restore
// returns nil, no loss of power takes the database away again.
//
// An existing target is [CodeTargetExists]; two restores to one target at the
// same time are [CodeTargetBusy] for one of them.
func (a *Archive) Restore(ctx context.Context, target string, opts RestoreOptions) (RestoreReport, error) {
	var r RestoreReport
	requests, elapsed, err := run(ctx, opts.Observer, func(ctx context.Context) (err error) {
		r, err = a.restore(ctx, target, opts)
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
		return RestoreReport{}, errors.New("there is no path to restore to")
	}
	folder := isFolderName(target)
	target, err = filepath.Abs(target)
	if err != nil {
		return RestoreReport{}, err
	}
	if !folder { // before a request is made: most often this is how it ends
		if err := mayRestore(target, opts.Force); err != nil {
			return RestoreReport{}, err
		}
	}
	progress.Tell(ctx, PhaseJournal)
	w, err := a.wayTo(ctx, opts.Target.of)
	if err != nil {
		return RestoreReport{}, err
	}
	if folder {
		if target, err = inFolder(target, &w.Route.Last().Database); err == nil {
			err = mayRestore(target, opts.Force)
		}
		if err != nil {
			return RestoreReport{}, err
		}
	}
	s, err := staging.Open(a.disk, target, w.ChainOf(), a.journalEvery)
	if err != nil {
		return RestoreReport{}, err
	}
	defer func() {
		if err != nil && s.Keeps(err, objects.IsFromStore(err)) {
			s.Journal.Flush()
			if s.Keeps(err, objects.IsFromStore(err)) {
				err = s.Leave(err, w.Result.RawBytes)
				return
			}
		}
		left := s.Discard()
		switch {
		case left != nil && err != nil:
			err = fmt.Errorf("%w; the next restore to this path clears what this one has left, which could not be cleared now (%w)%s", err, left, s.WhereIsOld())
		case left != nil:
			a.log.Warn("the restore has left its hidden folder; the next one to this path removes it", "folder", s.Folder, "err", left)
		}
	}()
	if err := staging.CheckAbsent(target); err != nil && !opts.Force {
		return RestoreReport{}, err
	}
	if err := staging.CheckRoom(target, w.Result.NeededBytes, a.room); err != nil {
		return RestoreReport{}, err
	}
	s.Directory = w.Route.Last().Database.IsDirectory()
	s.ImageFirst = w.Route.Last().Database.Generation == string(grafeo.Gen05) && !s.Directory
	s.Access = staging.AccessesBeside(filepath.Dir(target))
	if opts.Force {
		s.Access = staging.AccessesLike(target)
	}
	if err := a.filler().Fill(ctx, s, w); err != nil {
		return RestoreReport{}, err
	}
	if _, err := rebuild.Trim(s, w); err != nil {
		return RestoreReport{}, err
	}
	progress.Tell(ctx, PhasePublish)
	moved, err := s.Publish(opts.Force)
	if err != nil {
		return RestoreReport{}, err
	}
	return RestoreReport{
		Plan: planOf(w), Database: target, MovedTo: moved, ResumedBytes: s.Journal.Resumed, AccessProblem: s.Access.Problem,
		Reopen: w.Replay != nil && w.Replay.Unsure,
	}, nil
}

// filler puts databases together of what the archive has.
func (a *Archive) filler() *rebuild.Filler {
	return &rebuild.Filler{Store: a.objects, Workers: a.workers}
}

// mayRestore is nil if nothing is at target that may not be moved aside.
func mayRestore(target string, force bool) error {
	if err := staging.CheckAbsent(target); err != nil && !force && !disk.Exists(staging.PathOf(target)) {
		return err
	}
	return staging.CheckMovable(target)
}

// isFolderName reports whether a path can only be that of a folder: the database
// then goes into it.
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

// NoNameError is the error for a folder as the target of a database that the archive has
// no name for.
type NoNameError struct{ Folder string }

func (e *NoNameError) Error() string {
	return e.Folder + " is a folder, and the archive has no name for the database in it"
}

// inFolder is the path of a database in a folder, under the name that it had when it
// was backed up. One that is a directory itself is that folder.
func inFolder(folder string, d *manifest.Database) (string, error) {
	if d.IsDirectory() {
		return folder, nil
	}
	name := filepath.Base(d.Name)
	if name != d.Name || name == "." || name == ".." || !filepath.IsLocal(name) {
		return "", &NoNameError{folder}
	}
	return filepath.Join(folder, name), nil
}

// Room is how many bytes a restore to target may write: what is free there, and what
// an earlier restore, which was killed or has failed, has written already. ok is
// false where the file system does not say. That more than that does not fit is
// certain only where sure says so: a file system may compress.
func Room(target string) (bytes int64, sure, ok bool) { return staging.Room(target, disk.RoomAt) }
