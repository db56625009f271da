// Package locate finds a database and makes sure that all of it can be seen. It reads names,
// links, headers and, on Linux, what /proc shows of other processes; it locks nothing,
// writes nothing, and knows no store.
//
// Its terms:
//
//   - A path is what people give. It may mean the file of a database, a directory that is a
//     database (0.5), a link to one of these, or the data folder of a Grafeo-server, which
//     has its database under a name of its own.
//   - The log of a database is in a folder beside the name that it was opened by. It is
//     unseen if it is, or may be, beside another name, see [UnseenLogError].
//   - An upgrade from 0.5 to 0.6 keeps the old database under another name. An interrupted
//     one leaves no database at the path at all.
package locate

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// Database returns the path of the database that path means: path itself, or the database
// in it if it is the data folder of a Grafeo-server. A folder with none is a
// [*grafeo.NotDatabaseError] or a [*FolderOfDatabasesError], one with several a
// [*SeveralDatabasesError]. If there is nothing at path, it returns path.
func Database(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return path, nil //nolint:nilerr // whoever opens it reports that nothing is there
	}
	var found []string
	for _, at := range grafeo.ServerFiles(path) {
		if isDatabase(at) || disk.Exists(grafeo.PreUpgrade(at)) && disk.Exists(grafeo.Migrating(at)) {
			found = append(found, at)
		}
	}
	switch directory := grafeo.IsDirectory(path); {
	case directory && len(found) == 0:
		return path, nil
	case directory:
		found = append(found, path)
	case len(found) == 0:
		return "", noDatabaseIn(path)
	}
	if len(found) > 1 {
		return "", &SeveralDatabasesError{path, found}
	}
	return found[0], nil
}

// isDatabase reports whether something is at path that seems to be a database.
func isDatabase(path string) bool {
	info, err := os.Stat(path)
	return err == nil && (info.Mode().IsRegular() || grafeo.IsDirectory(path))
}

// noDatabaseIn returns the error for a folder that is no database and has none under a name
// that Grafeo-server gives.
func noDatabaseIn(path string) error {
	var there []string
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		at := filepath.Join(path, e.Name())
		_, err := grafeo.Identify(at)
		isOne := err == nil || slices.ContainsFunc(grafeo.ServerFiles(at), isDatabase)
		if isOne {
			there = append(there, at)
		}
	}
	// [grafeo.Identify] says why it is none.
	_, err = grafeo.Identify(path)
	if err == nil || !errors.Is(err, grafeo.ErrNotDatabase) || len(there) == 0 {
		return err
	}
	return &FolderOfDatabasesError{there, err}
}

// SeveralDatabasesError is the error for a folder with several databases under names that
// Grafeo-server gives.
type SeveralDatabasesError struct {
	Folder    string
	Databases []string // their paths
}

func (e *SeveralDatabasesError) Error() string {
	return fmt.Sprintf("%s has several databases: %s", e.Folder, strings.Join(e.Databases, " and "))
}

// FolderOfDatabasesError is the error for a folder that is no database but has some.
type FolderOfDatabasesError struct {
	Databases []string // their paths
	Err       error    // why it is none itself
}

func (e *FolderOfDatabasesError) Error() string {
	there, more := e.Databases, ""
	if n := len(there); n > 5 {
		there, more = there[:5], fmt.Sprintf(" and %d more", n-5)
	}
	return fmt.Sprintf("%v; it has %s%s", e.Err, strings.Join(there, ", "), more)
}

// Unwrap returns why the folder is no database itself.
func (e *FolderOfDatabasesError) Unwrap() error { return e.Err }

// nameOf returns the name of the database that path means, which is in file: that of its
// folder, or "" for that of the file.
func nameOf(path, file string) string {
	if path == file {
		return ""
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return ""
	}
	return filepath.Base(abs)
}
