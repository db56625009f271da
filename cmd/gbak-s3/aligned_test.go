package main

import (
	"bytes"
	"fmt"
	"testing"
)

// Columns are straight on a terminal, whatever is in them.
func TestAligned(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	w := &aligned{out: &out}
	for _, cells := range [][]any{{"BACKUP", "DATABASE", "HOST"}, {1, "人々.grafeo", "ada"}, {2, "cafe\u0301", "a long name of a host"}, {10, "x", ""}} {
		fmt.Fprintf(w, "%v\t%v\t%v\n", cells...)
	}
	fmt.Fprintln(w, "no cells")
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	want := "BACKUP  DATABASE     HOST\n" +
		"1       人々.grafeo  ada\n" +
		"2       cafe\u0301         a long name of a host\n" +
		"10      x            \n" +
		"no cells\n"
	if out.String() != want {
		t.Errorf("%s\nwant\n%s", out.String(), want)
	}
}
