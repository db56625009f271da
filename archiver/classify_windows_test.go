package archiver

import (
	"io/fs"
	"testing"

	"golang.org/x/sys/windows"

	"github.com/gbak-s3/gbak-s3/storage"
)

// What Windows says of its disks has the codes that Unix's words have.
func TestCodesOnWindows(t *testing.T) {
	for _, c := range []struct {
		said windows.Errno
		want Code
	}{
		{windows.ERROR_DISK_FULL, CodeDiskFull},
		{windows.ERROR_HANDLE_DISK_FULL, CodeDiskFull},
		{windows.ERROR_DISK_QUOTA_EXCEEDED, CodeDiskFull},
		{windows.ERROR_FILE_TOO_LARGE, CodeDiskFull},
		{windows.ERROR_WRITE_PROTECT, CodePermission},
		{windows.ERROR_ACCESS_DENIED, CodePermission},
		{windows.ERROR_CRC, CodeFailed},
	} {
		err := &fs.PathError{Op: "write", Path: `C:\x`, Err: c.said}
		if got := classify(err); got != c.want {
			t.Errorf("%v: code %s instead of %s", c.said, got, c.want)
		}
		if got := classify(&storage.Error{Op: storage.OpPut, Key: "k", Err: err}); got != c.want && c.want != CodeFailed {
			t.Errorf("%v in a store: code %s instead of %s", c.said, got, c.want)
		}
	}
}
