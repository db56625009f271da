package disktest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gbak-s3/gbak-s3/internal/sweeptest"
)

// sector is how many bytes a disk writes as a whole or not at all.
const sector = 512

// Crashes calls each for a loss of power before the first step and after every one, or
// those of [sweeptest.Steps], and once more after the last, when everything is lost that
// can be. dir is a folder with the state after the crash, which is removed after the call;
// at says in words when the crash is, and end is true if it is after all steps.
func (r *Recorder) Crashes(each func(at, dir string, end bool)) {
	steps := r.Steps()
	crash := func(k int, seed uint64) {
		dir := filepath.Join(r.t.TempDir(), "crash")
		r.Crash(seed, k, dir)
		each(fmt.Sprintf("lost power after step %d of %q", k, steps), dir, k == len(steps))
		_ = os.RemoveAll(dir)
	}
	for k := range sweeptest.Steps(0, len(steps), func(k int) bool { return Changes(steps[k-1]) }) {
		crash(k, uint64(len(steps)+1-k))
	}
	crash(len(steps), 0)
}

// Changes reports whether a step, in the words of [Recorder.Steps], changes files or
// names, as opposed to opening, closing or syncing them.
func Changes(step string) bool {
	verb, _, _ := strings.Cut(step, " ")
	return !slices.Contains([]string{"open", "close", "sync"}, verb)
}

// Crash makes, in the folder dir, one of the states in which a machine may come up that
// lost power after step k. The seed chooses which; 0 is the state that has lost everything
// that can be lost. These are certain:
//
//   - the bytes of a file as of its last sync,
//   - the names in a folder as of its last sync; of a rename both names.
//
// Of what came later, each sector of a file may have reached the disk or not; the size may
// be the old one, the newest one, or one between; what never reached the disk is zeros.
// Each change of a name may have reached the disk or not, those of one name in their order.
// As in all file systems with a journal, a rename is whole or not there at all, and what a
// step needs reaches the disk with it.
func (r *Recorder) Crash(seed uint64, k int, dir string) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	changes := r.changes
	if k < len(r.ends) {
		changes = changes[:0]
		if k > 0 {
			changes = r.changes[:r.ends[k-1]]
		}
	}
	random := rand.New(rand.NewPCG(seed, uint64(k))) // the same every time
	t := survivors(r.base.clone(), changes, random, seed == 0)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		r.t.Fatal(err)
	}
	if err := t.writeTo(dir, root, map[node]string{}); err != nil {
		r.t.Fatal(err)
	}
}

// survivors returns what is left, of durable and of the changes after it, when power is
// lost then.
func survivors(durable *tree, changes []change, random *rand.Rand, worst bool) *tree {
	newest := durable.clone()
	var pending []change // of names
	dirty := map[node]bool{}
	for _, c := range changes {
		newest.apply(c)
		switch {
		case c.syncData:
			durable.content[c.node] = slices.Clone(newest.content[c.node])
			delete(dirty, c.node)
		case c.syncNames:
			pending = settle(durable, pending, c.node)
		case len(c.names) > 0:
			pending = append(pending, c)
		case c.data.truncate || len(c.data.bytes) > 0:
			dirty[c.node] = true
		}
	}
	durable.folders, durable.modes = newest.folders, newest.modes
	// Some crashes lose everything that can be lost, some nothing, and most a part.
	luck := random.IntN(5)
	if worst {
		luck = 0
	}
	lucky := func() bool { return luck == 4 || luck > 0 && random.IntN(4) < luck }
	lost := map[place]bool{}
	for _, c := range pending {
		kept := lucky() && !slices.ContainsFunc(c.names, func(n naming) bool { return lost[n.place] })
		if kept {
			durable.apply(c)
			continue
		}
		for _, n := range c.names {
			lost[n.place] = true
		}
	}
	for _, n := range slices.Sorted(maps.Keys(dirty)) { // so that random numbers are the same every time
		durable.content[n] = arrived(durable.content[n], newest.content[n], lucky, random)
	}
	return durable
}

// settle makes the changes of names in a folder durable, with those that they need, and
// returns the changes that are still pending.
func settle(durable *tree, pending []change, folder node) (rest []change) {
	needed := map[place]bool{}
	done := make([]bool, len(pending))
	for i, c := range slices.Backward(pending) {
		done[i] = slices.ContainsFunc(c.names, func(n naming) bool { return n.place.folder == folder || needed[n.place] })
		if done[i] {
			for _, n := range c.names {
				needed[n.place] = true
			}
		}
	}
	for i, c := range pending {
		if done[i] {
			durable.apply(c)
		} else {
			rest = append(rest, c)
		}
	}
	return rest
}

// arrived returns what a file may hold after a crash whose bytes were old at its last sync
// and are now since then.
func arrived(old, now []byte, lucky func() bool, random *rand.Rand) []byte {
	size := int64(len(old))
	if lucky() {
		size = int64(len(now))
		if low := min(len(old), len(now)); len(now) > low && random.IntN(3) == 0 {
			size = int64(low + random.IntN(len(now)-low))
		}
	}
	b := grown(slices.Clone(old), size)[:size]
	for at := int64(0); at < size; at += sector {
		end := min(at+sector, size)
		if at < int64(len(now)) && lucky() {
			copy(b[at:end], now[at:])
		}
	}
	return b
}
