package grafeo

import (
	"bytes"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
)

func commit05(epoch uint64, records ...string) []byte {
	var list [][]byte
	for _, r := range records {
		list = append(list, []byte(r))
	}
	return grafeotest.AppendCommit05(nil, epoch+1, epoch, list...)
}

func frame05(payload string) []byte { return grafeotest.AppendFrame05(nil, []byte(payload)) }

// A log of three files, in which a commit runs from the first into the third,
// and one after that is not committed.
func TestCommitOverSeveralFiles05(t *testing.T) {
	t.Parallel()
	one, two, three := commit05(1, "\x00a"), commit05(2, "\x00bb"), commit05(3, "\x00c")
	split := slices.Concat(frame05("\x00d"), frame05("\x00e"), frame05("\x00f"))
	f := len(frame05("\x00d"))
	end4 := commit05(4)
	open := frame05("\x00open")
	dir := logFolder(t, map[string][]byte{
		"wal_00000007.log": slices.Concat(one, two, three, split[:f]),
		"wal_00000008.log": split[f : 2*f],
		"wal_00000009.log": slices.Concat(split[2*f:], end4, open),
		"wal_00000010.log": {},
		"notes.log":        []byte("not a log"),
		"wal_0000011.log":  []byte("seven digits"),
	})
	l, commits := mustScan(t, dir, Gen05, ScanOptions{})
	if got := epochs(commits); !slices.Equal(got, []uint64{1, 2, 3, 4}) {
		t.Fatalf("epochs %v", got)
	}
	c := commits[3]
	start, end := len(one)+len(two)+len(three), f+len(end4)
	if c.StartFile != 0 || c.Start != int64(start) || c.File != 2 || c.End != int64(end) {
		t.Errorf("commit over three files: %+v", c)
	}
	if c.CRC32C != newRangeC(0, slices.Concat(split, end4), "").CRC32 {
		t.Error("its checksum is not that of its bytes")
	}
	if l.StartOf(c) != (Position{File: 7, Offset: int64(start)}) {
		t.Errorf("start %+v", l.StartOf(c))
	}
	if l.Uncommitted != int64(len(open)) || l.Torn != nil || len(l.Files) != 4 {
		t.Errorf("log %+v", l)
	}
	for i, want := range []int64{int64(start + f), int64(f), int64(end), 0} {
		if l.Files[i].End != want || l.Files[i].Number != uint64(7+i) {
			t.Errorf("file %+v, want end %d", l.Files[i], want)
		}
		checkContent(t, filepath.Join(dir, l.Files[i].Name), &l.Files[i])
	}
}

// A commit that begins with a file is said to begin there, not at the end of
// the one before, which may be deleted first.
func TestCommitBeginsInItsOwnFile05(t *testing.T) {
	t.Parallel()
	dir := logFolder(t, map[string][]byte{
		"wal_00000000.log": commit05(1, "\x00a"),
		"wal_00000001.log": commit05(2, "\x00b"),
	})
	l, commits := mustScan(t, dir, Gen05, ScanOptions{})
	if at := l.StartOf(commits[1]); at != (Position{File: 1}) {
		t.Errorf("start %+v", at)
	}
}

func TestBadFrames05(t *testing.T) {
	t.Parallel()
	one, two := commit05(1, "\x00some record"), commit05(2, "\x00another record")
	flipped := bytes.Clone(two)
	flipped[6] ^= 1
	long := commit05(1, "\x00"+strings.Repeat("x", 300<<10))
	type files = map[string][]byte
	const first, second = "wal_00000000.log", "wal_00000001.log"
	for name, c := range map[string]struct {
		files   files
		commits int
		torn    int64  // bytes
		damage  int64  // offset; -1 if none
		text    string // in the error
	}{
		"cut off in a length":    {files{first: slices.Concat(one, two[:2])}, 1, 2, -1, ""},
		"cut off in a payload":   {files{first: slices.Concat(one, two[:9])}, 1, 9, -1, ""},
		"cut off in a checksum":  {files{first: slices.Concat(one, two[:len(frame05("\x00another record"))-1])}, 1, 22, -1, ""},
		"zeros after":            {files{first: slices.Concat(one, make([]byte, 300<<10))}, 1, 300 << 10, -1, ""},
		"only zeros":             {files{first: make([]byte, 5000)}, 0, 5000, -1, ""},
		"bad frame at the end":   {files{first: slices.Concat(one, flipped)}, 1, int64(len(two)), int64(len(one)), "commits after it"},
		"bad frame, then commit": {files{first: slices.Concat(flipped, one)}, 0, 0, 0, "commits after it, at"},
		"bad frame, commit far after": {files{first: slices.Concat(one, []byte{9}, make([]byte, 400<<10), two)}, 0, 0, int64(len(one)),
			"commits after it"},
		"bad frame in an earlier file": {files{first: slices.Concat(one, two[:9]), second: one}, 0, 0, int64(len(one)), "inside a frame"},
		"empty file after":             {files{first: slices.Concat(one, two[:9]), second: {}}, 1, 9, -1, ""},
		"long frame cut off":           {files{first: slices.Concat(one, long[:200<<10])}, 1, 200 << 10, -1, ""},
		"length of 4 GiB":              {files{first: slices.Concat(one, []byte{255, 255, 255, 255, 0x26, 5})}, 1, 6, -1, ""},
		"epoch cut off":                {files{first: slices.Concat(one, frame05("\x26\xfb"))}, 1, 10, -1, ""},
		"bytes after an epoch":         {files{first: slices.Concat(one, frame05("\x26\x05\x05"))}, 1, 11, -1, ""},
		"no epoch":                     {files{first: slices.Concat(one, frame05("\x26"))}, 1, 9, -1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, commits, err := scanAll(logFolder(t, c.files), Gen05, ScanOptions{})
			if c.damage >= 0 {
				damageAt(t, err, c.damage)
				if !strings.Contains(err.Error(), c.text) {
					t.Errorf("error %v, want %q in it", err, c.text)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(commits) != c.commits || l.Torn == nil || l.Torn.Length != c.torn {
				t.Errorf("%d commits, torn %+v", len(commits), l.Torn)
			}
		})
	}
}

func TestGaps05(t *testing.T) {
	t.Parallel()
	one, two := commit05(1, "\x00a"), commit05(2, "\x00b")
	size := int64(len(one) + len(two))
	dir := logFolder(t, map[string][]byte{
		"wal_00000003.log": slices.Concat(one, two),
		"wal_00000004.log": commit05(3, "\x00c"),
	})
	for _, c := range []struct {
		from   Position
		epochs []uint64
		gap    bool
	}{
		{Position{File: 3}, []uint64{1, 2, 3}, false},
		{Position{File: 3, Offset: int64(len(one))}, []uint64{2, 3}, false},
		{Position{File: 3, Offset: size}, []uint64{3}, false},
		{Position{File: 4}, []uint64{3}, false},
		{Position{File: 4, Offset: int64(len(commit05(3, "\x00c")))}, nil, false},
		{Position{File: 3, Offset: 5}, nil, true},
		{Position{File: 3, Offset: size + 1}, nil, true},
		{Position{File: 2}, nil, true},
		{Position{File: 5}, nil, true},
	} {
		l, commits, err := scanAll(dir, Gen05, ScanOptions{From: &c.from})
		if errors.Is(err, ErrGap) != c.gap || !c.gap && err != nil {
			t.Errorf("from %+v: %v", c.from, err)
			continue
		}
		if got := epochs(commits); !slices.Equal(got, c.epochs) || err == nil && l.Commits != int64(len(got)) {
			t.Errorf("from %+v: epochs %v, want %v", c.from, got, c.epochs)
		}
	}
	hole := logFolder(t, map[string][]byte{"wal_00000000.log": one, "wal_00000002.log": two})
	_, err := ScanLog(hole, Gen05, ScanOptions{})
	var gap *GapError
	if !errors.As(err, &gap) || gap.Want != 1 || gap.Got != 2 {
		t.Errorf("a file is missing: %v", err)
	}
	l, commits, err := scanAll(hole, Gen05, ScanOptions{WithoutEmpty: true})
	if err != nil || len(l.Files) != 2 || len(commits) != int(l.Commits) || l.Last.File != 1 {
		t.Errorf("an empty file is missing: %+v, %v", l, err)
	}
}

// A scan from the start of a commit meets it again, with the same checksum
// unless the history is another one; the bytes after it can be proved.
func TestScanAgain(t *testing.T) {
	t.Parallel()
	for _, gen := range []Generation{Gen05, Gen06} {
		dir := vector(map[Generation]string{Gen05: "v0.5.42", Gen06: "v0.6.0"}[gen], "backup/tiny.grafeo.wal")
		l, commits := mustScan(t, dir, gen, ScanOptions{})
		for i, c := range commits {
			from := l.StartOf(c)
			again, rest := mustScan(t, dir, gen, ScanOptions{From: &from})
			if len(rest) != len(commits)-i || rest[0].CRC32C != c.CRC32C || rest[0].Epoch != c.Epoch {
				t.Fatalf("%s: from %+v: %d commits, first %+v; want %+v", gen, from, len(rest), rest[0], c)
			}
			file := again.Files[rest[0].File]
			b := readFile(t, filepath.Join(dir, file.Name))
			proof := NewProof("log", []Range{file.RangeAfter(rest[0])})
			proof.Add(rest[0].End, b[rest[0].End:file.End])
			if err := proof.Check(); err != nil {
				t.Errorf("%s: after %+v: %v", gen, rest[0], err)
			}
		}
	}
}

// Two histories with frames of the same lengths have the same CRC-32 (IEEE):
// that of each frame's payload cancels it out.
func TestForkIsSeen05(t *testing.T) {
	t.Parallel()
	one := logFolder(t, map[string][]byte{"wal_00000000.log": commit05(1, "\x00Anna")})
	two := logFolder(t, map[string][]byte{"wal_00000000.log": commit05(1, "\x00Bert")})
	_, a := mustScan(t, one, Gen05, ScanOptions{})
	l, b := mustScan(t, two, Gen05, ScanOptions{})
	if a[0].CRC32C == b[0].CRC32C {
		t.Error("two histories have the same checksum")
	}
	if l.Files[0].CRC32C == newRangeC(0, commit05(1, "\x00Anna"), "").CRC32 {
		t.Error("two files have the same checksum")
	}
}

func TestEncryptedLog05(t *testing.T) {
	t.Parallel()
	var b []byte
	for i := range 5 {
		sealed := make([]byte, 12+20+i+16)
		grafeotest.Fill(sealed, uint64(i), 0)
		b = append(b, u32(uint32(len(sealed)))...)
		b = append(b, sealed...)
	}
	for name, c := range map[string]struct {
		b    []byte
		want bool
	}{
		"five frames":   {b, true},
		"one frame":     {b[:4+12+20+16], false},
		"not to an end": {b[:len(b)-1], false},
	} {
		_, err := ScanLog(logFolder(t, map[string][]byte{"wal_00000000.log": c.b}), Gen05, ScanOptions{})
		if errors.Is(err, ErrEncrypted) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReader05OverSeveralFiles(t *testing.T) {
	t.Parallel()
	b := slices.Concat(commit05(1, "\x00a"), commit05(2, "\x00b"), frame05("\x00open"))
	r := NewReader05(iotestOneByte{bytes.NewReader(b)}, "")
	for epoch := range uint64(2) {
		if c, err := r.Next(); err != nil || c.Epoch != epoch+1 {
			t.Fatalf("%+v, %v", c, err)
		}
	}
	if c, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Fatalf("%+v, %v", c, err)
	}
	end := int64(len(b) - len(frame05("\x00open")))
	if at, crc := r.End(); at != end || crc != newRangeC(0, b[:end], "").CRC32 {
		t.Errorf("end %d, want %d", at, end)
	}
}

// iotestOneByte returns one byte a call.
type iotestOneByte struct{ r io.Reader }

func (r iotestOneByte) Read(p []byte) (int, error) { return r.r.Read(p[:min(1, len(p))]) }

// Random logs over several files, cut at a random byte: the scan finds exactly
// the commits that are whole.
func TestCutLog05Property(t *testing.T) {
	t.Parallel()
	dirs := t.TempDir()
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		var log []byte
		var ends []int
		closed := map[int]int{} // ends of commits without their EpochAdvance, and how long that is
		for epoch := range rapid.IntRange(1, 8).Draw(rt, "commits") {
			var records []string
			for _, r := range rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 40), 0, 4).Draw(rt, "records") {
				records = append(records, "\x00"+string(r))
			}
			log = append(log, commit05(uint64(epoch+1), records...)...)
			ends = append(ends, len(log))
			if len(records) > 0 {
				closed[len(log)-len(frame05("\x26\x01"))] = epoch
			}
		}
		cut := rapid.IntRange(0, len(log)).Draw(rt, "cut")
		n++
		dir := filepath.Join(dirs, strconv.Itoa(n))
		number, from := 0, 0
		for _, to := range frameBorders05(log[:cut]) {
			if to < cut && rapid.IntRange(0, 9).Draw(rt, "rotate") == 0 {
				writeFile(t, filepath.Join(dir, grafeotest.LogName05(uint64(number))), log[from:to])
				number, from = number+1, to
			}
		}
		writeFile(t, filepath.Join(dir, grafeotest.LogName05(uint64(number))), log[from:cut])
		l, commits, err := scanAll(dir, Gen05, ScanOptions{})
		if err != nil {
			rt.Fatal(err)
		}
		whole, _ := slices.BinarySearch(ends, cut+1)
		for end, epoch := range closed {
			if cut >= end && cut < ends[epoch] { // the database takes it, too
				ends[epoch] = end
				whole = epoch + 1
			}
		}
		kept := int64(0)
		for _, f := range l.Files {
			kept += f.End
		}
		want := int64(0)
		if whole > 0 {
			want = int64(ends[whole-1])
		}
		torn := int64(0)
		if l.Torn != nil {
			torn = l.Torn.Length
		}
		bare := int64(len(frame05("\x23\x01"))) // a TransactionCommit of no changes is not counted
		if rest := int64(cut) - kept - l.Uncommitted - torn; len(commits) != whole || kept != want ||
			rest != 0 && (rest != bare || l.Uncommitted > 0) {
			rt.Fatalf("cut at %d: %d commits, want %d; kept %d, want %d; uncommitted %d, torn %d",
				cut, len(commits), whole, kept, want, l.Uncommitted, torn)
		}
	})
}

// frameBorders05 returns where the whole frames of b end.
func frameBorders05(b []byte) []int {
	var list []int
	for at := 0; at+4 <= len(b); {
		at += 8 + int(uint32(b[at])|uint32(b[at+1])<<8|uint32(b[at+2])<<16|uint32(b[at+3])<<24)
		if at > len(b) {
			break
		}
		list = append(list, at)
	}
	return list
}
