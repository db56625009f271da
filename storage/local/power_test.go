package local

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/internal/disk/disktest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// puts are the Puts of a run: into new and old folders, of new and existing objects,
// empty and of many sectors.
var puts = []struct {
	key   string
	opts  storage.PutOptions
	bytes int
}{
	{"archive.json", storage.PutOptions{IfAbsent: true}, 300},
	{"segments/one/0", storage.PutOptions{IfAbsent: true}, 5000},
	{"segments/one/1", storage.PutOptions{IfAbsent: true}, 1},
	{"segments/two/0", storage.PutOptions{IfAbsent: true}, 0},
	{"manifests/1", storage.PutOptions{IfAbsent: true}, 700},
	{"plain", storage.PutOptions{}, 2000},
	{"plain", storage.PutOptions{}, 3000},
	{"segments/one/2", storage.PutOptions{}, 1000},
	{"manifests/2", storage.PutOptions{IfAbsent: true}, 600},
	{"old", storage.PutOptions{}, 1024},
	{"manifests/2", storage.PutOptions{IfAbsent: true}, 5}, // exists
}

// bytesOf returns the content of the i-th put.
func bytesOf(i int) string {
	return strings.Repeat(fmt.Sprintf("%08d", i), puts[i].bytes/8+1)[:puts[i].bytes]
}

// Whenever the power fails, every acknowledged object exists, and every object that
// exists is whole: the old one or the new one.
func TestPowerLoss(t *testing.T) {
	const seeds = 8
	root := t.TempDir()
	put(t, open(t, root), "old", "from before")
	steps := disktest.New(t, root, nil)
	s := openOn(t, steps, root)
	var acknowledged []int // the number of steps until each put
	for i, p := range puts {
		_, err := s.Put(t.Context(), p.key, strings.NewReader(bytesOf(i)), p.opts)
		if err != nil && (!errors.Is(err, storage.ErrPreconditionFailed) || i != len(puts)-1) {
			t.Fatal(err)
		}
		acknowledged = append(acknowledged, len(steps.Steps()))
	}
	schedules, lost := 0, 0
	for k := range len(steps.Steps()) + 1 {
		for seed := range uint64(seeds) {
			dir := filepath.Join(t.TempDir(), "store")
			steps.Crash(seed, k, dir)
			lost += wholeAfter(t, dir, k, acknowledged)
			schedules++
			if seed == 0 { // the next run works by itself
				s := openOn(t, disktest.Unsynced{}, dir)
				put(t, s, "next/run", "data")
				if got := get(t, s, "next/run"); got != "data" {
					t.Errorf("got %q", got)
				}
			}
		}
		if t.Failed() {
			t.Fatalf("lost power after step %d of %q", k, steps.Steps())
		}
	}
	if schedules < 500 || lost == 0 {
		t.Errorf("%d schedules, and %d objects were lost that nobody had been promised", schedules, lost)
	}
}

// wholeAfter checks the objects that a loss of power after step k left, and returns how
// many are missing that were put and not acknowledged.
func wholeAfter(t *testing.T, dir string, k int, acknowledged []int) (lost int) {
	t.Helper()
	sure, possible := map[string]string{"old": "from before"}, map[string][]string{}
	for i, p := range puts[:len(puts)-1] {
		switch {
		case acknowledged[i] <= k:
			sure[p.key] = bytesOf(i)
		case i == 0 || acknowledged[i-1] <= k: // under way
			possible[p.key] = append(possible[p.key], bytesOf(i))
		}
	}
	s := openOn(t, disktest.Unsynced{}, dir)
	found := map[string]string{}
	for _, key := range list(t, s) {
		found[key] = get(t, s, key)
	}
	for key, want := range sure {
		if got, ok := found[key]; !ok || got != want && !slices.Contains(possible[key], got) {
			t.Errorf("%s, which was acknowledged, has %d bytes: %.20q", key, len(got), got)
		}
	}
	for key, got := range found {
		if _, ok := sure[key]; !ok && !slices.Contains(possible[key], got) {
			t.Errorf("%s exists in part: %d bytes", key, len(got))
		}
	}
	for key := range possible {
		if _, ok := found[key]; !ok {
			lost++
		}
	}
	return lost
}

// An object that a run has found and refers to is durable before what refers to it,
// even if the process that put it was killed before it could sync the name.
func TestPowerLossAfterAKill(t *testing.T) {
	root := t.TempDir()
	put(t, open(t, root), "segments/before", "data")
	steps := disktest.New(t, root, func(_ int, step string) disktest.Fault {
		return disktest.Fault{Stop: strings.HasPrefix(step, "link "), Applied: true}
	})
	if err := create(t, openOn(t, steps, root), "segments/found", "found"); err == nil {
		t.Fatal("it was not killed")
	}
	steps.Restart(nil)
	killed := len(steps.Steps())
	s := openOn(t, steps, root)
	if got := get(t, s, "segments/found"); got != "found" {
		t.Fatalf("got %q", got)
	}
	if err := create(t, s, "manifests/1", "names found"); err != nil {
		t.Fatal(err)
	}
	with, without := 0, 0
	for k := killed; k <= len(steps.Steps()); k++ {
		for seed := range uint64(8) {
			dir := filepath.Join(t.TempDir(), "store")
			steps.Crash(seed, k, dir)
			s := openOn(t, disktest.Unsynced{}, dir)
			switch keys := list(t, s); {
			case slices.Contains(keys, "manifests/1"):
				with++
				if !slices.Contains(keys, "segments/found") || get(t, s, "segments/found") != "found" {
					t.Fatalf("after step %d of %q, seed %d, there is %q", k, steps.Steps(), seed, keys)
				}
			case !slices.Contains(keys, "segments/found"):
				without++
			}
		}
	}
	if with == 0 || without == 0 {
		t.Errorf("the manifest was there %d times, neither of them %d times", with, without)
	}
}
