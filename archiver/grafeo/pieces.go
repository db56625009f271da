package grafeo

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
)

// Pieces05 reads a 0.5 log that is divided into pieces: a commit may begin in one piece
// and end in a later one. The zero value is at the beginning.
type Pieces05 struct {
	chain chain05
	count int
}

// Scan reads the next piece, to its end, and calls visit for each commit that ends in it.
// The files of a commit are the numbers of pieces, from 0, and its offsets are those in
// the pieces. A frame that is cut off or wrong is a [DamageError].
func (p *Pieces05) Scan(r io.Reader, path string, visit func(Commit) error) error {
	piece := newReader05(newSource(r, sourceBuffer, path), &p.chain, p.count)
	p.count++
	for {
		c, err := piece.Next()
		if errors.Is(err, io.EOF) {
			piece.leave()
			return nil
		}
		if err != nil {
			return err
		}
		if err := visit(c); err != nil {
			return err
		}
	}
}

// CopyCommits05 copies frames from r to w, except those that advance the epoch, and
// returns the number of bytes written. So commits of earlier runs become part of the
// first commit of the next run, and their changes stay the same.
func CopyCommits05(w io.Writer, r io.Reader) (int64, error) {
	var written int64
	head := make([]byte, frameLengthField05+1)
	for {
		switch n, err := io.ReadFull(r, head); {
		case n == 0 && errors.Is(err, io.EOF):
			return written, nil
		case err != nil:
			return written, err
		}
		length := int64(binary.LittleEndian.Uint32(head))
		rest := length - 1 + frameCRCField05
		if head[frameLengthField05] == epochAdvance05 {
			if _, err := io.CopyN(io.Discard, r, rest); err != nil {
				return written, err
			}
			continue
		}
		n, err := io.Copy(w, io.MultiReader(bytes.NewReader(head), io.LimitReader(r, rest)))
		written += n
		if err == nil && n != int64(len(head))+rest {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return written, err
		}
	}
}

// SegmentHeaderLength is the length in bytes of the header of a 0.6 log segment.
const SegmentHeaderLength = segmentHeaderLength

// MoveSegment returns the header of a 0.6 log segment, changed to begin at another log
// position. With such a header, a part of a segment is a segment, too.
func MoveSegment(header []byte, firstLSN uint64) []byte {
	moved := bytes.Clone(header[:segmentHeaderLength])
	binary.LittleEndian.PutUint64(moved[32:], firstLSN)
	binary.LittleEndian.PutUint32(moved[segmentHeaderCRC06:], crc32.ChecksumIEEE(moved[:segmentHeaderCRC06]))
	return moved
}
