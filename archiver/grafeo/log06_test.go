package grafeo

import (
	"bytes"
	"encoding/binary"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
)

// segment06 builds a segment from a log position on and remembers where its
// groups end.
type segment06 struct {
	first uint64
	b     []byte
	ends  []int
}

func newSegment06(first uint64) *segment06 {
	return &segment06{first: first, b: grafeotest.SegmentHeader06([16]byte{}, first, time.UnixMilli(5))}
}

func (s *segment06) lsn() uint64 { return s.first + uint64(len(s.b)-segmentHeaderLength) }

func (s *segment06) name() string { return grafeotest.SegmentName06(s.first) }

func (s *segment06) add(g grafeotest.Group06) *segment06 {
	s.b = grafeotest.AppendGroup06(s.b, s.lsn(), g)
	s.ends = append(s.ends, len(s.b))
	return s
}

// mark adds a sync mark.
func (s *segment06) mark() *segment06 {
	return s.add(grafeotest.Group06{SyncMark: true, Synced: s.lsn()})
}

func (s *segment06) next() *segment06 { return newSegment06(s.lsn()) }

func group06(epoch uint64, records string) grafeotest.Group06 {
	return grafeotest.Group06{Epoch: epoch, Time: time.UnixMilli(1_000_000 + int64(epoch)), Transaction: epoch + 1,
		Records: []byte(records)}
}

func folder06(t testing.TB, segments ...*segment06) string {
	t.Helper()
	files := make(map[string][]byte)
	for _, s := range segments {
		files[s.name()] = s.b
	}
	return logFolder(t, files)
}

func TestKindsOfGroups06(t *testing.T) {
	t.Parallel()
	s := newSegment06(77)
	big := group06(2, strings.Repeat("big ", 100_000))
	big.Frames = 7
	schema := group06(2, "index")
	schema.Origin = originSchema
	schema.Synced = 77
	s.add(group06(1, "a")).mark().add(big).add(schema).add(group06(9, "epochs may be missing"))
	dir := folder06(t, s)
	writeFile(t, filepath.Join(dir, "backup_cursor.meta"), []byte("{}"))
	writeFile(t, filepath.Join(dir, "wal_00000000.log"), []byte("a file of 0.5"))
	writeFile(t, filepath.Join(dir, "damaged-00000000000000000005", "wal_00000000000000000005.log"), nil)
	l, commits := mustScan(t, dir, Gen06, ScanOptions{DatabaseID: grafeotest.DefaultID})
	var kinds []CommitKind
	for i, c := range commits {
		kinds = append(kinds, c.Kind)
		start := segmentHeaderLength
		if i > 0 {
			start = s.ends[i-1]
		}
		want := Commit{
			Kind: c.Kind, Epoch: c.Epoch, HasEpoch: c.Kind != SyncMark, Time: c.Time,
			Start: int64(start), End: int64(s.ends[i]), LSN: 77 + uint64(start-128), EndLSN: 77 + uint64(s.ends[i]-128),
			SyncedLSN: c.SyncedLSN, CRC32C: newRangeC(0, s.b[start:s.ends[i]], "").CRC32,
			upToEnd: newRangeC(0, s.b[:s.ends[i]], "").CRC32,
		}
		if c != want {
			t.Errorf("commit %d: got %+v\nwant %+v", i, c, want)
		}
		if c.HasEpoch && !c.Time.Equal(time.UnixMilli(1_000_000+int64(c.Epoch))) || !c.HasEpoch && !c.Time.IsZero() {
			t.Errorf("commit %d: time %v", i, c.Time)
		}
	}
	if want := []CommitKind{Transaction, SyncMark, Transaction, Schema, Transaction}; !slices.Equal(kinds, want) {
		t.Errorf("kinds %v, want %v", kinds, want)
	}
	if got := epochs(commits); !slices.Equal(got, []uint64{1, 2, 2, 9}) || l.Commits != 4 || l.SyncMarks != 1 {
		t.Errorf("epochs %v, log %+v", got, l)
	}
	if commits[1].SyncedLSN != commits[1].LSN || commits[3].SyncedLSN != 77 {
		t.Errorf("synced %d and %d", commits[1].SyncedLSN, commits[3].SyncedLSN)
	}
	if l.DatabaseID != grafeotest.DefaultID || len(l.Files) != 1 || l.Files[0].EndLSN != s.lsn() || l.Torn != nil {
		t.Errorf("log %+v", l)
	}
}

// reseal changes the flags of the frame at an offset and its checksum.
func reseal(b []byte, at int, flags byte) []byte {
	b = bytes.Clone(b)
	n := int(binary.LittleEndian.Uint32(b[at:]))
	frame := grafeotest.AppendFrame06(nil, binary.LittleEndian.Uint64(b[at+8:]), binary.LittleEndian.Uint64(b[at+16:]), flags,
		b[at+25:at+25+n])
	return append(append(b[:at:at], frame...), b[at+25+n:]...)
}

func TestTornTails06(t *testing.T) {
	t.Parallel()
	three := func() *segment06 {
		g := group06(2, strings.Repeat("x", 900))
		g.Frames = 3
		return newSegment06(500).add(group06(1, "a")).add(g).add(group06(3, "c"))
	}
	full := three()
	middle := full.ends[0] + 25 + int(binary.LittleEndian.Uint32(full.b[full.ends[0]:])) // second frame of the second group
	flip := func(b []byte, at int) []byte { return edit(b, at, []byte{b[at] ^ 1}) }
	other := func(b []byte, at int, transaction uint64) []byte {
		b = edit(b, at+16, u64(transaction))
		return reseal(b, at, b[at+24])
	}
	for name, c := range map[string]struct {
		b    []byte
		keep int // groups
		text string
	}{
		"cut in a frame header":      {full.b[:full.ends[0]+10], 1, "inside a frame"},
		"cut in a payload":           {full.b[:full.ends[2]-1], 2, "inside a frame"},
		"cut between frames":         {full.b[:middle], 1, "inside a group"},
		"cut in the second frame":    {full.b[:middle+30], 1, "inside a frame"},
		"only the header":            {full.b[:128], 0, ""},
		"zeros after":                {append(bytes.Clone(full.b), make([]byte, 300<<10)...), 3, "log position 0"},
		"garbage after":              {append(bytes.Clone(full.b), "garbage garbage garbage garbage"...), 3, "bytes"},
		"flip in the first group":    {flip(full.b, 160), 0, "wrong checksum"},
		"flip in the second group":   {flip(full.b, middle+40), 1, "wrong checksum"},
		"flip in a length":           {flip(full.b, middle), 1, "wrong checksum"},
		"length far too long":        {edit(full.b, middle, u32(1<<31)), 1, "a frame of"},
		"flip in a position":         {flip(full.b, middle+8), 1, "log position"},
		"a group inside another one": {reseal(full.b, middle, 1), 1, "inside another one"},
		"a group without a front":    {reseal(full.b, full.ends[0], 0), 1, "where a group must start"},
		"two transactions":           {other(full.b, middle, 99), 1, "another transaction"},
		"first frame without synced position": {grafeotest.AppendFrame06(bytes.Clone(full.b), full.lsn(), 5, 3, []byte("short")), 3,
			"too short"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := logFolder(t, map[string][]byte{full.name(): c.b})
			l, commits := mustScan(t, dir, Gen06, ScanOptions{})
			end := segmentHeaderLength
			if c.keep > 0 {
				end = full.ends[c.keep-1]
			}
			if len(commits) != c.keep || l.Files[0].End != int64(end) || l.Files[0].EndLSN != 500+uint64(end-128) {
				t.Fatalf("%d commits, file %+v; want %d and end %d", len(commits), l.Files[0], c.keep, end)
			}
			checkContent(t, filepath.Join(dir, full.name()), &l.Files[0])
			if c.text == "" {
				if l.Torn != nil {
					t.Errorf("torn %+v", l.Torn)
				}
				return
			}
			if l.Torn == nil || l.Torn.Offset != int64(end) || l.Torn.Length != int64(len(c.b)-end) ||
				!strings.Contains(l.Torn.What, c.text) {
				t.Errorf("torn %+v, want from %d on, %q", l.Torn, end, c.text)
			}
			// The same in a segment that is not the newest is damage.
			after := newSegment06(500 + uint64(len(c.b)-128))
			writeFile(t, filepath.Join(dir, after.name()), after.b)
			if _, err := ScanLog(dir, Gen06, ScanOptions{}); !errors.Is(err, ErrDamaged) {
				t.Errorf("in a sealed segment: %v", err)
			}
		})
	}
}

// If a later group says that the bad bytes were synced, they are damage.
func TestSyncedBytesAreNotTorn06(t *testing.T) {
	t.Parallel()
	build := func(synced func(bad, bad2 uint64) uint64) (*segment06, int) {
		s := newSegment06(0).add(group06(1, "a"))
		bad := len(s.b)
		s.add(group06(2, strings.Repeat("b", 200<<10))) // farther than one window
		s.add(group06(3, "c"))
		g := group06(4, "d")
		g.Synced = synced(uint64(bad-128), s.lsn())
		s.add(g)
		s.b[bad+1000] ^= 1
		return s, bad
	}
	for name, c := range map[string]struct {
		synced func(bad, later uint64) uint64
		damage bool
	}{
		"not synced":            {func(_, _ uint64) uint64 { return 0 }, false},
		"synced up to it":       {func(bad, _ uint64) uint64 { return bad }, false},
		"synced a bit of it":    {func(bad, _ uint64) uint64 { return bad + 1 }, true},
		"synced up to the last": {func(_, later uint64) uint64 { return later }, true},
	} {
		s, bad := build(c.synced)
		l, _, err := scanAll(folder06(t, s), Gen06, ScanOptions{})
		if c.damage {
			damageAt(t, err, int64(bad))
			if !strings.Contains(err.Error(), "synced up to log position") {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil || l.Commits != 1 || l.Torn == nil {
			t.Errorf("%s: %+v, %v", name, l, err)
		}
	}
	s := newSegment06(0).add(group06(1, "a"))
	s.b = append(s.b, "bad bytes"...)
	s.mark()
	_, err := ScanLog(folder06(t, s), Gen06, ScanOptions{})
	damageAt(t, err, int64(s.ends[0]))
}

func TestDamage06(t *testing.T) {
	t.Parallel()
	header := func(pairs ...any) []byte {
		b := edit(newSegment06(9).add(group06(1, "a")).b, pairs...)
		return seal(b, 0, 124, 124)
	}
	whole := newSegment06(9).add(group06(1, "a"))
	future := whole.add(grafeotest.Group06{Epoch: 2, Synced: 1 << 40})
	kind := func(payload string) []byte {
		return grafeotest.AppendFrame06(newSegment06(9).b, 9, 5, 3, []byte("\x00\x00\x00\x00\x00\x00\x00\x00"+payload))
	}
	noRecord := grafeotest.AppendFrame06(newSegment06(9).b, 9, 5, 1, make([]byte, 8))
	for name, c := range map[string]struct {
		b    []byte
		want error
		text string
	}{
		"magic":                     {header(0, []byte("X")), ErrDamaged, "starts with"},
		"newer version":             {header(8, u16(3)), ErrUnsupportedVersion, "log segment version 3"},
		"older version":             {header(8, u16(1)), ErrDamaged, "version 1"},
		"header length":             {header(10, u16(256)), ErrDamaged, "256 bytes"},
		"unknown flag":              {header(12, u32(4)), ErrUnsupportedVersion, "0x4"},
		"compatible flag":           {header(12, u32(1<<20)), nil, ""},
		"encrypted":                 {header(12, u32(1)), ErrEncrypted, ""},
		"other database":            {header(16, []byte{1, 2, 3}), ErrWrongDatabase, "0123456789abcdef01234567890"},
		"other position":            {header(32, u64(10)), ErrDamaged, "first log position 10"},
		"checksum":                  {edit(header(), 50, []byte{1}), ErrDamaged, "wrong checksum"},
		"zeros, then bytes":         {edit(header(), 0, make([]byte, 128)), ErrDamaged, "starts with"},
		"synced in the future":      {future.b, ErrDamaged, "synced up to"},
		"unknown frame flag":        {reseal(whole.b, 128, 7), ErrUnsupportedVersion, "log frame with flags 0x7"},
		"unknown first record":      {kind("\x02\x01\x01\x00\x00\x00x"), ErrUnsupportedVersion, "kind 2"},
		"record cut off":            {kind("\x01\x01\x01"), ErrDamaged, "cut off"},
		"GroupBegin too short":      {kind("\x01\x01\x02\x00\x00\x00\x05\x05"), ErrDamaged, "GroupBegin"},
		"GroupBegin of odd length":  {kind("\x01\x01\x04\x00\x00\x00\x05\x05\x00\x00"), ErrDamaged, "GroupBegin"},
		"group without records":     {noRecord, ErrDamaged, "without records"},
		"GroupBegin of 128 bits":    {kind("\x01\x01\x03\x00\x00\x00\xfe\x05\x00"), ErrDamaged, "GroupBegin"},
		"GroupBegin with no origin": {kind("\x01\x01\x02\x00\x00\x00\x05\x05\x00"), ErrDamaged, "GroupBegin"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := logFolder(t, map[string][]byte{grafeotest.SegmentName06(9): c.b})
			_, err := ScanLog(dir, Gen06, ScanOptions{DatabaseID: grafeotest.DefaultID})
			if !errors.Is(err, c.want) || err != nil && !strings.Contains(err.Error(), c.text) {
				t.Errorf("got %v, want %v with %q", err, c.want, c.text)
			}
		})
	}
}

func TestUnknownFrameFlagAfterTheTail06(t *testing.T) {
	t.Parallel()
	s := newSegment06(0).add(group06(1, "a"))
	s.b = append(s.b, "bad bytes"...)
	at := len(s.b)
	s.add(group06(2, "b"))
	dir := logFolder(t, map[string][]byte{s.name(): reseal(s.b, at, 11)})
	if _, err := ScanLog(dir, Gen06, ScanOptions{}); !errors.Is(err, ErrUnsupportedVersion) {
		t.Errorf("got %v", err)
	}
}
