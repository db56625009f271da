package crc32combine

import (
	"hash/crc32"
	"testing"

	"pgregory.net/rapid"
)

func TestCombine(t *testing.T) {
	t.Parallel()
	for name, kind := range map[string]struct {
		polynomial uint32
		combine    func(a, b uint32, lenB int64) uint32
	}{
		"IEEE":       {crc32.IEEE, Combine},
		"Castagnoli": {crc32.Castagnoli, CombineC},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			table := crc32.MakeTable(kind.polynomial)
			rapid.Check(t, func(t *rapid.T) {
				a := rapid.SliceOf(rapid.Byte()).Draw(t, "a")
				b := rapid.SliceOf(rapid.Byte()).Draw(t, "b")
				crcA, crcB := crc32.Checksum(a, table), crc32.Checksum(b, table)
				whole := crc32.Update(crcA, table, b)
				if got := kind.combine(crcA, crcB, int64(len(b))); got != whole {
					t.Errorf("combined %08x, want %08x", got, whole)
				}
				if got := kind.combine(crcA, whole, int64(len(b))); got != crcB {
					t.Errorf("combined backwards %08x, want %08x", got, crcB)
				}
			})
		})
	}
}

func TestZeros(t *testing.T) {
	t.Parallel()
	zeros := make([]byte, 1<<20)
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.SliceOf(rapid.Byte()).Draw(t, "a")
		n := rapid.IntRange(0, len(zeros)).Draw(t, "n")
		want := crc32.Update(crc32.ChecksumIEEE(a), crc32.IEEETable, zeros[:n])
		if got := Zeros(crc32.ChecksumIEEE(a), int64(n)); got != want {
			t.Errorf("Zeros = %08x, want %08x", got, want)
		}
		want = crc32.Update(crc32.Checksum(a, crc32.MakeTable(crc32.Castagnoli)), crc32.MakeTable(crc32.Castagnoli), zeros[:n])
		if got := ZerosC(crc32.Checksum(a, crc32.MakeTable(crc32.Castagnoli)), int64(n)); got != want {
			t.Errorf("ZerosC = %08x, want %08x", got, want)
		}
	})
}

// Lengths of terabytes cannot be compared with hash/crc32, but with
// themselves: zeros in two steps and zeros at once.
func TestLongLengths(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		crc := rapid.Uint32().Draw(t, "crc")
		m := rapid.Int64Range(0, 1<<61).Draw(t, "m")
		n := rapid.Int64Range(0, 1<<61).Draw(t, "n")
		if got, want := Zeros(Zeros(crc, m), n), Zeros(crc, m+n); got != want {
			t.Errorf("zeros in two steps %08x, at once %08x", got, want)
		}
		if got, want := Combine(crc, Zeros(0, n), n), Zeros(crc, n); got != want {
			t.Errorf("Combine with zeros %08x, Zeros %08x", got, want)
		}
		if got, want := CombineC(CombineC(crc, 0, m), 0, n), CombineC(crc, 0, m+n); got != want {
			t.Errorf("CombineC in two steps %08x, at once %08x", got, want)
		}
	})
}

func TestLengthsBelowOne(t *testing.T) {
	t.Parallel()
	for _, n := range []int64{0, -1, -1 << 63} {
		if got := Combine(0xcafe, 0, n); got != 0xcafe {
			t.Errorf("Combine with %d bytes = %#x", n, got)
		}
		if got := Zeros(0xcafe, n); got != 0xcafe {
			t.Errorf("Zeros with %d bytes = %#x", n, got)
		}
	}
}

func BenchmarkCombine(b *testing.B) {
	crc := uint32(0x12345678)
	for b.Loop() {
		crc = Combine(crc, 0x9abcdef0, 4<<20)
	}
}
