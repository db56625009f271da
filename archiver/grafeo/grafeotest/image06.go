package grafeotest

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"
	"time"
)

// DefaultID is the id of databases that are made without one, as package grafeo prints it.
const DefaultID = "0123456789abcdef0123456789abcdef"

// Image06Options describe a 0.6 container. The zero value is a database with a
// single small chunk.
type Image06Options struct {
	ID            [16]byte // most significant byte first; zero is DefaultID
	Created, Time time.Time
	Creator       string // "0.6.0" if empty

	Iteration, Epoch, CheckpointLSN, TransactionID uint64
	NodeCount, EdgeCount                           uint64

	Size         int64   // of all chunks together, in bytes
	ChunkSize    int64   // of all but the last, in bytes; 1 MiB if zero
	Compressible float64 // part of each chunk that is zeros

	// Seed returns the seed of the content of a chunk; chunks of two images with the same
	// seed are the same. Nil means the index itself.
	Seed func(chunk int) uint64

	// Content fills chunks instead of what Seed and Compressible make.
	Content func(p []byte, chunk int)

	// Blank reports whether a chunk is nothing but zeros; nil means that none is.
	Blank func(chunk int) bool

	// EntriesPerBlock makes the directory a chain of small blocks; zero means the
	// largest.
	EntriesPerBlock int

	OtherSlot []byte // the page of the inactive database header; nil for one never written
	Flags     uint32 // feature flags; the content is plain anyway
}

// maxEntries06 is how many entries fit in a directory block of 64 KiB.
const maxEntries06 = (64<<10 - 32) / 48

// WriteImage06 writes a container to w and returns its size in bytes. It holds
// one chunk in memory. (docs/grafeo-format.md, section 4.1)
func WriteImage06(w io.WriterAt, o Image06Options) (int64, error) {
	if o.ChunkSize == 0 {
		o.ChunkSize = 1 << 20
	}
	if o.Size == 0 {
		o.Size = 100
	}
	if o.Seed == nil {
		o.Seed = func(chunk int) uint64 { return uint64(chunk) }
	}
	if o.EntriesPerBlock == 0 {
		o.EntriesPerBlock = maxEntries06
	}
	entries, end, err := writeChunks06(w, o)
	if err != nil {
		return 0, err
	}
	root, end, err := writeDirectory06(w, entries, o.EntriesPerBlock, end)
	if err != nil {
		return 0, err
	}
	slot := o.Iteration % 2
	for _, page := range []struct {
		at   int64
		page []byte
	}{
		{0, fileHeader06(o)},
		{int64(1+slot) * pageSize, databaseHeader06(o, root)},
		{int64(2-slot) * pageSize, slices.Concat(o.OtherSlot, make([]byte, pageSize-len(o.OtherSlot)))},
	} {
		if _, err := w.WriteAt(page.page, page.at); err != nil {
			return 0, err
		}
	}
	return end, nil
}

// Image06 makes the file at path a container. An existing file is overwritten
// in place.
func Image06(path string, o Image06Options) error {
	return writeFile(path, func(f *os.File) (int64, error) { return WriteImage06(f, o) })
}

// writeFile makes the file at path what write writes, which returns its size.
func writeFile(path string, write func(*os.File) (int64, error)) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	size, err := write(f)
	if err == nil {
		err = f.Truncate(size)
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}

// writeChunks06 writes the chunks from page 3 on and returns their entries.
func writeChunks06(w io.WriterAt, o Image06Options) (entries [][48]byte, end int64, err error) {
	at := int64(3 * pageSize)
	buf := make([]byte, pages(min(o.ChunkSize, o.Size)))
	for chunk, left := 0, o.Size; left > 0; chunk++ {
		n := min(o.ChunkSize, left)
		if o.Content != nil {
			o.Content(buf[:n], chunk)
		} else {
			Fill(buf[:n], o.Seed(chunk), o.Compressible)
		}
		if o.Blank != nil && o.Blank(chunk) {
			clear(buf[:n])
		}
		clear(buf[n:pages(n)])
		if _, err := w.WriteAt(buf[:pages(n)], at); err != nil {
			return nil, 0, err
		}
		var e [48]byte
		e[0] = []byte{1, 2, 10}[chunk%3] // Catalog, LpgStore, VectorStore
		e[1] = 1
		binary.LittleEndian.PutUint64(e[24:], uint64(at))
		binary.LittleEndian.PutUint64(e[32:], uint64(n))
		binary.LittleEndian.PutUint32(e[40:], crc32.ChecksumIEEE(buf[:n]))
		entries = append(entries, e)
		at += pages(n)
		left -= n
	}
	return entries, at, nil
}

// writeDirectory06 writes the chain of directory blocks after the chunks, the last block
// first, as each one has the checksum of the next. It returns the 16 bytes that point to
// the first.
func writeDirectory06(w io.WriterAt, entries [][48]byte, perBlock int, at int64) (root [16]byte, end int64, err error) {
	for last := len(entries); last > 0; {
		first := (last - 1) / perBlock * perBlock
		block := make([]byte, 32, 32+48*(last-first))
		copy(block, "GDIR")
		binary.LittleEndian.PutUint32(block[4:], uint32(last-first))
		copy(block[8:24], root[:])
		for _, e := range entries[first:last] {
			block = append(block, e[:]...)
		}
		if len(block) > 64<<10 {
			return root, 0, fmt.Errorf("%d entries do not fit in a directory block", last-first)
		}
		binary.LittleEndian.PutUint64(root[:], uint64(at))
		binary.LittleEndian.PutUint32(root[8:], uint32(len(block)))
		binary.LittleEndian.PutUint32(root[12:], crc32.ChecksumIEEE(block))
		if _, err := w.WriteAt(append(block, make([]byte, pages(int64(len(block)))-int64(len(block)))...), at); err != nil {
			return root, 0, err
		}
		at += pages(int64(len(block)))
		last = first
	}
	return root, at, nil
}

func fileHeader06(o Image06Options) []byte {
	page := make([]byte, pageSize)
	copy(page, "GRAF")
	binary.LittleEndian.PutUint32(page[4:], 3)
	binary.LittleEndian.PutUint32(page[8:], pageSize)
	binary.LittleEndian.PutUint32(page[12:], o.Flags)
	putID(page[16:32], o.ID)
	binary.LittleEndian.PutUint64(page[32:], millis(o.Created))
	copy(page[40:72], orDefault(o.Creator, "0.6.0"))
	putCRC(page, 72)
	return page
}

func databaseHeader06(o Image06Options, root [16]byte) []byte {
	page := make([]byte, pageSize)
	copy(page, "GDBH")
	binary.LittleEndian.PutUint32(page[4:], 1)
	for i, v := range []uint64{o.Iteration, o.CheckpointLSN, o.Epoch, o.TransactionID} {
		binary.LittleEndian.PutUint64(page[8+8*i:], v)
	}
	copy(page[40:56], root[:])
	for i, v := range []uint64{o.NodeCount, o.EdgeCount, millis(o.Time)} {
		binary.LittleEndian.PutUint64(page[56+8*i:], v)
	}
	putCRC(page, 80)
	return page
}

// putID stores an id with its least significant byte first.
func putID(field []byte, id [16]byte) {
	if id == [16]byte{} {
		id = [16]byte{1, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 1, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef}
	}
	for i, b := range id {
		field[15-i] = b
	}
}

// millis returns a time as both generations store it: zero for no time.
func millis(t time.Time) uint64 {
	if t.IsZero() {
		return 0
	}
	return uint64(t.UnixMilli())
}

func orDefault(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
