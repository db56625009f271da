package hold

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
)

// A cursor of ours is one for the database, too, with the same position; and
// what was read is written again as it was.
func FuzzCursor(f *testing.F) {
	b, err := encodeCursor([]Entry{
		{"0123456789abcdef0123456789abcdef", "s3://bucket/a", 128, 7, 3, "0123456789abcdef0123456789abcdef", "1-2-3", time.Unix(1795428000, 5).UTC()},
		{"fedcba9876543210fedcba9876543210", "/archive", 64, 6, 2, "fedcba9876543210fedcba9876543210", "", time.Unix(1795428001, 0).UTC()},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	for _, path := range []string{"v0.6.0", "v0.5.42"} {
		b, err := os.ReadFile(filepath.Join("..", "..", "grafeo", "testdata", path, "backup", "tiny.grafeo.wal", grafeo.CursorName))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"wal_lsn":0,"gbak_s3":{"format":1,"holds":[{}]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := decodeCursor(b)
		if err != nil {
			return
		}
		for _, h := range c.Ours.Holds {
			if h.LSN < c.WALLSN {
				t.Errorf("%s needs the log from %d, and the database keeps it from %d", h.Name, h.LSN, c.WALLSN)
			}
		}
		again, err := encodeCursor(c.Ours.Holds)
		if err != nil {
			return // a time that cannot be written
		}
		got, err := decodeCursor(again)
		if err != nil {
			t.Fatalf("%q, and again %q: %v", b, again, err)
		}
		if diff := cmp.Diff(c.Ours, got.Ours); diff != "" {
			t.Errorf("%q, and again %q: %s", b, again, diff)
		}
		if theirs, err := grafeo.DecodeCursor(again, grafeo.CursorName); err != nil || theirs.WALLSN == nil || *theirs.WALLSN != c.WALLSN {
			t.Errorf("the database reads %+v of %q, %v", theirs, again, err)
		}
	})
}
