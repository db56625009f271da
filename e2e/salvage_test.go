package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestSalvage is the promise of salvage, with the real Grafeo: of an archive with random holes,
// each epoch that is called restorable opens as it was committed, and whatever else is restored
// is a state that was committed at some time, with an exit code that says that it is another one.
func TestSalvage(t *testing.T) {
	t.Parallel()
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			needGrafeo(t)
			h := newRandomHistory(t, version)
			h.run(3, "")
			must(t, "backup", "--full", h.db.path, h.at.address())
			h.run(3, "--kill")
			for round := range 4 {
				h.salvage(round)
			}
		})
	}
}

// salvage makes holes in a copy of the archive, and restores each epoch of it.
func (h *randomHistory) salvage(round int) {
	t := h.t
	t.Helper()
	at := copyArchive(t, h.at)
	holes := makeHoles(t, at, rand.New(rand.NewPCG(uint64(round), 7)))
	var said struct {
		OK        bool
		Timelines []struct {
			Timeline int64
			Epochs   []struct {
				From, To int64
				State    string
			}
		}
	}
	answer := gbak(t, "salvage", at.address(), "--json")
	if err := json.Unmarshal([]byte(answer.stdout), &said); err != nil || said.OK || answer.code != 3 {
		t.Fatalf("holes %v: exit code %d, %+v, %v", holes, answer.code, said, err)
	}
	ever := map[string]bool{emptyDigest: true} // the states that were ever committed
	for _, commits := range h.commits {
		for _, c := range commits {
			ever[c.Digest] = true
		}
	}
	type attempt struct{ what, want string } // want is "" for any that was ever committed
	var attempts []attempt
	var paths []string
	counts := map[string]int{}
	dir := t.TempDir()
	for _, timeline := range said.Timelines {
		committed := h.committed(timeline.Timeline)
		for _, e := range timeline.Epochs {
			for epoch := e.From; epoch <= e.To; epoch++ {
				path := filepath.Join(dir, fmt.Sprint(len(paths)), "people.grafeo")
				r := gbak(t, "restore", "--salvage", at.address(), path, "--epoch", fmt.Sprint(epoch), "--timeline", fmt.Sprint(timeline.Timeline), "--json")
				a := attempt{what: fmt.Sprintf("holes %v: epoch %d of timeline %d, which is %s", holes, epoch, timeline.Timeline, e.State)}
				counts[e.State]++
				switch {
				case e.State == "restorable" && r.code == 0:
					a.want = committed[epoch]
				case e.State != "restorable" && r.code == 11:
				case e.State == "lost" && r.code == 5:
					continue
				default:
					t.Fatalf("%s: exit code %d, %s%s", a.what, r.code, r.stdout, r.stderr)
				}
				attempts, paths = append(attempts, a), append(paths, path)
			}
		}
	}
	for i, got := range openAll(t, h.db.version, paths) {
		switch a := attempts[i]; {
		case got.Error != "":
			t.Errorf("%s: Grafeo does not open it: %s", a.what, got.Error)
		case a.want != "" && got.Digest != a.want:
			t.Errorf("%s: Grafeo finds something else in it than was committed", a.what)
		case !ever[got.Digest]:
			t.Errorf("%s: Grafeo finds what was never committed", a.what)
		}
	}
	t.Logf("%d holes; epochs: %v", len(holes), counts)
}

// makeHoles removes or damages some manifests and segments. The newest manifest is damaged, and
// never removed: then it could not be missed.
func makeHoles(t *testing.T, at place, random *rand.Rand) (holes []string) {
	t.Helper()
	var all []string
	for _, key := range at.keys(t) {
		if strings.HasPrefix(key, "manifests/") || strings.HasPrefix(key, "segments/") {
			all = append(all, key)
		}
	}
	slices.Sort(all)
	newest := all[slices.IndexFunc(append(slices.Clone(all), "segments/"), func(key string) bool { return strings.HasPrefix(key, "segments/") })-1]
	for len(holes) == 0 {
		for _, key := range all {
			if random.IntN(6) > 0 {
				continue
			}
			holes = append(holes, key)
			if random.IntN(2) == 0 && key != newest {
				at.remove(t, key)
				continue
			}
			b := at.read(t, key)
			b[random.IntN(len(b))] ^= 1
			at.write(t, key, b)
		}
	}
	return holes
}
