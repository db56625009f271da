// Package grafeotest makes Grafeo databases for tests and benchmarks: containers and logs
// of both generations, of any size and shape, that are valid in every byte that a reader
// from outside can check. Their content is noise, of which no Grafeo can make sense.
//
// It is written from docs/grafeo-format.md and shares no code with package grafeo, so that
// a mistake in one is not repeated in the other. Only tests and benchmarks import it.
package grafeotest
