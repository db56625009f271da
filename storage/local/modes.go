package local

import (
	"io/fs"
	"os"
	"path/filepath"
)

// An archive is for its owner alone, unless the folder that holds it shows that a group
// shares it. Then what is made there gets that folder's permissions for the group, as
// far as the umask allows. (The group itself is inherited from a folder with the setgid
// bit.) A root that does not exist yet follows the folder above it, if that one passes
// its group on.

// fileMode returns the mode of a new file, before the umask.
func (s *Store) fileMode() fs.FileMode { return 0o600 | groupMode(s.root)&0o060 }

// folderMode returns the mode of a new folder, before the umask.
func (s *Store) folderMode(dir string) fs.FileMode {
	switch {
	case len(dir) > len(s.root):
		return 0o700 | groupMode(s.root)
	case dir == s.root && isSetgid(filepath.Dir(dir)):
		return 0o700 | groupMode(filepath.Dir(dir))
	}
	return 0o700
}

// groupMode returns the permissions that a folder grants its group on purpose: it has
// the setgid bit, or the group may do more than everybody else.
func groupMode(folder string) fs.FileMode {
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
