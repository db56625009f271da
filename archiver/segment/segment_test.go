package segment

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/klauspost/compress/zstd"
)

func encoder(t testing.TB, level Level) *Encoder {
	t.Helper()
	e, err := NewEncoder(level)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func appendFrame(t testing.TB, e *Encoder, dst, raw []byte) []byte {
	t.Helper()
	dst, err := e.AppendFrame(dst, raw)
	if err != nil {
		t.Fatal(err)
	}
	return dst
}

func decoder(t testing.TB, limit int64) *Decoder {
	t.Helper()
	d, err := NewDecoder(limit)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

// data is half noise, half repetition.
func data(n int) []byte {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(1, 1))
	for i := range b {
		if i/100%2 == 0 {
			b[i] = byte(r.Uint32())
		}
	}
	return b
}

func TestRoundTrip(t *testing.T) {
	for _, name := range []string{"fastest", "default", "better", "best"} {
		level, err := ParseLevel(name)
		if err != nil {
			t.Fatal(err)
		}
		e, d := encoder(t, level), decoder(t, FrameBytes)
		var stored []byte
		var buf []byte
		for _, n := range []int{1, 100, 4096, 1 << 20, FrameBytes} {
			raw := data(n)
			from := len(stored)
			stored = appendFrame(t, e, stored, raw)
			got, err := d.Frame(buf, stored[from:], int64(n))
			if err != nil || !bytes.Equal(got, raw) {
				t.Errorf("%s: %d bytes: %v", name, n, err)
			}
			buf = got
		}
	}
}

// Levels are read by the names that they are shown by, and have the numbers that zstd
// gives them: these are in the names of what interrupted backups have stored.
func TestLevels(t *testing.T) {
	for level, name := range map[Level]string{1: "fastest", 2: "default", 3: "better", 4: "best"} {
		if got, err := ParseLevel(name); err != nil || got != level || level.String() != name {
			t.Errorf("%s is level %d, which is %s: %v", name, got, level, err)
		}
		if zstd.EncoderLevel(level).String() != name {
			t.Errorf("zstd calls level %d %s", level, zstd.EncoderLevel(level))
		}
	}
	if got, err := ParseLevel("Best"); err != nil || got != Best {
		t.Errorf("Best is level %d, %v", got, err)
	}
	if s := Level(0).String(); s != "invalid" {
		t.Errorf("level 0 is %s", s)
	}
}

func TestParseLevelRefuses(t *testing.T) {
	if _, err := ParseLevel("fast"); err == nil {
		t.Error("fast is a level")
	}
}

func TestUnknownLevel(t *testing.T) {
	if _, err := NewEncoder(Level(99)); err == nil {
		t.Error("there is an encoder of level 99")
	}
}

// stream reads a frame with NewReader.
func stream(t *testing.T, stored []byte, rawBytes int64) ([]byte, error) {
	t.Helper()
	r, err := NewReader(stored, rawBytes)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	return io.ReadAll(r)
}

// What is not one whole frame of the expected size is an error.
func TestDamagedFrame(t *testing.T) {
	e, d := encoder(t, DefaultLevel), decoder(t, FrameBytes)
	raw := data(1500)
	stored := appendFrame(t, e, nil, raw)
	check := func(what string, stored []byte, n int64) {
		t.Helper()
		if got, err := d.Frame(nil, stored, n); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v, %d bytes", what, err, len(got))
		}
		if got, err := stream(t, stored, n); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: as a stream, %v, %d bytes", what, err, len(got))
		}
	}
	for i := range stored {
		b := bytes.Clone(stored)
		b[i] ^= 0x40
		if got, err := d.Frame(nil, b, int64(len(raw))); err == nil && !bytes.Equal(got, raw) {
			t.Errorf("byte %d was changed, and other data came out", i)
		}
		if got, err := stream(t, b, int64(len(raw))); err == nil && !bytes.Equal(got, raw) {
			t.Errorf("byte %d was changed, and other data came out as a stream", i)
		}
		check("cut", stored[:i], int64(len(raw)))
	}
	if got, err := stream(t, stored, int64(len(raw))); err != nil || !bytes.Equal(got, raw) {
		t.Errorf("as a stream: %v", err)
	}
	check("smaller than said", stored, int64(len(raw)+1))
	check("larger than said", stored, int64(len(raw)-1))
	check("two frames", append(bytes.Clone(stored), stored...), int64(len(raw)))
	check("more than the limit", stored, FrameBytes+1)
	check("negative", stored, -1)
	check("nothing", nil, 1)
}

// A frame that would decompress to gigabytes does not take that memory.
func TestBomb(t *testing.T) {
	var bomb bytes.Buffer
	w, err := zstd.NewWriter(&bomb)
	if err != nil {
		t.Fatal(err)
	}
	zeros := make([]byte, 1<<20)
	for range 512 {
		if _, err := w.Write(zeros); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	d := decoder(t, FrameBytes)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := d.Frame(nil, bomb.Bytes(), 1000); !errors.Is(err, ErrDamaged) {
		t.Errorf("the bomb: %v", err)
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 64<<20 {
		t.Errorf("the bomb of %d bytes took %d bytes of memory", bomb.Len(), grown)
	}
}

// Any bytes decompress to as many bytes as were asked for, in no more memory, or are an
// error; and what was compressed comes back.
func FuzzFrame(f *testing.F) {
	e, err := NewEncoder(DefaultLevel)
	if err != nil {
		f.Fatal(err)
	}
	for _, n := range []int{1, 1000, 70_000} {
		f.Add(appendFrame(f, e, nil, data(n)), int64(n))
		f.Add(appendFrame(f, e, nil, make([]byte, n)), int64(n))
	}
	f.Add(appendFrame(f, e, appendFrame(f, e, nil, data(10)), data(20)), int64(30))
	f.Add([]byte{0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0}, int64(0))
	d, err := NewDecoder(1 << 20)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte, n int64) {
		raw, err := d.Frame(nil, b, n)
		switch {
		case err == nil && (int64(len(raw)) != n || cap(raw) > 1<<20):
			t.Errorf("%d bytes instead of %d", len(raw), n)
		case err != nil && !errors.Is(err, ErrDamaged):
			t.Errorf("unexpected error %v", err)
		}
		if len(b) > 1<<20 || len(b) == 0 {
			return
		}
		stored := appendFrame(t, e, nil, b)
		if int64(len(stored)) > Bound(int64(len(b))) {
			t.Errorf("%d bytes became %d", len(b), len(stored))
		}
		if raw, err := d.Frame(nil, stored, int64(len(b))); err != nil || !bytes.Equal(raw, b) {
			t.Errorf("%d bytes do not come back: %v", len(b), err)
		}
	})
}
