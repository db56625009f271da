package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is something in a file that cannot be.
type Problem struct {
	Line int    // 0 if it is about the whole file
	Key  string // such as databases[1].lag; "" if it is about no key
	What string
}

// Error is returned for a file with problems.
type Error struct {
	File     string
	Problems []Problem // in the order of lines
}

// Error has a line for each problem: file, line, key and what is wrong.
func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		place := e.File
		if p.Line > 0 {
			place += fmt.Sprintf(":%d", p.Line)
		}
		if p.Key != "" {
			place += ": " + p.Key
		}
		lines[i] = place + ": " + p.What
	}
	return strings.Join(lines, "\n")
}

// inOrder sorts problems by line.
func inOrder(problems []Problem) []Problem {
	slices.SortStableFunc(problems, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	return problems
}

// nearest returns the known name that a mistyped one is closest to, or "" if it is like
// none of them.
func nearest(name string, known []string) string {
	best, least := "", max(2, len(name)/2)+1
	for _, k := range slices.Sorted(slices.Values(known)) {
		if d := distance(strings.ToLower(name), k); d < least {
			best, least = k, d
		}
	}
	return best
}

// maxName bounds the names that are compared; no key is nearly as long.
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
