package grafeo

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"slices"
)

// The store section of an image of 0.5. (docs/grafeo-format.md, section 3.5)
const (
	storeMagic05      = "LPGB"
	storeHeader05     = 0x40
	storeEntry05      = 24
	stringsBlock05    = 1
	edgesBlock05      = 3
	namedGraphBlock05 = 6
	edgeLength05      = 28 // id, from, to, type
	maxStringsBlock05 = 16 << 20
)

// ErrUnknownStore is the error for a store section that cannot be read.
var ErrUnknownStore = errors.New("the image has its edges in an unknown form")

// Edge05 is an edge of a graph of 0.5; "" is the default graph.
type Edge05 struct {
	Graph string
	ID    uint64
}

// Compacted reports whether the image has a part that compact() made (0.5): then its
// edges are not in the store section alone.
func (im *Image) Compacted() bool { return im.compacted }

// EdgesIn05 returns which of the wanted edges are in the image of 0.5 that r reads. It
// needs as much memory as wanted. The error is [ErrUnknownStore], an error of r, or a
// [DamageError] if the checksums of the image's directory do not match, as may happen
// while the image is being written.
func EdgesIn05(r io.ReaderAt, im *Image, wanted map[Edge05]bool) (map[Edge05]bool, error) {
	found := map[Edge05]bool{}
	if len(wanted) == 0 || im.Empty {
		return found, nil
	}
	if im.store.Length == 0 || im.compacted {
		return nil, ErrUnknownStore
	}
	s := io.NewSectionReader(r, im.store.Offset, im.store.Length)
	err := edgesInStore05(s, wanted, found)
	if errors.Is(err, ErrDamaged) || errors.Is(err, ErrUnknownStore) || errors.Is(err, io.EOF) {
		return nil, im.unknownOrChanged(s)
	}
	return found, err
}

// unknownOrChanged returns why the store section makes no sense: its form is unknown, or
// it is not the section that the directory lists.
func (im *Image) unknownOrChanged(s *io.SectionReader) error {
	h := crc32.NewIEEE()
	if _, err := io.Copy(h, io.NewSectionReader(s, 0, s.Size())); err != nil {
		return err
	}
	if h.Sum32() != im.store.CRC32 {
		return im.damage(im.store.Offset, im.store.What+": wrong checksum")
	}
	return ErrUnknownStore
}

// storeBlock05 is an entry of a store's table of blocks.
type storeBlock05 struct {
	kind, offset, length, crc, name uint32
}

// edgesInStore05 searches a whole store: the default graph and the named ones.
func edgesInStore05(s *io.SectionReader, wanted, found map[Edge05]bool) error {
	blocks, err := readStoreBlocks05(s)
	if err != nil {
		return err
	}
	names, err := edgesInGraph05(s, blocks, "", wanted, found)
	if err != nil {
		return err
	}
	for _, b := range blocks {
		if b.kind != namedGraphBlock05 {
			continue
		}
		if int64(b.name) >= int64(len(names)) {
			return ErrUnknownStore
		}
		graph := io.NewSectionReader(s, int64(b.offset), int64(b.length))
		inner, err := readStoreBlocks05(graph)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(inner, func(b storeBlock05) bool { return b.kind == namedGraphBlock05 }) {
			return ErrUnknownStore // a named graph has no graphs of its own
		}
		if _, err := edgesInGraph05(graph, inner, names[b.name], wanted, found); err != nil {
			return err
		}
	}
	return nil
}

// edgesInGraph05 searches the edges of one graph, and returns the names among its
// strings.
func edgesInGraph05(s *io.SectionReader, blocks []storeBlock05, graph string, wanted, found map[Edge05]bool) (names []string, err error) {
	for _, b := range blocks {
		switch b.kind {
		case stringsBlock05:
			names, err = readStrings05(s, b)
		case edgesBlock05:
			err = readEdges05(s, b, graph, wanted, found)
		}
		if err != nil {
			return nil, err
		}
	}
	return names, nil
}

// readStoreBlocks05 reads the table of blocks. Together they are no longer than the
// store, so what is read for them is bounded by its size.
func readStoreBlocks05(s *io.SectionReader) ([]storeBlock05, error) {
	head := make([]byte, storeHeader05)
	if s.Size() < storeHeader05 {
		return nil, ErrUnknownStore
	}
	if _, err := s.ReadAt(head, 0); err != nil {
		return nil, err
	}
	if string(head[:4]) != storeMagic05 || head[4] != 1 || head[5] != 0 {
		return nil, ErrUnknownStore
	}
	count := int64(binary.LittleEndian.Uint16(head[6:]))
	edges := binary.LittleEndian.Uint64(head[16:])
	table := make([]byte, count*storeEntry05)
	if s.Size() < storeHeader05+int64(len(table)) {
		return nil, ErrUnknownStore
	}
	if _, err := s.ReadAt(table, storeHeader05); err != nil {
		return nil, err
	}
	blocks, total := make([]storeBlock05, count), int64(0)
	for i := range blocks {
		e := table[i*storeEntry05:]
		b := storeBlock05{
			binary.LittleEndian.Uint32(e), binary.LittleEndian.Uint32(e[4:]), binary.LittleEndian.Uint32(e[8:]),
			binary.LittleEndian.Uint32(e[12:]), binary.LittleEndian.Uint32(e[16:]),
		}
		total += int64(b.length)
		if int64(b.offset)+int64(b.length) > s.Size() || total > s.Size() || b.kind == edgesBlock05 && uint64(b.length) != edges*edgeLength05 {
			return nil, ErrUnknownStore
		}
		blocks[i] = b
	}
	return blocks, nil
}

// readStrings05 reads the table of names: how many there are, where each begins, and for
// each its length and its bytes.
func readStrings05(s *io.SectionReader, b storeBlock05) ([]string, error) {
	if b.length < 4 || b.length > maxStringsBlock05 {
		return nil, ErrUnknownStore
	}
	p := make([]byte, b.length)
	if _, err := s.ReadAt(p, int64(b.offset)); err != nil {
		return nil, err
	}
	if crc32.ChecksumIEEE(p) != b.crc {
		return nil, errStoreChanged
	}
	count := int64(binary.LittleEndian.Uint32(p))
	text := 4 + 4*count
	if text > int64(len(p)) {
		return nil, ErrUnknownStore
	}
	names, all := make([]string, count), string(p)
	for i := range names {
		at := text + int64(binary.LittleEndian.Uint32(p[4+4*i:]))
		if at+4 > int64(len(p)) {
			return nil, ErrUnknownStore
		}
		end := at + 4 + int64(binary.LittleEndian.Uint32(p[at:]))
		if end > int64(len(p)) {
			return nil, ErrUnknownStore
		}
		names[i] = all[at+4 : end] // not a copy: names of a damaged table may overlap
	}
	return names, nil
}

// errStoreChanged is the error for a block with a wrong checksum.
var errStoreChanged = &DamageError{What: "section LpgStore: a block has the wrong checksum"}

func readEdges05(s *io.SectionReader, b storeBlock05, graph string, wanted, found map[Edge05]bool) error {
	if b.length%edgeLength05 != 0 {
		return ErrUnknownStore
	}
	buf := make([]byte, min(int64(b.length), edgeLength05*4096))
	crc := uint32(0)
	for at := int64(0); at < int64(b.length); at += int64(len(buf)) {
		p := buf[:min(int64(len(buf)), int64(b.length)-at)]
		if _, err := s.ReadAt(p, int64(b.offset)+at); err != nil {
			return err
		}
		crc = crc32.Update(crc, crc32.IEEETable, p)
		for ; len(p) > 0; p = p[edgeLength05:] {
			if e := (Edge05{graph, binary.LittleEndian.Uint64(p)}); wanted[e] {
				found[e] = true
			}
		}
	}
	if crc != b.crc {
		return errStoreChanged
	}
	return nil
}
