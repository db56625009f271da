package local

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/gbak-s3/gbak-s3/internal/disk"
	"github.com/gbak-s3/gbak-s3/storage"
)

// without is a disk that lacks hard links, exclusive renames, or both.
type without struct {
	disk.OS
	link, renameNew error
}

func (w without) Link(from, to string) error {
	return &os.LinkError{Op: "link", Old: from, New: to, Err: w.link}
}

func (w without) RenameNew(from, to string) error {
	if w.renameNew != nil {
		return w.renameNew
	}
	return w.OS.RenameNew(from, to)
}

// Without hard links, exclusive renames keep the promise.
func TestRaceWithoutHardLinks(t *testing.T) {
	for _, cause := range []error{syscall.EPERM, syscall.ENOTSUP, syscall.ENOSYS, syscall.EACCES, syscall.EIO, syscall.EMLINK} {
		t.Run(cause.Error(), func(t *testing.T) {
			s := openOn(t, without{link: cause}, t.TempDir())
			for round := range 20 {
				key := fmt.Sprintf("round-%d", round)
				errs := make([]error, 8)
				var wg sync.WaitGroup
				for i := range errs {
					wg.Go(func() { errs[i] = create(t, s, key, fmt.Sprint(i)) })
				}
				wg.Wait()
				winner := slices.Index(errs, nil)
				for i, err := range errs {
					if i != winner && !errors.Is(err, storage.ErrPreconditionFailed) {
						t.Fatalf("%s: writers %d and %d: %v", key, winner, i, err)
					}
				}
				if got := get(t, s, key); got != fmt.Sprint(winner) {
					t.Errorf("%s: writer %d won, stored is that of %s", key, winner, got)
				}
			}
			if got := temps(t, s); len(got) > 0 {
				t.Errorf("left behind: %q", got)
			}
		})
	}
}

func TestNoAtomicCreateIsRefused(t *testing.T) {
	for _, cause := range []error{syscall.EINVAL, errors.ErrUnsupported} {
		s := openOn(t, without{link: syscall.EPERM, renameNew: cause}, t.TempDir())
		err := create(t, s, "key", "data")
		if !errors.Is(err, storage.ErrNoConditionalPut) || !strings.Contains(err.Error(), "neither hard links nor exclusive renames") {
			t.Errorf("got %v, want %v", err, storage.ErrNoConditionalPut)
		}
		if !errors.Is(err, disk.ErrNoMove) {
			t.Errorf("got %v, want %v", err, disk.ErrNoMove)
		}
		put(t, s, "plain", "data") // needs neither
		if got := list(t, s); !slices.Equal(got, []string{"plain"}) {
			t.Errorf("the store has %q", got)
		}
	}
}

// An error that does not mean that the file system lacks links is not "no conditional
// put": it names the call and the path, and has the cause.
func TestFailedLinkIsNoMissingPromise(t *testing.T) {
	for _, cause := range []syscall.Errno{syscall.EACCES, syscall.EIO, syscall.EMLINK} {
		s := openOn(t, without{link: cause, renameNew: syscall.EINVAL}, t.TempDir())
		err := create(t, s, "key", "data")
		if errors.Is(err, storage.ErrNoConditionalPut) || !errors.Is(err, cause) ||
			!strings.Contains(err.Error(), "link ") || !strings.Contains(err.Error(), "key") {
			t.Errorf("of %v: got %v", cause, err)
		}
	}
}
