package grafeotest

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"time"
)

// SegmentHeader06 returns the 128 bytes with which a log segment begins.
// (docs/grafeo-format.md, section 6.1)
func SegmentHeader06(id [16]byte, firstLSN uint64, created time.Time) []byte {
	b := make([]byte, 128)
	copy(b, "GRAFWAL\x00")
	binary.LittleEndian.PutUint16(b[8:], 2)
	binary.LittleEndian.PutUint16(b[10:], 128)
	putID(b[16:32], id)
	binary.LittleEndian.PutUint64(b[32:], firstLSN)
	binary.LittleEndian.PutUint64(b[40:], millis(created))
	putCRC(b, 124)
	return b
}

// SegmentName06 returns the file name of a segment.
func SegmentName06(firstLSN uint64) string { return fmt.Sprintf("wal_%020d.log", firstLSN) }

// Group06 describes one group of a log.
type Group06 struct {
	Epoch       uint64
	Time        time.Time
	Origin      uint64 // 0 transaction, 3 schema
	Transaction uint64
	Synced      uint64 // log position up to which the log is known to be synced
	Records     []byte // what follows the GroupBegin record, as one record
	Frames      int    // how many frames to split it over; 1 if zero
	SyncMark    bool   // a sync mark instead: nothing of the above but Synced
}

// AppendGroup06 appends a group that starts at the log position lsn.
// (docs/grafeo-format.md, section 6.2)
func AppendGroup06(b []byte, lsn uint64, g Group06) []byte {
	payload := binary.LittleEndian.AppendUint64(nil, g.Synced)
	if g.SyncMark {
		return AppendFrame06(b, lsn, 1, 3, payload)
	}
	begin := AppendVarint(nil, g.Epoch)
	begin = AppendVarint(begin, millis(g.Time))
	begin = AppendVarint(begin, g.Origin)
	payload = appendRecord06(payload, 1, begin)
	payload = appendRecord06(payload, 16, g.Records)
	frames := max(g.Frames, 1)
	first := 8 + 6 + len(begin) // stays in the first frame
	part := (len(payload) - first) / frames
	for i := range frames {
		flags, end := byte(0), first+(i+1)*part
		if i == 0 {
			flags |= 1
		}
		if i == frames-1 {
			flags, end = flags|2, len(payload)
		}
		start := first + i*part
		if i == 0 {
			start = 0
		}
		n := len(b)
		b = AppendFrame06(b, lsn, g.Transaction, flags, payload[start:end])
		lsn += uint64(len(b) - n)
	}
	return b
}

// AppendFrame06 appends one frame at the log position lsn.
func AppendFrame06(b []byte, lsn, transaction uint64, flags byte, payload []byte) []byte {
	at := len(b)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(payload)))
	b = append(b, 0, 0, 0, 0)
	b = binary.LittleEndian.AppendUint64(b, lsn)
	b = binary.LittleEndian.AppendUint64(b, transaction)
	b = append(b, flags)
	b = append(b, payload...)
	crc := crc32.ChecksumIEEE(b[at : at+4])
	binary.LittleEndian.PutUint32(b[at+4:], crc32.Update(crc, crc32.IEEETable, b[at+8:]))
	return b
}

func appendRecord06(b []byte, kind byte, payload []byte) []byte {
	b = append(b, kind, 1)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(payload)))
	return append(b, payload...)
}

// Log06 writes the log of a database into a folder, segment after segment. It has nothing
// in memory but its position, so a log may have gigabytes.
type Log06 struct {
	dir  string
	id   [16]byte
	lsn  uint64
	file *os.File
}

// NewLog06 makes the folder dir, if it does not exist, and a first segment at the log
// position lsn. A zero id is DefaultID.
func NewLog06(dir string, id [16]byte, lsn uint64) (*Log06, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	l := &Log06{dir: dir, id: id, lsn: lsn}
	return l, l.Rotate()
}

// LSN returns the log position of the next group.
func (l *Log06) LSN() uint64 { return l.lsn }

// Path returns the newest segment's file.
func (l *Log06) Path() string { return l.file.Name() }

// Append appends a group.
func (l *Log06) Append(g Group06) error {
	b := AppendGroup06(nil, l.lsn, g)
	l.lsn += uint64(len(b))
	_, err := l.file.Write(b)
	return err
}

// Rotate begins a new segment.
func (l *Log06) Rotate() error {
	if err := l.Close(); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(l.dir, SegmentName06(l.lsn)))
	if err != nil {
		return err
	}
	l.file = f
	_, err = f.Write(SegmentHeader06(l.id, l.lsn, time.Time{}))
	return err
}

// Close closes the newest segment.
func (l *Log06) Close() error {
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	return err
}
