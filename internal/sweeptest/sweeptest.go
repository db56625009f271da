// Package sweeptest chooses the steps at which tests stop a run: the steps of a disk, or
// the operations of a store, which they let be the last one, or fail, each in a run of
// its own.
package sweeptest

import (
	"iter"
	"testing"
)

// stride is how many of the steps that change nothing there are for each one that
// -short takes.
const stride = 5

// Steps yields the numbers of the steps that are to be tried, from first to last. These
// are all of them; with -short, which is for the race detector's slow runs, only the
// first, the last, those that change something, and every fifth of the others.
func Steps(first, last int, changes func(k int) bool) iter.Seq[int] {
	return func(yield func(int) bool) {
		others := 0
		for k := first; k <= last; k++ {
			if testing.Short() && k > first && k < last && !changes(k) {
				if others++; others%stride != 0 {
					continue
				}
			}
			if !yield(k) {
				return
			}
		}
	}
}
