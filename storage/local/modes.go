package local

import (
	"io/fs"
	"os"
	"path/filepath"
)

// An archive is for its owner alone, unless the folder that it is in says that a
// group shares it: what is made there has the group's bits of that folder then, as
// far as the umask lets it. (The group itself is what a folder with the setgid bit
// hands on.) A root that is not there yet follows the folder above it, if that hands
// its group on.

// fileMode is the mode of a new file, before the umask.
func (s *Store) fileMode() fs.FileMode { return 0o600 | sharedWith(s.root)&0o060 }

// folderMode is that of a new folder.
func (s *Store) folderMode(dir string) fs.FileMode {
	switch {
	case len(dir) > len(s.root):
		return 0o700 | sharedWith(s.root)
	case dir == s.root && isSetgid(filepath.Dir(dir)):
		return 0o700 | sharedWith(filepath.Dir(dir))
	}
	return 0o700
}

// sharedWith are the bits that a folder gives its group on purpose: as it hands its
// group on, or gives it more than everybody.
func sharedWith(folder string) fs.FileMode {
	info, err := os.Stat(folder)
	if err != nil {
		return 0
	}
	group, others := info.Mode().Perm()&0o070, info.Mode().Perm()&0o007
	if group>>3&^others == 0 && !isSetgid(folder) {
		return 0
	}
	return group
}

func isSetgid(folder string) bool {
	info, err := os.Stat(folder)
	return err == nil && info.Mode()&fs.ModeSetgid != 0
}
