package grafeo

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
)

// buffer is a file in memory for the writers of grafeotest.
type buffer []byte

func (b *buffer) WriteAt(p []byte, offset int64) (int, error) {
	if need := int(offset) + len(p); need > len(*b) {
		*b = append(*b, make([]byte, need-len(*b))...)
	}
	return copy((*b)[offset:], p), nil
}

func image05(t testing.TB, o grafeotest.Image05Options) []byte {
	t.Helper()
	var b buffer
	size, err := grafeotest.WriteImage05(&b, o)
	if err != nil {
		t.Fatal(err)
	}
	return b[:size]
}

func image06(t testing.TB, o grafeotest.Image06Options) []byte {
	t.Helper()
	var b buffer
	size, err := grafeotest.WriteImage06(&b, o)
	if err != nil {
		t.Fatal(err)
	}
	return b[:size]
}

// edit changes fields of a copy of b; pairs are an offset and the bytes there.
func edit(b []byte, pairs ...any) []byte {
	b = bytes.Clone(b)
	for i := 0; i < len(pairs); i += 2 {
		copy(b[pairs[i].(int):], pairs[i+1].([]byte))
	}
	return b
}

func u16(v uint16) []byte { return binary.LittleEndian.AppendUint16(nil, v) }
func u32(v uint32) []byte { return binary.LittleEndian.AppendUint32(nil, v) }
func u64(v uint64) []byte { return binary.LittleEndian.AppendUint64(nil, v) }

// seal stores the CRC-32 of b[from:to] at the offset at, in place.
func seal(b []byte, from, to, at int) []byte {
	binary.LittleEndian.PutUint32(b[at:], crc32.ChecksumIEEE(b[from:to]))
	return b
}

func TestSyntheticImage06(t *testing.T) {
	t.Parallel()
	at := time.UnixMilli(1_800_000_000_123).UTC()
	b := image06(t, grafeotest.Image06Options{
		Created: at, Time: at.Add(time.Hour), Creator: "0.6.9",
		Iteration: 7, Epoch: 8, CheckpointLSN: 9, TransactionID: 10, NodeCount: 11, EdgeCount: 12,
		Size: 100_000, ChunkSize: 5000, EntriesPerBlock: 3,
	})
	im := mustRead(t, b)
	want := Image{
		Path: "x.grafeo", Generation: Gen06, DatabaseID: grafeotest.DefaultID, Created: at, Creator: "0.6.9",
		Iteration: 7, Epoch: 8, TransactionID: 10, CheckpointLSN: 9, NodeCount: 11, EdgeCount: 12,
		Time: at.Add(time.Hour), Size: int64(len(b)), Content: im.Content,
	}
	checkFields(t, im, want)
	if want := 1 + 20 + 7; len(im.Proof) != want {
		t.Errorf("%d ranges, want headers, 20 chunks and 7 directory blocks", len(im.Proof))
	}
}

// Content is the same for images that hold the same, wherever their chunks are and
// however often they were written, and another one if anything else changes.
func TestContentOfImage06(t *testing.T) {
	t.Parallel()
	o := grafeotest.Image06Options{Iteration: 7, Epoch: 8, CheckpointLSN: 9, NodeCount: 11, EdgeCount: 12, Size: 20_000, ChunkSize: 5000}
	want := mustRead(t, image06(t, o)).Content
	if want == 0 {
		t.Fatal("there is none")
	}
	same := o
	same.Iteration, same.Epoch, same.TransactionID, same.EntriesPerBlock = 8, 9, 10, 1
	if got := mustRead(t, image06(t, same)).Content; got != want {
		t.Errorf("another checkpoint: %08x, want %08x", got, want)
	}
	for name, change := range map[string]func(o *grafeotest.Image06Options){
		"a chunk": func(o *grafeotest.Image06Options) {
			o.Seed = func(chunk int) uint64 { return uint64(chunk) + uint64(chunk)/3 }
		},
		"a chunk more":  func(o *grafeotest.Image06Options) { o.Size = 20_001 },
		"a node":        func(o *grafeotest.Image06Options) { o.NodeCount = 12 },
		"an edge":       func(o *grafeotest.Image06Options) { o.EdgeCount = 11 },
		"a shorter one": func(o *grafeotest.Image06Options) { o.Size = 19_999 },
	} {
		other := o
		change(&other)
		if got := mustRead(t, image06(t, other)).Content; got == want {
			t.Errorf("%s: still %08x", name, got)
		}
	}
}

func TestSyntheticImage05(t *testing.T) {
	t.Parallel()
	at := time.UnixMilli(1_800_000_000_123).UTC()
	for name, o := range map[string]grafeotest.Image05Options{
		"sections": {Sections: []int64{1, 70_000, 0, 4096}},
		"snapshot": {Snapshot: 50_001},
	} {
		o.Created, o.Time, o.Creator = at, at.Add(time.Hour), "0.5.36"
		o.Iteration, o.Epoch, o.TransactionID, o.NodeCount, o.EdgeCount = 7, 8, 10, 300, 70_000
		b := image05(t, o)
		im := mustRead(t, b)
		checkFields(t, im, Image{
			Path: "x.grafeo", Generation: Gen05, DatabaseID: "created-1800000000123", Created: at, Creator: "0.5.36",
			Iteration: 7, Epoch: 8, TransactionID: 10, NodeCount: 300, EdgeCount: 70_000,
			Time: at.Add(time.Hour), Size: int64(len(b)),
		})
		if want := map[string]int{"sections": 6, "snapshot": 2}[name]; len(im.Proof) != want {
			t.Errorf("%s: %d ranges, want %d: %v", name, len(im.Proof), want, im.Proof)
		}
	}
}

func checkFields(t *testing.T, im *Image, want Image) {
	t.Helper()
	got := *im
	got.Proof, got.store, want.Proof = nil, Range{}, nil
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

// Containers that are wrong in one field, with the checksums right where the
// field has one.
func TestRefusedImages(t *testing.T) {
	t.Parallel()
	b06 := image06(t, grafeotest.Image06Options{Iteration: 1, Size: 20_000, ChunkSize: 5000, EntriesPerBlock: 2})
	root := int(binary.LittleEndian.Uint64(b06[2*pageSize+40:]))
	header := func(pairs ...any) []byte {
		b := edit(b06, pairs...)
		return seal(b, 2*pageSize, 2*pageSize+80, 2*pageSize+80)
	}
	fileHeader := func(pairs ...any) []byte { return seal(edit(b06, pairs...), 0, 72, 72) }
	// block edits the first directory block.
	block := func(pairs ...any) []byte {
		b := edit(b06, pairs...)
		length := int(binary.LittleEndian.Uint32(b[2*pageSize+48:]))
		seal(b, root, root+length, 2*pageSize+52)
		return seal(b, 2*pageSize, 2*pageSize+80, 2*pageSize+80)
	}
	entry := root + 32
	b05 := image05(t, grafeotest.Image05Options{Iteration: 1, Sections: []int64{5000, 6000}})
	// directory edits the 0.5 directory page, and the checksum in the header.
	directory := func(pairs ...any) []byte {
		b := edit(b05, pairs...)
		page := b[2*pageSize:] // iteration 1 is in slot 1
		if page[0] != 1 || page[1] != 252 {
			t.Fatal("the header does not begin with iteration 1 and a checksum of 32 bits")
		}
		binary.LittleEndian.PutUint32(page[2:], crc32.ChecksumIEEE(b[3*pageSize:4*pageSize]))
		return b
	}
	huge := u64(1 << 63)
	for name, c := range map[string]struct {
		b    []byte
		want error
		text string
	}{
		"06 short":                   {b06[:3*pageSize-1], ErrDamaged, "inside its headers"},
		"06 file header":             {edit(b06, 20, []byte{0xff}), ErrDamaged, "file header"},
		"06 page size":               {fileHeader(8, u32(8192)), ErrUnsupportedVersion, "8192"},
		"06 unknown flag":            {fileHeader(12, u32(2)), ErrUnsupportedVersion, "0x2"},
		"06 compatible flag":         {fileHeader(12, u32(1<<16)), nil, ""},
		"06 encrypted":               {fileHeader(12, u32(1)), ErrEncrypted, "encrypted"},
		"06 header format":           {header(2*pageSize+4, u32(2)), ErrUnsupportedVersion, "database header format 2"},
		"06 header format 0":         {header(2*pageSize+4, u32(0)), ErrUnsupportedVersion, "database header format 0"},
		"06 only header damaged":     {edit(b06, 2*pageSize+9, []byte{1}), ErrDamaged, "the only database header"},
		"06 both headers damaged":    {edit(b06, 2*pageSize+9, []byte{1}, pageSize, []byte{1}), ErrDamaged, "both database headers"},
		"06 both headers empty":      {edit(b06, 2*pageSize, make([]byte, pageSize)), ErrDamaged, "are empty"},
		"06 root unaligned":          {header(2*pageSize+40, u64(uint64(root+1))), ErrDamaged, "start on a page"},
		"06 root in headers":         {header(2*pageSize+40, u64(pageSize)), ErrDamaged, "inside the headers"},
		"06 root far away":           {header(2*pageSize+40, huge), ErrDamaged, "past the end"},
		"06 root too long":           {header(2*pageSize+48, u32(1<<17)), ErrDamaged, "past the end"},
		"06 root of odd length":      {header(2*pageSize+48, u32(33)), ErrDamaged, "33 bytes"},
		"06 root of length 0":        {header(2*pageSize+48, u32(0)), nil, ""},
		"06 root checksum":           {header(2*pageSize+52, u32(1)), ErrDamaged, "directory block: wrong checksum"},
		"06 block magic":             {block(root, []byte("X")), ErrDamaged, "starts with"},
		"06 block count":             {block(root+4, u32(3)), ErrDamaged, "3 entries"},
		"06 block count huge":        {block(root+4, u32(1<<31)), ErrDamaged, "entries"},
		"06 next block checksum":     {block(root+20, u32(1)), ErrDamaged, "directory block: wrong checksum"},
		"06 chunk unaligned":         {block(entry+24, u64(3*pageSize+1)), ErrDamaged, "start on a page"},
		"06 chunk in headers":        {block(entry+24, u64(2*pageSize)), ErrDamaged, "inside the headers"},
		"06 chunk far away":          {block(entry+24, huge), ErrDamaged, "past the end"},
		"06 chunk too long":          {block(entry+32, huge), ErrDamaged, "past the end"},
		"06 chunk of all lengths":    {block(entry+32, u64(1<<64-1)), ErrDamaged, "past the end"},
		"06 chunk overlaps":          {block(entry+24, u64(5*pageSize)), ErrDamaged, "overlaps"},
		"06 chunk checksum":          {block(entry+40, u32(1)), ErrDamaged, "section Catalog: wrong checksum"},
		"06 chunk of length 0":       {block(entry+24, make([]byte, 20)), nil, ""},
		"05 short":                   {b05[:3*pageSize-1], ErrDamaged, "inside its headers"},
		"05 page size":               {edit(b05, 5, []byte{251, 0, 32}), ErrUnsupportedVersion, "8192"},
		"05 file header":             {edit(b05, 5, []byte{255}), ErrDamaged, "file header"},
		"05 slot 0":                  {edit(b05, pageSize, []byte{255}), ErrDamaged, "database header"},
		"05 slot 1":                  {edit(b05, 2*pageSize+1, []byte{254}), ErrDamaged, "database header"},
		"05 checksum of 64 bits":     {edit(b05, 2*pageSize+1, []byte{253, 1, 2, 3, 4, 5, 6, 7, 8}), ErrDamaged, "32 bits"},
		"05 no directory":            {b05[:3*pageSize+5], ErrDamaged, "ends early"},
		"05 directory checksum":      {edit(b05, 3*pageSize+8, []byte{9}), ErrDamaged, "section directory: wrong"},
		"05 count":                   {directory(3*pageSize, u32(128)), ErrDamaged, "128 entries"},
		"05 count huge":              {directory(3*pageSize, u32(1<<32-1)), ErrDamaged, "entries"},
		"05 section in headers":      {directory(3*pageSize+16, u64(3*pageSize)), ErrDamaged, "inside the headers"},
		"05 section far away":        {directory(3*pageSize+16, huge), ErrDamaged, "past the end"},
		"05 section too long":        {directory(3*pageSize+24, huge), ErrDamaged, "past the end"},
		"05 section checksum":        {directory(3*pageSize+32, u32(1)), ErrDamaged, "Catalog: wrong checksum"},
		"05 section of unknown type": {directory(3*pageSize+8, u32(99)), nil, ""},
		"05 truncated":               {b05[:len(b05)-pageSize], ErrDamaged, "past the end"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := readBytes(t, c.b)
			if !errors.Is(err, c.want) || err != nil && !strings.Contains(err.Error(), c.text) {
				t.Errorf("got %v, want %v with %q", err, c.want, c.text)
			}
		})
	}
}

func TestSnapshotPastEnd(t *testing.T) {
	t.Parallel()
	b := image05(t, grafeotest.Image05Options{Iteration: 1, Snapshot: 10_000})
	_, err := ReadImage(bytes.NewReader(b), int64(len(b))-1, "x")
	damageAt(t, err, 3*pageSize)
}

// The blocks of a directory must not lead back to one of them.
func TestDirectoryCircle(t *testing.T) {
	t.Parallel()
	b := image06(t, grafeotest.Image06Options{Iteration: 1})
	root := int(binary.LittleEndian.Uint64(b[2*pageSize+40:]))
	// A checksum is part of what it covers here, so it is made right from
	// behind: the CRC of a string that ends with its own CRC is known.
	length := uint32(80)
	copy(b[root+8:], u64(uint64(root)))
	copy(b[root+16:], u32(length))
	forged := uint32(0x12345678)
	copy(b[root+20:], u32(forged))
	forceCRC(b[root:root+80], 76, forged)
	copy(b[2*pageSize+52:], u32(forged))
	seal(b, 2*pageSize, 2*pageSize+80, 2*pageSize+80)
	_, err := readBytes(t, b)
	damageAt(t, err, int64(root))
	if !strings.Contains(err.Error(), "circle") {
		t.Error(err)
	}
}

// forceCRC sets the four bytes at the offset at, the last of p, so that the
// CRC-32 of p is want.
func forceCRC(p []byte, at int, want uint32) {
	var reverse [256]uint32 // of the table, by its highest byte
	var index [256]byte
	for i, v := range crc32.IEEETable {
		reverse[v>>24], index[v>>24] = v, byte(i)
	}
	state := ^want
	for range 4 {
		top := state >> 24
		state = (state^reverse[top])<<8 | uint32(index[top])
	}
	binary.LittleEndian.PutUint32(p[at:], state^^crc32.ChecksumIEEE(p[:at]))
}

func TestEncryptedImageKeepsHeaderFields(t *testing.T) {
	t.Parallel()
	b := image06(t, grafeotest.Image06Options{Iteration: 5, Epoch: 6, CheckpointLSN: 7, Flags: 1})
	im, err := ReadImage(bytes.NewReader(b), int64(len(b)), "x.grafeo")
	if !errors.Is(err, ErrEncrypted) || im == nil {
		t.Fatalf("image %v, error %v", im, err)
	}
	if im.DatabaseID != grafeotest.DefaultID || im.Iteration != 5 || im.Epoch != 6 || im.CheckpointLSN != 7 ||
		len(im.Proof) != 1 {
		t.Errorf("got %+v", im)
	}
}

// One damaged database header is what a crash leaves; the other one counts.
func TestDamagedSlot(t *testing.T) {
	t.Parallel()
	clean := readFile(t, vector("v0.6.0/live/tiny.grafeo"))
	im := mustRead(t, clean)
	for page := 1; page <= 2; page++ {
		iteration := binary.LittleEndian.Uint64(clean[page*pageSize+8:])
		b := edit(clean, page*pageSize+10, []byte{0xaa})
		got, err := ReadImage(bytes.NewReader(b), int64(len(b)), "x.grafeo")
		if err == nil && !(got.DamagedSlot && got.Iteration != iteration) {
			t.Errorf("iteration %d damaged: got %+v", iteration, got)
		}
		if iteration != im.Iteration && err != nil {
			t.Errorf("the older header damaged: %v", err)
		}
		if im.Check(t.Context(), bytes.NewReader(b)) == nil {
			t.Errorf("iteration %d damaged: passes for the image before", iteration)
		}
	}
}

func TestCheckStopsWithContext(t *testing.T) {
	t.Parallel()
	b := image06(t, grafeotest.Image06Options{})
	im := mustRead(t, b)
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	cancel(stop)
	if err := im.Check(ctx, bytes.NewReader(b)); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
}

func TestReadErrorsAreNotDamage(t *testing.T) {
	t.Parallel()
	b := image06(t, grafeotest.Image06Options{Size: 10_000})
	im := mustRead(t, b)
	for limit := int64(0); limit < int64(len(b)); limit += 7 {
		r := failingReader{b, limit}
		_, err := ReadImage(r, int64(len(b)), "x")
		if err == nil {
			err = im.Check(t.Context(), r)
		}
		if limit < 3*pageSize && err == nil || err != nil && (!errors.Is(err, errBroken) || errors.Is(err, ErrDamaged)) {
			t.Fatalf("broken at %d: %v", limit, err)
		}
	}
}

var errBroken = errors.New("broken disk")

// failingReader cannot read the byte at limit and those behind it.
type failingReader struct {
	b     []byte
	limit int64
}

func (r failingReader) ReadAt(p []byte, offset int64) (int, error) {
	if offset+int64(len(p)) > r.limit {
		return 0, errBroken
	}
	return copy(p, r.b[offset:]), nil
}

func TestLargeImageOnDisk(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "big.grafeo")
	writeFile(t, path, make([]byte, 100<<20)) // longer before
	if err := grafeotest.Image06(path, grafeotest.Image06Options{Size: 24 << 20, ChunkSize: 4096, Compressible: 0.5}); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	im, err := ReadImage(f, info.Size(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := im.Check(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	if blocks := len(im.Proof) - 1 - 6144; blocks != 5 {
		t.Errorf("%d directory blocks", blocks)
	}
}
