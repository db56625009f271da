package trigger

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
)

// Found is a database below a folder.
type Found struct {
	Path string
	Name string // its path below the folder, with slashes and without .grafeo

	// Or is how else it could be found, nil for not at all: what is beside it decides that, and that changes.
	Or *Found
}

// foundAt returns what is found at a path. A Grafeo-server names the folder of a database, and the file
// in it data.grafeo: there the folder is the database, as it is for everybody who names it, unless a file
// beside the folder has that name.
func foundAt(folder, at, below string) Found {
	file := Found{Path: at, Name: strings.TrimSuffix(below, ".grafeo")}
	server := filepath.Dir(at)
	if server == filepath.Clean(folder) || !slices.Contains(grafeo.ServerFiles(server), at) {
		return file
	}
	if is, err := archiver.Locate(server); err != nil || is != at {
		return file
	}
	is := Found{Path: server, Name: path.Dir(below)}
	if _, err := os.Lstat(server + ".grafeo"); !errors.Is(err, fs.ErrNotExist) { // which has the name already
		is, file = file, is
	}
	is.Or = &file
	return is
}

// notDatabases are names of what is not, or not yet, or no longer, a database of its own:
// databases that are being made or upgraded, what a restore has moved aside, what a drill has restored,
// and the folder of the file system's own at the top of a volume, which only root can read.
var notDatabases = regexp.MustCompile(`\.(creating|migrating|checkpoint|pre-0\.6|wal|spill)$|\.before-restore-|^gbak-drill-[0-9a-f]{32}$|^lost\+found$`)

// Finder finds the databases below folders, again and again: what has not changed is not
// opened again. It is not for concurrent use.
type Finder struct {
	seen map[string]look // files, by their paths
}

// look is what a file was when it was opened.
type look struct {
	info       fs.FileInfo
	isDatabase bool
	why        error // nobody can say whether it is one, or should be
}

// NewFinder returns a finder that has not seen anything.
func NewFinder() *Finder { return &Finder{seen: map[string]look{}} }

// Find returns the databases below a folder, of which the name matches pattern: that of
// the file or, if the pattern has a slash, the path below the folder; "" matches all.
// Hidden files and folders are left out, and links below the folder are not followed. What cannot be read
// is in the error, an [*UnseenError], beside what was found; so is what is called .grafeo and is no database, as a
// damaged one is, and one of a version that is not known.
func (f *Finder) Find(folder, pattern string) ([]Found, error) {
	var found []Found
	unseen := &UnseenError{}
	seen := map[string]look{} // so that what has gone is forgotten
	root := asFolder(folder)
	err := filepath.WalkDir(root, func(at string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil && at == root:
			return err
		case err != nil:
			if !errors.Is(err, fs.ErrNotExist) { // that has gone meanwhile
				unseen.add(at, err)
			}
			return nil
		case at == root:
			return nil
		case isLeftOut(entry):
			if entry.IsDir() {
				return fs.SkipDir
			}
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
		is, err := f.isDatabase(at, entry, seen)
		if err != nil {
			unseen.add(at, err)
		}
		if is {
			found = append(found, foundAt(folder, at, below))
			if entry.IsDir() {
				return fs.SkipDir
			}
		}
		return nil
	})
	for at, was := range f.seen {
		if !within(at, folder) {
			seen[at] = was
		}
	}
	f.seen = seen
	if err != nil {
		return nil, &UnseenError{Paths: []string{folder}, Err: err}
	}
	if unseen.Err != nil {
		return found, unseen
	}
	return found, nil
}

// asFolder returns a path that can only be that of a folder: WalkDir would take a link to it, or a file,
// for a folder in which nothing is.
func asFolder(path string) string {
	if path == "" || os.IsPathSeparator(path[len(path)-1]) {
		return path
	}
	return path + string(filepath.Separator)
}

// isLeftOut reports whether something is no database of its own, or hidden.
func isLeftOut(entry fs.DirEntry) bool {
	name := entry.Name()
	return strings.HasPrefix(name, ".") || notDatabases.MatchString(name) || !entry.IsDir() && !entry.Type().IsRegular()
}

// isDatabase reports whether a database is at a path, and notes that in seen. An error
// says why nobody knows.
func (f *Finder) isDatabase(at string, entry fs.DirEntry, seen map[string]look) (bool, error) {
	info, err := entry.Info()
	if err != nil {
		return false, unlessGone(err)
	}
	if was, there := f.seen[at]; there && !info.IsDir() && os.SameFile(was.info, info) &&
		was.info.Size() == info.Size() && was.info.ModTime().Equal(info.ModTime()) {
		seen[at] = was
		return was.isDatabase, was.why
	}
	_, err = grafeo.Identify(at)
	switch {
	case err == nil:
		seen[at] = look{info: info, isDatabase: true}
	case errors.Is(err, grafeo.ErrUnsupportedVersion):
		seen[at] = look{info: info, why: err}
	case !errors.Is(err, grafeo.ErrNotDatabase):
		return false, unlessGone(err)
	case info.Mode().IsRegular() && info.Size() > 0 && strings.HasSuffix(at, ".grafeo"): // one that is being made may be empty
		seen[at] = look{info: info, why: err}
	default:
		seen[at] = look{info: info}
	}
	return seen[at].isDatabase, seen[at].why
}

func unlessGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// within reports whether a path that a walk has found is below folder.
func within(at, folder string) bool {
	return strings.HasPrefix(at, strings.TrimRight(filepath.Clean(folder), string(filepath.Separator))+string(filepath.Separator))
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
	file, err := archiver.Locate(path)
	if err != nil {
		return "", err
	}
	image, err := grafeo.ReadDatabase(file)
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
