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

// Database is [Locate].
func Database(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return path, nil //nolint:nilerr // what is not there is said when it is looked at
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

// noDatabaseIn says what a folder has that is no database and has none under a name that
// Grafeo-server gives.
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
	// Why it is none, as [grafeo.Identify] has it.
	_, err = grafeo.Identify(path)
	if err == nil || !errors.Is(err, grafeo.ErrNotDatabase) || len(there) == 0 {
		return err
	}
	return &FolderOfDatabasesError{there, err}
}

// SeveralDatabasesError is the error for a folder that has several databases under names
// that a server gives.
type SeveralDatabasesError struct {
	Folder    string
	Databases []string // their paths
}

func (e *SeveralDatabasesError) Error() string {
	return fmt.Sprintf("%s has several databases: %s", e.Folder, strings.Join(e.Databases, " and "))
}

// FolderOfDatabasesError is the error for a folder that is no database, and has some.
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

// NameOf is what the database that path means is called, where that is the name of its
// folder, and "" where it is that of the file.
func NameOf(path, file string) string {
	if path == file {
		return ""
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return ""
	}
	return filepath.Base(abs)
}
