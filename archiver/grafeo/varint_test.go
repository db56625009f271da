package grafeo

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
)

// Cursors that the real database wrote after 123, 250, 251 and 300 commits:
// epoch, number of the log file, time. (docs/grafeo-format.md, section 7.4)
func TestVarintVectors(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][3]uint64{
		"123": {123, 0, 1795399203559},
		"250": {250, 1, 1795399203617},
		"251": {251, 2, 1795399203625},
		"300": {300, 3, 1795399203661},
	} {
		b := readFile(t, vector("v0.5.42/varint/backup_cursor."+name+".meta"))
		var got [3]uint64
		n, err := readVarints(b, &got[0], &got[1], &got[2])
		if err != nil || n != len(b) || got != want {
			t.Errorf("cursor %s: %v in %d of %d bytes, %v; want %v", name, got, n, len(b), err, want)
		}
	}
}

func TestVarintRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.Uint64().Draw(t, "v")
		b := grafeotest.AppendVarint(nil, v)
		got, n, err := readVarint(append(b, 0xff))
		if err != nil || got != v || n != len(b) || n > maxVarint {
			t.Errorf("%d: got %d in %d bytes, %v", v, got, n, err)
		}
		for short := range b {
			if _, _, err := readVarint(b[:short]); err == nil {
				t.Errorf("%d: %d of %d bytes are enough", v, short, n)
			}
		}
	})
}

func TestVarintForms(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		bytes string
		value uint64
		ok    bool
	}{
		{"\xfa", 250, true},
		{"\xfb\xfb\x00", 251, true},
		{"\xfb\x05\x00", 5, true}, // longer than it had to be
		{"\xfd\xff\xff\xff\xff\xff\xff\xff\xff", math.MaxUint64, true},
		{"\xfe\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 0, false}, // 128 bits
		{"\xff", 0, false},
	} {
		v, _, err := readVarint([]byte(c.bytes))
		if v != c.value || (err == nil) != c.ok {
			t.Errorf("%x: %d, %v", c.bytes, v, err)
		}
	}
}
