//go:build !cgo

package segment

// DefaultLevel makes whole backups fastest (docs/speed.md). This build has no C library,
// as it is without cgo: in Go the next level stores less, but takes longer.
const DefaultLevel = Fastest

// Compressor is the language that the compressor of the default level is written in.
const Compressor = "Go"

func libraryEncoder(Level) func(dst, raw []byte) ([]byte, error) { return nil }
