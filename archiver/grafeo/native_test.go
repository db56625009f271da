package grafeo

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
)

// dump is the bytes of an annotated hex dump: the part before two spaces in each line.
func dump(t testing.TB, text string) []byte {
	t.Helper()
	var all []byte
	for line := range strings.Lines(strings.TrimSpace(text)) {
		digits, _, _ := strings.Cut(strings.TrimSpace(line), "  ")
		b, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all = append(all, b...)
	}
	return all
}

func at(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// Epochs above 250 are longer numbers, and every vector is written as it was read.
func TestNativeVectorsAgain(t *testing.T) {
	t.Parallel()
	for name, epochs := range map[string][]uint64{"123": {123}, "250": {123, 250}, "251": {123, 250, 251}, "300": {123, 250, 251, 300}} {
		b := readFile(t, vector("v0.5.42/varint/backup_manifest."+name+".json"))
		m, err := DecodeNativeManifest(b, "m")
		if err != nil || !bytes.Equal(m.Encode(), b) || len(m.Entries) != len(epochs) {
			t.Fatalf("%s: %+v, %v", name, m, err)
		}
		for i, e := range m.Entries {
			if !e.Full || e.EndEpoch != epochs[i] {
				t.Errorf("%s: %+v", name, e)
			}
		}
	}
	for _, path := range []string{
		"v0.5.42/varint/backup_cursor.123.meta", "v0.5.42/varint/backup_cursor.300.meta",
		"v0.5.42/backup/tiny.grafeo.wal/backup_cursor.meta", "v0.6.0/backup/tiny.grafeo.wal/backup_cursor.meta",
	} {
		b := readFile(t, vector(path))
		c, err := DecodeCursor(b, path)
		if err != nil || !bytes.Equal(c.Encode(), b) {
			t.Errorf("%s: %v, encoded %q", path, err, c.Encode())
		}
	}
	for _, path := range []string{"v0.5.42/backup/backup/backup_incr_0003.wal", "v0.6.0/backup/backup/backup_incr_0003.wal"} {
		b := readFile(t, vector(path))
		h, err := DecodeNativeHeader(b, path)
		if err != nil || !bytes.Equal(h.Encode(), b[:NativeHeaderLength]) {
			t.Errorf("%s: %v, encoded %x", path, err, h.Encode())
		}
	}
}

// The header and the parts of a backup that the real 0.6.0 wrote.
func TestReadNative(t *testing.T) {
	t.Parallel()
	head := dump(t, `
		47 42 41 4b  GBAK
		02 00 00 00  version
		03 00 00 00 00 00 00 00  first epoch
		04 00 00 00 00 00 00 00  last epoch
		02 00 00 00 00 00 00 00  groups with an epoch
		f2 03 00 00 00 00 00 00  length of the first part
		47 52 41 46 57 41 4c 00  GRAFWAL, which begins it`)
	b := readFile(t, vector("v0.6.0/backup/backup/backup_incr_0001.wal"))
	if !bytes.HasPrefix(b, head) {
		t.Fatalf("the dump is not the vector: %x", b[:len(head)])
	}
	h, parts, err := ReadNative(bytes.NewReader(b), int64(len(b)), "x")
	if err != nil || *h != (NativeHeader{Gen06, 2, 3, 4, 2}) || len(parts) != 1 || parts[0] != (NativePart{40, 1010}) {
		t.Errorf("%+v, %v, %v", h, parts, err)
	}
	two := append(AppendPartLength(bytes.Clone(b), 1010), b[40:]...)
	if _, parts, err = ReadNative(bytes.NewReader(two), int64(len(two)), "x"); err != nil || len(parts) != 2 ||
		parts[1] != (NativePart{40 + 1010 + 8, 1010}) {
		t.Errorf("%v, %v", parts, err)
	}
	old := readFile(t, vector("v0.5.42/backup/backup/backup_incr_0001.wal"))
	if h, parts, err = ReadNative(bytes.NewReader(old), int64(len(old)), "x"); err != nil || h.Generation != Gen05 ||
		len(parts) != 1 || parts[0] != (NativePart{32, int64(len(old)) - 32}) {
		t.Errorf("%+v, %v, %v", h, parts, err)
	}
	for offset, bad := range map[int64][]byte{
		0:  edit(b, 0, []byte("gBAK")),
		31: b[:31],
		32: edit(b, 32, binary.LittleEndian.AppendUint64(nil, 1011)),
		33: edit(b, 32, binary.LittleEndian.AppendUint64(nil, 1<<63+5)),
		34: edit(b, 32, binary.LittleEndian.AppendUint64(nil, 127)),
		36: b[:36],
	} {
		_, _, err := ReadNative(bytes.NewReader(bad), int64(len(bad)), "x")
		if offset == 33 || offset == 34 {
			offset = 32
		}
		damageAt(t, err, offset)
	}
	// A file that gets shorter while it is read.
	if _, _, err := ReadNative(bytes.NewReader(b[:36]), 50, "x"); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
	err = parts[0].In(fmt.Errorf("wrapped: %w", &DamageError{Path: "x", Offset: 5}))
	damageAt(t, err, 37)
	if parts[0].In(nil) != nil || !errors.Is(parts[0].In(ErrEncrypted), ErrEncrypted) {
		t.Error("what is no damage has changed")
	}
}

// A commit may begin in one piece and end in another.
func TestPieces05(t *testing.T) {
	t.Parallel()
	all := commit05(1, "\x00a")
	all = append(all, commit05(2, "\x01b", "\x02c")...)
	all = append(all, commit05(3, "\x00d")...)
	frame := len(grafeotest.AppendFrame05(nil, []byte("\x01b")))
	first := len(commit05(1, "\x00a"))
	var want []Commit
	whole := new(Pieces05)
	if err := whole.Scan(bytes.NewReader(all), "x", func(c Commit) error { want = append(want, c); return nil }); err != nil {
		t.Fatal(err)
	}
	var got []Commit
	var p Pieces05
	visit := func(c Commit) error { got = append(got, c); return nil }
	for _, piece := range [][]byte{all[:first+frame], {}, all[first+frame:]} {
		if err := p.Scan(bytes.NewReader(piece), "x", visit); err != nil {
			t.Fatal(err)
		}
	}
	if len(got) != 3 || got[1].StartFile != 0 || got[1].Start != int64(first) || got[1].File != 2 || got[2].StartFile != 2 {
		t.Fatalf("%+v", got)
	}
	for i := range got {
		if got[i].CRC32C != want[i].CRC32C || got[i].Epoch != want[i].Epoch {
			t.Errorf("%+v, want %+v", got[i], want[i])
		}
	}
	if err := p.Scan(bytes.NewReader(all[:5]), "x", visit); !errors.Is(err, ErrDamaged) {
		t.Errorf("a frame that is cut off: %v", err)
	}
	stop := errors.New("stop")
	if err := new(Pieces05).Scan(bytes.NewReader(all), "x", func(Commit) error { return stop }); !errors.Is(err, stop) {
		t.Error(err)
	}

	var out bytes.Buffer
	n, err := CopyCommits05(&out, bytes.NewReader(all))
	var rest []byte
	for _, r := range []string{"\x00a", "", "\x01b", "\x02c", "", "\x00d", ""} {
		if r == "" {
			continue
		}
		rest = grafeotest.AppendFrame05(rest, []byte(r))
	}
	if err != nil || n != int64(out.Len()) || bytes.Contains(out.Bytes(), []byte{2, 0, 0, 0, epochAdvance05}) ||
		!bytes.HasPrefix(out.Bytes(), rest[:8]) {
		t.Errorf("%d, %v: %x", n, err, out.Bytes())
	}
	if n, _ := scanEpochs(out.Bytes()); n != 0 {
		t.Errorf("%d epochs are left", n)
	}
	if _, err := CopyCommits05(&out, bytes.NewReader(all[:first+7])); err == nil {
		t.Error("a frame that is cut off is copied")
	}
}

func scanEpochs(b []byte) (n int, err error) {
	err = new(Pieces05).Scan(bytes.NewReader(b), "x", func(Commit) error { n++; return nil })
	return n, err
}

// A part of a segment is a segment with a header of its own.
func TestMoveSegment(t *testing.T) {
	t.Parallel()
	path := vector("v0.6.0/reopened/tiny.grafeo.wal/wal_00000000000000000000.log")
	b := readFile(t, path)
	_, commits := mustScan(t, filepath.Dir(path), Gen06, ScanOptions{})
	cut := commits[0]
	part := append(MoveSegment(b, cut.EndLSN), b[cut.End:]...)
	name := LogName(Gen06, cut.EndLSN)
	log, rest := mustScan(t, logFolder(t, map[string][]byte{name: part}), Gen06, ScanOptions{})
	if log.Torn != nil || len(rest) != len(commits)-1 || rest[0].CRC32C != commits[1].CRC32C || rest[0].LSN != cut.EndLSN {
		t.Errorf("%+v, %+v", log, rest)
	}
	if LogName(Gen05, 7) != "wal_00000007.log" || LogName(Gen06, 811) != "wal_00000000000000000811.log" {
		t.Error("names of log files")
	}
}

func FuzzReadNative(f *testing.F) {
	for _, path := range []string{"v0.5.42/backup/backup/backup_incr_0001.wal", "v0.6.0/backup/backup/backup_incr_0001.wal"} {
		f.Add(readFile(f, vector(path)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, parts, err := ReadNative(bytes.NewReader(b), int64(len(b)), "x")
		checkError(t, err)
		if err != nil {
			return
		}
		end := int64(NativeHeaderLength)
		for _, p := range parts {
			if p.Offset < end || p.Length < 0 || p.Offset+p.Length > int64(len(b)) {
				t.Fatalf("part %+v of %d bytes after %d", p, len(b), end)
			}
			end = p.Offset + p.Length
		}
		if end != int64(len(b)) || !bytes.Equal(h.Encode(), b[:NativeHeaderLength]) {
			t.Fatalf("the parts end at %d of %d", end, len(b))
		}
	})
}
