package model

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// search visits every archive that can come of one, by all orders of all steps and all
// decisions. It takes archives with the same hash for the same one.
type search struct {
	visited map[uint64]struct{}
	copies  []*archive // at each depth, the one that is visited
	depth   int        // steps to the deepest one
	wrong   string     // what went wrong, and
	path    []string   // after which steps, the last one first
}

func searchFrom(a *archive) *search {
	s := &search{visited: map[uint64]struct{}{}}
	s.explore(a, 1)
	return s
}

func (s *search) explore(a *archive, depth int) {
	if s.depth = max(s.depth, depth); len(s.copies) < depth {
		s.copies = append(s.copies, &archive{})
	}
	next := s.copies[depth-1]
	for i := range len(a.processes) + 2 {
		if !a.isWorthwhile(i) {
			continue
		}
		for d := (decisions{}); ; {
			next.become(a)
			next.step(i, &d)
			if next.check(); next.wrong != "" {
				s.wrong = next.wrong
			} else if h := next.hash(); !s.has(h) {
				s.visited[h] = struct{}{}
				s.explore(next, depth+1)
			}
			if s.wrong != "" {
				s.path = append(s.path, fmt.Sprint(a.nameOfStep(i), d.taken))
				return
			}
			if !d.advance() {
				break
			}
		}
	}
}

func (s *search) has(h uint64) bool {
	_, is := s.visited[h]
	return is
}

// isWorthwhile reports whether the i-th step can lead to anything new. Of processes that
// are alike and have done nothing yet, the first one begins.
func (a *archive) isWorthwhile(i int) bool {
	if i >= len(a.processes) {
		return true
	}
	p := &a.processes[i]
	return p.next != done &&
		(p.awake || p.wants != nil || i == 0 || a.processes[i-1].role != p.role || a.processes[i-1].awake)
}

// step does the i-th of the steps that are possible: one of a process, or a late request.
func (a *archive) step(i int, choose chooser) {
	switch i - len(a.processes) {
	case 0:
		a.putAgain(choose)
	case 1:
		a.deleteAgain(choose)
	default:
		a.act(i, choose)
	}
}

func (a *archive) nameOfStep(i int) string {
	switch i - len(a.processes) {
	case 0:
		return "late put"
	case 1:
		return "late delete"
	default:
		p := &a.processes[i]
		return p.String() + ": " + p.next.String()
	}
}

// decisions goes through all combinations of the decisions in a step.
type decisions struct {
	taken, of []int
	next      int
}

func (d *decisions) pick(_ string, n int) int {
	if d.next == len(d.taken) {
		d.taken, d.of = append(d.taken, 0), append(d.of, n)
	}
	d.next++
	return d.taken[d.next-1]
}

// advance goes to the next combination, and reports whether there is one.
func (d *decisions) advance() bool {
	d.next = 0
	for last := len(d.taken) - 1; last >= 0; last-- {
		if d.taken[last]++; d.taken[last] < d.of[last] {
			return true
		}
		d.taken, d.of = d.taken[:last], d.of[:last]
	}
	return false
}

// Who takes part in the searches. What they do not want is tried in every way: among
// others, each request to create a record may get lost.
var (
	increments = process{role: writer, wants: choices{"backup": 1, "older folder": 1}}
	shares     = process{role: writer, wants: choices{"backup": 2, "older folder": 0}}
	expires    = process{role: expirer, wants: choices{"rules": 1}} // with any grace
	expiresNow = process{role: expirer, wants: choices{"rules": 1, "dead before": 1}}
	letsGo     = process{role: expirer, wants: choices{"rules": 0, "dead before": 1}} // but keeps all backups
	merges     = process{role: compactor, wants: choices{"older folder": 0, "dead before": 0}}
	mergesMost = process{role: compactor, wants: choices{"older folder": 0, "dead before": 0, "run": limit}}
	changes    = process{role: keyChanger, wants: choices{}}
)

// scene is what a search starts from.
type scene struct {
	name      string
	processes []process
	chain     bool // begin with increments that can be merged
	group     int
	late      int // puts, and as many deletes
	losses    int // 2: a request to create a record may get lost, 3: or its answer
	slow      bool
}

var searches = []scene{
	{name: "two writers, an expirer", processes: []process{increments, shares, expires}, group: 1, late: 1, losses: 3},
	{name: "a writer, an expirer, a compactor", processes: []process{increments, expiresNow, mergesMost}, chain: true, group: 1, late: 1, losses: 3},
	{name: "a writer of fulls, an expirer, a compactor", processes: []process{shares, expiresNow, mergesMost}, chain: true, group: 1, late: 1, losses: 3, slow: true},
	{name: "an expirer, two compactors", processes: []process{expiresNow, merges, mergesMost}, chain: true, group: 1, late: 1, losses: 3, slow: true},
	{name: "two writers, two expirers, groups of two", processes: []process{increments, shares, expires, letsGo}, group: 2, slow: true},
	{name: "two writers, two expirers", processes: []process{increments, shares, expires, letsGo}, group: 1, late: 1, losses: 2, slow: true},
	{name: "a writer, two expirers, one who changes keys", processes: []process{increments, expiresNow, expires, changes}, group: 1},
}

// TestSearch visits everything that a few processes can make of a young archive: each
// writer plans at most twice and each expirer once (one that plans again is as one that
// begins), and a sweep deletes all that is dead at once, or one thing and no more. Within
// these bounds nothing is left out, but for two archives in which 64 bits are the same.
func TestSearch(t *testing.T) {
	for _, s := range searches {
		if s.slow && testing.Short() {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			done := searchFrom(s.begin(asDesigned))
			if done.wrong != "" {
				slices.Reverse(done.path)
				t.Fatalf("%s after\n%s", done.wrong, strings.Join(done.path, "\n"))
			}
			t.Logf("%d archives, the deepest after %d steps", len(done.visited), done.depth)
		})
	}
}

// begin returns the archive that the search starts from.
func (s *scene) begin(m mutant) *archive {
	a := youngArchive(m)
	if s.chain {
		for range 3 {
			a.begin(writer, onNewest, done)
		}
		a.begin(expirer, keepsAll, done)
	}
	a.setting = &setting{mutant: m, group: s.group, tries: 2, losses: s.losses, harmOnly: m != asDesigned}
	a.puts, a.deletes = s.late, s.late
	for _, p := range s.processes {
		a.join(p.role, 1, p.wants)
	}
	return a
}
