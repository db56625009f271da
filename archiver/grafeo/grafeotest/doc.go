// Package grafeotest makes Grafeo databases for tests and benchmarks:
// containers and logs of both generations that are valid in every byte a reader
// from outside can check, of any size and shape. What they hold is noise; no
// Grafeo can make sense of it.
//
// It is written from docs/grafeo-format.md and shares no code with package
// grafeo, so that a mistake in one is not repeated in the other. Only tests and
// benchmarks import it.
package grafeotest
