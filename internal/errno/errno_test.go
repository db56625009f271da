package errno

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"testing"
)

// What Windows says is what code asks for by Unix's name: on Windows, and nowhere else, where the same
// numbers mean something else.
func TestWhatWindowsSays(t *testing.T) {
	for name, numbers := range onWindows {
		for _, said := range numbers {
			err := fmt.Errorf("words: %w", &fs.PathError{Op: "write", Path: `C:\x`, Err: said})
			targets := []error{fs.ErrClosed, name}
			if !is("windows", err, targets) {
				t.Errorf("%d is not understood as %v", uintptr(said), name)
			}
			if said != name && is("linux", err, targets) {
				t.Errorf("%d is taken for %v on Linux", uintptr(said), name)
			}
			for other := range onWindows {
				if other != name && other != said && is("windows", err, []error{other}) {
					t.Errorf("%d is taken for %v and for %v", uintptr(said), name, other)
				}
			}
		}
	}
}

// Everything else is as errors.Is says it, whatever the system.
func TestIs(t *testing.T) {
	var all []error
	for name := range onWindows {
		all = append(all, name)
	}
	for _, system := range []string{"linux", "darwin", "windows"} {
		for _, c := range []struct {
			err     error
			targets []error
			want    bool
		}{
			{syscall.ENOSPC, []error{syscall.EDQUOT, syscall.ENOSPC}, true},
			{&fs.PathError{Err: syscall.ENOSPC}, []error{syscall.ENOSPC}, true},
			{errors.Join(fs.ErrClosed, syscall.EROFS), []error{syscall.EROFS}, true},
			{syscall.ENOENT, []error{fs.ErrNotExist}, true},
			{syscall.ENOSPC, []error{syscall.EROFS, fs.ErrNotExist}, false},
			{syscall.ENOSPC, nil, false},
			{nil, all, false},
			{errors.New("something else"), all, false},
		} {
			if got := is(system, c.err, c.targets); got != c.want {
				t.Errorf("%s: is(%v, %v) = %v", system, c.err, c.targets, got)
			}
		}
	}
	if !Is(syscall.ENOSPC, syscall.ENOSPC) {
		t.Error("a full disk is none")
	}
}

// A file server that is away says nothing about what is on it: Go takes its error for that of a file that does
// not exist.
func TestServerThatIsAway(t *testing.T) {
	gone := &fs.PathError{Op: "stat", Path: `\\nas\archive`, Err: goneOnWindows{badNetPath}}
	for _, c := range []struct {
		system string
		want   bool
	}{{"windows", false}, {"linux", true}} {
		if got := is(c.system, gone, []error{fs.ErrNotExist}); got != c.want {
			t.Errorf("on %s, nothing is there: %v", c.system, got)
		}
	}
	if !is("windows", gone, []error{fs.ErrNotExist, syscall.ENXIO}) {
		t.Error("on Windows, the server is not away")
	}
	if !is("windows", &fs.PathError{Err: fs.ErrNotExist}, []error{fs.ErrNotExist}) {
		t.Error("on Windows, a file that does not exist does")
	}
}

// goneOnWindows is a number that Go on Windows takes for ErrNotExist.
type goneOnWindows struct{ syscall.Errno }

func (goneOnWindows) Is(target error) bool { return target == fs.ErrNotExist }
func (g goneOnWindows) Unwrap() error      { return g.Errno }
