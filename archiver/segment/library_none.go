//go:build !cgo

package segment

// DefaultLevel wins end to end (docs/speed.md). A build without cgo has no C
// library: in Go the next level stores less, but takes longer.
const DefaultLevel = Fastest

// Compressor is the language of what compresses at the default level.
const Compressor = "Go"

func libraryEncoder(Level) func(dst, raw []byte) ([]byte, error) { return nil }
