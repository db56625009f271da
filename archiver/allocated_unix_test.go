//go:build unix

package archiver_test

import (
	"os"
	"syscall"
	"testing"
)

// allocated is how many bytes of the disk a file takes, where that is known.
func allocated(t testing.TB, path string) (int64, bool) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return stat.Blocks * 512, true
}
