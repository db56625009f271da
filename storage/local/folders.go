package local

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/gbak-s3/gbak-s3/internal/disk"
)

const (
	tempDir    = ".tmp"         // no element of a key begins with a dot
	tempNames  = "put-"         // in it, with a number
	tempMaxAge = 24 * time.Hour // longer than any Put takes
)

// ensureDir makes dir, the root or something below it, with all that is
// missing above. When it returns nil, dir's name and those of all folders
// between the root and dir are durable.
func (s *Store) ensureDir(dir string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.makeDir(dir)
}

func (s *Store) makeDir(dir string) error {
	if s.durable[dir] {
		return nil
	}
	parent, inside := filepath.Dir(dir), len(dir) > len(s.root)
	exists := isDir(dir)
	if inside || !exists {
		if parent == dir {
			return fmt.Errorf("%s is not there", dir)
		}
		if err := s.makeDir(parent); err != nil {
			return err
		}
	}
	if !exists {
		// If it exists now, another process was faster.
		err := s.disk.Mkdir(dir, s.folderMode(dir))
		if err != nil && !isDir(dir) {
			return err
		}
		if err == nil && dir == s.root {
			s.madeRoot = true
		}
	}
	// Also a folder that was there is synced once: perhaps another process made
	// it just now. Above the root that may be forbidden, and is not our making.
	err := s.disk.Sync(parent)
	if err != nil && (inside || !exists || !errors.Is(err, fs.ErrPermission)) {
		return err
	}
	s.durable[dir] = true
	return nil
}

// count notes how many puts are under way.
func (s *Store) count(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.putting += n
}

// tidy removes the folder dir and those above it that are empty, unless there are
// more than puts puts under way, which may need them. It does what it can: an
// empty folder does no harm.
func (s *Store) tidy(dir string, puts int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.putting > puts {
		return
	}
	for ; dir != s.root; dir = filepath.Dir(dir) {
		if err := s.disk.RemoveFolder(dir); err != nil && !isMissing(err) {
			return
		}
		delete(s.durable, dir)
	}
	if s.madeRoot && onlyTemp(s.root) && s.disk.RemoveFolder(filepath.Join(s.root, tempDir)) == nil && s.disk.RemoveFolder(s.root) == nil {
		delete(s.durable, s.root)
		s.madeRoot = false
	}
}

// onlyTemp tells whether there is nothing in root but the folder for what is
// being written.
func onlyTemp(root string) bool {
	entries, err := os.ReadDir(root)
	return err == nil && len(entries) == 1 && entries[0].Name() == tempDir
}

// forgetDir makes the next ensureDir look again, in case that somebody removed
// the folder.
func (s *Store) forgetDir(dir string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ; dir != s.root; dir = filepath.Dir(dir) {
		delete(s.durable, dir)
	}
	delete(s.durable, s.root)
}

// certainty is what a Store knows of the names in a folder that are not its own
// making: they may be of a process that did not live to sync them.
type certainty int

const (
	shown    certainty = iota + 1 // the caller has heard of them
	doubtful                      // a sync has failed
	durable                       // those that were shown are
)

// show is called before the caller hears of a name in dir: it is durable before
// the caller puts anything that may refer to it, see settle. A name whose own sync
// has failed is not shown before another one succeeds.
func (s *Store) show(dir string) error {
	s.shownMu.Lock()
	defer s.shownMu.Unlock()
	if s.shown[dir] == doubtful {
		if err := s.disk.Sync(dir); err != nil {
			return fmt.Errorf("what was put into %s may not be durable: %w", dir, err)
		}
	}
	s.shown[dir] = shown
	return nil
}

// read is called before the caller gets an object in dir, and may go by what it
// says: then it must stay, and nothing may be put any more.
func (s *Store) read(dir string) error {
	s.shownMu.Lock()
	defer s.shownMu.Unlock()
	if s.shown[dir] == durable {
		return nil
	}
	err := s.disk.Sync(dir)
	switch {
	case err == nil:
		s.shown[dir] = durable
	case s.shown[dir] == doubtful:
		return fmt.Errorf("what was put into %s may not be durable: %w", dir, err)
	case isDenied(err): // who may only read does not put
		return nil
	}
	return err
}

// settle makes durable what was shown.
func (s *Store) settle() error {
	s.shownMu.Lock()
	defer s.shownMu.Unlock()
	for dir, is := range s.shown {
		if is == durable {
			continue
		}
		if err := s.disk.Sync(dir); err != nil && !isMissing(err) {
			return err
		}
		s.shown[dir] = durable
	}
	return nil
}

// doubt notes that the sync of dir has failed when a name in it was new.
func (s *Store) doubt(dir string) {
	s.shownMu.Lock()
	defer s.shownMu.Unlock()
	s.shown[dir] = doubtful
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// createTemp makes an empty file with a new name in .tmp.
func (s *Store) createTemp() (disk.File, error) {
	dir := filepath.Join(s.root, tempDir)
	f, err := s.newFile(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	// Its name need not be durable, nothing in it is.
	if err := s.disk.Mkdir(dir, s.folderMode(dir)); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return s.newFile(dir)
}

// newFile makes an empty file in a folder. (What [os.CreateTemp] makes is for its
// owner alone, whatever the umask is.)
func (s *Store) newFile(dir string) (disk.File, error) {
	for {
		path := filepath.Join(dir, fmt.Sprintf("%s%d", tempNames, rand.Uint64()))
		f, err := s.disk.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, s.fileMode())
		if !errors.Is(err, fs.ErrExist) {
			return f, err
		}
	}
}

// sweepTemps removes what killed processes left in .tmp. It does what it can:
// leftovers cost only space, and the next process tries again.
func (s *Store) sweepTemps() {
	dir := filepath.Join(s.root, tempDir)
	entries, _ := os.ReadDir(dir)
	for _, entry := range entries {
		info, err := entry.Info()
		if err == nil && info.Mode().IsRegular() && time.Since(info.ModTime()) > tempMaxAge {
			_ = s.disk.Remove(filepath.Join(dir, entry.Name()))
		}
	}
}
