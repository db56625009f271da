package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What fails is shown once and whole, what is skipped by its name, and each package has
// a line when it is done.
func TestSummary(t *testing.T) {
	const events = `go: downloading something
{"ImportPath":"m/broken","Action":"build-output","Output":"broken.go:1: undefined: x\n"}
{"Time":"2026-01-01T00:00:00Z","Action":"start","Package":"m/a"}
{"Time":"2026-01-01T00:00:00Z","Action":"run","Package":"m/a","Test":"TestGood"}
{"Time":"2026-01-01T00:00:00Z","Action":"output","Package":"m/a","Test":"TestGood","Output":"    not shown\n"}
{"Time":"2026-01-01T00:00:00Z","Action":"pass","Package":"m/a","Test":"TestGood"}
{"Time":"2026-01-01T00:00:00Z","Action":"run","Package":"m/a","Test":"TestBad"}
{"Time":"2026-01-01T00:00:00Z","Action":"run","Package":"m/a","Test":"TestBad/part"}
{"Time":"2026-01-01T00:00:00Z","Action":"output","Package":"m/a","Test":"TestBad/part","Output":"    bad_test.go:1: wrong\n"}
{"Time":"2026-01-01T00:00:00Z","Action":"fail","Package":"m/a","Test":"TestBad/part"}
{"Time":"2026-01-01T00:00:00Z","Action":"output","Package":"m/a","Test":"TestBad","Output":"--- FAIL: TestBad\n"}
{"Time":"2026-01-01T00:00:00Z","Action":"fail","Package":"m/a","Test":"TestBad"}
{"Time":"2026-01-01T00:00:00Z","Action":"run","Package":"m/a","Test":"TestHalf"}
{"Time":"2026-01-01T00:00:00Z","Action":"skip","Package":"m/a","Test":"TestHalf/one"}
{"Time":"2026-01-01T00:00:00Z","Action":"pass","Package":"m/a","Test":"TestHalf"}
{"Time":"2026-01-01T00:00:00Z","Action":"run","Package":"m/a","Test":"TestNot"}
{"Time":"2026-01-01T00:00:00Z","Action":"skip","Package":"m/a","Test":"TestNot"}
{"Time":"2026-01-01T00:00:00Z","Action":"output","Package":"m/a","Output":"coverage: 50% of statements\n"}
{"Time":"2026-01-01T00:00:00Z","Action":"output","Package":"m/a","Output":"FAIL\tm/a\t1.5s\n"}
{"Time":"2026-01-01T00:00:00Z","Action":"fail","Package":"m/a","Elapsed":1.5}
{"Time":"2026-01-01T00:00:00Z","Action":"run","Package":"m/b","Test":"TestPanics"}
{"Time":"2026-01-01T00:00:00Z","Action":"output","Package":"m/b","Test":"TestPanics","Output":"panic: oh\n"}
{"Time":"2026-01-01T00:00:00Z","Action":"fail","Package":"m/b","Elapsed":0.1}
{"Time":"2026-01-01T00:00:00Z","Action":"skip","Package":"m/none","Elapsed":0}
`
	const want = `go: downloading something
broken.go:1: undefined: x
    bad_test.go:1: wrong
--- FAIL: TestBad
--- SKIP: 1 subtest of TestHalf
--- SKIP: TestNot
FAIL  m/a  1.5 s  4 tests, 1 failed, 2 skipped  coverage: 50% of statements
panic: oh
FAIL  m/b  0.1 s
`
	var out strings.Builder
	s := &summary{out: &out, packages: map[string]*progress{}}
	for line := range strings.Lines(events) {
		s.read(line)
	}
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(out.String(), "\n")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
