package disktest

import (
	"os"
	"runtime"

	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// tempSpace is what a file system in memory must have free for [TempInMemory]: three
// times what the tests of archiver take.
const tempSpace = 1 << 30

// TempInMemory lets the temporary folders of this process, those of t.TempDir
// included, be made in memory, where there is a file system in memory with space
// enough and TMPDIR is not set. Sweeps make and remove hundreds of thousands of small
// files: on a disk they wait for its journal most of the time, and what a disk does
// with them is shown by a [Recorder], not by the disk of this machine.
//
// It returns what removes everything that is left there, for the end of the process.
func TempInMemory() (remove func()) {
	const memory = "/dev/shm"
	nothing := func() {}
	if runtime.GOOS != "linux" || os.Getenv("TMPDIR") != "" {
		return nothing
	}
	if space, ok := disk.SpaceAt(memory); !ok || space.Free < tempSpace {
		return nothing
	}
	dir, err := os.MkdirTemp(memory, "gbak-s3-test-")
	if err != nil {
		return nothing
	}
	remove = func() { _ = os.RemoveAll(dir) }
	if os.Setenv("TMPDIR", dir) != nil {
		remove()
		return nothing
	}
	return remove
}
