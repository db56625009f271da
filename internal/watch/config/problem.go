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

// isTabbed reports whether a line, counted from 1, or the one before or after it begins with a tab:
// of the three, the YAML library names one.
func isTabbed(content []byte, line int) bool {
	for i, text := range strings.Split(string(content), "\n") {
		if near := i + 1 - line; -1 <= near && near <= 1 && strings.HasPrefix(strings.TrimLeft(text, " "), "\t") {
			return true
		}
	}
	return false
}
