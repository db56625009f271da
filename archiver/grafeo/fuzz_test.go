package grafeo

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
)

// What a decoder may say to any input: its own errors and no others.
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
			t.Fatalf("commit %+v behind %+v", c, commits[:i])
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
		// fuzzer from everything behind them.
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

func FuzzVarint(f *testing.F) {
	for _, s := range []string{"", "\x00", "\xfa", "\xfb\xfb\x00", "\xfc\x00\x00\x01\x00", "\xfd\xff\xff\xff\xff\xff\xff\xff\xff",
		"\xfe\x00", "\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
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
	})
}
