package grafeo

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
)

func TestUnfinishedSegment06(t *testing.T) {
	t.Parallel()
	one := newSegment06(0).add(group06(1, "a"))
	two := one.next().add(group06(2, "b"))
	torn := one.next().add(group06(2, "b"))
	torn.b = torn.b[:len(torn.b)-1]
	for name, newest := range map[string][]byte{"short": two.b[:127], "empty": {}, "zeros": make([]byte, 9000)} {
		files := map[string][]byte{one.name(): one.b, two.name(): newest}
		l, _ := mustScan(t, logFolder(t, files), Gen06, ScanOptions{})
		if want := (TornTail{two.name(), 0, int64(len(newest)), "a segment without a header"}); len(l.Files) != 1 ||
			l.Commits != 1 || l.Torn == nil || *l.Torn != want {
			t.Errorf("%s: %+v, torn %+v", name, l, l.Torn)
		}
		delete(files, one.name())
		l, _ = mustScan(t, logFolder(t, files), Gen06, ScanOptions{DatabaseID: grafeotest.DefaultID})
		if len(l.Files) != 0 || l.DatabaseID != "" || l.Torn == nil {
			t.Errorf("%s alone: %+v", name, l)
		}
		// In its place the segment before is the newest one.
		files = map[string][]byte{one.name(): one.b, torn.name(): torn.b, grafeotest.SegmentName06(torn.lsn()): newest}
		l, _ = mustScan(t, logFolder(t, files), Gen06, ScanOptions{})
		if l.Commits != 1 || l.Files[1].End != 128 {
			t.Errorf("%s after a torn one: %+v", name, l)
		}
		if name != "zeros" {
			continue
		}
		files = map[string][]byte{one.name(): newest, two.name(): two.b}
		if _, err := ScanLog(logFolder(t, files), Gen06, ScanOptions{}); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s that is not the newest: %v", name, err)
		}
	}
}

func TestFrom06(t *testing.T) {
	t.Parallel()
	one := newSegment06(100).add(group06(1, "a")).add(group06(2, "b"))
	two := one.next().add(group06(3, "c")).mark().add(group06(4, "d"))
	three := two.next()
	dir := folder06(t, one, two, three)
	second := 100 + uint64(one.ends[0]-128)
	for _, c := range []struct {
		from   uint64
		epochs []uint64
		files  int
		gap    bool
	}{
		{100, []uint64{1, 2, 3, 4}, 3, false},
		{second, []uint64{2, 3, 4}, 3, false},
		{two.first, []uint64{3, 4}, 2, false},
		{two.first + uint64(two.ends[0]-128), []uint64{4}, 2, false},
		{three.first, nil, 1, false},
		{three.first + 5, nil, 0, false}, // the log ends before
		{99, nil, 0, true},
		{second + 1, nil, 0, true},
		{101, nil, 0, true},
	} {
		l, commits, err := scanAll(dir, Gen06, ScanOptions{From: &Position{LSN: c.from}})
		if errors.Is(err, ErrGap) != c.gap || !c.gap && err != nil {
			t.Errorf("from %d: %v", c.from, err)
			continue
		}
		if c.gap {
			continue
		}
		if got := epochs(commits); !slices.Equal(got, c.epochs) || len(l.Files) != c.files {
			t.Errorf("from %d: epochs %v in %d files, want %v in %d", c.from, got, len(l.Files), c.epochs, c.files)
		}
	}
	// What lies before is not read: it may be damaged, or from before a gap.
	writeFile(t, filepath.Join(dir, one.name()), []byte("garbage"))
	if _, err := ScanLog(dir, Gen06, ScanOptions{From: &Position{LSN: two.first}}); err != nil {
		t.Error(err)
	}
	if _, err := ScanLog(dir, Gen06, ScanOptions{}); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
}

func TestGaps06(t *testing.T) {
	t.Parallel()
	one := newSegment06(0).add(group06(1, "a"))
	two := one.next().add(group06(2, "b"))
	three := two.next().add(group06(3, "c"))
	_, err := ScanLog(folder06(t, one, three), Gen06, ScanOptions{})
	var gap *GapError
	if !errors.As(err, &gap) || gap.Want != two.first || gap.Got != three.first || filepath.Base(gap.Path) != three.name() {
		t.Errorf("got %v", err)
	}
	foreign := two.next()
	copy(foreign.b[16:], "another database")
	seal(foreign.b, 0, 124, 124)
	_, err = ScanLog(folder06(t, one, two, foreign), Gen06, ScanOptions{})
	var wrong *WrongDatabaseError
	if !errors.As(err, &wrong) || wrong.Want != grafeotest.DefaultID || !errors.Is(err, ErrWrongDatabase) {
		t.Errorf("got %v", err)
	}
	top := newSegment06(1<<64 - 10).add(group06(1, "a"))
	if _, err := ScanLog(folder06(t, top), Gen06, ScanOptions{}); !errors.Is(err, ErrDamaged) {
		t.Errorf("log positions above 64 bits: %v", err)
	}
}

func TestEmptyLogs(t *testing.T) {
	t.Parallel()
	for _, gen := range []Generation{Gen05, Gen06} {
		for _, dir := range []string{filepath.Join(t.TempDir(), "nothing"), t.TempDir()} {
			l, err := ScanLog(dir, gen, ScanOptions{})
			if err != nil || len(l.Files) != 0 || l.First != nil || l.Last != nil || l.Torn != nil {
				t.Errorf("%s: %+v, %v", gen, l, err)
			}
		}
	}
	if _, err := ScanLog(t.TempDir(), "0.7", ScanOptions{}); err == nil {
		t.Error("a generation that is not known")
	}
	file := filepath.Join(t.TempDir(), "file")
	writeFile(t, file, nil)
	if _, err := ScanLog(file, Gen06, ScanOptions{}); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file as folder: %v", err)
	}
}

func TestVisitorStopsTheScan(t *testing.T) {
	t.Parallel()
	stop := errors.New("stop")
	for gen, version := range map[Generation]string{Gen05: "v0.5.42", Gen06: "v0.6.0"} {
		n := 0
		_, err := ScanLog(vector(version, "backup/tiny.grafeo.wal"), gen, ScanOptions{Visit: func(Commit) error {
			if n++; n == 4 {
				return stop
			}
			return nil
		}})
		if !errors.Is(err, stop) || n != 4 {
			t.Errorf("%s: %v after %d", gen, err, n)
		}
	}
}

// A log that was made to keep the search for later groups busy: at every offset there seems
// to be a frame that reaches to the end.
func TestSearchHasALimit06(t *testing.T) {
	t.Parallel()
	s := newSegment06(0)
	b := append(s.b, "bad bytes"...)
	for len(b) < 1<<20 {
		at := len(b)
		b = append(b, u32(uint32(1<<20-at-25))...)
		b = append(b, 0, 0, 0, 0)
		b = append(b, u64(uint64(at-128))...)
		b = append(b, make([]byte, 9)...)
	}
	dir := logFolder(t, map[string][]byte{s.name(): b})
	_, err := ScanLog(dir, Gen06, ScanOptions{})
	damageAt(t, err, 128)
}

// Random chains of segments, cut at a random byte of the newest: the scan finds
// exactly the groups that are whole.
func TestCutLog06Property(t *testing.T) {
	t.Parallel()
	dirs := t.TempDir()
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		s := newSegment06(rapid.Uint64Range(0, 1<<40).Draw(rt, "first"))
		segments, sealed, whole := []*segment06{s}, 0, 0
		for epoch := range rapid.IntRange(0, 10).Draw(rt, "groups") {
			switch rapid.IntRange(0, 6).Draw(rt, "kind") {
			case 0:
				s.mark()
			case 1:
				sealed += len(s.ends)
				if len(s.ends) > 0 {
					s = s.next()
					segments = append(segments, s)
				}
			default:
				g := group06(uint64(epoch), string(rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(rt, "records")))
				g.Frames = rapid.IntRange(1, 4).Draw(rt, "frames")
				g.Synced = rapid.Uint64Range(0, s.lsn()).Draw(rt, "synced")
				s.add(g)
			}
		}
		cut := rapid.IntRange(0, len(s.b)).Draw(rt, "cut")
		s.b = s.b[:cut]
		whole, _ = slices.BinarySearch(s.ends, cut+1)
		n++
		dir := filepath.Join(dirs, strconv.Itoa(n))
		for _, s := range segments {
			writeFile(t, filepath.Join(dir, s.name()), s.b)
		}
		l, commits, err := scanAll(dir, Gen06, ScanOptions{})
		if err != nil {
			rt.Fatal(err)
		}
		if len(commits) != sealed+whole {
			rt.Fatalf("cut at %d: %d groups, want %d and %d", cut, len(commits), sealed, whole)
		}
		end, torn := 0, int64(0)
		if cut >= segmentHeaderLength {
			end = segmentHeaderLength
		}
		if whole > 0 {
			end = s.ends[whole-1]
		}
		if l.Torn != nil {
			torn = l.Torn.Length
		}
		if end+int(torn) != cut {
			rt.Fatalf("cut at %d: end %d, torn %d", cut, end, torn)
		}
	})
}
