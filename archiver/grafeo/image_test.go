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

// Content is the same for images with the same data, wherever their chunks are and however
// often they were written. It changes with anything else.
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

// One damaged database header is what a crash leaves: the other one is used.
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

// failingReader cannot read the byte at limit and those after it.
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
