package disk

import (
	"io/fs"
	"os"
)

// GiveTo sets the owner and the group of the file at path to those of like, where owners
// are known: what root makes beside somebody's files must not lock them out.
func GiveTo(d Disk, path string, like fs.FileInfo) error {
	user, group, known := OwnerOf(like)
	if !known || user == os.Geteuid() {
		return nil
	}
	return d.Chown(path, user, group)
}

// IsSameOwner reports whether two files belong to the same user. Where owners are not
// known, all files belong to one.
func IsSameOwner(a, b fs.FileInfo) bool {
	x, _, _ := OwnerOf(a)
	y, _, _ := OwnerOf(b)
	return x == y
}
