package archiver_test

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/internal/disk/disktest"
	"github.com/gbak-s3/gbak-s3/storage/local"
)

// What a file system says about a directory with an archive: it is a store without
// conditional writes only if it has no step that creates a file if it is absent.
// Other failures are reported with call, path and cause.
func TestFileSystemsWithQuirks(t *testing.T) {
	path := copyVector(t, "v0.6.0/closed")
	for name, c := range map[string]struct {
		fails map[string]syscall.Errno // by the beginning of the step
		code  archiver.Code
		words []string
	}{
		"no hard links":                 {map[string]syscall.Errno{"link": syscall.EPERM}, "", nil},
		"links fail":                    {map[string]syscall.Errno{"link": syscall.EIO}, "", nil},
		"too many links":                {map[string]syscall.Errno{"link": syscall.EMLINK}, "", nil},
		"links are refused":             {map[string]syscall.Errno{"link": syscall.EACCES}, "", nil},
		"neither links nor renames":     {map[string]syscall.Errno{"link": syscall.EPERM, "rename new": syscall.EINVAL}, archiver.CodeUnsafeStore, nil},
		"links fail, renames are none":  {map[string]syscall.Errno{"link": syscall.EIO, "rename new": syscall.EINVAL}, archiver.CodeStore, []string{"link", "input/output error"}},
		"links refused, no renames":     {map[string]syscall.Errno{"link": syscall.EACCES, "rename new": syscall.ENOSYS}, archiver.CodePermission, []string{"link", "permission denied"}},
		"links and renames fail":        {map[string]syscall.Errno{"link": syscall.EIO, "rename new": syscall.EIO}, archiver.CodeStore, []string{"rename", "input/output error"}},
		"files cannot be made durable":  {map[string]syscall.Errno{"sync file": syscall.EOPNOTSUPP}, archiver.CodeStore, []string{"sync", "operation not supported"}},
		"the disk fails when it writes": {map[string]syscall.Errno{"sync file": syscall.EIO}, archiver.CodeStore, []string{"sync", "input/output error"}},
	} {
		dir := t.TempDir()
		store, err := local.OpenOn(disktest.New(t, dir, func(_ int, step string) disktest.Fault {
			for begins, errno := range c.fails {
				if strings.HasPrefix(step, begins) {
					return disktest.Fault{Err: errno}
				}
			}
			return disktest.Fault{}
		}), filepath.Join(dir, "archive"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = newArchive(store).Backup(t.Context(), path, archiver.BackupOptions{})
		if archiver.CodeOf(err) != c.code {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
		for _, w := range c.words {
			if err != nil && !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %q does not say %q", name, err, w)
			}
		}
	}
}
