package archiver

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// Grafeo 0.6 upgrades a 0.5 database when it opens it: what it makes of it has a new id
// and gets the old name, and the old one is kept under another (docs/grafeo-format.md,
// section 1).
const (
	preUpgrade = ".pre-0.6"   // behind the name: the database that was upgraded
	migrating  = ".migrating" // and the new one, until it gets the name
)

// interruptedUpgrade explains err, by which there is no database at path, if an upgrade
// to 0.6 was interrupted when it had taken the old one's name away.
func interruptedUpgrade(path string, err error) error {
	if !errors.Is(err, fs.ErrNotExist) || disk.Exists(path) || !disk.Exists(path+preUpgrade) {
		return err
	}
	what := fmt.Errorf("%w: its upgrade to 0.6 was interrupted, or goes on at this moment; %s is the database that was upgraded", err, path+preUpgrade)
	if disk.IsFolder(grafeo.LogDir(path)) && !disk.Exists(grafeo.LogDir(path+preUpgrade)) {
		what = fmt.Errorf("%w, and its log is in %s still", what, grafeo.LogDir(path))
	}
	if !disk.Exists(path + migrating) {
		return &Error{Code: CodeNotFound, Err: fmt.Errorf("%w: %s is a database that was upgraded to 0.6, and what became of it is gone", err, path+preUpgrade), Hint: "Look for it elsewhere, or restore it."}
	}
	return &Error{Code: CodeNotFound, Err: what, Hint: "Open " + filepath.Base(path) + " with Grafeo 0.6, which finishes the upgrade; then run the same command again."}
}

// beforeUpgrade refuses the old database of an interrupted upgrade whose log is beside
// the name that it had.
func (o *onlooker) beforeUpgrade(logs []os.FileInfo) error {
	name, isOld := strings.CutSuffix(o.path, preUpgrade)
	if !isOld || len(logs) > 0 || disk.Exists(name) {
		return nil
	}
	if other, err := o.logs(name); err != nil || len(other) == 0 {
		return nil //nolint:nilerr // it is about another database
	}
	return unseen("Open "+filepath.Base(name)+" with Grafeo 0.6, which finishes the upgrade.",
		"%s is the old database of an upgrade to 0.6 that was interrupted, and its log is still in %s", o.path, grafeo.LogDir(name))
}
