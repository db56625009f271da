package grafeotest

import "encoding/binary"

// Fill fills p with bytes that depend only on the seed. A part of it, which compressible
// says from 0 to 1, is zeros, in runs that any compressor finds; the rest is noise that
// none can shorten.
func Fill(p []byte, seed uint64, compressible float64) {
	const unit = 1024
	noise := unit - int(min(max(compressible, 0), 1)*unit)
	for len(p) > 0 {
		n := min(unit, len(p))
		seed = fillNoise(p[:min(noise, n)], seed)
		clear(p[min(noise, n):n])
		p = p[n:]
	}
}

// fillNoise fills p from a splitmix64 generator in the state seed and returns its new
// state.
func fillNoise(p []byte, seed uint64) uint64 {
	var word [8]byte
	for len(p) > 0 {
		seed += 0x9e3779b97f4a7c15
		z := seed
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		binary.LittleEndian.PutUint64(word[:], z^z>>31)
		p = p[copy(p, word[:]):]
	}
	return seed
}
