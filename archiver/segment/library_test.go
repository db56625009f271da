//go:build cgo

package segment

import (
	"bytes"
	"runtime"
	"testing"

	libzstd "github.com/DataDog/zstd"
)

// The C library itself reads the frames and accepts their checksums, although it did not
// write those.
func TestLibraryReadsFrames(t *testing.T) {
	for _, level := range []Level{Fastest, Standard, Better} {
		e := encoder(t, level)
		for _, n := range []int{0, 1, 100, 70_000, FrameBytes} {
			raw := data(n)
			frame := appendFrame(t, e, nil, raw)
			if n == 0 && len(frame) == 0 {
				continue // Go's makes no frame of nothing
			}
			got, err := libzstd.Decompress(nil, frame)
			if err != nil || !bytes.Equal(got, raw) {
				t.Errorf("%v: %d bytes: %v", level, n, err)
			}
			frame[len(frame)-1] ^= 1
			if _, err := libzstd.Decompress(nil, frame); err == nil {
				t.Errorf("%v: %d bytes: a wrong checksum was not found", level, n)
			}
		}
	}
}

// Frames are appended in place if there is room, and else in new memory.
func TestLibraryAppends(t *testing.T) {
	e := encoder(t, DefaultLevel)
	raw := data(100_000)
	room := make([]byte, 3, 3+Bound(int64(len(raw))))
	for _, dst := range [][]byte{room, make([]byte, 3)} {
		copy(dst, "abc")
		out := appendFrame(t, e, dst, raw)
		if inPlace := &out[0] == &dst[0]; inPlace != (cap(dst) > 3) {
			t.Errorf("capacity %d: in place is %v", cap(dst), inPlace)
		}
		if string(out[:3]) != "abc" {
			t.Errorf("what was there became %q", out[:3])
		}
		if got, err := decoder(t, FrameBytes).Frame(nil, out[3:], int64(len(raw))); err != nil || !bytes.Equal(got, raw) {
			t.Errorf("capacity %d: %v", cap(dst), err)
		}
	}
}

// An encoder that nothing refers to any more is not freed while it compresses.
func TestLibraryIsNotFreedEarly(t *testing.T) {
	done := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-done:
				return
			default:
				runtime.GC()
			}
		}
	}()
	defer func() { close(done); <-stopped }()
	raw := data(FrameBytes)
	want := appendFrame(t, encoder(t, DefaultLevel), nil, raw)
	for range 100 {
		e := encoder(t, DefaultLevel)
		if got, err := e.AppendFrame(nil, raw); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("other bytes, %v", err)
		}
	}
}
