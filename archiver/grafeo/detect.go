package grafeo

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"

	"github.com/gbak-s3/gbak-s3/internal/shared"
)

// Generation is a family of Grafeo releases with the same format on disk.
type Generation string

// The generations that this package reads.
const (
	Gen05 Generation = "0.5"
	Gen06 Generation = "0.6"
)

// containerMagic is what containers of both generations begin with.
const containerMagic = "GRAF"

// identityLength is how many bytes it takes to identify a generation.
const identityLength = 8

// Identify returns the generation of the database at path, by its first bytes. It does
// not check that the database is whole: see [ReadImage]. A directory with nothing but a
// log is a database of 0.5, see [IsDirectory]. If nothing is at path, the error is an
// [fs.ErrNotExist]; other errors are [NotDatabaseError] and [UnsupportedVersionError].
// Only regular files are opened, as opening a pipe would wait for a writer.
func Identify(path string) (Generation, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if info.IsDir() {
		return identifyDirectory(path)
	}
	if !info.Mode().IsRegular() {
		return "", &NotDatabaseError{path, "not a regular file"}
	}
	f, err := shared.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	first := make([]byte, identityLength)
	n, err := io.ReadFull(f, first)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return "", err
	}
	return identify(first[:n], path)
}

// identify returns the generation, by byte 4 and those after it.
// (docs/grafeo-format.md, section 1)
func identify(first []byte, path string) (Generation, error) {
	switch {
	case len(first) == 0:
		return "", &NotDatabaseError{path, "the file is empty"}
	case len(first) < identityLength:
		return "", &NotDatabaseError{path, fmt.Sprintf("the file has only %d bytes", len(first))}
	case string(first[:4]) != containerMagic:
		return "", &NotDatabaseError{path, fmt.Sprintf("it starts with %q instead of %q", first[:4], containerMagic)}
	}
	// 0.5 stores its format version, always 1, as a varint of one byte; 0.6 a
	// version of at least 3 as four bytes. So a first byte of 1 is 0.5.
	if first[4] == 1 {
		return Gen05, nil
	}
	if version := binary.LittleEndian.Uint32(first[4:]); version != containerVersion06 {
		return "", &UnsupportedVersionError{path, "container format", strconv.FormatUint(uint64(version), 10)}
	}
	return Gen06, nil
}

// ImagePath returns the file that holds the valid image of the database at path. That is
// path itself, except for late releases of 0.5: while they install a new image, and after
// a crash at that moment, the [PendingImage] is the image, and path may be half written.
// (docs/grafeo-format.md, section 3.3) The errors are those of [Identify].
func ImagePath(path string) (string, error) {
	generation, err := Identify(path)
	if err != nil || generation != Gen05 || IsDirectory(path) {
		return path, err
	}
	pending := PendingImage(path)
	switch _, err := os.Stat(pending); {
	case err == nil:
		return pending, nil
	case errors.Is(err, fs.ErrNotExist):
		return path, nil
	default:
		return "", err
	}
}
