package grafeo

import (
	"encoding/binary"
	"errors"
	"io"
)

// The frames of a 0.5 log. (docs/grafeo-format.md, sections 5.1 and 5.2)
const (
	frameLengthField05 = 4 // before the payload
	frameCRCField05    = 4 // behind it
	epochAdvance05     = 0x26

	// maxEpochAdvance05 is the longest payload of an EpochAdvance record.
	maxEpochAdvance05 = 1 + maxVarint
)

// Reader05 reads the commits of one 0.5 log file, or of any concatenation of
// such files, from front to back. Its memory does not depend on the input.
type Reader05 struct {
	src    source
	chain  *chain05
	end    int64  // behind the last commit
	endCRC uint32 // CRC-32C of the bytes before end
}

// chain05 is what goes on from one file of a log to the next.
type chain05 struct {
	file int // index of the current file

	// The commit in the making: where it starts, how many bytes it has in
	// whole frames, and their checksum in the files before this one.
	startFile int
	start     int64
	pending   int64
	crc       uint32

	commits int64  // so far
	epoch   uint64 // of the last one
	run     int
}

// NewReader05 returns a reader of the log file r; path is for messages.
func NewReader05(r io.Reader, path string) *Reader05 {
	return newReader05(newSource(r, sourceBuffer, path), &chain05{}, 0)
}

// newReader05 returns a reader of the file of that index, which goes on with
// the commit that the file before left unfinished.
func newReader05(src source, chain *chain05, file int) *Reader05 {
	chain.file = file
	if chain.pending == 0 {
		// Name the place by the file that has the commit's first byte: the one
		// before may be deleted first.
		chain.startFile, chain.start = file, 0
	}
	src.commit = chain.crc
	return &Reader05{src: src, chain: chain}
}

// Next returns the next commit. io.EOF is the end of the input at the end of a
// frame; frames behind the last commit belong to none. A frame that is cut off
// or wrong is a [DamageError] at the offset of that frame.
func (r *Reader05) Next() (Commit, error) {
	for {
		at := r.src.offset
		epoch, isCommit, err := r.frame()
		if err != nil {
			return Commit{}, err
		}
		r.chain.pending += r.src.offset - at
		if isCommit {
			return r.commit(epoch), nil
		}
	}
}

// End returns the offset behind the last commit that Next returned, and the
// CRC-32C of the bytes before it.
func (r *Reader05) End() (offset int64, crc uint32) { return r.end, r.endCRC }

// leave hands the unfinished commit over to the next file, if this one is good
// to its end, and returns the CRC-32C of all of this one.
func (r *Reader05) leave() (crc uint32) {
	r.src.sum()
	r.chain.crc = r.src.commit
	return r.src.whole
}

// commit closes the commit in the making.
func (r *Reader05) commit(epoch uint64) Commit {
	chain := r.chain
	r.src.sum()
	if chain.commits > 0 && epoch <= chain.epoch {
		chain.run++ // the database was opened again
	}
	c := Commit{
		Kind: Transaction, Epoch: epoch, HasEpoch: true,
		StartFile: chain.startFile, Start: chain.start, File: chain.file, End: r.src.offset,
		CRC32C: r.src.commit, Run: chain.run,
	}
	r.end, r.endCRC = r.src.offset, r.src.whole
	c.upToEnd = r.endCRC
	chain.commits++
	chain.epoch = epoch
	chain.startFile, chain.start, chain.pending = chain.file, r.end, 0
	r.src.startCommit()
	return c
}

// frame reads one frame. If it is an EpochAdvance record, which ends a commit,
// it returns the epoch. (docs/grafeo-format.md, section 5.3)
func (r *Reader05) frame() (epoch uint64, isCommit bool, err error) {
	at := r.src.offset
	head, err := r.src.peek(frameLengthField05)
	if errors.Is(err, errShort) && len(head) == 0 {
		return 0, false, io.EOF
	}
	if err != nil {
		return 0, false, r.src.shortAsTorn(err, at)
	}
	length := int64(binary.LittleEndian.Uint32(head))
	if length == 0 {
		return 0, false, r.src.torn(at, "a frame without a record")
	}
	if err := r.src.take(frameLengthField05, nil); err != nil {
		return 0, false, r.src.shortAsTorn(err, at)
	}
	prefix, err := r.src.peek(int(min(length, maxEpochAdvance05)))
	if err != nil {
		return 0, false, r.src.shortAsTorn(err, at)
	}
	isCommit = prefix[0] == epochAdvance05
	decodable := true
	if isCommit {
		epoch, decodable = decodeEpochAdvance05(prefix, length)
	}
	var crc uint32
	if err := r.src.take(length, &crc); err != nil {
		return 0, false, r.src.shortAsTorn(err, at)
	}
	stored, err := r.src.peek(frameCRCField05)
	if err != nil {
		return 0, false, r.src.shortAsTorn(err, at)
	}
	if binary.LittleEndian.Uint32(stored) != crc {
		return 0, false, r.src.torn(at, "frame: wrong checksum")
	}
	if !decodable {
		return 0, false, r.src.torn(at, "frame: an EpochAdvance record without an epoch")
	}
	if err := r.src.take(frameCRCField05, nil); err != nil {
		return 0, false, r.src.shortAsTorn(err, at)
	}
	return epoch, isCommit, nil
}

// decodeEpochAdvance05 decodes the payload, of which prefix is the front, of an
// EpochAdvance record: its number and the epoch, nothing else.
func decodeEpochAdvance05(prefix []byte, length int64) (epoch uint64, ok bool) {
	epoch, n, err := readVarint(prefix[1:])
	return epoch, err == nil && int64(1+n) == length
}
