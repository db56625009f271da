package capture

import (
	"errors"
	"io"
	"os"
	"sort"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/internal/disk"
	"github.com/gbak-s3/gbak-s3/internal/shared"
)

// File is a file of a source, or the part of one that is new: its bytes from From up to
// Bytes, and the checksums that a copy of these must have.
type File struct {
	Name        string // as in an index
	Path        string
	Content     io.ReaderAt // read instead of the file at Path, if not nil
	Start       int64       // where byte 0 is in the file at Path; not 0 in native backups only
	From, Bytes int64
	Proof       *grafeo.Proof
	free        []grafeo.Span // what of it is not read: zeros stand for it
}

// Read fills p with the bytes at an offset. A file that ends before p is full is a
// [*grafeo.DamageError]. It may be called concurrently.
func (s *File) Read(p []byte, offset int64) error {
	if s.Content != nil {
		_, err := s.Content.ReadAt(p, offset)
		return err
	}
	f, err := shared.Open(s.Path)
	if err != nil {
		return err
	}
	defer disk.CloseRead(f)
	end := offset + int64(len(p))
	next := sort.Search(len(s.free), func(i int) bool { return s.free[i].Offset+s.free[i].Length > offset })
	for at := offset; at < end; next++ {
		used, free := end, end // where the bytes to read end, and where the free span after them does
		if next < len(s.free) {
			used, free = min(end, max(at, s.free[next].Offset)), min(end, s.free[next].Offset+s.free[next].Length)
		}
		if err := readAt(f, p[at-offset:used-offset], s.Start+at); err != nil {
			return err
		}
		clear(p[used-offset : free-offset])
		at = free
	}
	return nil
}

func readAt(f *os.File, p []byte, offset int64) error {
	if n, err := f.ReadAt(p, offset); n < len(p) {
		if errors.Is(err, io.EOF) {
			return &grafeo.DamageError{Path: f.Name(), Offset: offset + int64(n), What: "the file ends here, although more belongs to it"}
		}
		return err
	}
	return nil
}
