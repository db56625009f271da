// Package structure reads a restored database as Grafeo would, and compares it with what
// the backup says that it is.
//
// A restore proves bytes: what was stored came back. This package proves that these bytes
// are a database, and the one that was asked for. It starts from nothing but the restored
// files: the image's headers name a directory, the directory names every section or chunk
// with its checksum, every frame of the log has one, the log begins where the image's
// checkpoint is (0.6), and it ends with the very commit that the manifest names. A manifest
// that names another state is found out, even if all bytes are right.
//
// What is wrong with the files is a [*MismatchError]. It takes one pass over the files, and
// memory for the image's directory. It does not prove that Grafeo opens the database: only
// Grafeo does. The package knows no store.
package structure

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
)

// Found is what was read.
type Found struct {
	Generation grafeo.Generation
	DatabaseID string

	ImageBytes int64 // that checksums inside of the image prove
	Parts      int   // of the image that have one: headers, directory, and each section or chunk
	LogBytes   int64 // all of them in frames with checksums
	LogFiles   int
	Commits    int64 // in the log, with an epoch

	Epoch uint64    // of the state: that of the last commit, or of the image
	Time  time.Time // of the last commit; zero if it has none, or if there is none
	LSN   uint64    // where the state ends (0.6)

	// LastLSN is where the last commit that has an epoch begins (0.6): sync marks follow it, which
	// change nothing. It is 0 if the log has none.
	LastLSN uint64
}

// MismatchError says in which way the restored files are not what they should be.
type MismatchError struct {
	What string // in words
	Err  error  // what the reader of the format says, nil if files are whole and of another state
}

func (e *MismatchError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %v", e.What, e.Err)
	}
	return e.What
}

// Unwrap returns the cause.
func (e *MismatchError) Unwrap() error { return e.Err }

// mismatch returns a [*MismatchError] without a cause.
func mismatch(format string, args ...any) error {
	return &MismatchError{What: fmt.Sprintf(format, args...)}
}

// Check reads the restored database at path from its headers to its last commit. The error
// is a [*MismatchError], the cause of ctx, or that of a file that cannot be read. With a
// [*MismatchError], Found is what was found before.
func Check(ctx context.Context, path string, want Want) (Found, error) {
	found := Found{Generation: grafeo.Generation(want.Image.Generation)}
	if err := checkImage(ctx, path, &want, &found); err != nil {
		return found, about("the image", err)
	}
	if err := checkSpill(path, want.Spill); err != nil {
		return found, about("the spilled vectors", err)
	}
	log, err := readLog(ctx, grafeo.LogDir(path), &want)
	found.LogBytes, found.LogFiles, found.Commits = log.bytes, len(log.files), log.commits
	if err != nil {
		return found, about("the log", err)
	}
	s := log.state(&want)
	found.Epoch, found.Time, found.LSN = s.epoch, s.time, s.lsn
	if c := log.lastWithEpoch; c != nil {
		found.LastLSN = c.LSN
	}
	return found, log.compare(&want, &s)
}

// about makes a [*MismatchError] of what the readers of the format find wrong with a part
// of the database, and leaves other errors as they are.
func about(part string, err error) error {
	for _, wrong := range []error{
		grafeo.ErrDamaged, grafeo.ErrGap, grafeo.ErrWrongDatabase,
		grafeo.ErrNotDatabase, grafeo.ErrUnsupportedVersion, grafeo.ErrEncrypted,
	} {
		if errors.Is(err, wrong) {
			return &MismatchError{part, err}
		}
	}
	return err
}
