package grafeo

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// storeOf05 is an image that is nothing but a store section.
func storeOf05(section []byte) (*bytes.Reader, *Image) {
	return bytes.NewReader(section), &Image{store: Range{Length: int64(len(section)), CRC32: crc32.ChecksumIEEE(section),
		What: "section LpgStore"}}
}

// store05 makes a store section with these edges and named graphs.
func store05(edges []uint64, graphs map[string][]byte) []byte {
	var names []string
	for name := range graphs {
		names = append(names, name)
	}
	slices.Sort(names)
	text, offsets := []byte{}, u32(uint32(len(names)))
	for _, name := range names {
		offsets = append(offsets, u32(uint32(len(text)))...)
		text = append(append(text, u32(uint32(len(name)))...), name...)
	}
	blocks := [][]byte{append(offsets, text...), nil}
	kinds := []uint32{1, 3}
	for _, id := range edges {
		blocks[1] = append(append(blocks[1], u64(id)...), make([]byte, 20)...)
	}
	for _, name := range names {
		blocks, kinds = append(blocks, graphs[name]), append(kinds, 6)
	}
	b := make([]byte, 0x40)
	copy(b, "LPGB\x01\x00")
	binary.LittleEndian.PutUint16(b[6:], uint16(len(blocks)))
	binary.LittleEndian.PutUint64(b[16:], uint64(len(edges)))
	at := uint32(len(b) + 24*len(blocks))
	for i, block := range blocks {
		b = slices.Concat(b, u32(kinds[i]), u32(at), u32(uint32(len(block))), u32(crc32.ChecksumIEEE(block)), u32(uint32(max(i-2, 0))), u32(0))
		at += uint32(len(block))
	}
	return slices.Concat(append([][]byte{b}, blocks...)...)
}

func TestEdgesIn05(t *testing.T) {
	t.Parallel()
	section := store05([]uint64{0, 2, 1 << 40}, map[string][]byte{"g": store05([]uint64{1}, nil), "other": store05([]uint64{7, 8}, nil)})
	wanted := map[Edge05]bool{}
	for _, graph := range []string{"", "g", "other", "none"} {
		for _, id := range []uint64{0, 1, 2, 7, 1 << 40} {
			wanted[Edge05{graph, id}] = true
		}
	}
	r, im := storeOf05(section)
	got, err := EdgesIn05(r, im, wanted)
	want := []Edge05{{"", 0}, {"", 2}, {"", 1 << 40}, {"g", 1}, {"other", 7}}
	if err != nil || len(got) != len(want) {
		t.Fatalf("%v, %v", got, err)
	}
	for _, e := range want {
		if !got[e] {
			t.Errorf("%v is not found", e)
		}
	}

	// A section of another form is not known; one whose bytes are not those that
	// the directory lists is being written.
	for _, change := range []struct {
		at    int
		bytes []byte
	}{{0, []byte("LPGC")}, {4, []byte{2}}, {5, []byte{1}}, {16, []byte{4}}, {0x44, u32(1 << 31)},
		{0x58 + 8, u32(1 << 30)}, {0x58 + 12, u32(1)}, {0x70 + 16, u32(9)}, {0x40 + 8, u32(2)}} {
		b := bytes.Clone(section)
		copy(b[change.at:], change.bytes)
		r, im := storeOf05(b)
		if _, err := EdgesIn05(r, im, wanted); !errors.Is(err, ErrUnknownStore) {
			t.Errorf("changed at %#x: %v", change.at, err)
		}
		im.store.CRC32++
		if _, err := EdgesIn05(r, im, wanted); !errors.Is(err, ErrDamaged) {
			t.Errorf("changed at %#x and torn: %v", change.at, err)
		}
	}
	for n := range len(section) {
		r, im := storeOf05(section[:n])
		if _, err := EdgesIn05(r, im, wanted); err == nil {
			t.Fatalf("cut off at %d: no error", n)
		}
	}
	im.compacted = true
	if _, err := EdgesIn05(r, im, wanted); !errors.Is(err, ErrUnknownStore) || !im.Compacted() {
		t.Errorf("compacted: %v", err)
	}
	if got, err := EdgesIn05(r, &Image{Empty: true}, wanted); len(got) > 0 || err != nil {
		t.Errorf("no image: %v, %v", got, err)
	}
}

// The edges of a real image, and the records of its log.
func TestRealStore05(t *testing.T) {
	t.Parallel()
	path := filepath.Join("testdata", "v0.5.42", "live", "tiny.grafeo")
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
	wanted := map[Edge05]bool{}
	kinds := map[RecordKind]int{}
	var last Record05
	err = ScanRecords05(path+".wal", Position{}, Position{File: 0, Offset: 2398}, func(r Record05) error {
		if kinds[r.Kind]++; r.Kind == CreateEdge05 {
			wanted[Edge05{"", r.ID}] = true
		}
		if r.Start != last.End {
			t.Errorf("a frame at %d, after one that ends at %d", r.Start, last.End)
		}
		last = r
		return nil
	})
	if err != nil || last.End != 2398 || last.ID != 5 || kinds[TransactionCommit05] != 5 || kinds[EpochAdvance05] != 5 ||
		kinds[Checkpoint05] != 1 || len(wanted) != 14 {
		t.Errorf("%+v, %v, %v", last, kinds, err)
	}
	found, err := EdgesIn05(f, im, wanted)
	if err != nil || len(found) != 8 || im.EdgeCount != 8 {
		t.Errorf("%d of %d edges, %v", len(found), im.EdgeCount, err)
	}
	meta, err := ReadCheckpointMeta(path + ".wal")
	if err != nil || *meta != (CheckpointMeta{3, 0, meta.Time, 4}) || meta.Time.After(im.Time) {
		t.Errorf("%+v, %v", meta, err)
	}
}

func TestCheckpointMetaThatIsNone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, content := range []string{"", "\x01\x02\x03", "\x01\x02\x03\x04\x05", "{}", "\xfe\x01\x02\x03"} {
		if err := os.WriteFile(filepath.Join(dir, "checkpoint.meta"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if m, err := ReadCheckpointMeta(dir); m != nil || err != nil {
			t.Errorf("%q: %+v, %v", content, m, err)
		}
	}
	if m, err := ReadCheckpointMeta(filepath.Join(dir, "none")); m != nil || err != nil {
		t.Errorf("%+v, %v", m, err)
	}
}

// Records with graphs, valid and not.
func TestRecordsOfGraphs05(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	log := slices.Concat(
		frame05("\x1b\x01g"), AppendSwitchGraph05(nil, "g"), frame05("\x1d\x00"), frame05("\x1c\x01g"),
		AppendSwitchGraph05(nil, string(bytes.Repeat([]byte("ö"), 300))), frame05("\x24\x02"))
	name := filepath.Join(dir, "wal_00000003.log")
	scan := func(b []byte) (graphs []string, err error) {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return graphs, ScanRecords05(dir, Position{File: 2}, Position{File: 3, Offset: int64(len(b))}, func(r Record05) error {
			if r.Kind == SwitchGraph05 || r.Kind == DropNamedGraph05 {
				graphs = append(graphs, r.Graph)
			}
			return nil
		})
	}
	got, err := scan(log)
	if want := []string{"g", "", "g", string(bytes.Repeat([]byte("ö"), 300))}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
	for _, bad := range []string{"\x1d", "\x1d\x02", "\x1d\x01", "\x1d\x01\x05g", "\x1c\x02g", "\x23", "\x02\xfe"} {
		if _, err := scan(frame05(bad)); !errors.Is(err, ErrDamaged) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := scan(log[:len(log)-3]); !errors.Is(err, ErrDamaged) {
		t.Errorf("cut off: %v", err)
	}
	f := bytes.NewReader(frame05("\x02\x05\x01\x02\x01E"))
	if end, err := EndOfEdge05(f, 0, "log"); err != nil || end != f.Size() {
		t.Errorf("%d, %v", end, err)
	}
	if _, err := EndOfEdge05(bytes.NewReader(log), 0, "log"); !errors.Is(err, ErrDamaged) {
		t.Errorf("a frame that creates no edge: %v", err)
	}
	if _, err := EndOfEdge05(f, f.Size(), "log"); !errors.Is(err, ErrDamaged) {
		t.Errorf("no frame: %v", err)
	}
}

// Whatever is in a store section, the search for edges ends, in bounded memory. A store
// whose named graph is the store itself is not read forever.
func TestEdgesInAStoreWithinItself05(t *testing.T) {
	t.Parallel()
	section := store05([]uint64{1}, map[string][]byte{"": store05([]uint64{2}, nil)})
	entry := section[storeHeader05+2*storeEntry05:]
	binary.LittleEndian.PutUint32(entry[4:], 0)
	binary.LittleEndian.PutUint32(entry[8:], uint32(len(section)))
	r, im := storeOf05(section)
	if found, err := EdgesIn05(r, im, map[Edge05]bool{{"", 1}: true}); !errors.Is(err, ErrUnknownStore) {
		t.Errorf("%v, %v", found, err)
	}
}

func FuzzEdgesIn05(f *testing.F) {
	f.Add(store05([]uint64{1, 2}, map[string][]byte{"g": store05([]uint64{1}, nil)}))
	f.Add([]byte("LPGB"))
	f.Fuzz(func(t *testing.T, section []byte) {
		r, im := storeOf05(section)
		found, err := EdgesIn05(r, im, map[Edge05]bool{{"", 1}: true, {"g", 1}: true})
		if err != nil && len(found) > 0 {
			t.Errorf("%v, and %v", found, err)
		}
	})
}
