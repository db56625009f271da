package main

import (
	"strings"
	"testing"
)

// What was removed is named, one backup or several.
func TestRemovedInWords(t *testing.T) {
	for want, seqs := range map[string][]uint64{
		"backup 7, from which it comes, had been REMOVED":      {7},
		"backups 7, 8, from which it comes, had been REMOVED,": {7, 8},
	} {
		if got := removedInWords(seqs); !strings.HasPrefix(got, want) {
			t.Errorf("%q", got)
		}
	}
}
