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
// that it was opened by. If another name is given, or only the file is mounted, that folder
// is not seen, and what looks like a closed database lacks everything since its last
// checkpoint.

// A database that is being opened or closed is locked and has no log, for a moment.
const (
	unseenLooks = 10
	unseenPause = 100 * time.Millisecond
)

// CheckLog returns an [*UnseenLogError] if the database file at path has, or may have, a log
// that is not beside it. closed says that nobody has it open, if that cannot be found out.
// It locks nothing.
func CheckLog(ctx context.Context, path string, closed bool) error {
	f := &logFinder{procfs.Default, path}
	for n := 1; ; n++ {
		locked, err := f.look(closed)
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

// logFinder finds out where the log of the database file at path is.
type logFinder struct {
	proc procfs.Root
	path string
}

// look looks once. If locked, err may be about a database that is being opened or closed.
func (f *logFinder) look(closed bool) (locked bool, err error) {
	if info, err := os.Stat(f.path); err != nil || !info.Mode().IsRegular() {
		return false, nil //nolint:nilerr // not this function's business
	}
	logs, err := f.logs(f.path)
	if err != nil {
		return false, err
	}
	if writers := f.proc.Writers(f.path); len(writers) > 0 {
		return true, f.checkOpen(writers, logs)
	}
	if err := errors.Join(f.checkUpgrade(logs), f.checkOtherNames(logs)); err != nil {
		return false, err
	}
	if !closed && f.proc.IsMount(f.path) && (len(logs) == 0 || !f.proc.IsMount(grafeo.LogDir(f.path))) {
		return false, &UnseenLogError{MountedAlone, "", fmt.Sprintf("%s is mounted by itself, without its log folder %s: "+
			"whether somebody has it open, and what is in its log, cannot be seen", f.path, grafeo.LogDir(f.path))}
	}
	return false, nil
}

// logs returns the log files beside the database file at path. If there is something in the
// place of its log folder that cannot be listed, that is an error.
func (f *logFinder) logs(path string) ([]os.FileInfo, error) {
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

// checkOpen checks that the database, which these processes have open, uses the log
// beside it. It looks at the files that they have open, as far as it may see those.
func (f *logFinder) checkOpen(writers []int, logs []os.FileInfo) error {
	var elsewhere []string
	for _, pid := range writers {
		files, err := f.proc.OpenFiles(pid)
		if err != nil {
			continue
		}
		// The log may have gone on to a new file since it was listed.
		if now, err := f.logs(f.path); err == nil {
			logs = now
		}
		for _, file := range files {
			if grafeo.LogGeneration(filepath.Base(file.Path)) == "" {
				continue
			}
			for _, log := range logs {
				if os.SameFile(log, file.Info) {
					return nil
				}
			}
			elsewhere = append(elsewhere, filepath.Dir(file.Path))
		}
	}
	elsewhere = f.likely(elsewhere)
	who := f.proc.Name(writers[0])
	unseen := func(format string, args ...any) error {
		return &UnseenLogError{OpenElsewhere, "", fmt.Sprintf("%s is open in %s"+format, append([]any{f.path, who}, args...)...)}
	}
	switch {
	case len(elsewhere) > 0:
		return unseen(", which has its log in %s, and not in %s", strings.Join(elsewhere, " or "), grafeo.LogDir(f.path))
	case len(logs) > 0:
		return nil
	case disk.Exists(grafeo.LogDir(f.path)):
		return unseen(", and its log is not in %s, which has no log file", grafeo.LogDir(f.path))
	}
	if others := f.otherNames(); len(others) > 0 {
		return unseen(" under another name: its log is in %s", grafeo.LogDir(others[0]))
	}
	return unseen(", and its log is not beside it: there is no %s", grafeo.LogDir(f.path))
}

// likely returns, of the log folders that a process uses, the one that is beside a name of
// this database: the process may have several databases open. If none is, it returns a few.
func (f *logFinder) likely(folders []string) []string {
	folders = slices.Compact(slices.Sorted(slices.Values(folders)))
	for _, folder := range folders {
		if name, ok := grafeo.CutLogDir(folder); ok && disk.IsSame(name, f.path) {
			return []string{folder}
		}
	}
	return folders[:min(3, len(folders))]
}

// checkOtherNames refuses a database that nobody has open and that has a log beside another
// of its names.
func (f *logFinder) checkOtherNames(logs []os.FileInfo) error {
	for _, name := range f.otherNames() {
		if disk.IsSame(grafeo.LogDir(name), grafeo.LogDir(f.path)) {
			continue
		}
		other, err := f.logs(name)
		if err != nil || len(other) == 0 {
			continue
		}
		if len(logs) == 0 {
			return &UnseenLogError{OtherName, name,
				fmt.Sprintf("%s and %s are the same file, and its log is beside the other name: in %s", f.path, name, grafeo.LogDir(name))}
		}
		return &UnseenLogError{TwoNames, name,
			fmt.Sprintf("%s and %s are the same file, and there are two logs: %s and %s", f.path, name, grafeo.LogDir(f.path), grafeo.LogDir(name))}
	}
	return nil
}

// otherNames returns the other names of the file, links of both kinds, that have a log
// folder: those in its own folder, and in the folders of what it links to.
func (f *logFinder) otherNames() []string {
	var names []string
	for _, folder := range f.folders() {
		entries, err := os.ReadDir(folder)
		if err != nil {
			continue
		}
		for _, e := range entries {
			name, isLog := grafeo.CutLogDir(filepath.Join(folder, e.Name()))
			if isLog && name != filepath.Clean(f.path) && disk.IsSame(name, f.path) {
				names = append(names, name)
			}
		}
	}
	return names
}

// folders returns the folder of the path and those of what it links to.
func (f *logFinder) folders() []string {
	folders := []string{filepath.Dir(f.path)}
	at := f.path
	for range 40 { // as many links as Linux follows
		to, err := os.Readlink(at)
		if err != nil {
			break
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(at), to)
		}
		at = to
		if !slices.ContainsFunc(folders, func(folder string) bool { return disk.IsSame(folder, filepath.Dir(at)) }) {
			folders = append(folders, filepath.Dir(at))
		}
	}
	return folders
}

// UnseenLogError is the error for a database whose log is not, or may not be, beside it.
type UnseenLogError struct {
	Why  UnseenLog
	Name string // the one to give, or to open the database by; "" if none is known
	Text string
}

func (e *UnseenLogError) Error() string { return e.Text }

// UnseenLog is why the log of a database is not seen.
type UnseenLog int

// The reasons.
const (
	OpenElsewhere UnseenLog = iota + 1 // the process that has the database open has its log elsewhere
	OtherName                          // the log is beside Name
	TwoNames                           // there is one beside Name, too
	OldDatabase                        // the database was upgraded, and its log is still beside Name, now that of the new one
	LinkToNothing                      // the log folder is a link to something that does not exist
	NoFolder                           // a file is where the log folder should be
	MountedAlone                       // the file is mounted without the folder that it is in
)
