package capture

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/internal/shared"
)

// maxReads is how often a database may change while it is read before a run gives up.
const maxReads = 40

// UnsteadyError is the error for a database that changed each time while it was read.
type UnsteadyError struct {
	Path  string
	Times int   // how often it was read
	Err   error // of the last time
}

func (e *UnsteadyError) Error() string {
	return fmt.Sprintf("%s changed while it was read, %d times in a row: %v", e.Path, e.Times, e.Err)
}

// Unwrap returns the error of the last read.
func (e *UnsteadyError) Unwrap() error { return e.Err }

// UntilStable calls read, which reads the database at path, again and again until its
// result does not come from a write at the same time, and returns its last error. isTorn
// reports whether an error of read can come from that, as [grafeo.IsTorn] does. If the
// database changes each time, the error is an [*UnsteadyError].
//
// Damage must be seen twice, with nothing changed and a pause between: the times
// of files tick in milliseconds, so that one look may miss a writer.
func UntilStable(ctx context.Context, path string, isTorn func(error) bool, read func() error) error {
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval = 100 * time.Millisecond
	pause.Multiplier = 2
	pause.MaxInterval = time.Second // a lull may be short
	print, seen := fingerprint(path), false
	for n := 1; ; n++ {
		err := read()
		if err == nil || !isTorn(err) {
			return err
		}
		now := fingerprint(path)
		switch {
		case now == print && seen:
			return err
		case n == maxReads:
			return &UnsteadyError{path, n, err}
		}
		print, seen = now, now == print
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause.NextBackOff()):
		}
	}
}

// fingerprint returns what changes when anybody writes to the database at path: it tells a
// torn read from a database that is damaged.
func fingerprint(path string) string {
	h := sha256.New() // a CRC cannot tell headers apart that contain their own
	add := func(at string) {
		if info, err := os.Stat(at); err == nil {
			fmt.Fprintln(h, at, info.Size(), info.ModTime().UnixNano())
		}
	}
	add(path)
	add(grafeo.PendingImage(path))
	spill, err := grafeo.ListSpill(path)
	if err != nil {
		fmt.Fprintln(h, err)
	}
	for _, f := range spill {
		add(f.Path)
	}
	entries, err := os.ReadDir(grafeo.LogDir(path))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		fmt.Fprintln(h, err)
	}
	for _, e := range entries {
		add(filepath.Join(grafeo.LogDir(path), e.Name()))
	}
	if f, err := shared.Open(path); err == nil {
		_, _ = io.CopyN(h, f, 3*4096) // the header pages
		_ = f.Close()
	}
	return hex.EncodeToString(h.Sum(nil))
}
