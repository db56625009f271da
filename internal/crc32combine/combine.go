// Package crc32combine calculates with CRC-32 (IEEE) checksums of byte strings
// whose bytes are not at hand: what the checksum of two strings is when one
// follows the other. So the checksum of a large file can be put together from
// pieces that were read by several goroutines in any order.
//
// It imports nothing and anyone may import it.
package crc32combine

// poly is the IEEE polynomial in the reflected form of hash/crc32: the highest
// bit is the coefficient of x^0.
const poly = 0xedb88320

// powers[k] is x^(2^k) modulo the polynomial. 32 of them are enough for any
// exponent, as x^(2^32) is x again.
var powers = func() (t [32]uint32) {
	p := uint32(1) << 30 // x^1
	for k := range t {
		t[k] = p
		p = multiply(p, p)
	}
	return t
}()

// Combine returns the checksum of the concatenation of A and B from the
// checksums a and b of both and the length of B in bytes, in a time that
// depends on the logarithm of that length only. A length below zero is taken
// for zero.
//
// The operation is its own inverse in a and b: with ab the checksum of A and B
// together, Combine(a, ab, lenB) is the checksum of B.
func Combine(a, b uint32, lenB int64) uint32 {
	if lenB <= 0 {
		return a ^ b
	}
	return multiply(powerOfBytes(lenB), a) ^ b
}

// Zeros returns the checksum of A followed by n bytes of zero, from the
// checksum a of A. Zeros(0, n) is the checksum of n zeros. An n below zero is
// taken for zero.
func Zeros(a uint32, n int64) uint32 {
	if n <= 0 {
		return a
	}
	// A checksum is the inverted state of the register, and a byte of zero
	// multiplies the register by x^8.
	return ^multiply(powerOfBytes(n), ^a)
}

// powerOfBytes returns x^(8n) modulo the polynomial, for n > 0.
func powerOfBytes(n int64) uint32 {
	p := uint32(1) << 31 // x^0
	for k := 3; n != 0; n, k = n>>1, k+1 {
		if n&1 != 0 {
			p = multiply(powers[k%32], p)
		}
	}
	return p
}

// multiply returns the product of two polynomials modulo the polynomial.
func multiply(a, b uint32) uint32 {
	var product uint32
	for ; a != 0; a <<= 1 {
		if a>>31 != 0 {
			product ^= b
		}
		if b&1 != 0 {
			b = b>>1 ^ poly
		} else {
			b >>= 1
		}
	}
	return product
}
