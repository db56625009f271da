// Package crc32combine computes the CRC-32 checksum of bytes that are not all at hand:
// of two strings, one after the other, from the checksums of both ([Combine]); of a
// string and zeros after it ([Zeros]); of a large file from parts that several
// goroutines read in any order ([Parts]).
//
// It imports nothing of this module, and any package may import it.
package crc32combine

import "hash/crc32"

// Combine returns the CRC-32 (IEEE) of the concatenation of A and B from the
// checksums a and b of both and the length of B in bytes, in a time that
// depends on the logarithm of that length only. A length below zero is taken
// for zero.
//
// The operation is its own inverse in a and b: with ab the checksum of A and B
// together, Combine(a, ab, lenB) is the checksum of B.
func Combine(a, b uint32, lenB int64) uint32 { return ieee.combine(a, b, lenB) }

// CombineC is Combine for CRC-32C, the checksum of Castagnoli.
func CombineC(a, b uint32, lenB int64) uint32 { return castagnoli.combine(a, b, lenB) }

// Zeros returns the CRC-32 (IEEE) of A followed by n bytes of zero, from the
// checksum a of A. Zeros(0, n) is the checksum of n zeros. An n below zero is
// taken for zero.
func Zeros(a uint32, n int64) uint32 { return ieee.zeros(a, n) }

// ZerosC is Zeros for CRC-32C.
func ZerosC(a uint32, n int64) uint32 { return castagnoli.zeros(a, n) }

var (
	ieee       = newRing(crc32.IEEE)
	castagnoli = newRing(crc32.Castagnoli)
)

// ring is the polynomials modulo one of degree 32. All are in the reflected form
// of hash/crc32: the highest bit is the coefficient of x^0.
type ring struct {
	modulus uint32

	// powers[k] is x^(2^k): enough of them for 8 times the longest length.
	powers [3 + 63]uint32
}

func newRing(modulus uint32) *ring {
	r := &ring{modulus: modulus}
	p := uint32(1) << 30 // x^1
	for k := range r.powers {
		r.powers[k] = p
		p = r.multiply(p, p)
	}
	return r
}

func (r *ring) combine(a, b uint32, lenB int64) uint32 {
	if lenB <= 0 {
		return a ^ b
	}
	return r.multiply(r.powerOfBytes(lenB), a) ^ b
}

func (r *ring) zeros(a uint32, n int64) uint32 {
	if n <= 0 {
		return a
	}
	// A checksum is the inverted state of the register, and a byte of zero
	// multiplies the register by x^8.
	return ^r.multiply(r.powerOfBytes(n), ^a)
}

// powerOfBytes returns x^(8n), for n > 0.
func (r *ring) powerOfBytes(n int64) uint32 {
	p := uint32(1) << 31 // x^0
	for k := 3; n != 0; n, k = n>>1, k+1 {
		if n&1 != 0 {
			p = r.multiply(r.powers[k], p)
		}
	}
	return p
}

func (r *ring) multiply(a, b uint32) uint32 {
	var product uint32
	for ; a != 0; a <<= 1 {
		if a>>31 != 0 {
			product ^= b
		}
		if b&1 != 0 {
			b = b>>1 ^ r.modulus
		} else {
			b >>= 1
		}
	}
	return product
}
