package grafeo

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"time"
)

// pageSize is the unit of both containers, in bytes.
const pageSize = 4096

// headersLength is what the file header and the two database headers take, a
// page each. (docs/grafeo-format.md, sections 3.1 and 4.1)
const headersLength = 3 * pageSize

// Image is what the headers and the directory of a container say.
type Image struct {
	Path       string // as given to ReadImage, for messages
	Generation Generation

	// DatabaseID names the database for life. In 0.6 it is the id in the file
	// header, 32 hex digits. 0.5 has none; "created-" and the creation time in
	// milliseconds stands in for it, as that field is written once and copies
	// of one database share it.
	DatabaseID string

	Created time.Time // of the database
	Creator string    // version of Grafeo that created the database

	// Iteration counts checkpoints and is the only number that grows in both
	// generations. Epoch and TransactionID start again at every open in 0.5,
	// where TransactionID does so in 0.6, too: they must not be compared with
	// those of another image or of a log without looking at the run.
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
	// places in a table, lengths and checksums, and the counts of nodes and edges.
	// Two images of one database with the same Content hold the same. What every
	// checkpoint changes, such as counters, is left out of it.
	Content uint32

	// Empty tells that there has not been a checkpoint yet (0.5), so that all
	// data is in the log.
	Empty bool

	// Directory is whether the database is a directory with a log alone (0.5): there
	// is no image, see [ReadDirectory].
	Directory bool

	// Unknown names the parts of the directory that no release writes that this package
	// knows, such as "section type 7": a later one has written them. Their bytes are
	// proved like any others.
	Unknown []string

	// DamagedSlot tells that one of the two database headers is damaged (0.6).
	// The database opens with the other one, and that is this image. If the
	// damaged one was the newer, a checkpoint is lost.
	DamagedSlot bool

	Size int64 // of the file in bytes, as given to ReadImage

	// Proof is everything that must be whole, in the order of the offsets: the
	// three header pages exactly as they were read, so that a copy of another
	// state does not pass for this one; the directory; every section or chunk.
	// Other bytes of the file are padding and free pages.
	Proof []Range

	encrypted bool // so that Proof is the headers alone

	store     Range // the section with nodes and edges (0.5)
	compacted bool  // there are sections that compact() made (0.5)
}

// ReadDatabase reads what the database at path says of itself: the headers and the
// directory of its valid image ([ImagePath], [ReadImage]), or of a directory that it
// has no image ([ReadDirectory]).
func ReadDatabase(path string) (*Image, error) {
	if IsDirectory(path) {
		return ReadDirectory(path)
	}
	at, err := ImagePath(path)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(at)
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

// ReadImage reads the headers and the directory of a container of size bytes.
// It does not read the sections, so it takes little time; its memory is that
// of the Proof, about 40 bytes for a chunk of the image. The path is for
// messages. A file that changes meanwhile gives an error, or an Image whose
// Proof a later copy does not pass.
//
// The errors are [DamageError], [NotDatabaseError], [UnsupportedVersionError],
// [ErrEncrypted] and those of r. With ErrEncrypted, which only 0.6 has, the
// Image is returned, too: its header fields are good and its Proof is the
// headers alone, as the directory cannot be read.
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

// Check reads every range of the Proof from r and compares. The error is a
// [DamageError] for the lowest range that differs or ends early, the cause of
// ctx, or an error of r.
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

// span checks that length bytes from offset on lie in the file and not before
// first, where a container has only headers and fixed places. They come from
// the file and may be anything.
func (im *Image) span(offset, length uint64, first int64, what string) (int64, int64, error) {
	size := uint64(im.Size)
	switch {
	case offset < uint64(first):
		return 0, 0, im.damage(int64(offset), what+": lies inside the headers")
	case offset > size || length > size-offset:
		return 0, 0, im.damage(int64(min(offset, math.MaxInt64)),
			fmt.Sprintf("%s: %d bytes reach past the end of the file at %d", what, length, im.Size))
	}
	return int64(offset), int64(length), nil
}

func (im *Image) damage(offset int64, what string) error {
	return &DamageError{Path: im.Path, Offset: offset, What: what}
}

// fromMillis is the time of milliseconds since 1970. Zero, and what no clock
// shows (years above 9999, which JSON cannot hold either), is no time.
func fromMillis(ms uint64) time.Time {
	const end = 253402300800000 // 10000-01-01
	if ms == 0 || ms >= end {
		return time.Time{}
	}
	return time.UnixMilli(int64(ms)).UTC()
}
