package trigger

import (
	"testing"

	"github.com/fsnotify/fsnotify"
)

// Nobody waits for a folder on a disk that hangs but the database that has it.
func TestFolderOnADiskThatHangs(t *testing.T) {
	t.Parallel()
	tr := start(Options{Changed: func(string) {}}, Poll, minPoll, fsnotify.NewWatcher)
	defer tr.Close()
	asked := 0
	tr.silent = func(string) bool {
		asked++
		if !tr.watching.TryLock() {
			t.Error("others wait while the disk is asked")
			return false
		}
		tr.watching.Unlock()
		return false
	}
	if folder := t.TempDir(); !tr.watch(folder, true) || asked != 1 {
		t.Errorf("asked %d times", asked)
	}
}
