package grafeo

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
	"github.com/gbak-s3/gbak-s3/internal/crc32combine"
)

// zeros is an endless reader of zeros.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// A frame of the largest length is read without being held in memory.
func TestLongFramesNeedLittleMemory(t *testing.T) {
	const length = maxFramePayload06
	head := newSegment06(0).b
	// The payload: a GroupBegin record of epoch 5, and zeros.
	front := []byte("\x00\x00\x00\x00\x00\x00\x00\x00\x01\x01\x03\x00\x00\x00\x05\x07\x00")
	frame := slices.Concat(u32(length), u32(0), u64(0), u64(2), []byte{3}, front)
	crc := crc32.Update(crc32.ChecksumIEEE(frame[:4]), crc32.IEEETable, frame[8:])
	binary.LittleEndian.PutUint32(frame[4:], crc32combine.Zeros(crc, length-int64(len(front))))
	log06 := io.MultiReader(bytes.NewReader(head), bytes.NewReader(frame), io.LimitReader(zeros{}, length-int64(len(front))))

	first := u32(length)
	last := u32(crc32combine.Zeros(0, length))
	log05 := io.MultiReader(bytes.NewReader(first), io.LimitReader(zeros{}, length), bytes.NewReader(last),
		bytes.NewReader(commit05(6)))

	before := allocated()
	r, err := NewReader06(log06, "0.6")
	if err != nil {
		t.Fatal(err)
	}
	if c, err := r.Next(); err != nil || c.Epoch != 5 || c.End-c.Start != 25+length {
		t.Errorf("0.6: %+v, %v", c, err)
	}
	if c, err := NewReader05(log05, "0.5").Next(); err != nil || c.Epoch != 6 || c.End < length {
		t.Errorf("0.5: %+v, %v", c, err)
	}
	if used := allocated() - before; used > 1<<20 {
		t.Errorf("%d bytes were allocated", used)
	}
}

// allocated is the number of bytes allocated so far.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// A length that is larger than the file takes no memory either.
func TestClaimedLengthsNeedLittleMemory(t *testing.T) {
	before := allocated()
	for range 100 {
		r, err := NewReader06(bytes.NewReader(slices.Concat(newSegment06(0).b, u32(maxFramePayload06), make([]byte, 40))), "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Next(); !errors.Is(err, ErrDamaged) {
			t.Error(err)
		}
		if _, err := NewReader05(bytes.NewReader(slices.Concat(u32(1<<32-1), []byte{1, 2})), "").Next(); !errors.Is(err, ErrDamaged) {
			t.Error(err)
		}
	}
	if used := allocated() - before; used > 100*2*(sourceBuffer+8192) {
		t.Errorf("%d bytes were allocated", used)
	}
}

func BenchmarkScanLog(b *testing.B) {
	const size = 64 << 20
	for name, record := range map[string]int{"small commits": 60, "large commits": 1 << 20} {
		b.Run("0.5/"+name, func(b *testing.B) {
			dir := filepath.Join(b.TempDir(), "wal")
			l, err := grafeotest.NewLog05(dir, 0)
			if err != nil {
				b.Fatal(err)
			}
			for epoch := uint64(1); epoch < size/uint64(record+50); epoch++ {
				if err := l.Append(epoch, record, epoch); err != nil {
					b.Fatal(err)
				}
			}
			benchmarkScan(b, dir, Gen05)
		})
		b.Run("0.6/"+name, func(b *testing.B) {
			dir := filepath.Join(b.TempDir(), "wal")
			l, err := grafeotest.NewLog06(dir, [16]byte{}, 0)
			if err != nil {
				b.Fatal(err)
			}
			records := make([]byte, record)
			for epoch := uint64(1); l.LSN() < size; epoch++ {
				grafeotest.Fill(records, epoch, 0)
				g := grafeotest.Group06{Epoch: epoch, Transaction: 2, Records: records, Frames: 1 + record>>16}
				if err := l.Append(g); err != nil {
					b.Fatal(err)
				}
			}
			benchmarkScan(b, dir, Gen06)
		})
	}
}

func benchmarkScan(b *testing.B, dir string, gen Generation) {
	l, _ := mustScan(b, dir, gen, ScanOptions{})
	b.SetBytes(l.Files[0].Size)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ScanLog(dir, gen, ScanOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}
