package grafeo

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
)

// The only errors that a decoder may return, whatever the input.
func checkError(t *testing.T, err error) {
	t.Helper()
	for _, known := range []error{nil, ErrDamaged, ErrNotDatabase, ErrUnsupportedVersion, ErrEncrypted, ErrGap,
		ErrWrongDatabase} {
		if errors.Is(err, known) {
			return
		}
	}
	t.Errorf("unexpected error %v", err)
}

func FuzzReadImage(f *testing.F) {
	for _, path := range []string{"v0.5.42/live", "v0.5.42/reopened", "v0.6.0/live", "v0.6.0/reopened"} {
		f.Add(readFile(f, vector(path, "tiny.grafeo")))
	}
	f.Add(image06(f, grafeotest.Image06Options{Iteration: 1, Size: 9000, ChunkSize: 2000, EntriesPerBlock: 1}))
	f.Add(image05(f, grafeotest.Image05Options{Iteration: 1, Snapshot: 1000}))
	f.Fuzz(func(t *testing.T, b []byte) {
		b = sealImage(b)
		r := bytes.NewReader(b)
		im, err := ReadImage(r, int64(len(b)), "x.grafeo")
		checkError(t, err)
		if err != nil {
			return
		}
		// The sequential check and the concurrent proof agree.
		err = im.Check(t.Context(), r)
		checkError(t, err)
		proof := im.NewProof()
		proof.Add(0, b)
		if other := proof.Check(); (err == nil) != (other == nil) {
			t.Errorf("check %v, proof %v", err, other)
		}
		last := int64(0)
		for _, r := range im.Proof {
			if r.Offset < last || r.Length < 0 || r.Offset+r.Length > im.Size {
				t.Errorf("range %+v in %d bytes", r, im.Size)
			}
			last = r.Offset
		}
	})
}

// sealImage sets the checksums of headers and directory to those of their bytes: wrong
// ones would keep the fuzzer from everything after them.
func sealImage(b []byte) []byte {
	if len(b) < 4*pageSize {
		return b
	}
	b = bytes.Clone(b)
	gen, err := identify(b[:identityLength], "x.grafeo")
	switch {
	case err != nil:
	case gen == Gen06:
		seal(b, 0, fileHeaderCRC06, fileHeaderCRC06)
		for at := pageSize; at < 3*pageSize; at += pageSize {
			if page := b[at : at+pageSize]; !isZero(page) {
				sealBlocks(b, page[40:56], 10)
				seal(b, at, at+databaseHeaderCRC06, at+databaseHeaderCRC06)
			}
		}
	default:
		for at := pageSize; at < 3*pageSize; at += pageSize {
			sealDirectory05(b[at:at+pageSize], crc32.ChecksumIEEE(b[3*pageSize:4*pageSize]))
		}
	}
	return b
}

// sealBlocks seals the blocks of a directory from the one that pointer points
// to on, the last one first.
func sealBlocks(b, pointer []byte, most int) {
	offset, length := binary.LittleEndian.Uint64(pointer), uint64(binary.LittleEndian.Uint32(pointer[8:]))
	if most == 0 || length < blockHeaderLength || length > uint64(len(b)) || offset > uint64(len(b))-length {
		return
	}
	block := b[offset : offset+length]
	sealBlocks(b, block[8:24], most-1)
	binary.LittleEndian.PutUint32(pointer[12:], crc32.ChecksumIEEE(block))
}

// sealDirectory05 writes a database header again, with this checksum.
func sealDirectory05(page []byte, checksum uint32) {
	var v [8]uint64
	n, err := readVarints(page, &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6], &v[7])
	if err != nil || v[2] != 0 || v[0] == 0 { // a snapshot has its own checksum there, an empty slot none
		return
	}
	v[1] = uint64(checksum)
	var header []byte
	for _, x := range v {
		header = grafeotest.AppendVarint(header, x)
	}
	clear(page[:n])
	copy(page, header)
}

// fuzzLog scans b as the only log file and checks what must hold of any log.
func fuzzLog(t *testing.T, gen Generation, name string, b []byte) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
	l, commits, err := scanAll(dir, gen, ScanOptions{})
	checkError(t, err)
	if err != nil || len(l.Files) == 0 {
		return
	}
	file := l.Files[0]
	if file.End < 0 || file.End > int64(len(b)) || l.Commits+l.SyncMarks != int64(len(commits)) {
		t.Fatalf("log %+v of %d bytes", l, len(b))
	}
	checkContent(t, path, &file)
	for i, c := range commits {
		if i > 0 && c.Start != commits[i-1].End || c.End <= c.Start || c.End > file.End {
			t.Fatalf("commit %+v after %+v", c, commits[:i])
		}
		if c.CRC32C != newRangeC(0, b[c.Start:c.End], "").CRC32 {
			t.Fatalf("commit %+v: wrong checksum", c)
		}
	}
	// What is kept is a whole log by itself, with the same commits.
	if err := os.Truncate(path, file.End); err != nil {
		t.Fatal(err)
	}
	again, rest, err := scanAll(dir, gen, ScanOptions{})
	if err != nil || again.Torn != nil || again.Uncommitted != 0 || len(rest) != len(commits) {
		t.Fatalf("kept %d bytes: %+v, torn %+v, %v", file.End, again, again.Torn, err)
	}
}

func FuzzScanLog05(f *testing.F) {
	for _, path := range []string{"live", "reopened", "torn-tail"} {
		f.Add(readFile(f, vector("v0.5.42", path, "tiny.grafeo.wal/wal_00000000.log")))
	}
	f.Add(commit05(7, "\x00a", "\x01b"))
	f.Fuzz(func(t *testing.T, b []byte) { fuzzLog(t, Gen05, "wal_00000000.log", b) })
}

func FuzzScanLog06(f *testing.F) {
	f.Add(readFile(f, vector("v0.6.0/live/tiny.grafeo.wal/wal_00000000000000001244.log")))
	f.Add(readFile(f, vector("v0.6.0/torn-tail/tiny.grafeo.wal/wal_00000000000000001244.log")))
	f.Add(readFile(f, vector("v0.6.0/reopened/tiny.grafeo.wal/wal_00000000000000000000.log")))
	s := newSegment06(5).add(group06(1, "a")).mark()
	s.b = append(s.b, "bad bytes"...)
	f.Add(s.mark().b)
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < segmentHeaderLength+frameHeaderLength {
			return
		}
		// The checksum of the header and that of the first frame would keep the
		// fuzzer from everything after them.
		b = bytes.Clone(b)
		seal(b, 0, segmentHeaderCRC06, segmentHeaderCRC06)
		at := segmentHeaderLength
		if n := int64(binary.LittleEndian.Uint32(b[at:])); n <= int64(len(b)-at-frameHeaderLength) {
			b = reseal(b, at, b[at+24])
		}
		first := binary.LittleEndian.Uint64(b[32:])
		fuzzLog(t, Gen06, grafeotest.SegmentName06(first), b)
	})
}

// What is small and has no checksum: numbers, cursors, headers, names.
func FuzzSmall(f *testing.F) {
	for _, s := range []string{"", "\x00", "\xfa", "\xfb\xfb\x00", "\xfc\x00\x00\x01\x00", "\xfd\xff\xff\xff\xff\xff\xff\xff\xff",
		"\xfe\x00", "\xff", "wal_00000000.log", "wal_00000000000000001244.log"} {
		f.Add([]byte(s))
	}
	for _, path := range []string{
		"v0.5.42/backup/tiny.grafeo.wal/backup_cursor.meta", "v0.6.0/backup/tiny.grafeo.wal/backup_cursor.meta",
		"v0.5.42/varint/backup_cursor.251.meta", "v0.5.42/backup/backup/backup_incr_0001.wal",
	} {
		b := readFile(f, vector(path))
		f.Add(b[:min(len(b), 500)])
	}
	f.Add(readFile(f, vector("v0.6.0/live/tiny.grafeo.wal/wal_00000000000000001244.log"))[:segmentHeaderLength])
	f.Fuzz(func(t *testing.T, b []byte) {
		fuzzVarint(t, b)
		fuzzCursor(t, b)
		fuzzHeaders(t, b)
		for _, gen := range []Generation{Gen05, Gen06} {
			number, ok := parseLogName(string(b), gen)
			if ok && string(b) != grafeotest.LogName05(number) && string(b) != grafeotest.SegmentName06(number) {
				t.Errorf("%q is log file %d", b, number)
			}
			if ok && Follows(gen, string(b), 1<<40, string(b)) {
				t.Errorf("%q follows itself", b)
			}
		}
	})
}

func fuzzVarint(t *testing.T, b []byte) {
	t.Helper()
	v, n, err := readVarint(b)
	if err != nil {
		if v != 0 || n != 0 {
			t.Errorf("%d in %d bytes, %v", v, n, err)
		}
		return
	}
	shortest := grafeotest.AppendVarint(nil, v)
	if n < len(shortest) || n > maxVarint || n > len(b) || n == len(shortest) && !bytes.Equal(shortest, b[:n]) {
		t.Errorf("%x: %d in %d bytes", b, v, n)
	}
}

// A cursor that is decoded and encoded is the same as before.
func fuzzCursor(t *testing.T, b []byte) {
	t.Helper()
	c, err := DecodeCursor(b, "cursor")
	checkError(t, err)
	if err != nil {
		return
	}
	ms := uint64(0)
	if !c.Time.IsZero() {
		ms = uint64(c.Time.UnixMilli())
	}
	var again []byte
	if c.Generation == Gen05 {
		for _, v := range []uint64{c.BackedUpEpoch, c.LogSequence, ms} {
			again = grafeotest.AppendVarint(again, v)
		}
	} else {
		again, err = json.Marshal(map[string]any{"backed_up_epoch": c.BackedUpEpoch, "log_sequence": c.LogSequence,
			"timestamp_ms": ms, "wal_lsn": c.WALLSN})
		if err != nil {
			t.Fatal(err)
		}
	}
	got, err := DecodeCursor(again, "cursor")
	if diff := cmp.Diff(c, got); err != nil || diff != "" {
		t.Errorf("%q, and again %q: %v %s", b, again, err, diff)
	}
}

func fuzzHeaders(t *testing.T, b []byte) {
	t.Helper()
	h, err := DecodeNativeHeader(b, "native")
	checkError(t, err)
	if err == nil && (len(b) < NativeHeaderLength || h.StartEpoch != binary.LittleEndian.Uint64(b[8:]) ||
		h.Generation != Gen05 && h.Generation != Gen06) {
		t.Errorf("%x: %+v", b, h)
	}
	if len(b) >= segmentHeaderLength {
		b = seal(bytes.Clone(b), 0, segmentHeaderCRC06, segmentHeaderCRC06)
	}
	s, err := decodeSegmentHeader06(b, "segment")
	checkError(t, err)
	if err == nil && s.FirstLSN != binary.LittleEndian.Uint64(b[32:]) {
		t.Errorf("%x: %+v", b, s)
	}
	_, err = identify(b[:min(len(b), identityLength)], "x.grafeo")
	checkError(t, err)
}
