// Package spelling finds what somebody meant who has mistyped a name.
package spelling

import (
	"slices"
	"strings"
)

// Nearest returns the known name that a mistyped one is closest to, or "" if it is like
// none of them.
func Nearest(name string, known []string) string {
	// Of a short word not even half the letters may differ: find is not pin.
	best, least := "", max(1, min(2, (len(name)-1)/2), len(name)/2-1)+1
	for _, k := range slices.Sorted(slices.Values(known)) {
		if d := distance(strings.ToLower(name), k); d < least {
			best, least = k, d
		}
	}
	return best
}

// maxName bounds the names that are compared; nothing that is known is nearly as long.
const maxName = 64

// distance returns how many letters must be added, removed, replaced or swapped with
// their neighbour to get from a to b.
func distance(a, b string) int {
	if len(a) > maxName {
		return len(a)
	}
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			step := 1
			if a[i-1] == b[j-1] {
				step = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+step)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
