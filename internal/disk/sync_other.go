//go:build !windows

package disk

import (
	"errors"
	"os"
	"syscall"
)

func syncFolder(folder string) error {
	f, err := os.Open(folder)
	if err != nil {
		return err
	}
	err = f.Sync()
	// Some network and FUSE file systems have no such thing, and keep names
	// durable by themselves or not at all.
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EINVAL) {
		err = nil
	}
	return errors.Join(err, f.Close())
}
