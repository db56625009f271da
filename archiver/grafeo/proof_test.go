package grafeo

import (
	"bytes"
	"errors"
	"hash/crc32"
	"math/rand/v2"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
)

// pieces cuts n bytes at random places and returns the pieces, as offset and
// length, in random order.
func pieces(n int64, longest int64, rnd *rand.Rand) [][2]int64 {
	var list [][2]int64
	for at := int64(0); at < n; {
		length := min(1+rnd.Int64N(longest), n-at)
		list = append(list, [2]int64{at, length})
		at += length
	}
	rnd.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

func TestProofProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		content := rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(t, "content")
		size := len(content)
		var ranges []Range
		for range rapid.IntRange(0, 8).Draw(t, "ranges") {
			offset := rapid.IntRange(0, size).Draw(t, "offset")
			length := rapid.IntRange(0, size-offset).Draw(t, "length")
			r := newRangeC(int64(offset), content[offset:offset+length], "r")
			if rapid.Bool().Draw(t, "ieee") {
				r.Castagnoli, r.CRC32 = false, crc32.ChecksumIEEE(content[offset:offset+length])
			}
			ranges = append(ranges, r)
		}
		damaged := bytes.Clone(content)
		at := rapid.IntRange(0, size-1).Draw(t, "damage at")
		damaged[at] ^= byte(rapid.IntRange(1, 255).Draw(t, "damage"))
		lowest := int64(-1)
		for _, r := range ranges {
			if r.Offset <= int64(at) && int64(at) < r.Offset+r.Length && (lowest < 0 || r.Offset < lowest) {
				lowest = r.Offset
			}
		}
		good, bad := NewProof("x", ranges), NewProof("x", ranges)
		rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "order"), 0))
		longest := rapid.Int64Range(1, int64(size)).Draw(t, "longest piece")
		for _, p := range pieces(int64(size), longest, rnd) {
			good.Add(p[0], content[p[0]:p[0]+p[1]])
			bad.Add(p[0], damaged[p[0]:p[0]+p[1]])
		}
		if err := good.Check(); err != nil {
			t.Error(err)
		}
		if err := bad.Check(); lowest < 0 {
			if err != nil {
				t.Errorf("damage outside of all ranges: %v", err)
			}
		} else {
			var damage *DamageError
			if !errors.As(err, &damage) || damage.Offset != lowest {
				t.Errorf("got %v, want damage at %d", err, lowest)
			}
		}
	})
}

func TestProofConcurrent(t *testing.T) {
	t.Parallel()
	b := image06(t, grafeotest.Image06Options{Size: 3 << 20, ChunkSize: 3000, Iteration: 1})
	im := mustRead(t, b)
	proof := im.NewProof()
	work := make(chan [2]int64)
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for p := range work {
				proof.Add(p[0], b[p[0]:p[0]+p[1]])
			}
		})
	}
	for _, p := range pieces(int64(len(b)), 10_000, rand.New(rand.NewPCG(1, 2))) {
		work <- p
	}
	close(work)
	workers.Wait()
	if err := proof.Check(); err != nil {
		t.Error(err)
	}
}

func TestProofMissingAndDouble(t *testing.T) {
	t.Parallel()
	content := []byte("0123456789")
	r := newRangeC(2, content[2:8], "six digits")
	for name, c := range map[string]struct {
		give [][2]int
		good bool
	}{
		"nothing":         {nil, false},
		"at once":         {[][2]int{{0, 10}}, true},
		"two halves":      {[][2]int{{5, 10}, {0, 5}}, true},
		"a hole":          {[][2]int{{0, 4}, {5, 10}}, false},
		"twice":           {[][2]int{{0, 10}, {0, 10}}, false},
		"part twice":      {[][2]int{{0, 4}, {0, 4}, {4, 10}}, false},
		"overlap":         {[][2]int{{0, 5}, {4, 10}}, false},
		"overlap later":   {[][2]int{{4, 10}, {0, 5}}, false},
		"beside it":       {[][2]int{{0, 2}, {8, 10}}, false},
		"empty pieces":    {[][2]int{{3, 3}, {0, 10}, {5, 5}}, true},
		"end, then front": {[][2]int{{7, 10}, {3, 7}, {0, 3}}, true},
	} {
		proof := NewProof("x", []Range{r})
		for _, p := range c.give {
			proof.Add(int64(p[0]), content[p[0]:p[1]])
		}
		if err := proof.Check(); (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		} else if err != nil {
			damageAt(t, err, 2)
		}
	}
}

// The header pages hold CRC-32s of themselves. In that checksum the headers of
// all states of a database are alike, so it must not be the one that proves
// them: a checkpoint between reading the headers and copying them would pass.
func TestHeadersOfAnotherStateDoNotPass(t *testing.T) {
	t.Parallel()
	o := grafeotest.Image06Options{Iteration: 3}
	first := image06(t, o)
	o.OtherSlot = first[2*pageSize : 3*pageSize]
	o.Iteration, o.Epoch = 4, 1
	second := image06(t, o)
	o.OtherSlot, o.Iteration, o.Epoch = second[pageSize:2*pageSize], 5, 2
	third := image06(t, o)
	o.OtherSlot, o.Iteration, o.Epoch = third[2*pageSize:3*pageSize], 6, 3
	fourth := image06(t, o)
	if crc32.ChecksumIEEE(second[:headersLength]) != crc32.ChecksumIEEE(fourth[:headersLength]) {
		t.Fatal("the trap is gone: this test needs other data")
	}
	im := mustRead(t, second)
	if err := im.Check(t.Context(), bytes.NewReader(fourth)); err == nil {
		t.Error("the headers of iteration 6 pass for those of iteration 4")
	} else {
		damageAt(t, err, 0)
	}
}

func BenchmarkProofAdd(b *testing.B) {
	for name, chunk := range map[string]int64{"4KiB chunks": 4096, "1MiB chunks": 1 << 20} {
		b.Run(name, func(b *testing.B) {
			content := image06(b, grafeotest.Image06Options{Size: 64 << 20, ChunkSize: chunk})
			im := mustRead(b, content)
			b.SetBytes(int64(len(content)))
			for b.Loop() {
				proof := im.NewProof()
				for at := 0; at < len(content); at += 4 << 20 {
					proof.Add(int64(at), content[at:min(at+4<<20, len(content))])
				}
				if err := proof.Check(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
