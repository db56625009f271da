package model

import "testing"

// mutant is a rule of the protocol that is left out or weakened.
type mutant string

const (
	asDesigned         mutant = ""
	noGenerations      mutant = "objects have no generation"
	oldFolderKept      mutant = "the old folder is kept after a conflict"
	numberMoved        mutant = "only the number moves after a conflict"
	sweptBeforeCommit  mutant = "deletes come before the commit"
	noKeepCheck        mutant = "an expirer does not look after its commit"
	noBackupCheck      mutant = "a writer does not look after its commit"
	fenceAfterCommit   mutant = "the fence comes after the commit"
	noFences           mutant = "there are no fences"
	numbersReopened    mutant = "numbers of the time before the first keep are deleted"
	namesOfAnotherHead mutant = "the names are those of another head"
	graceTooShort      mutant = "dead before is above the keep"
	deadBeforeSinks    mutant = "dead before goes down"
	groupHalfDead      mutant = "a group is deleted with a living record"
	deletedSingly      mutant = "records are deleted one by one"
	newestRemoved      mutant = "the newest backup is removed"
	chainsOpen         mutant = "chains are not closed"
	mergedSeenEarly    mutant = "a merged record is seen before its keep"
	mergedMoved        mutant = "only the number of a merged record moves after a conflict"
	mergedNotCounted   mutant = "what merged records name is forgotten"
	partsUnchecked     mutant = "a merged record stands in without a look at its parts"
	pinsMerged         mutant = "pinned backups are merged"
	forksMerged        mutant = "backups that others continue are merged"
	keysForgotten      mutant = "the newest key list is deleted"
	noKeysCheck        mutant = "who changes keys does not look after the commit"
)

// mutants says which search finds each one, if any does: the others need more processes,
// or decisions that only walks take. All but the rarest are found by walks as well.
var mutants = []struct {
	mutant mutant
	search int // its place in searches, from 1
	rare   bool
}{
	{mutant: noGenerations, search: 2},
	{mutant: oldFolderKept, search: 1},
	{mutant: numberMoved, search: 1},
	{mutant: sweptBeforeCommit, search: 1},
	{mutant: noKeepCheck, search: 6, rare: true},
	{mutant: noBackupCheck, search: 2, rare: true},
	{mutant: fenceAfterCommit, search: 2, rare: true},
	{mutant: noFences, search: 2},
	{mutant: numbersReopened},
	{mutant: namesOfAnotherHead, search: 1},
	{mutant: graceTooShort, search: 1},
	{mutant: deadBeforeSinks, search: 5},
	{mutant: groupHalfDead, search: 5},
	{mutant: deletedSingly, search: 5},
	{mutant: newestRemoved, search: 1},
	{mutant: chainsOpen, search: 1},
	{mutant: mergedSeenEarly},
	{mutant: mergedMoved, search: 2},
	{mutant: mergedNotCounted, search: 2},
	{mutant: partsUnchecked},
	{mutant: pinsMerged},
	{mutant: forksMerged},
	{mutant: keysForgotten, search: 7},
	{mutant: noKeysCheck, search: 7, rare: true},
}

// TestMutants checks that the walks, the searches and the schedules are worth something:
// whatever rule is left out, something goes wrong, and not only in form.
func TestMutants(t *testing.T) {
	for _, m := range mutants {
		t.Run(string(m.mutant), func(t *testing.T) {
			t.Parallel()
			if !m.rare {
				const most = 5_000
				seed, wrong := uint64(0), ""
				for ; seed < most && wrong == ""; seed++ {
					_, wrong = walk(seed, m.mutant)
				}
				if wrong == "" {
					t.Errorf("%d walks do not find it", most)
				}
				t.Logf("walk %d: %s", seed-1, wrong)
			}
			if m.search == 0 {
				return
			}
			s := searches[m.search-1]
			if s.slow && testing.Short() {
				return
			}
			found := searchFrom(s.begin(m.mutant))
			if found.wrong == "" {
				t.Errorf("the search from %q does not find it", s.name)
			}
			t.Logf("after %d archives of the search: %s", len(found.visited), found.wrong)
		})
	}
}

// TestRareMutants checks that what walks may miss is found by a schedule.
func TestRareMutants(t *testing.T) {
	found := map[mutant]bool{}
	for _, s := range schedules {
		for _, m := range s.mutants {
			found[m] = true // TestSchedules has looked
		}
	}
	for _, m := range mutants {
		if m.rare && !found[m.mutant] {
			t.Errorf("no schedule finds it if %s", m.mutant)
		}
	}
}
