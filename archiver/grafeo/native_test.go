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

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
)

// dump is the bytes of an annotated hex dump: what stands in front of two spaces in
// each line.
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

// The list that the real 0.5.42 wrote, byte by byte.
func TestNativeManifest05(t *testing.T) {
	t.Parallel()
	b := dump(t, `
		01  version
		04  number of entries
		00 17  full, 23 bytes of name
		62 61 63 6b 75 70 5f 66 75 6c 6c 5f 30 30 30 30 2e 67 72 61 66 65 6f  backup_full_0000.grafeo
		00 02  epochs 0 to 2
		fc e3 af e0 ab  crc32
		fb 00 60  24576 bytes
		fd 08 af 21 06 a2 01 00 00  time
		01 14  incremental, 20 bytes of name
		62 61 63 6b 75 70 5f 69 6e 63 72 5f 30 30 30 31 2e 77 61 6c  backup_incr_0001.wal
		03 04  epochs 3 to 4
		fc b8 41 26 94  crc32
		fb fc 03  1020 bytes
		fd 11 af 21 06 a2 01 00 00  time
		01 14  incremental, 20 bytes of name
		62 61 63 6b 75 70 5f 69 6e 63 72 5f 30 30 30 32 2e 77 61 6c  backup_incr_0002.wal
		05 05  epoch 5
		fc 58 b7 96 a7  crc32
		fb 04 02  516 bytes
		fd 14 af 21 06 a2 01 00 00  time
		01 14  incremental, 20 bytes of name
		62 61 63 6b 75 70 5f 69 6e 63 72 5f 30 30 30 33 2e 77 61 6c  backup_incr_0003.wal
		06 08  epochs 6 to 8
		fc 30 64 ce a5  crc32
		fb e0 05  1504 bytes
		fd 1a af 21 06 a2 01 00 00  time`)
	if real := readFile(t, vector("v0.5.42/backup/backup/backup_manifest.json")); !bytes.Equal(real, b) {
		t.Fatalf("the dump is not the vector:\n%x\n%x", b, real)
	}
	want := &NativeManifest{Gen05, []NativeEntry{
		{true, "backup_full_0000.grafeo", 0, 2, 0xabe0afe3, 24576, at(1795399200520)},
		{false, "backup_incr_0001.wal", 3, 4, 0x942641b8, 1020, at(1795399200529)},
		{false, "backup_incr_0002.wal", 5, 5, 0xa796b758, 516, at(1795399200532)},
		{false, "backup_incr_0003.wal", 6, 8, 0xa5ce6430, 1504, at(1795399200538)},
	}}
	got, err := DecodeNativeManifest(b, "m")
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if !bytes.Equal(want.Encode(), b) {
		t.Errorf("encoded %x", want.Encode())
	}
}

func TestNativeManifest06(t *testing.T) {
	t.Parallel()
	b := readFile(t, vector("v0.6.0/backup/backup/backup_manifest.json"))
	want := &NativeManifest{Gen06, []NativeEntry{
		{true, "backup_full_0000.grafeo", 0, 2, 2279078478, 86016, at(1795399202413)},
		{false, "backup_incr_0001.wal", 3, 4, 2144791708, 1050, at(1795399202422)},
		{false, "backup_incr_0002.wal", 5, 5, 1123065200, 601, at(1795399202423)},
		{false, "backup_incr_0003.wal", 6, 8, 2363957704, 1483, at(1795399202427)},
	}}
	got, err := DecodeNativeManifest(b, "m")
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if !bytes.Equal(want.Encode(), b) {
		t.Errorf("encoded %s", want.Encode())
	}
	if m, err := DecodeNativeManifest((&NativeManifest{Generation: Gen06}).Encode(), "m"); err != nil || len(m.Entries) > 0 {
		t.Errorf("%+v, %v", m, err)
	}
}

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

func TestNativeManifestRefuses(t *testing.T) {
	t.Parallel()
	entry := `{"kind":"Full","filename":"a","start_epoch":0,"end_epoch":2,"checksum":1,"size_bytes":2,"created_at_ms":3}`
	if _, err := DecodeNativeManifest([]byte(`{"version":2,"segments":[`+entry+`],"later":1}`), "m"); err != nil {
		t.Errorf("an unknown field: %v", err)
	}
	edited := func(old, new string) string {
		return `{"version":2,"segments":[` + strings.Replace(entry, old, new, 1) + `]}`
	}
	one := string((&NativeManifest{Gen05, []NativeEntry{{true, "a", 0, 2, 3, 4, at(5)}}}).Encode())
	for name, text := range map[string]string{
		"nothing": "", "no list": "{}", "null": "null", "another version in JSON": `{"version":1,"segments":[]}`, "no segments": `{"version":2}`,
		"no kind": edited(`"kind":"Full",`, ""), "another kind": edited("Full", "full"), "another case": edited("filename", "Filename"),
		"a path": edited(`"a"`, `"../a"`), "a folder": edited(`"a"`, `".."`), "no name": edited(`"a"`, `""`),
		"a backslash":           edited(`"a"`, `"b\\a"`),
		"a checksum of 33 bits": edited(`"checksum":1`, `"checksum":4294967296`), "a negative size": edited(`:2,"c`, `:-2,"c`),
		"a text": edited(`:3`, `:"3"`),
		"a null": edited(`:3`, `:null`), "bytes after JSON": `{"version":2,"segments":[]}x`,
		"version 0": "\x00\x00", "version 2 in numbers": "\x02\x00", "an entry too few": "\x01\x01",
		"many entries":           "\x01\xfd\xff\xff\xff\xff\xff\xff\xff\xff" + one[2:],
		"another number of kind": one[:2] + "\x02" + one[3:], "bytes after": one + "\x00", "cut": one[:len(one)-1],
		"a long name":     one[:3] + "\xfd\xff\xff\xff\xff\xff\xff\xff\xff" + one[4:],
		"a long checksum": one[:7] + "\xfd\x00\x00\x00\x00\x01\x00\x00\x00" + one[8:],
		"too large":       strings.Repeat(" ", MaxNativeManifestBytes+1), "no UTF-8": strings.Replace(one, "a", "\xff", 1),
	} {
		m, err := DecodeNativeManifest([]byte(text), "m")
		if !errors.Is(err, ErrDamaged) || m != nil {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
	if _, err := DecodeNativeManifest([]byte(`{"version":3}`), "m"); !errors.Is(err, ErrUnsupportedVersion) {
		t.Errorf("version 3: %v", err)
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

func FuzzNativeManifest(f *testing.F) {
	for _, path := range []string{"v0.5.42/backup/backup/backup_manifest.json",
		"v0.6.0/backup/backup/backup_manifest.json", "v0.5.42/varint/backup_manifest.300.json"} {
		f.Add(readFile(f, vector(path)))
	}
	f.Add([]byte(`{"version":2,"segments":[{"kind":"Full"}]}`))
	f.Add([]byte("\x01\x01\x00\x01a\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := DecodeNativeManifest(b, "m")
		checkError(t, err)
		if err != nil {
			return
		}
		if len(m.Entries) > len(b) {
			t.Fatalf("%d entries in %d bytes", len(m.Entries), len(b))
		}
		again, err := DecodeNativeManifest(m.Encode(), "m")
		if diff := cmp.Diff(m, again); err != nil || diff != "" && len(m.Entries) > 0 {
			t.Fatalf("%v %s", err, diff)
		}
	})
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
