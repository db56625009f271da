package grafeotest

import (
	"encoding/binary"
	"hash/crc32"
	"io"
	"os"
	"time"
)

// Image05Options describe a 0.5 container. The zero value is a database that
// was just created: headers and no image.
type Image05Options struct {
	Created, Time time.Time
	Creator       string // "0.5.42" if empty

	Iteration, Epoch, TransactionID uint64 // an Iteration of 0: no image
	NodeCount, EdgeCount            uint64

	Sections     []int64 // their sizes in bytes
	Compressible float64 // part of each section that is zeros
	Seed         uint64  // of the content

	Snapshot int64 // if not 0: a blob of that size instead of sections, as early releases did
}

// WriteImage05 writes a container to w and returns its size in bytes. It holds
// a megabyte of it in memory. (docs/grafeo-format.md, section 3.1)
func WriteImage05(w io.WriterAt, o Image05Options) (int64, error) {
	end, checksum := int64(3*pageSize), uint32(0)
	var err error
	switch {
	case o.Iteration == 0:
	case o.Snapshot > 0:
		checksum, err = writeContent(w, end, o.Snapshot, o.Seed, o.Compressible)
		end += o.Snapshot
	default:
		checksum, end, err = writeSections05(w, o)
	}
	if err != nil {
		return 0, err
	}
	slot := int64(o.Iteration % 2)
	headers := make([]byte, 3*pageSize)
	copy(headers, fileHeader05(o))
	copy(headers[(1+slot)*pageSize:], databaseHeader05(o, checksum))
	_, err = w.WriteAt(headers, 0)
	return end, err
}

// Image05 makes the file at path a container. An existing file is overwritten
// in place.
func Image05(path string, o Image05Options) error {
	return writeFile(path, func(f *os.File) (int64, error) { return WriteImage05(f, o) })
}

// writeSections05 writes the sections and the page that lists them.
func writeSections05(w io.WriterAt, o Image05Options) (checksum uint32, end int64, err error) {
	page := make([]byte, pageSize)
	binary.LittleEndian.PutUint32(page, uint32(len(o.Sections)))
	at := int64(4 * pageSize)
	for i, size := range o.Sections {
		crc, err := writeContent(w, at, size, o.Seed+uint64(i), o.Compressible)
		if err != nil {
			return 0, 0, err
		}
		e := page[8+32*i:][:32]
		binary.LittleEndian.PutUint32(e, []uint32{1, 2, 10}[i%3]) // Catalog, LpgStore, VectorStore
		e[4], e[5] = 1, 1
		binary.LittleEndian.PutUint64(e[8:], uint64(at))
		binary.LittleEndian.PutUint64(e[16:], uint64(size))
		binary.LittleEndian.PutUint32(e[24:], crc)
		at += pages(size)
	}
	_, err = w.WriteAt(page, 3*pageSize)
	return crc32.ChecksumIEEE(page), at, err
}

// writeContent writes size bytes of content at an offset, padded with zeros to
// a page, and returns their checksum.
func writeContent(w io.WriterAt, at, size int64, seed uint64, compressible float64) (crc uint32, err error) {
	buf := make([]byte, min(1<<20, pages(size)))
	for done := int64(0); done < size; {
		n := min(int64(len(buf)), size-done)
		Fill(buf[:n], seed^uint64(done), compressible)
		clear(buf[n:])
		crc = crc32.Update(crc, crc32.IEEETable, buf[:n])
		if _, err := w.WriteAt(buf[:pages(n)], at+done); err != nil {
			return 0, err
		}
		done += n
	}
	return crc, nil
}

func fileHeader05(o Image05Options) []byte {
	b := AppendVarint([]byte("GRAF"), 1)
	b = AppendVarint(b, pageSize)
	b = AppendVarint(b, millis(o.Created))
	var name [32]byte
	copy(name[:], orDefault(o.Creator, "0.5.42"))
	return append(b, name[:]...)
}

func databaseHeader05(o Image05Options, checksum uint32) []byte {
	var b []byte
	for _, v := range []uint64{o.Iteration, uint64(checksum), uint64(o.Snapshot), o.Epoch, o.TransactionID, o.NodeCount,
		o.EdgeCount, millis(o.Time)} {
		b = AppendVarint(b, v)
	}
	return b
}
