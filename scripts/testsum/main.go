// Testsum reads what go test -json says and shows that it lives: a line for each
// package when it is done, and how far the others are in between. What fails is shown
// whole, at once; what is skipped by its name. It is no judge: the exit code is that of
// go test.
//
//	go test -json ./... | go run ./scripts/testsum
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"
)

// event is a line of go test -json, see go doc test2json.
type event struct {
	Time    time.Time
	Action  string
	Package string
	Test    string
	Output  string
	Elapsed float64
}

func main() {
	s := &summary{out: os.Stdout, packages: map[string]*progress{}}
	lines := bufio.NewReader(os.Stdin)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			s.read(line)
		}
		if err != nil {
			return
		}
	}
}

// every is how often the state of what is running is said.
const every = 15 * time.Second

type summary struct {
	out      io.Writer
	packages map[string]*progress // those that are running
	said     time.Time
}

// progress is how far a package is. Tests are those of the first level.
type progress struct {
	passed, failed, skipped int
	running                 map[string]time.Time
	skippedWithin           map[string]int      // subtests, by the name of their test
	output                  map[string][]string // of tests that are running, and of the package
}

func (s *summary) read(line string) {
	var e event
	if err := json.Unmarshal([]byte(line), &e); err != nil || e.Action == "" {
		s.print(line) // not of go test, as what it downloads
		return
	}
	if e.Package == "" {
		s.print(e.Output) // of a build
		return
	}
	p := s.packages[e.Package]
	if p == nil {
		p = &progress{running: map[string]time.Time{}, skippedWithin: map[string]int{}, output: map[string][]string{}}
		s.packages[e.Package] = p
	}
	top, _, isSub := strings.Cut(e.Test, "/")
	switch e.Action {
	case "output":
		p.output[top] = append(p.output[top], e.Output)
	case "run", "cont":
		if !isSub {
			p.running[top] = e.Time
		}
	case "pause": // until the others of its package are done
		if !isSub {
			delete(p.running, top)
		}
	case "pass", "fail", "skip":
		switch {
		case e.Test == "":
			s.endPackage(e, p)
		case !isSub:
			s.endTest(e, p)
		case e.Action == "skip":
			p.skippedWithin[top]++
		}
	}
	s.live(e.Time)
}

func (s *summary) endTest(e event, p *progress) {
	skipped := p.skippedWithin[e.Test]
	switch {
	case e.Action == "fail":
		p.failed++
		s.print(strings.Join(p.output[e.Test], ""))
	case e.Action == "skip":
		p.skipped++
		s.print(fmt.Sprintf("--- SKIP: %s\n", e.Test))
	case skipped > 0:
		p.skipped++
		s.print(fmt.Sprintf("--- SKIP: %s of %s\n", count(skipped, "subtest"), e.Test))
	default:
		p.passed++
	}
	delete(p.running, e.Test)
	delete(p.output, e.Test)
}

// endPackage says how a package has ended. One that fails without a failed test, as in
// a panic or after a time limit, has said why in what is left of its output.
func (s *summary) endPackage(e event, p *progress) {
	delete(s.packages, e.Package)
	if e.Action == "skip" {
		return // there are no tests
	}
	if e.Action == "fail" {
		for _, test := range slices.Sorted(maps.Keys(p.output)) {
			for _, o := range p.output[test] {
				if !strings.HasPrefix(o, "FAIL") && !strings.HasPrefix(o, "coverage:") { // which are said below
					s.print(o)
				}
			}
		}
	}
	n := p.passed + p.failed + p.skipped
	if e.Action == "pass" && n == 0 {
		return // nor are there here
	}
	line := fmt.Sprintf("%-4s  %s  %.1f s", map[string]string{"pass": "ok", "fail": "FAIL"}[e.Action], e.Package, e.Elapsed)
	if n > 0 {
		line += "  " + count(n, "test")
	}
	if p.failed > 0 {
		line += fmt.Sprintf(", %d failed", p.failed)
	}
	if p.skipped > 0 {
		line += fmt.Sprintf(", %d skipped", p.skipped)
	}
	for _, o := range p.output[""] { // the coverage
		if strings.HasPrefix(o, "coverage:") {
			line += "  " + strings.TrimSpace(o)
		}
	}
	s.print(line + "\n")
}

// live says how far the packages are that are running, now and then.
func (s *summary) live(now time.Time) {
	if now.IsZero() {
		return
	}
	if s.said.IsZero() {
		s.said = now
	}
	if now.Sub(s.said) < every {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(s.packages)) {
		p := s.packages[name]
		if len(p.running) == 0 {
			continue
		}
		oldest := slices.MinFunc(slices.Sorted(maps.Keys(p.running)), func(a, b string) int { return p.running[a].Compare(p.running[b]) })
		failed := ""
		if p.failed > 0 {
			failed = fmt.Sprintf(", %d FAILED", p.failed)
		}
		s.print(fmt.Sprintf("...   %s: %s done%s, %d running, such as %s\n", name, count(p.passed+p.failed+p.skipped, "test"), failed, len(p.running), oldest))
	}
	s.said = now
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func (s *summary) print(text string) {
	if _, err := io.WriteString(s.out, text); err != nil {
		os.Exit(1)
	}
	s.said = time.Now()
}
