package disk

import (
	"io"
	"os"
	"sync/atomic"
	"unsafe"
)

// Writer fills a large file with parts, in any order and from several goroutines, by the
// shortest way to the disk: past the page cache, which a restore would only fill with what
// is synced right after. Parts that cannot go that way are written as usual, and the system
// is told to begin at once to write them to the disk. Nothing is durable before the file is
// synced.
type Writer struct {
	file   File
	direct *os.File // the same file, opened to write past the cache; nil if that is not possible
	broken atomic.Bool
}

const (
	// directBytes is the smallest file that is written past the cache.
	directBytes = 32 << 20
	// directPart is the smallest part that is, or whose writing begins at once.
	directPart = 64 << 10
	// alignment of memory, offsets and sizes is necessary to write past the cache.
	alignment = 4096
)

// NewWriter returns a writer of the file f, which will have this size. The file must stay
// open until the writer is closed.
func NewWriter(f File, bytes int64) *Writer {
	w := &Writer{file: f}
	if file, ok := f.(*os.File); ok && bytes >= directBytes {
		w.direct = openDirect(file)
	}
	return w
}

// Reserve allocates space on the disk for a part of the file, where that helps.
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
			w.broken.Store(true) // the file system needs another alignment
			n = 0
		}
	}
	if n == len(p) {
		return n, nil
	}
	m, err := w.file.WriteAt(p[n:], offset+int64(n))
	if file, ok := w.file.(*os.File); ok && m >= directPart { // small ones are better written together
		startWriting(file, offset+int64(n), int64(m))
	}
	return n + m, err
}

var _ io.WriterAt = (*Writer)(nil)

// Close closes the writer; the file stays open.
func (w *Writer) Close() {
	if w != nil && w.direct != nil {
		_ = w.direct.Close() // the file itself is synced
	}
}

func aligned(p []byte) bool { return uintptr(unsafe.Pointer(unsafe.SliceData(p)))%alignment == 0 }

// AlignedBuffer returns a buffer that a Writer can write past the cache.
func AlignedBuffer(bytes int) []byte {
	b := make([]byte, bytes+alignment)
	at := int(uintptr(unsafe.Pointer(unsafe.SliceData(b))) % alignment)
	if at > 0 {
		at = alignment - at
	}
	return b[at : at+bytes : at+bytes]
}
