package locate

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// Found is a database that can be read.
type Found struct {
	Path string // of its file or directory, without links if its log is there
	Name string // of the database, "" for that of the file
}

// Find finds the database that path means. It makes sure that it is one, as far as
// headers show, and that its log can be seen, see [CheckLog]. It reads little and asks
// no store, so that what is no database is refused before anything happens.
func Find(ctx context.Context, path string, closed bool) (Found, error) {
	file, err := Database(path)
	if err != nil {
		return Found{}, err
	}
	name := nameOf(path, file)
	if file, err = resolve(file); err != nil {
		return Found{}, err
	}
	if err := checkReadable(file); err != nil {
		return Found{}, err
	}
	return Found{file, name}, Gone(file, CheckLog(ctx, file, closed))
}

// checkReadable refuses what is no database, as far as headers and directories show. Damage
// is not judged here: the database may be in the middle of a checkpoint.
func checkReadable(path string) error {
	if err := Identify(path); err != nil {
		return err
	}
	if _, err := grafeo.ReadDatabase(path); err != nil && !grafeo.IsTorn(err) {
		return err
	}
	return nil
}

// resolve returns the file that a link leads to, if the log is beside that: the log folder
// is named after the path that the database was opened by. Else it returns the path.
func resolve(path string) (string, error) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil || real == filepath.Clean(path) {
		return path, nil //nolint:nilerr // whoever opens it reports that nothing is there
	}
	isThere := func(path string) bool { _, err := os.Stat(grafeo.LogDir(path)); return err == nil }
	switch {
	case !isThere(real):
		return path, nil
	case !isThere(path), disk.IsSame(grafeo.LogDir(path), grafeo.LogDir(real)):
		return real, nil
	}
	return "", &TwoLogsError{path, real}
}

// TwoLogsError is the error for a database that has a log beside two of its names: that of
// a link, and that of the file.
type TwoLogsError struct{ Link, File string }

func (e *TwoLogsError) Error() string {
	return fmt.Sprintf("%s is a link to %s, and there are two logs: %s and %s", e.Link, e.File, grafeo.LogDir(e.Link), grafeo.LogDir(e.File))
}
