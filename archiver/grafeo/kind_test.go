package grafeo

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestRecognizeVectors(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]struct {
		kind       FileKind
		generation Generation
	}{
		"v0.5.42/live/tiny.grafeo":                                                   {KindDatabase, Gen05},
		"v0.6.0/live/tiny.grafeo":                                                    {KindDatabase, Gen06},
		"v0.5.42/live/tiny.grafeo.wal":                                               {KindLogFolder, Gen05},
		"v0.6.0/live/tiny.grafeo.wal":                                                {KindLogFolder, Gen06},
		"v0.5.42/live/tiny.grafeo.wal/wal_00000000.log":                              {KindLogFile, Gen05},
		"v0.6.0/live/tiny.grafeo.wal/wal_00000000000000001244.log":                   {KindLogFile, Gen06},
		"v0.5.42/backup/tiny.grafeo.wal/backup_cursor.meta":                          {KindCursor, ""},
		"v0.5.42/varint/backup_cursor.123.meta":                                      {KindCursor, ""},
		"v0.5.42/backup/backup":                                                      {KindNativeFolder, Gen05},
		"v0.6.0/backup/backup":                                                       {KindNativeFolder, Gen06},
		"v0.5.42/backup/backup/backup_manifest.json":                                 {KindNativeManifest, Gen05},
		"v0.6.0/backup/backup/backup_manifest.json":                                  {KindNativeManifest, Gen06},
		"v0.5.42/backup/backup/backup_incr_0001.wal":                                 {KindNativeSegment, ""},
		"v0.6.0/backup/backup/backup_full_0000.grafeo":                               {KindDatabase, Gen06},
		"v0.6.0/torn-image/header-new_pages-old.grafeo":                              {KindDatabase, Gen06},
		filepath.Join("v0.5.42", "torn-tail", "tiny.grafeo.wal", "wal_00000000.log"): {KindLogFile, Gen05},
	} {
		kind, generation, err := Recognize(vector(path))
		if err != nil || kind != want.kind || generation != want.generation {
			t.Errorf("%s: %q, %q, %v; want %v", path, kind, generation, err, want)
		}
	}
}

func TestRecognize(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		writeFile(t, path, []byte(content))
		return path
	}
	// A log file of 0.6 is known by its first bytes, whatever its name.
	kind, generation, err := Recognize(write("copy", segmentMagic06+"..."))
	if kind != KindLogFile || generation != Gen06 || err != nil {
		t.Errorf("%q, %q, %v", kind, generation, err)
	}
	// One that has lost its header, by its name.
	kind, generation, err = Recognize(write("a/wal_00000000000000000007.log", ""))
	if kind != KindLogFile || generation != Gen06 || err != nil {
		t.Errorf("%q, %q, %v", kind, generation, err)
	}
	// A database that was closed while its log is held has a cursor alone.
	write("b/backup_cursor.meta", "{}")
	kind, generation, err = Recognize(filepath.Join(dir, "b"))
	if kind != KindLogFolder || generation != "" || err != nil {
		t.Errorf("%q, %q, %v", kind, generation, err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "c", "wal"), 0o777); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{
		filepath.Join(dir, "nothing"):          fs.ErrNotExist,
		filepath.Join(dir, "c"):                ErrNotDatabase,
		filepath.Join(dir, "c/wal"):            ErrNotDatabase,
		write("text", "some text"):             ErrNotDatabase,
		write("empty", ""):                     ErrNotDatabase,
		write("newer", "GRAF\x09\x00\x00\x00"): ErrUnsupportedVersion,
		os.DevNull:                             ErrNotDatabase,
	} {
		if kind, _, err := Recognize(path); !errors.Is(err, want) || kind != "" {
			t.Errorf("%s: %q, %v; want %v", path, kind, err, want)
		}
	}
}

func TestNativeHeaderVectors(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]NativeHeader{
		"v0.5.42/backup/backup/backup_incr_0001.wal": {Gen05, 1, 3, 4, 1},
		"v0.5.42/backup/backup/backup_incr_0003.wal": {Gen05, 1, 6, 8, 1},
		"v0.6.0/backup/backup/backup_incr_0001.wal":  {Gen06, 2, 3, 4, 2},
		"v0.6.0/backup/backup/backup_incr_0003.wal":  {Gen06, 2, 6, 8, 3},
	} {
		b := readFile(t, vector(path))
		got, err := DecodeNativeHeader(b, path)
		if err != nil || *got != want {
			t.Errorf("%s: %+v, %v; want %+v", path, got, err, want)
		}
		_, err = DecodeNativeHeader(b[:NativeHeaderLength-1], path)
		damageAt(t, err, NativeHeaderLength-1)
		_, err = DecodeNativeHeader(edit(b, 0, []byte{'X'}), path)
		damageAt(t, err, 0)
		if _, err = DecodeNativeHeader(edit(b, 4, []byte{3}), path); !errors.Is(err, ErrUnsupportedVersion) {
			t.Errorf("version 3: %v", err)
		}
	}
}
