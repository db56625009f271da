package grafeo

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/bits"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/gbak-s3/gbak-s3/internal/errno"
)

// ErrLinkToNothing: a part of a database is a link, and nothing is where it points, as
// when a disk is not mounted.
var ErrLinkToNothing = errors.New("a link to nothing")

// SpillFile is a file in a spill folder that is part of the database (docs/grafeo-format.md, section 2.5).
type SpillFile struct {
	Base string // its name
	Kept bool   // it is in the folder of what was set aside, [KeptDir]
	Path string
	Info fs.FileInfo
}

// IsSame reports whether f and g are the same file, unchanged as far as its size and time
// show that.
func (f *SpillFile) IsSame(g *SpillFile) bool {
	return f.Path == g.Path && f.Info.Size() == g.Info.Size() && f.Info.ModTime().Equal(g.Info.ModTime()) && os.SameFile(f.Info, g.Info)
}

// ListSpill returns the files in the spill folder of the database at path, none if there
// is no such folder. It leaves out caches, what queries swapped out, and what Grafeo did
// not make. If a file vanishes meanwhile, the error is an [fs.ErrNotExist].
func ListSpill(path string) ([]SpillFile, error) {
	files, err := listSpill(SpillDir(path), false)
	if err != nil {
		return nil, err
	}
	kept, err := listSpill(KeptDir(SpillDir(path)), true)
	return append(files, kept...), err
}

func listSpill(dir string, kept bool) ([]SpillFile, error) {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, linkToNothing(dir)
	case errno.Is(err, syscall.ENAMETOOLONG): // then it cannot be there
		return nil, nil
	case errno.Is(err, syscall.ENOTDIR) && kept:
		return nil, nil
	case err != nil:
		return nil, err
	}
	var files []SpillFile
	for _, e := range entries {
		if e.IsDir() || isTransient(e.Name()) {
			continue
		}
		f := SpillFile{Base: e.Name(), Kept: kept, Path: filepath.Join(dir, e.Name())}
		if f.Info, err = os.Stat(f.Path); err != nil {
			if link := linkToNothing(f.Path); link != nil {
				return nil, link
			}
			return nil, err
		}
		if f.Info.Mode().IsRegular() {
			files = append(files, f)
		}
	}
	return files, nil
}

// isTransient reports whether a file of this name is not part of the database: a query
// swapped it out, it is being written, or another program made it, such as a file manager.
func isTransient(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".spill") || strings.HasSuffix(name, ".tmp")
}

func linkToNothing(path string) error {
	if info, err := os.Lstat(path); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		return nil //nolint:nilerr // it is not there
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	to, _ := os.Readlink(path)
	return fmt.Errorf("%s is %w: %s", path, ErrLinkToNothing, to)
}

// The header of a file of vectors.
const (
	spillMagic       = "GRAFVEC1"
	spillHeaderBytes = 64
)

// Vectors reports whether f is a file of vectors, which has a header.
func (f *SpillFile) Vectors() bool {
	return !f.Kept && strings.HasPrefix(f.Base, "vectors_") && strings.HasSuffix(f.Base, ".bin")
}

// Check reads the header of f and returns a [DamageError] if it is not that of a file of
// vectors, or if the file is shorter than the header says. It accepts all files that are
// not files of vectors, or were set aside, as nothing is known of these.
func (f *SpillFile) Check(r io.ReaderAt) error {
	if !f.Vectors() {
		return nil
	}
	header := make([]byte, spillHeaderBytes)
	if n, err := r.ReadAt(header, 0); n < len(header) {
		if errors.Is(err, io.EOF) {
			return &DamageError{Path: f.Path, Offset: int64(n), What: "spilled vectors: the file ends inside its header"}
		}
		return err
	}
	if string(header[:8]) != spillMagic {
		return &DamageError{Path: f.Path, What: "spilled vectors: the header is not that of a file of vectors"}
	}
	dimensions, count := binary.LittleEndian.Uint64(header[8:]), binary.LittleEndian.Uint64(header[16:])
	record := dimensions*4 + 8
	over, want := bits.Mul64(record, count)
	if size := uint64(f.Info.Size()) - spillHeaderBytes; dimensions > 1<<40 || over != 0 || want > size {
		return &DamageError{
			Path: f.Path, Offset: f.Info.Size(),
			What: fmt.Sprintf("spilled vectors: the file ends here, although its header says that it has %d of %d dimensions", count, dimensions),
		}
	}
	return nil
}
