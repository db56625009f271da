package grafeo

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"time"

	"github.com/gbak-s3/gbak-s3/internal/shared"
)

// pageSize is the unit of both containers, in bytes.
const pageSize = 4096

// headersLength is the length of the file header and the two database headers, a page
// each. (docs/grafeo-format.md, sections 3.1 and 4.1)
const headersLength = 3 * pageSize

// Image is what the headers and the directory of a container say.
type Image struct {
	Path       string // as given to ReadImage, for messages
	Generation Generation

	// DatabaseID identifies the database for life. In 0.6 it is the id in the file
	// header, 32 hex digits. 0.5 has no id: "created-" and the creation time in
	// milliseconds stands for it, as that field is written once, and copies of one
	// database share it.
	DatabaseID string

	Created time.Time // of the database
	Creator string    // version of Grafeo that created the database

	// Iteration counts checkpoints. It is the only one of these numbers that always
	// grows: at every open, TransactionID begins again, and in 0.5 so does Epoch. These
	// must only be compared with those of an image or a log of the same run.
	Iteration     uint64
	Epoch         uint64
	TransactionID uint64

	// CheckpointLSN (0.6) is the position in the log that the image covers: the
	// log is replayed from the group that starts there.
	CheckpointLSN uint64

	NodeCount uint64
	EdgeCount uint64
	Time      time.Time // of the checkpoint; zero if there is none

	// Content is a sum over the chunks that the directory lists (0.6): their kinds,
	// places in a table, lengths and checksums, and the numbers of nodes and edges. Two
	// images of one database with the same Content hold the same data. What every
	// checkpoint changes, such as counters, is left out.
	Content uint32

	// Empty is true if there was no checkpoint yet (0.5), so that all data is in the
	// log.
	Empty bool

	// Directory is true if the database is a directory with nothing but a log (0.5):
	// there is no image, see [ReadDirectory].
	Directory bool

	// Unknown names the parts of the directory that no known release writes, such as
	// "section type 7": a later one wrote them. Their bytes are proved like any others.
	Unknown []string

	// DamagedSlot is true if one of the two database headers is damaged (0.6). The
	// database opens with the other one, and so does this image. If the damaged one was
	// the newer, a checkpoint is lost.
	DamagedSlot bool

	Size int64 // of the file in bytes, as given to ReadImage

	// Proof has the ranges that must be whole, in ascending order of offsets: the
	// directory, every section or chunk, and the three header pages exactly as they were
	// read, so that a copy of another state does not pass for this one. All other bytes
	// of the file are padding or free pages.
	Proof []Range

	encrypted bool // so that Proof is the headers alone

	store     Range // the section with nodes and edges (0.5)
	compacted bool  // there are sections that compact() made (0.5)
}

// HeadersCRC32C returns the checksum of the image's headers, which tells images apart: their
// proof begins with it. A directory has none, which is 0.
func (im *Image) HeadersCRC32C() uint32 {
	if im.Directory {
		return 0
	}
	return im.Proof[0].CRC32
}

// ReadDatabase reads how the database at path describes itself: the headers and the
// directory of its valid image ([ImagePath], [ReadImage]). A WAL directory has no image
// (see [ReadDirectory]).
func ReadDatabase(path string) (*Image, error) {
	if IsDirectory(path) {
		return ReadDirectory(path)
	}
	at, err := ImagePath(path)
	if err != nil {
		return nil, err
	}
	f, err := shared.Open(at)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return ReadImage(f, info.Size(), at)
}

// ReadImage reads the headers and the directory of a container of size bytes. It does
// not read the sections, so it takes little time; it needs memory for the Proof, about 40
// bytes for each chunk of the image. The path is for messages. If the file changes
// meanwhile, the result is an error, or an Image whose Proof no later copy passes.
//
// The errors are [DamageError], [NotDatabaseError], [UnsupportedVersionError],
// [ErrEncrypted] and those of r. With ErrEncrypted, which only 0.6 has, ReadImage returns
// an Image, too: its header fields are valid, and its Proof is the headers alone, as the
// directory cannot be read.
func ReadImage(r io.ReaderAt, size int64, path string) (*Image, error) {
	first := make([]byte, min(identityLength, max(size, 0)))
	if err := readAt(r, first, 0, path, "file header"); err != nil {
		return nil, err
	}
	generation, err := identify(first, path)
	if err != nil {
		return nil, err
	}
	if size < headersLength {
		return nil, &DamageError{Path: path, Offset: size, What: "the file ends inside its headers"}
	}
	headers := make([]byte, headersLength)
	if err := readAt(r, headers, 0, path, "headers"); err != nil {
		return nil, err
	}
	im := &Image{Path: path, Generation: generation, Size: size}
	im.Proof = []Range{newRangeC(0, headers, "headers")}
	if generation == Gen05 {
		err = im.read05(r, headers)
	} else {
		err = im.read06(r, headers)
	}
	if err != nil && !errors.Is(err, ErrEncrypted) {
		return nil, err
	}
	return im, err
}

// checkBuffer is how many bytes [Image.Check] reads at a time.
const checkBuffer = 256 << 10

// Check reads every range of the Proof from r and compares its checksum. The error is a
// [DamageError] for the first range that differs or ends early, the cause of ctx, or an
// error of r.
func (im *Image) Check(ctx context.Context, r io.ReaderAt) error {
	longest := int64(0)
	for _, r := range im.Proof {
		longest = max(longest, r.Length)
	}
	buf := make([]byte, min(longest, checkBuffer))
	for _, want := range im.Proof {
		crc, table := uint32(0), want.table()
		for done := int64(0); done < want.Length; {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			p := buf[:min(int64(len(buf)), want.Length-done)]
			if err := readAt(r, p, want.Offset+done, im.Path, want.What); err != nil {
				return err
			}
			crc = crc32.Update(crc, table, p)
			done += int64(len(p))
		}
		if crc != want.CRC32 {
			return &DamageError{Path: im.Path, Offset: want.Offset, What: want.What + ": wrong checksum"}
		}
	}
	return nil
}

// span checks that the length bytes at offset are in the file, and not before first,
// where a container has only headers. Both numbers come from the file and may be anything.
func (im *Image) span(offset, length uint64, first int64, what string) (int64, int64, error) {
	size := uint64(im.Size)
	switch {
	case offset < uint64(first):
		return 0, 0, im.damage(int64(offset), what+": is inside the headers")
	case offset > size || length > size-offset:
		return 0, 0, im.damage(int64(min(offset, math.MaxInt64)),
			fmt.Sprintf("%s: %d bytes reach past the end of the file at %d", what, length, im.Size))
	}
	return int64(offset), int64(length), nil
}

func (im *Image) damage(offset int64, what string) error {
	return &DamageError{Path: im.Path, Offset: offset, What: what}
}

// fromMillis returns the time of milliseconds since 1970. Zero, and what no clock shows
// (years after 9999, which JSON cannot hold either), is no time.
func fromMillis(ms uint64) time.Time {
	const end = 253402300800000 // 10000-01-01
	if ms == 0 || ms >= end {
		return time.Time{}
	}
	return time.UnixMilli(int64(ms)).UTC()
}
