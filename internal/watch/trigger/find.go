package trigger

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
)

// Found is a database below a folder.
type Found struct {
	Path string
	Name string // its path below the folder, with slashes and without .grafeo
}

// notDatabases are names of what is not, or not yet, or no longer, a database of its own:
// databases that are being made or upgraded, and what a restore has moved aside.
var notDatabases = regexp.MustCompile(`\.(creating|migrating|checkpoint|pre-0\.6|wal|spill)$|\.before-restore-`)

// Find returns the databases below a folder, of which the name matches pattern: that of
// the file or, if the pattern has a slash, the path below the folder; "" matches all.
// Hidden files and folders are left out, and links are not followed. What cannot be read
// is in the error, beside what was found.
func Find(folder, pattern string) ([]Found, error) {
	var found []Found
	var unread []error
	err := filepath.WalkDir(folder, func(at string, entry fs.DirEntry, err error) error {
		if err != nil {
			if at == folder {
				return err
			}
			if !errors.Is(err, fs.ErrNotExist) { // that has gone meanwhile
				unread = append(unread, err)
			}
			return nil
		}
		if at == folder {
			return nil
		}
		name := entry.Name()
		if strings.HasPrefix(name, ".") || notDatabases.MatchString(name) {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if !entry.IsDir() && !entry.Type().IsRegular() {
			return nil
		}
		below, err := filepath.Rel(folder, at)
		if err != nil {
			return err
		}
		below = filepath.ToSlash(below)
		if !matches(pattern, below) {
			return nil
		}
		switch _, err := grafeo.Identify(at); {
		case err == nil:
			found = append(found, Found{at, strings.TrimSuffix(below, ".grafeo")})
			if entry.IsDir() {
				return fs.SkipDir
			}
		case errors.Is(err, fs.ErrPermission):
			unread = append(unread, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return found, errors.Join(unread...)
}

// matches reports whether the path of something below a folder matches a pattern.
func matches(pattern, below string) bool {
	if pattern == "" {
		return true
	}
	if !strings.Contains(pattern, "/") {
		below = path.Base(below)
	}
	ok, _ := path.Match(pattern, below) //nolint:errcheck // the pattern was checked
	return ok
}

// ID8 returns the 8 digits that stand for the id of the database at path.
func ID8(path string) (string, error) {
	image, err := grafeo.ReadDatabase(path)
	if err != nil {
		return "", err
	}
	return id8(image.DatabaseID), nil
}

var idDigits = regexp.MustCompile(`^[0-9a-f]{8}`)

// id8 returns the first 8 digits of an id, or of its hash if it does not begin with so
// many: ids of 0.5 all begin alike.
func id8(id string) string {
	if digits := idDigits.FindString(id); digits != "" {
		return digits
	}
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:4])
}
