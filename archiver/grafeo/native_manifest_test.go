package grafeo

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

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
