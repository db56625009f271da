package local

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gbak-s3/gbak-s3/internal/shared"
)

// ensureDir makes the folder dir, which is the root or below it, with all missing
// folders above it. When it returns nil, the names of dir and of all folders between
// the root and dir are durable.
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
			return fmt.Errorf("%s does not exist", dir)
		}
		if err := s.makeDir(parent); err != nil {
			return err
		}
	}
	if !exists {
		// If that fails and dir exists now, another process was faster.
		err := s.disk.Mkdir(dir, s.folderMode(dir))
		if err != nil && !isDir(dir) {
			return err
		}
		if err == nil && dir == s.root {
			s.madeRoot = true
		}
	}
	// A folder that existed is synced once, too: another process may have made it just
	// now. Above the root that may be forbidden, and is not ours to care for.
	err := s.disk.Sync(parent)
	if err != nil && (inside || !exists || !errors.Is(err, fs.ErrPermission)) {
		return err
	}
	s.durable[dir] = true
	return nil
}

// addPutting changes the number of puts that are under way by n.
func (s *Store) addPutting(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.putting += n
}

// tidy removes the folder dir and those above it as far as they are empty, unless more
// than puts puts are under way, which may need them. It does what it can: an empty
// folder does no harm.
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
	if s.madeRoot && hasOnlyTemp(s.root) &&
		s.disk.RemoveFolder(filepath.Join(s.root, tempDir)) == nil && s.disk.RemoveFolder(s.root) == nil {
		delete(s.durable, s.root)
		s.madeRoot = false
	}
}

// hasOnlyTemp reports whether root has nothing but the folder for files that are being
// written.
func hasOnlyTemp(root string) bool {
	entries, err := shared.ReadDir(root)
	return err == nil && len(entries) == 1 && entries[0].Name() == tempDir
}

// forgetDir makes the next ensureDir look again, in case somebody removed the folder.
func (s *Store) forgetDir(dir string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ; dir != s.root; dir = filepath.Dir(dir) {
		delete(s.durable, dir)
	}
	delete(s.durable, s.root)
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
