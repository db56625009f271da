package grafeo

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Cursors that the real database wrote.
func TestCursorVectors(t *testing.T) {
	t.Parallel()
	lsn := uint64(3441)
	for path, want := range map[string]Cursor{
		"v0.5.42/backup/tiny.grafeo.wal/backup_cursor.meta": {Gen05, 8, 3, time.UnixMilli(1795399200539).UTC(), nil},
		"v0.5.42/varint/backup_cursor.123.meta":             {Gen05, 123, 0, time.UnixMilli(1795399203559).UTC(), nil}, // begins with "{"
		"v0.5.42/varint/backup_cursor.250.meta":             {Gen05, 250, 1, time.UnixMilli(1795399203617).UTC(), nil},
		"v0.5.42/varint/backup_cursor.251.meta":             {Gen05, 251, 2, time.UnixMilli(1795399203625).UTC(), nil},
		"v0.5.42/varint/backup_cursor.300.meta":             {Gen05, 300, 3, time.UnixMilli(1795399203661).UTC(), nil},
		"v0.6.0/backup/tiny.grafeo.wal/backup_cursor.meta":  {Gen06, 8, 0, time.UnixMilli(1795399202427).UTC(), &lsn},
	} {
		got, err := DecodeCursor(readFile(t, vector(path)), path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if diff := cmp.Diff(&want, got); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
}

func TestCursorForms(t *testing.T) {
	t.Parallel()
	const rest = `"backed_up_epoch":8,"log_sequence":0,"timestamp_ms":5`
	lsn := uint64(7)
	for text, want := range map[string]*uint64{
		`{` + rest + `,"wal_lsn":7}`:                        &lsn,
		`{` + rest + `,"wal_lsn":7,"gbak_s3":{"holds":[]}}`: &lsn, // fields of others
		`{` + rest + `,"WAL_LSN":7}`:                        nil,  // another field
		`{` + rest + `,"wal_lsn":null}`:                     nil,
		" {" + rest + "}\n":                                 nil,
	} {
		got, err := DecodeCursor([]byte(text), "x")
		if err != nil || got.Generation != Gen06 || got.BackedUpEpoch != 8 || !cmp.Equal(got.WALLSN, want) {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for name, text := range map[string]string{
		"empty":           "",
		"two numbers":     "\x08\x03",
		"four numbers":    "\x08\x03\x04\x05",
		"a cut number":    "\x08\x03\xfd\x1b",
		"empty object":    "{}",
		"a field missing": `{"backed_up_epoch":8,"log_sequence":0}`,
		"a field null":    `{"backed_up_epoch":null,"log_sequence":0,"timestamp_ms":5}`,
		"a negative":      `{` + rest + `,"wal_lsn":-7}`,
		"a fraction":      `{` + rest + `,"wal_lsn":7.5}`,
		"a string":        `{` + rest + `,"wal_lsn":"7"}`,
		"above 64 bits":   `{` + rest + `,"wal_lsn":18446744073709551616}`,
		"text after":      `{` + rest + `} x`,
		"an array":        `[8,0,5]`,
		"cut":             `{` + rest,
		"no UTF-8":        `{` + rest + ",\"x\":\"\xff\"}",
		"too long":        `{` + rest + `,"x":"` + string(bytes.Repeat([]byte("x"), MaxCursorBytes)) + `"}`,
	} {
		got, err := DecodeCursor([]byte(text), "x.meta")
		var damage *DamageError
		if !errors.As(err, &damage) || damage.Path != "x.meta" || got != nil {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func FuzzCursor(f *testing.F) {
	for _, path := range []string{"v0.5.42/varint/backup_cursor.123.meta", "v0.5.42/varint/backup_cursor.300.meta",
		"v0.6.0/backup/tiny.grafeo.wal/backup_cursor.meta"} {
		f.Add(readFile(f, vector(path)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := DecodeCursor(b, "x")
		checkError(t, err)
		if (c == nil) != (err != nil) {
			t.Fatalf("%+v, %v", c, err)
		}
		if c == nil {
			return
		}
		// One byte more or less is no cursor of 0.5.
		if c.Generation == Gen05 {
			if more, err := DecodeCursor(append(bytes.Clone(b), 0), "x"); err == nil && more.Generation == Gen05 {
				t.Errorf("%x with a byte after it: %+v", b, more)
			}
			if c.WALLSN != nil {
				t.Errorf("%x: %+v", b, c)
			}
		}
	})
}
