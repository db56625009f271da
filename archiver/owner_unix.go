//go:build unix

package archiver

import (
	"os"
	"syscall"

	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// giveTo makes the owner of the file like the owner of path, too: what root puts
// beside somebody's database must not shut them out of it.
func giveTo(d disk.Disk, path string, like os.FileInfo) error {
	owner, ok := like.Sys().(*syscall.Stat_t)
	if !ok || int(owner.Uid) == os.Geteuid() {
		return nil
	}
	return d.Chown(path, int(owner.Uid), int(owner.Gid))
}

// sameOwner reports whether two files belong to the same user.
func sameOwner(a, b os.FileInfo) bool {
	x, okX := a.Sys().(*syscall.Stat_t)
	y, okY := b.Sys().(*syscall.Stat_t)
	return okX && okY && x.Uid == y.Uid
}
