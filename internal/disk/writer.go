package disk

import (
	"io"
	"os"
	"sync/atomic"
	"unsafe"
)

// Writer fills a large file with parts in any order, from several goroutines, on
// the shortest way to the disk that there is: past the page cache, which a restore
// would only fill with what is synced right after. Where there is no such way, or
// parts do not fit it, they are written as always, and their way to the disk
// begins at once. Nothing is durable before the file is synced.
type Writer struct {
	file   File
	direct *os.File // the same file; nil where there is no direct way
	broken atomic.Bool
}

const (
	// directBytes is the smallest file that is written past the cache.
	directBytes = 32 << 20
	// directPart is the smallest part that is, or whose way begins at once.
	directPart = 64 << 10
	// alignment is that of memory, offsets and sizes that go past the cache.
	alignment = 4096
)

// NewWriter makes a writer of a file of this size. The file must stay open until
// the writer is closed.
func NewWriter(f File, bytes int64) *Writer {
	w := &Writer{file: f}
	if file, ok := f.(*os.File); ok && bytes >= directBytes {
		w.direct = openDirect(file)
	}
	return w
}

// Reserve makes room on the disk for a part of the file, where that helps.
func (w *Writer) Reserve(offset, bytes int64) error {
	if file, ok := w.file.(*os.File); ok && bytes >= directBytes {
		return reserve(file, offset, bytes)
	}
	return nil
}

// WriteAt implements [io.WriterAt].
func (w *Writer) WriteAt(p []byte, offset int64) (int, error) {
	n := 0
	if w.direct != nil && !w.broken.Load() && len(p) >= directPart && offset%alignment == 0 && aligned(p) {
		var err error
		if n, err = w.direct.WriteAt(p[:len(p)/alignment*alignment], offset); err != nil {
			if !isUnfit(err) {
				return n, err
			}
			w.broken.Store(true) // the file system wants it in another way
			n = 0
		}
	}
	if n == len(p) {
		return n, nil
	}
	m, err := w.file.WriteAt(p[n:], offset+int64(n))
	if file, ok := w.file.(*os.File); ok && m >= directPart { // many small ones are better written together
		startWriting(file, offset+int64(n), int64(m))
	}
	return n + m, err
}

var _ io.WriterAt = (*Writer)(nil)

// Close ends the writer; the file stays open.
func (w *Writer) Close() {
	if w != nil && w.direct != nil {
		_ = w.direct.Close() // the file itself is synced
	}
}

func aligned(p []byte) bool { return uintptr(unsafe.Pointer(unsafe.SliceData(p)))%alignment == 0 }

// AlignedBuffer makes a buffer that a Writer can write past the cache.
func AlignedBuffer(bytes int) []byte {
	b := make([]byte, bytes+alignment)
	at := int(uintptr(unsafe.Pointer(unsafe.SliceData(b))) % alignment)
	if at > 0 {
		at = alignment - at
	}
	return b[at : at+bytes : at+bytes]
}
