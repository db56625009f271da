package grafeo

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// RecordKind is the kind of a record in a log of 0.5, by its number. (docs/grafeo-format.md, section 5.2)
type RecordKind byte

// The kinds that matter here.
const (
	CreateEdge05        RecordKind = 0x02
	DropNamedGraph05    RecordKind = 0x1c
	SwitchGraph05       RecordKind = 0x1d
	TransactionCommit05 RecordKind = 0x23
	TransactionAbort05  RecordKind = 0x24
	Checkpoint05        RecordKind = 0x25
	EpochAdvance05      RecordKind = epochAdvance05
)

// maxGraphName is the length of the longest name of a graph that is read.
const maxGraphName = 32 << 10

// Record05 is one frame of a log of 0.5.
type Record05 struct {
	Kind       RecordKind
	File       uint64 // number of its log file
	Start, End int64  // offsets of the frame in that file

	// ID is the transaction of a commit, an abort or a checkpoint, the epoch of an
	// EpochAdvance, and the edge of a CreateEdge; else 0.
	ID uint64

	// Graph is the graph of a SwitchGraph or a DropNamedGraph; "" is the default
	// one.
	Graph string
}

// ScanRecords05 calls visit for each frame of the log of 0.5 in dir between two positions,
// which must be borders of frames. Files may be missing, but the frames of those that are
// there must be whole. An error that visit returns ends the scan.
func ScanRecords05(dir string, from, end Position, visit func(Record05) error) error {
	names, err := listLogs(dir, Gen05)
	if err != nil {
		return err
	}
	for _, name := range names {
		if name.number < from.File || name.number > end.File {
			continue
		}
		start, stop := int64(0), int64(-1)
		if name.number == from.File {
			start = from.Offset
		}
		if name.number == end.File {
			stop = end.Offset
		}
		if err := scanRecords05(dir, name, start, stop, visit); err != nil {
			return err
		}
	}
	return nil
}

// scanRecords05 reads one log file, to its end if stop is negative.
func scanRecords05(dir string, name logName, start, stop int64, visit func(Record05) error) error {
	in, err := openLog(dir, name)
	if err != nil {
		return err
	}
	defer in.Close()
	if stop < 0 || stop > in.size {
		stop = in.size
	}
	if start >= stop {
		return nil
	}
	src := newSource(io.NewSectionReader(in, start, stop-start), stop-start, in.path)
	for at := start; at < stop; {
		r, err := readRecord05(&src, at)
		if errors.Is(err, errShort) {
			return src.torn(at, "the file ends inside a frame")
		}
		if err != nil {
			return err
		}
		r.File, r.Start = name.number, at
		at = r.End
		if err := visit(r); err != nil {
			return err
		}
	}
	return nil
}

// readRecord05 reads the frame at offset at of its file. It does not check the checksum,
// which a scan of commits does.
func readRecord05(src *source, at int64) (Record05, error) {
	head, err := src.peek(frameLengthField05 + 1)
	if err != nil {
		return Record05{}, err
	}
	length := int64(binary.LittleEndian.Uint32(head))
	r := Record05{Kind: RecordKind(head[frameLengthField05]), End: at + frameLengthField05 + length + frameCRCField05}
	if err := src.take(frameLengthField05, nil); err != nil {
		return Record05{}, err
	}
	known := int64(1 + maxVarint)
	if r.Kind == SwitchGraph05 || r.Kind == DropNamedGraph05 {
		known = maxGraphName
	}
	payload, err := src.peek(int(min(length, known)))
	if err != nil {
		return Record05{}, err
	}
	if err := r.decode(payload[1:]); err != nil {
		return Record05{}, src.torn(at, fmt.Sprintf("a record of kind %#x: %v", byte(r.Kind), err))
	}
	return r, src.take(length+frameCRCField05, nil)
}

// decode decodes the content of the record, which begins with p.
func (r *Record05) decode(p []byte) error {
	switch r.Kind {
	case TransactionCommit05, TransactionAbort05, Checkpoint05, EpochAdvance05, CreateEdge05:
		id, _, err := readVarint(p)
		r.ID = id
		return err
	case SwitchGraph05:
		if len(p) == 1 && p[0] == 0 {
			return nil
		}
		if len(p) == 0 || p[0] != 1 {
			return errors.New("neither a graph nor none")
		}
		return r.decodeGraph(p[1:])
	case DropNamedGraph05:
		return r.decodeGraph(p)
	}
	return nil
}

func (r *Record05) decodeGraph(p []byte) error {
	length, n, err := readVarint(p)
	if err != nil {
		return err
	}
	if length != uint64(len(p)-n) {
		return fmt.Errorf("a name of %d bytes in %d", length, len(p)-n)
	}
	r.Graph = string(p[n:])
	return nil
}

// EndOfEdge05 returns the end of the frame at the offset at of a log file. The error is a
// [DamageError] if that frame does not create an edge.
func EndOfEdge05(r io.ReaderAt, at int64, path string) (int64, error) {
	head := make([]byte, frameLengthField05+1)
	if err := readAt(r, head, at, path, "frame"); err != nil {
		return 0, err
	}
	if RecordKind(head[frameLengthField05]) != CreateEdge05 {
		return 0, &DamageError{Path: path, Offset: at, What: "a frame that creates no edge, although the archive says that it does"}
	}
	return at + frameLengthField05 + int64(binary.LittleEndian.Uint32(head)) + frameCRCField05, nil
}

// AppendSwitchGraph05 appends the frame of a SwitchGraph record to b.
func AppendSwitchGraph05(b []byte, graph string) []byte {
	payload := append(appendVarint([]byte{byte(SwitchGraph05), 1}, uint64(len(graph))), graph...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(payload)))
	b = append(b, payload...)
	return binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(payload))
}
