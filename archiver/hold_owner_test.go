//go:build unix

// On Windows, a file has no owner that is a number.

package archiver_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// What root puts beside somebody's database is that somebody's: else they could
// not write their log.
func TestHoldBelongsToTheOwner(t *testing.T) {
	path := copyVector(t, "v0.6.0/closed")
	const user = 12345
	if err := os.Chown(path, user, user); err != nil {
		// Only root can change the owner of files; another user's are its own.
		user := os.Geteuid()
		if info, err := os.Stat(path); err != nil || user == 0 {
			t.Fatal(info, err)
		}
		return
	}
	backup(t, storagetest.NewMemory(), path)
	for _, made := range []string{path + ".wal", filepath.Join(path+".wal", "backup_cursor.meta")} {
		info, err := os.Stat(made)
		if err != nil {
			t.Fatal(err)
		}
		if owner := info.Sys().(*syscall.Stat_t); owner.Uid != user || owner.Gid != user {
			t.Errorf("%s belongs to %d", made, owner.Uid)
		}
	}
}
