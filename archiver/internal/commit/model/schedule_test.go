package model

import (
	"fmt"
	"testing"
)

// choices are decisions that were taken beforehand; what they do not name is 0.
type choices map[string]int

func (c choices) pick(what string, n int) int {
	if c[what] >= n {
		panic(fmt.Sprintf("%s: %d of %d", what, c[what], n))
	}
	return c[what]
}

// The choices of backups and keeps that are not 0.
var (
	byItself   = choices{}                             // a full backup
	onNewest   = choices{"backup": 1}                  // an incremental
	keepsAll   = choices{}                             // and nothing is dead that was not
	removesOld = choices{"rules": 1, "dead before": 1} // all but the newest backup and its chain, with no grace
)

// run lets the process i work until its next step is this one.
func (a *archive) run(i int, until step) {
	for p := &a.processes[i]; p.next != until && p.next != done && a.wrong == ""; {
		a.act(i, p.wants)
		a.check()
	}
}

// join adds processes that have done nothing yet.
func (a *archive) join(r role, count int, wants choices) {
	for range count {
		a.processes = append(a.processes, process{role: r, index: len(a.processes), wants: wants})
	}
}

// begin adds a process, lets it work until its next step is this one, and returns it.
func (a *archive) begin(r role, wants choices, until step) int {
	a.join(r, 1, wants)
	i := len(a.processes) - 1
	a.run(i, until)
	return i
}

// schedules are histories that random walks hardly find: somebody sleeps while the number
// that it is about to use is taken, deleted, and free again.
var schedules = []struct {
	name string
	run  func(a *archive) (sleeper int)
	want int // the number of the sleeper's record in the end
	// by whom it goes wrong
	mutants []mutant
}{
	{
		name: "a writer sleeps before its commit",
		run: func(a *archive) int {
			sleeper := a.begin(writer, onNewest, commit) // as 3
			a.begin(expirer, keepsAll, done)             // is 3
			a.begin(expirer, removesOld, done)           // is 4, and deletes 3
			a.run(sleeper, done)
			return sleeper
		},
		want: 5, mutants: []mutant{noBackupCheck, noFences},
	},
	{
		name: "an expirer sleeps before its commit",
		run: func(a *archive) int {
			sleeper := a.begin(expirer, removesOld, commit) // as 3
			a.begin(writer, byItself, done)                 // is 3
			a.begin(writer, byItself, done)                 // is 4
			a.begin(expirer, removesOld, done)              // is 5, and deletes 3
			a.run(sleeper, done)
			return sleeper
		},
		want: 6, mutants: []mutant{noKeepCheck},
	},
	{
		name: "a writer sleeps before its commit, and an expirer after its own",
		run: func(a *archive) int {
			sleeper := a.begin(writer, onNewest, commit)    // as 3
			second := a.begin(expirer, keepsAll, raiseLate) // is 3
			a.begin(expirer, removesOld, done)              // is 4, and deletes 3
			a.run(sleeper, done)
			a.run(second, done)
			return sleeper
		},
		want: 5, mutants: []mutant{fenceAfterCommit, noFences, noBackupCheck},
	},
	{
		name: "a writer sleeps after its commit",
		run: func(a *archive) int {
			sleeper := a.begin(writer, byItself, askFence) // is 3
			a.begin(writer, byItself, done)                // is 4
			a.begin(expirer, removesOld, done)             // is 5, and deletes 3
			a.run(sleeper, done)
			return sleeper
		},
		want: 6,
	},
	{
		name: "who changes keys sleeps before the commit",
		run: func(a *archive) int {
			sleeper := a.begin(keyChanger, choices{}, commit) // as 3
			a.begin(expirer, keepsAll, done)                  // is 3
			a.begin(expirer, removesOld, done)                // is 4, and deletes 3
			a.run(sleeper, done)
			return sleeper
		},
		want: 5, mutants: []mutant{noKeysCheck, noFences},
	},
}

// youngArchive returns one with a full backup, 1, and a keep, 2.
func youngArchive(m mutant) *archive {
	a := &archive{setting: &setting{mutant: m, group: 1, tries: maxTries, plansAgain: true, harmOnly: m != asDesigned}}
	a.begin(writer, byItself, done)
	a.begin(expirer, keepsAll, done)
	return a
}

func TestSchedules(t *testing.T) {
	for _, s := range schedules {
		a := youngArchive(asDesigned)
		sleeper := s.run(a)
		if a.wrong != "" {
			t.Fatalf("%s: %s", s.name, a.wrong)
		}
		if r := a.past(s.want); r == nil || r != a.processes[sleeper].record || a.records[s.want] == nil {
			t.Errorf("%s: it did not commit %d", s.name, s.want)
		}
		if a.begin(expirer, removesOld, done); a.wrong != "" || a.records[3] != nil {
			t.Errorf("%s: the next keep leaves %+v under the number 3 (%s)", s.name, a.records[3], a.wrong)
		}
		for _, m := range s.mutants {
			a := youngArchive(m)
			if s.run(a); a.wrong == "" {
				t.Errorf("%s: nothing goes wrong if %s", s.name, m)
			} else {
				t.Logf("%s: if %s: %s", s.name, m, a.wrong)
			}
		}
	}
}
