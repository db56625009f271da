package model

import (
	"math/rand/v2"
	"testing"
)

// dice takes decisions at random.
type dice struct{ *rand.Rand }

func (d dice) pick(_ string, n int) int { return d.IntN(n) }

// walk lets up to 15 processes work on an archive in an order of the seed's, and returns
// what went wrong.
func walk(seed uint64, m mutant) (*archive, string) {
	d := dice{rand.New(rand.NewPCG(seed, 16))} //nolint:gosec // no secret
	a := &archive{
		setting: &setting{mutant: m, group: 1 + d.IntN(3), tries: maxTries, plansAgain: true, losses: 16, rich: true, harmOnly: m != asDesigned},
		puts:    1 << 30, deletes: 1 << 30,
	}
	a.join(writer, 1+d.IntN(3), nil)
	for i := range a.processes {
		for a.processes[i].next != done {
			a.act(i, d)
		}
	}
	a.join(writer, 2*(1+d.IntN(3)), nil)
	a.join(expirer, 1+d.IntN(4), nil)
	a.join(compactor, d.IntN(3), nil)
	a.join(keyChanger, d.IntN(2), nil)
	d.Shuffle(len(a.processes), func(i, j int) {
		a.processes[i], a.processes[j] = a.processes[j], a.processes[i]
	})
	for range []int{40, 80, 160}[d.IntN(3)] {
		switch x := d.IntN(100); {
		case x < 8:
			a.putAgain(d)
		case x < 20:
			a.deleteAgain(d)
		default:
			if i := a.someone(d); i >= 0 {
				a.act(i, d)
			}
		}
		a.check()
		if a.wrong != "" {
			return a, a.wrong
		}
	}
	return a, ""
}

// someone returns who does the next step: mostly one of a few, so that others sleep long.
func (a *archive) someone(d dice) int {
	var awake [maxProcesses]int
	n := 0
	for i := range a.processes {
		if a.processes[i].next != done {
			awake[n] = i
			n++
		}
	}
	if n == 0 {
		return -1
	}
	few := n
	if d.IntN(10) < 7 {
		few = []int{1, min(2, n), n}[d.IntN(3)]
	}
	return awake[d.IntN(few)]
}

func TestWalks(t *testing.T) {
	t.Parallel()
	walks := uint64(100_000)
	if testing.Short() {
		walks = 5_000
	}
	seen := map[string]int{}
	for seed := range walks {
		a, wrong := walk(seed, asDesigned)
		if wrong != "" {
			t.Fatalf("walk %d: %s", seed, wrong)
		}
		a.tally(seen)
	}
	t.Logf("in the end of %d walks: %v", walks, seen)
	for _, what := range []string{"backups", "keeps", "merged", "standing in", "removed", "records deleted", "strays", "key lists"} {
		if seen[what] == 0 {
			t.Errorf("no walk ends with %s", what)
		}
	}
}

// tally counts what there is, so that walks that never come to it do not look like proof.
func (a *archive) tally(seen map[string]int) {
	v := a.view(a.head())
	seen["standing in"] += len(v.standIns)
	seen["removed"] += a.gone.len()
	for i, r := range a.log {
		switch now := a.records[i+1]; {
		case now == nil:
			seen["records deleted"]++
		case now.id != r.id:
			seen["strays"]++
		}
		switch r.kind {
		case keep:
			seen["keeps"]++
		case merged:
			seen["merged"]++
		case keyList:
			seen["key lists"]++
		default:
			seen["backups"]++
		}
	}
}
