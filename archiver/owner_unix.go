//go:build unix

package archiver

import (
	"os"
	"syscall"
)

// giveTo makes the owner of the file like the owner of path, too: what root puts
// beside somebody's database must not shut them out of it.
func giveTo(path string, like os.FileInfo) error {
	owner, ok := like.Sys().(*syscall.Stat_t)
	if !ok || int(owner.Uid) == os.Geteuid() {
		return nil
	}
	return os.Chown(path, int(owner.Uid), int(owner.Gid))
}
