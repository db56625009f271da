package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// TestExpireRandomHistories: whatever the history and the rules are, each state that the dry
// run says can be restored is restored exactly, before the expiry and after, when the bytes
// of the others are gone.
func TestExpireRandomHistories(t *testing.T) {
	t.Parallel()
	for _, version := range versions {
		for seed := 1; seed <= seeds(t); seed++ {
			t.Run(fmt.Sprintf("%s/seed%d", version, seed), func(t *testing.T) { expireRandom(t, version, seed) })
		}
	}
}

func expireRandom(t *testing.T, version string, seed int) {
	needGrafeo(t)
	dir := t.TempDir()
	db := &database{version, filepath.Join(dir, "db", "people.grafeo"), filepath.Join(dir, "model"), filepath.Join(dir, "log")}
	if err := os.Mkdir(filepath.Dir(db.path), 0o755); err != nil {
		t.Fatal(err)
	}
	h := &randomHistory{t: t, db: db, at: newDirectory(t), runs: map[int64]int{}}
	for range 2 { // with a checkpoint in between: states before it need the old backups
		h.run(seed, "")
		h.fullBackup()
	}
	random := rand.New(rand.NewPCG(uint64(seed), 16)) //nolint:gosec // the same every time
	pinned := h.backups[random.IntN(len(h.backups))].Seq
	must(t, "pin", h.at.address(), strconv.FormatInt(pinned, 10))
	rules := [][]string{{"--keep-last", "2"}, {"--keep-full", "1"}, {"--keep-full", "2"}, {"--keep-yearly", "1"}, {"--keep-within", "1s"}}
	args := append([]string{h.at.address(), "--grace", "0"}, rules[random.IntN(len(rules))]...)

	planned := expire(t, args...)
	goals := h.goals(planned.ReachAfter)
	t.Logf("%v: %d of %d backups go, backup %d is pinned, %d states stay", args[1:], planned.Removed, planned.Removed+planned.Kept, pinned, len(goals))
	reach(t, version, h.at, goals)
	if applied := expire(t, append(args, "--apply")...); applied.Removed != planned.Removed || applied.Waiting.Objects != 0 {
		t.Errorf("%+v, planned %+v", applied, planned)
	}
	reach(t, version, h.at, goals)
	verifyClean(t, h.at, int64(planned.Kept))

	// The history goes on.
	h.run(seed+100, "")
	again := expire(t, args...)
	reach(t, version, h.at, h.goals(again.ReachAfter))
}

// fullBackup takes a full backup of what is there.
func (h *randomHistory) fullBackup() {
	t := h.t
	t.Helper()
	b := must(t, "backup", "--full", h.db.path, h.at.address(), "--json").one(t, "backup")
	h.runs[b.Timeline] = len(h.commits) - 1
	h.backups = append(h.backups, b)
}

// goals returns the states in some ranges of epochs.
func (h *randomHistory) goals(ranges []stretch) (goals []goal) {
	t := h.t
	t.Helper()
	for _, r := range ranges {
		want := h.committed(r.Timeline)
		for epoch := r.From; epoch <= r.To; epoch++ {
			if _, ok := want[epoch]; !ok {
				t.Errorf("nothing was committed at epoch %d of timeline %d, which can be restored", epoch, r.Timeline)
			}
			goals = append(goals, goal{[]string{"--epoch", fmt.Sprint(epoch), "--timeline", fmt.Sprint(r.Timeline)}, want[epoch], -1, nil})
		}
	}
	return goals
}
