package disk

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// Whatever the sizes, places and order of parts, the file has all of them, and holes
// between them.
func TestWriter(t *testing.T) {
	for _, size := range []int64{directBytes, directBytes + 4096*3 + 77, 100_000} {
		path := filepath.Join(t.TempDir(), "file")
		f, err := OS{}.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Truncate(size); err != nil {
			t.Fatal(err)
		}
		random := rand.New(rand.NewPCG(1, uint64(size)))
		want := make([]byte, size)
		w := NewWriter(f, size)
		if err := w.Reserve(0, size); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for at := int64(0); at < size; {
			n := min(size-at, []int64{1, 4096, 5000, 64 << 10, 1 << 20, 3<<20 + 5, 4 << 20}[random.IntN(7)])
			if at%4096 != 0 && random.IntN(3) > 0 {
				n = min(4096-at%4096, size-at) // back to where it is aligned
			}
			hole := random.IntN(5) == 0
			buf := AlignedBuffer(int(n) + 1)
			p := buf[random.IntN(2):][:n]
			if !hole {
				for i := range p {
					p[i] = byte(random.Uint32())
				}
				copy(want[at:], p)
				wg.Add(1)
				go func(at int64) {
					defer wg.Done()
					if m, err := w.WriteAt(p, at); err != nil || m != len(p) {
						t.Errorf("%d bytes at %d: %d, %v", len(p), at, m, err)
					}
				}(at)
			}
			at += n
		}
		wg.Wait()
		w.Close()
		if err := f.Sync(); err != nil {
			t.Error(err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("a file of %d bytes has others than were written, %v", size, err)
		}
	}
}

func TestAlignedBuffer(t *testing.T) {
	for n := range 100 {
		if b := AlignedBuffer(n * 77); !aligned(b) || len(b) != n*77 {
			t.Fatalf("%d bytes", len(b))
		}
	}
}
