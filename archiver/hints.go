package archiver

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/capture"
	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/internal/commit"
	"github.com/gbak-s3/gbak-s3/archiver/internal/copying"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/keeping"
	"github.com/gbak-s3/gbak-s3/archiver/internal/locate"
	"github.com/gbak-s3/gbak-s3/archiver/internal/native"
	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/internal/staging"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// What to do next, where a code stands for several cases that only this package can
// tell apart. The caller of a library has neither flags nor commands, so no hint names one.

// hints are functions that return the hint for an error, "" if it is of another kind.
// The first one that has an answer counts.
var hints = []func(error) string{
	about(func(e *locate.UnfinishedUpgradeError) string {
		if !e.New {
			return "Look for it elsewhere, or restore it."
		}
		return "Open " + filepath.Base(e.Path) + " with Grafeo 0.6, which finishes the upgrade; then try again."
	}),
	about(unseenLogHint),
	say(as[*locate.SeveralDatabasesError], "Give the path of the one that is in use."),
	say(as[*locate.FolderOfDatabasesError], "Give the path of one database: each goes into an archive of its own."),
	say(as[*locate.TwoLogsError], "Grafeo uses the log beside the path that it opens. Give that path, and move the "+
		"other log away if it is an old one."),
	say(as[*capture.TwoSpillsError], "Grafeo uses those beside the path that it opens. Give that path, and move the "+
		"other folder away if it is an old one."),
	say(as[*capture.SpillNameError], "Give it a name in UTF-8, or move it out of the folder if it does not belong to the database."),
	say(as[*native.NoFolderError], "Give the folder that Grafeo's own backups are in."),
	say(as[*native.NoListError], "Give the folder that Grafeo's own backups are in. A database itself is "+
		"backed up, not imported."),
	say(as[*native.EmptyFolderError], "Its list of native backups is empty: there is nothing to archive."),
	say(as[*native.DamagedFolderError], "Nothing in the folder was archived. If you move a damaged file out of it, "+
		"what is complete without that file is imported. "+
		"What is lost may still be in the database itself, which you can back up."),
	say(is(grafeo.ErrLinkToNothing), "Spilled vectors are stored nowhere else: mount the disk that they are on. If "+
		"there are none, remove the link."),
	say(is(grafeo.ErrEncrypted), "The checksums of an encrypted database cannot be proved without its key, so it is not archived. "+
		"Back up an unencrypted copy, or the whole folder with another tool while the database is closed."),
	say(as[*grafeo.UnsupportedVersionError], "Look for a newer gbak-s3, or back up with the Grafeo version that wrote the file."),
	say(as[*manifest.UnsupportedError], "Use the newest gbak-s3: the archive was written by a later version."),
	say(as[*commit.UnreadableError], "This is a bug in gbak-s3. Please report it, with the result of an inspection "+
		"of the database."),
	say(as[*noNativeFormError], "Restore it instead. To have backups of Grafeo's own, open what was restored with Grafeo 0.5, "+
		"save it to a path that ends in .grafeo, and back that up."),
	say(as[*journal.DamagedKeepError], "That object says which backups were removed last, so nothing that depends on it is done. "+
		"What the archive has can still be restored. To go on, put an intact copy of the object back, from the "+
		"bucket's versions or a copy of the archive."),
	about(func(e *copying.NotCopyError) string {
		if e.Seq == 0 {
			return "Give another address for the copy."
		}
		return "Give an address at which there is nothing yet. Into a copy, nothing more is copied once something else was written there."
	}),
	say(is(objects.ErrLost), "Nothing was committed. The store loses what it is given, or something on the way "+
		"answers in its place. Check the store, and try again."),

	about(func(e *journal.NoBackupError) string {
		switch {
		case e.MergedInto != 0:
			return "Give one of their epochs instead: all of them can be restored still."
		case e.Last > 0:
			return ""
		}
		return "Its first backup was interrupted before it was committed. Run the backup again where the database is."
	}),
	about(func(e *catalog.UnreachableError) string {
		switch {
		case e.SetBack != [2]uint64{}:
			return "Nobody knows which of the two clocks was right: choose a state by its backup or its epoch."
		case !e.Known.IsZero():
			return fmt.Sprintf("That time is later than the newest backup: without a time, a restore returns its "+
				"state, as of %s.", e.Known.Format(time.RFC3339Nano))
		}
		return ""
	}),
	say(as[*clockError], clockHint),
	say(as[*keeping.SingleWriterError], "To choose which backups stay, begin an archive in a store with conditional writes."),

	about(func(e *staging.ExistsError) string {
		switch {
		case e.Folder:
			return fmt.Sprintf("Give the path that the database is to have, such as %s; only a database is moved aside.",
				filepath.Join(e.Path, "people.grafeo"))
		case e.NoDatabase:
			return "Give the path that the database is to have, such as people.grafeo; only a database is moved aside."
		}
		return ""
	}),
	say(as[*staging.AppearedError], "Somebody else has put it there. Restore to another path, or move it away."),
	about(func(e *staging.TargetBusyError) string {
		if e.Open {
			return "Close the database there first, or restore to another path."
		}
		return "Wait for it, or restore to another path."
	}),
	about(func(e *fetchedBeforeError) string {
		return "Is the disk mounted, and is it the right bucket and prefix? To do without what was there, remove " + e.Folder + "."
	}),
	say(as[*noNameError], "Give the path that the database file is to have, such as people.grafeo."),
	say(as[*staging.UnnameableError], "Restore it on a system like the one that it was backed up on."),
	say(as[*staging.LinkedFolderError], "No restore creates a link there: find out who did, and remove it."),
}

const clockHint = "Compare the clocks of this host, of the one that backs up and of the one with the database, " +
	"and set the one that is wrong; the next backup then has the right time."

// hintOf returns what to do about an error of a room below, "" if its code says that.
func hintOf(err error) string {
	for _, hint := range hints {
		if h := hint(err); h != "" {
			return h
		}
	}
	return ""
}

// about is the hint for errors of a type.
func about[T error](hint func(T) string) func(error) string {
	return func(err error) string {
		if e, ok := errors.AsType[T](err); ok {
			return hint(e)
		}
		return ""
	}
}

// say is the hint for errors of one kind.
func say(is func(error) bool, hint string) func(error) string {
	return func(err error) string {
		if is(err) {
			return hint
		}
		return ""
	}
}

func unseenLogHint(e *locate.UnseenLogError) string {
	switch e.Why {
	case locate.OpenElsewhere:
		return "Give the path that the database was opened by: its log is beside that name. In a container, mount " +
			"the folder that the database is in, not just its file."
	case locate.OtherName:
		return "Give the path " + e.Name + "."
	case locate.TwoNames:
		return "Grafeo uses the log beside the path that it opens. Move the other one away if it is an old one."
	case locate.OldDatabase:
		return "Open " + filepath.Base(e.Name) + " with Grafeo 0.6, which finishes the upgrade."
	case locate.LinkToNothing:
		return "Mount what the link points at. Remove the link only if the database was closed and has no log."
	case locate.NoFolder:
		return "Move that file away, or give the path of the database that you mean."
	}
	return ""
}
