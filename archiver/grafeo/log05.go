package grafeo

import (
	"encoding/binary"
	"errors"
	"io"
)

// The frames of a 0.5 log. (docs/grafeo-format.md, sections 5.1 and 5.2)
const (
	frameLengthField05 = 4 // before the payload
	frameCRCField05    = 4 // after it

	transactionCommit05 = 0x23 // records below it change data or schema
	transactionAbort05  = 0x24
	checkpoint05        = 0x25
	epochAdvance05      = 0x26

	// maxEpochAdvance05 is the longest payload of an EpochAdvance record.
	maxEpochAdvance05 = 1 + maxVarint
)

// Reader05 reads the commits of one 0.5 log file, or of any concatenation of
// such files, from front to back. Its memory does not depend on the input.
type Reader05 struct {
	src    source
	chain  *chain05
	end    int64  // of the last commit
	endCRC uint32 // CRC-32C of the bytes before end

	last    bool           // no other file follows
	borders map[int64]bool // offsets at which commits end without an EpochAdvance, too
}

// chain05 is the state that continues from one file of a log to the next.
type chain05 struct {
	file int // index of the current file

	// The commit that is not complete yet: where it starts, how many bytes it has in
	// whole frames, and their checksum in the files before this one.
	startFile int
	start     int64
	pending   int64
	crc       uint32

	changed bool       // there are changes that are neither committed nor aborted
	closed  *closing05 // the last TransactionCommit after changes, nil if there is none
	closing bool       // the commit before it was a Closing

	commits int64  // so far
	epoch   uint64 // of the last one
	run     int

	// The run of the first Checkpoint record that is not in the first file, nil if there
	// is none.
	checkpointRun *int
}

// closing05 is where a commit ends if no EpochAdvance follows.
type closing05 struct {
	file    int
	end     int64
	pending int64  // bytes of the commit up to there
	crc     uint32 // CRC-32C of the commit up to there
	upToEnd uint32 // and of the file
}

// NewReader05 returns a reader of the log file r; path is for messages. Borders
// are offsets like [ScanOptions.Borders].
func NewReader05(r io.Reader, path string, borders ...int64) *Reader05 {
	reader := newReader05(newSource(r, sourceBuffer, path), &chain05{}, 0)
	reader.last, reader.borders = true, map[int64]bool{}
	for _, offset := range borders {
		reader.borders[offset] = true
	}
	return reader
}

// newReader05 returns a reader of the file with this index. It continues the commit that
// the file before left unfinished.
func newReader05(src source, chain *chain05, file int) *Reader05 {
	chain.file = file
	if chain.pending == 0 {
		// A commit starts in the file that has its first byte: the one before may be
		// deleted earlier.
		chain.startFile, chain.start = file, 0
	}
	src.commit = chain.crc
	return &Reader05{src: src, chain: chain}
}

// Next returns the next commit. The error is io.EOF if the input ends with a frame;
// frames after the last commit belong to none. For a frame that is cut off or wrong, it is
// a [DamageError] at the offset of that frame.
func (r *Reader05) Next() (Commit, error) {
	for {
		at := r.src.offset
		kind, epoch, err := r.frame()
		if errors.Is(err, io.EOF) && r.last {
			if c, ok := r.chain.close(); ok {
				r.end, r.endCRC = c.End, c.upToEnd
				return c, nil
			}
		}
		if err != nil {
			return Commit{}, err
		}
		r.chain.pending += r.src.offset - at
		if kind == epochAdvance05 {
			return r.commit(epoch, at), nil
		}
		r.note(kind)
		if kind == transactionCommit05 && r.borders[r.src.offset] {
			if c, ok := r.chain.close(); ok {
				r.end, r.endCRC = c.End, c.upToEnd
				r.src.startCommit()
				return c, nil
			}
		}
	}
}

// note records what a record means that ends no commit by itself.
func (r *Reader05) note(kind byte) {
	chain := r.chain
	switch kind {
	case transactionCommit05:
		if chain.changed {
			r.src.sum()
			chain.closed = &closing05{chain.file, r.src.offset, chain.pending, r.src.commit, r.src.whole}
		}
		chain.changed = false
	case transactionAbort05:
		chain.changed = false
	case checkpoint05:
		if chain.file > 0 && chain.checkpointRun == nil {
			run := chain.run
			chain.checkpointRun = &run
		}
	default:
		chain.changed = true
	}
}

// close ends the incomplete commit at its last TransactionCommit record that has changes
// before it, if there is one.
func (chain *chain05) close() (c Commit, ok bool) {
	at := chain.closed
	if at == nil {
		return Commit{}, false
	}
	chain.epoch++
	c = Commit{
		Kind: Closing, Epoch: chain.epoch, HasEpoch: true,
		StartFile: chain.startFile, Start: chain.start, File: at.file, End: at.end,
		CRC32C: at.crc, Run: chain.run, upToEnd: at.upToEnd,
	}
	chain.closed, chain.closing = nil, true
	chain.commits++
	chain.startFile, chain.start = at.file, at.end
	chain.pending -= at.pending
	return c, true
}

// End returns the offset after the last commit that Next returned, and the CRC-32C of the
// bytes before it.
func (r *Reader05) End() (offset int64, crc uint32) { return r.end, r.endCRC }

// leave passes the unfinished commit on to the next file, if this one is whole to its
// end, and returns the CRC-32C of all of this one.
func (r *Reader05) leave() (crc uint32) {
	r.src.sum()
	r.chain.crc = r.src.commit
	return r.src.whole
}

// commit completes the commit with the EpochAdvance at offset at.
func (r *Reader05) commit(epoch uint64, at int64) Commit {
	chain := r.chain
	r.src.sum()
	// An EpochAdvance right after a Closing has the epoch that this has already.
	late := chain.closing && chain.pending == r.src.offset-at
	if chain.commits > 0 && epoch <= chain.epoch && !(late && epoch == chain.epoch) {
		chain.run++ // the database was opened again
	}
	chain.closing = false
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
	chain.changed, chain.closed = false, nil
	r.src.startCommit()
	return c
}

// frame reads one frame and returns the kind of its record and, of an EpochAdvance, which
// ends a commit, the epoch. (docs/grafeo-format.md, section 5.3)
func (r *Reader05) frame() (kind byte, epoch uint64, err error) {
	at := r.src.offset
	head, err := r.src.peek(frameLengthField05)
	if errors.Is(err, errShort) && len(head) == 0 {
		return 0, 0, io.EOF
	}
	if err != nil {
		return 0, 0, r.src.shortAsTorn(err, at)
	}
	length := int64(binary.LittleEndian.Uint32(head))
	if length == 0 {
		return 0, 0, r.src.torn(at, "a frame without a record")
	}
	if err := r.src.take(frameLengthField05, nil); err != nil {
		return 0, 0, r.src.shortAsTorn(err, at)
	}
	prefix, err := r.src.peek(int(min(length, maxEpochAdvance05)))
	if err != nil {
		return 0, 0, r.src.shortAsTorn(err, at)
	}
	kind = prefix[0]
	decodable := true
	if kind == epochAdvance05 {
		epoch, decodable = decodeEpochAdvance05(prefix, length)
	}
	var crc uint32
	if err := r.src.take(length, &crc); err != nil {
		return 0, 0, r.src.shortAsTorn(err, at)
	}
	stored, err := r.src.peek(frameCRCField05)
	if err != nil {
		return 0, 0, r.src.shortAsTorn(err, at)
	}
	if binary.LittleEndian.Uint32(stored) != crc {
		return 0, 0, r.src.torn(at, "frame: wrong checksum")
	}
	if !decodable {
		return 0, 0, r.src.torn(at, "frame: an EpochAdvance record without an epoch")
	}
	if err := r.src.take(frameCRCField05, nil); err != nil {
		return 0, 0, r.src.shortAsTorn(err, at)
	}
	return kind, epoch, nil
}

// decodeEpochAdvance05 decodes the payload of an EpochAdvance record, which begins with
// prefix: its kind and the epoch, nothing else.
func decodeEpochAdvance05(prefix []byte, length int64) (epoch uint64, ok bool) {
	epoch, n, err := readVarint(prefix[1:])
	return epoch, err == nil && int64(1+n) == length
}
