package locate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/internal/disk"
	"github.com/gbak-s3/gbak-s3/internal/procfs"
)

// A database that is open for writing always has its log in a folder beside the name
// that it was opened by. Where another name is given, or where only the file is
// mounted, that folder is not seen, and what looks like a closed database lacks
// everything since its last checkpoint.

// A database that is just being opened or closed is locked and has no log, for a moment.
const (
	unseenLooks = 10
	unseenPause = 100 * time.Millisecond
)

// CheckLog returns an [*UnseenLogError] if the database file at path has, or may
// have, a log that is not beside it. closed says that nobody has it open, where that
// cannot be found out. It takes no lock.
func CheckLog(ctx context.Context, path string, closed bool) error {
	for n := 1; ; n++ {
		locked, err := LookForLog(procfs.Default, path, closed)
		if err == nil || !locked || n == unseenLooks {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(unseenPause):
		}
	}
}

// LookForLog looks once, see [onlooker.look].
func LookForLog(proc procfs.Root, path string, closed bool) (locked bool, err error) {
	return (&onlooker{proc, path}).look(closed)
}

// onlooker finds out where the log of the database file at path is.
type onlooker struct {
	proc procfs.Root
	path string
}

// look looks once. locked says that err may come from a database that is being
// opened or closed.
func (o *onlooker) look(closed bool) (locked bool, err error) {
	if info, err := os.Stat(o.path); err != nil || !info.Mode().IsRegular() {
		return false, nil //nolint:nilerr // not this function's business
	}
	logs, err := o.logs(o.path)
	if err != nil {
		return false, err
	}
	if writers := o.proc.Writers(o.path); len(writers) > 0 {
		return true, o.opened(writers, logs)
	}
	if err := errors.Join(o.beforeUpgrade(logs), o.otherNames(logs)); err != nil {
		return false, err
	}
	if !closed && o.proc.IsMount(o.path) && (len(logs) == 0 || !o.proc.IsMount(grafeo.LogDir(o.path))) {
		return false, &UnseenLogError{MountedAlone, "", fmt.Sprintf(
			"%s is mounted by itself, without its log folder %s: whether somebody has it open, and what is in its log, cannot be seen", o.path, grafeo.LogDir(o.path))}
	}
	return false, nil
}

// logs returns the log files beside the database file at path. A folder that must be
// there, and cannot be looked into, is an error.
func (o *onlooker) logs(path string) ([]os.FileInfo, error) {
	dir := grafeo.LogDir(path)
	link, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist) && link.Mode()&fs.ModeSymlink != 0:
		to, _ := os.Readlink(dir)
		return nil, &UnseenLogError{LinkToNothing, "", fmt.Sprintf("the log folder %s is a link to %s, which is not there", dir, to)}
	case err != nil:
		return nil, err
	case !info.IsDir():
		return nil, &UnseenLogError{NoFolder, "", fmt.Sprintf("%s is a file, and should be the log folder of %s", dir, path)}
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // it goes when the database is closed
		return nil, err
	}
	var logs []os.FileInfo
	for _, e := range entries {
		if grafeo.LogGeneration(e.Name()) == "" {
			continue
		}
		if info, err := os.Stat(filepath.Join(dir, e.Name())); err == nil {
			logs = append(logs, info)
		}
	}
	return logs, nil
}

// opened checks that the log of a database that is open in these processes is the one
// that is beside it. What they have open says so, where it may be seen.
func (o *onlooker) opened(writers []int, logs []os.FileInfo) error {
	var elsewhere []string
	for _, pid := range writers {
		files, err := o.proc.OpenFiles(pid)
		if err != nil {
			continue
		}
		for _, f := range files {
			if grafeo.LogGeneration(filepath.Base(f.Path)) == "" {
				continue
			}
			for _, log := range logs {
				if os.SameFile(log, f.Info) {
					return nil
				}
			}
			elsewhere = append(elsewhere, filepath.Dir(f.Path))
		}
	}
	elsewhere = o.likely(elsewhere)
	who := o.proc.Name(writers[0])
	unseen := func(format string, args ...any) error {
		return &UnseenLogError{OpenElsewhere, "", fmt.Sprintf("%s is open in %s"+format, append([]any{o.path, who}, args...)...)}
	}
	switch {
	case len(elsewhere) > 0:
		return unseen(", which has its log in %s, and not in %s", strings.Join(elsewhere, " or "), grafeo.LogDir(o.path))
	case len(logs) > 0:
		return nil
	case disk.Exists(grafeo.LogDir(o.path)):
		return unseen(", and its log is not in %s, which has no log file", grafeo.LogDir(o.path))
	}
	if others := o.named(); len(others) > 0 {
		return unseen(" under another name: its log is in %s", grafeo.LogDir(others[0]))
	}
	return unseen(", and its log is not beside it: there is no %s", grafeo.LogDir(o.path))
}

// likely returns of log folders that a process uses, which may have several databases
// open, the one beside a name of this database. If none is, it returns a few of them.
func (o *onlooker) likely(folders []string) []string {
	folders = slices.Compact(slices.Sorted(slices.Values(folders)))
	for _, f := range folders {
		if name, ok := grafeo.CutLogDir(f); ok && disk.IsSame(name, o.path) {
			return []string{f}
		}
	}
	return folders[:min(3, len(folders))]
}

// otherNames refuses a database that nobody has open and that has a log beside another
// of its names.
func (o *onlooker) otherNames(logs []os.FileInfo) error {
	for _, name := range o.named() {
		if disk.IsSame(grafeo.LogDir(name), grafeo.LogDir(o.path)) {
			continue
		}
		other, err := o.logs(name)
		if err != nil || len(other) == 0 {
			continue
		}
		if len(logs) == 0 {
			return &UnseenLogError{OtherName, name,
				fmt.Sprintf("%s and %s are the same file, and its log is beside the other name: in %s", o.path, name, grafeo.LogDir(name))}
		}
		return &UnseenLogError{TwoNames, name,
			fmt.Sprintf("%s and %s are the same file, and there are two logs: %s and %s", o.path, name, grafeo.LogDir(o.path), grafeo.LogDir(name))}
	}
	return nil
}

// named returns the other names of the file, links of both kinds, that have a log
// folder: those in its folder, and in the folders of what it links to.
func (o *onlooker) named() []string {
	var names []string
	for _, folder := range o.folders() {
		entries, err := os.ReadDir(folder)
		if err != nil {
			continue
		}
		for _, e := range entries {
			name, isLog := grafeo.CutLogDir(filepath.Join(folder, e.Name()))
			if isLog && name != filepath.Clean(o.path) && disk.IsSame(name, o.path) {
				names = append(names, name)
			}
		}
	}
	return names
}

// folders returns those of the path and of what it links to.
func (o *onlooker) folders() []string {
	folders := []string{filepath.Dir(o.path)}
	at := o.path
	for range 40 { // as many links as Linux follows
		to, err := os.Readlink(at)
		if err != nil {
			break
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(at), to)
		}
		at = to
		if !slices.ContainsFunc(folders, func(f string) bool { return disk.IsSame(f, filepath.Dir(at)) }) {
			folders = append(folders, filepath.Dir(at))
		}
	}
	return folders
}

// UnseenLogError is the error for a database whose log is, or may be, not beside it.
type UnseenLogError struct {
	Why  UnseenLog
	Name string // the one that helps: by which the database is to be opened or given, "" if none is known
	Text string
}

func (e *UnseenLogError) Error() string { return e.Text }

// UnseenLog is why the log of a database is not seen.
type UnseenLog int

// What may be.
const (
	OpenElsewhere UnseenLog = iota + 1 // the process that has the database open has its log elsewhere
	OtherName                          // the log is beside Name
	TwoNames                           // there is one beside Name, too
	OldDatabase                        // the database was upgraded, and its log is beside Name, that of the new one
	LinkToNothing                      // the log folder is a link, and what it leads to is not there
	NoFolder                           // a file is where the log folder should be
	MountedAlone                       // the file is mounted without the folder that it is in
)
