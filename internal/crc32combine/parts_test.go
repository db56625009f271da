package crc32combine

import (
	"hash/crc32"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// Whatever the parts of a file are, and in whatever order they come, the sum is that
// of the file, with zeros where no part is.
func TestParts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		file := rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "file")
		from := rapid.IntRange(0, len(file)).Draw(t, "from")
		sum := &Parts{From: int64(from)}
		var parts []Part
		for at := from; at < len(file); {
			n := rapid.IntRange(1, len(file)-at).Draw(t, "bytes")
			if rapid.Bool().Draw(t, "hole") {
				clear(file[at : at+n])
			} else {
				parts = append(parts, PartOf(int64(at), file[at:at+n]))
			}
			at += n
		}
		var wg sync.WaitGroup
		for _, p := range rapid.Permutation(parts).Draw(t, "order") {
			wg.Go(func() { sum.Add(p) })
		}
		wg.Wait()
		if got, want := sum.Sum(int64(len(file))), crc32.ChecksumIEEE(file[from:]); got != want {
			t.Errorf("the sum is %08x, want %08x", got, want)
		}
	})
}
