package grafeotest

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
)

// AppendFrame05 appends one frame. (docs/grafeo-format.md, section 5.1)
func AppendFrame05(b, payload []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(payload)))
	b = append(b, payload...)
	return binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(payload))
}

// AppendCommit05 appends a commit: a frame for each record, which must not be
// empty nor begin with the byte 0x26, and the two that end it.
// (docs/grafeo-format.md, section 5.3)
func AppendCommit05(b []byte, transaction, epoch uint64, records ...[]byte) []byte {
	for _, r := range records {
		b = AppendFrame05(b, r)
	}
	b = AppendFrame05(b, AppendVarint([]byte{0x23}, transaction))
	return AppendFrame05(b, AppendVarint([]byte{0x26}, epoch))
}

// LogName05 returns the name of the log file with this number.
func LogName05(number uint64) string { return fmt.Sprintf("wal_%08d.log", number) }

// Log05 writes the log of a database into a folder, file after file.
type Log05 struct {
	dir         string
	number      uint64
	transaction uint64
	file        *os.File
}

// NewLog05 makes the folder dir, if it does not exist, and a first log file with this
// number.
func NewLog05(dir string, number uint64) (*Log05, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	l := &Log05{dir: dir, number: number, transaction: 1}
	return l, l.open()
}

// Path returns the newest log file.
func (l *Log05) Path() string { return l.file.Name() }

// Append appends a commit with one record of n bytes, which depend on the seed,
// and the given epoch.
func (l *Log05) Append(epoch uint64, n int, seed uint64) error {
	record := make([]byte, max(n, 1))
	Fill(record, seed, 0)
	record[0] = 0 // CreateNode
	l.transaction++
	_, err := l.file.Write(AppendCommit05(nil, l.transaction, epoch, record))
	return err
}

// Write appends bytes as they are: a commit over two files, or a torn one.
func (l *Log05) Write(b []byte) (int, error) { return l.file.Write(b) }

// Rotate begins the next log file.
func (l *Log05) Rotate() error {
	if err := l.Close(); err != nil {
		return err
	}
	l.number++
	return l.open()
}

func (l *Log05) open() (err error) {
	l.file, err = os.Create(filepath.Join(l.dir, LogName05(l.number)))
	return err
}

// Close closes the newest log file.
func (l *Log05) Close() error { return l.file.Close() }
