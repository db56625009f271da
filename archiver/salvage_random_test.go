package archiver_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// For random archives with random holes: an epoch is reported as restorable if and only if a
// salvage gives exactly that epoch, with what the whole archive gives; any other answer says
// what it is. Whatever an ordinary restore still gives is reported, and so is each hole.
func TestSalvageOfRandomArchives(t *testing.T) {
	makers := []func(*testing.T, *rand.Rand) *storagetest.Memory{random06, random05File, random05Directory}
	for seed := range uint64(few(36)) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 19))
			store := makers[seed%3](t, random)
			w := wholeOf(t, store)
			for range 5 {
				holed, holes := withHoles(random, store.Objects())
				w.check(t, holed, holes)
			}
		})
	}
}

// random06 is an archive of 0.6 with full backups and increments, some of them large, perhaps a
// fork, merged records and keeps.
func random06(t *testing.T, random *rand.Rand) *storagetest.Memory {
	store, m := storagetest.NewMemory(), newModel(t)
	for range 4 + random.IntN(14) {
		switch random.IntN(12) {
		case 0, 1, 2, 3:
			m.commit(1 + random.IntN(300))
		case 4:
			m.commit(manifest.MaxInlineBytes + 5000)
		case 5:
			m.checkpointHeld()
		case 6:
			m.commit(50)
			m.checkpoint(1 << 60) // a gap, unless all of it was archived
		case 7:
			m.commit(100)
			full(t, store, m.path)
		case 8:
			other := newModel(t)
			for range 1 + random.IntN(3) {
				other.commit(1 + random.IntN(300))
			}
			m = other
		default:
			m.commit(1 + random.IntN(200))
			backup(t, store, m.path)
		}
	}
	m.commit(10)
	backup(t, store, m.path)
	changeSomehow(t, random, store)
	return store
}

func random05File(t *testing.T, random *rand.Rand) *storagetest.Memory {
	return random05(t, random, false)
}

func random05Directory(t *testing.T, random *rand.Rand) *storagetest.Memory {
	return random05(t, random, true)
}

// random05 is an archive of 0.5.
func random05(t *testing.T, random *rand.Rand, isDirectory bool) *storagetest.Memory {
	d, store := newDatabase05(t, isDirectory), storagetest.NewMemory()
	d.write("first", false)
	backup(t, store, d.path)
	for n := range 4 + random.IntN(14) {
		switch random.IntN(10) {
		case 0, 1, 2:
			d.write(fmt.Sprint("content ", n), false)
		case 3:
			d.write(strings.Repeat("x", manifest.MaxInlineBytes*2)+fmt.Sprint(random.Uint64()), false)
		case 4:
			d.advance()
			d.rotate()
		case 5:
			d.write(fmt.Sprint("full ", n), false)
			full(t, store, d.path)
		default:
			d.write(fmt.Sprint("backup ", n), random.IntN(4) == 0)
			backup(t, store, d.path)
		}
	}
	changeSomehow(t, random, store)
	return store
}

// changeSomehow merges, removes or pins something, or nothing.
func changeSomehow(t *testing.T, random *rand.Rand, store *storagetest.Memory) {
	switch random.IntN(5) {
	case 0:
		compactAll(t, store)
	case 1:
		mustExpire(t, "a random archive", store, archiver.Rules{Last: 2 + random.IntN(3)})
	case 2:
		compactAll(t, store)
		if _, err := newArchive(store).Pin(t.Context(), 1, "first"); err != nil && archiver.CodeOf(err) != archiver.CodeNoBackup {
			t.Fatal(err)
		}
	}
}

// withHoles removes or damages some objects, and returns their keys: single ones, or all of a
// kind but the manifests.
func withHoles(random *rand.Rand, objects map[string][]byte) (holed map[string][]byte, holes []string) {
	holed = maps.Clone(objects)
	rate := []float64{0.03, 0.1, 0.3}[random.IntN(3)]
	gone := []string{"", "", "", "archive.json", "segments", "indexes", "fences", "pages"}[random.IntN(8)]
	newest := manifest.Seq(0)
	for key := range objects {
		seq, _ := manifest.ParseKey(key)
		newest = max(newest, seq)
	}
	for _, key := range slices.Sorted(maps.Keys(objects)) {
		if kindOf(key) != gone && random.Float64() >= rate {
			continue
		}
		holes = append(holes, key)
		b := bytes.Clone(objects[key])
		switch way := random.IntN(4); {
		case way == 0, key == newest.Key(): // one that is gone cannot be missed
			b[random.IntN(len(b))] ^= 1 << random.IntN(8)
			holed[key] = b
		case way == 1:
			holed[key] = b[:random.IntN(len(b))]
		default:
			delete(holed, key)
		}
	}
	return holed, holes
}

// whole is an archive without holes, and what it restores to.
type whole struct {
	store  *storagetest.Memory
	states map[string]map[string]string // of each epoch, by "timeline/epoch"
	images map[uint64]string            // of each full backup
	ends   map[uint64]map[string]string // of each backup, the state at its end
}

func wholeOf(t testing.TB, store *storagetest.Memory) *whole {
	w := &whole{store: store, states: epochStates(t, store), images: map[uint64]string{}, ends: map[uint64]map[string]string{}}
	l, err := newArchive(store).List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range l.Backups {
		w.ends[b.Seq] = restore(t, store, b.Seq)
		if b.Kind == archiver.KindFull {
			w.images[b.Seq] = w.ends[b.Seq]["db.grafeo"]
		}
	}
	r, err := newArchive(store).Salvage(t.Context(), archiver.SalvageOptions{})
	if err != nil || !r.OK() {
		t.Fatalf("a whole archive: %+v, %v", r, err)
	}
	w.check(t, store.Objects(), nil)
	return w
}

// check demands of an archive with holes that what is reported is what is restored.
func (w *whole) check(t testing.TB, objects map[string][]byte, holes []string) {
	t.Helper()
	store := refill(t, objects)
	a := newArchive(store)
	r, err := a.Salvage(t.Context(), archiver.SalvageOptions{})
	if err != nil {
		if archiver.CodeOf(err) != archiver.CodeDamagedArchive && archiver.CodeOf(err) != archiver.CodeNoArchive && archiver.CodeOf(err) != archiver.CodeNoBackup {
			t.Fatalf("holes %v: %v", holes, err)
		}
		for key := range objects {
			if _, isManifest := manifest.ParseKey(key); isManifest && bytes.Equal(objects[key], w.store.Objects()[key]) && (!isEncrypted || hasKeys(t, objects[key])) {
				t.Fatalf("holes %v: %v, but %s is whole", holes, err, key)
			}
		}
		return
	}
	states := map[string]archiver.SalvageState{}
	for _, timeline := range r.Timelines {
		for _, e := range timeline.Epochs {
			for epoch := e.From; epoch <= e.To; epoch++ {
				states[fmt.Sprintf("%d/%d", timeline.Timeline, epoch)] = e.State
			}
			if e.State == archiver.SalvageLost && len(e.Why) == 0 {
				t.Errorf("holes %v: nothing says why epochs %d to %d of timeline %d are lost", holes, e.From, e.To, timeline.Timeline)
			}
		}
	}
	for _, timeline := range r.Timelines {
		for _, b := range timeline.Backups {
			w.checkBackup(t, a, holes, b)
		}
	}
	for name := range w.states {
		if _, ok := states[name]; !ok {
			states[name] = archiver.SalvageLost
		}
	}
	for name, state := range states {
		w.checkEpoch(t, a, holes, name, state)
	}
}

// checkBackup demands that the end of a backup is restored as it is reported.
func (w *whole) checkBackup(t testing.TB, a *archiver.Archive, holes []string, b archiver.SalvagedBackup) {
	t.Helper()
	dir := t.TempDir()
	r, err := a.Restore(t.Context(), filepath.Join(dir, "db.grafeo"), archiver.RestoreOptions{Target: archiver.AtBackup(b.Seq), Salvage: true})
	what := fmt.Sprintf("holes %v: backup %d is %s; salvaged %+v from %+v, %v", holes, b.Seq, b.State, r.Salvaged, r.Plan, err)
	switch {
	case err != nil && (b.State != archiver.SalvageLost || archiver.CodeOf(err) != archiver.CodeUnreachable),
		err == nil && r.Salvaged.Exact != (b.State == archiver.SalvageRestorable):
		t.Fatal(what)
	case err == nil && r.Salvaged.Exact && w.ends[b.Seq] != nil:
		w.same(t, what, w.ends[b.Seq], contents(t, dir), r.Plan.Full)
	}
}

func (w *whole) checkEpoch(t testing.TB, a *archiver.Archive, holes []string, name string, state archiver.SalvageState) {
	t.Helper()
	var timeline int
	var epoch uint64
	if _, err := fmt.Sscanf(name, "%d/%d", &timeline, &epoch); err != nil {
		t.Fatal(err)
	}
	target := archiver.AtEpoch(epoch).OnTimeline(timeline)
	dir := t.TempDir()
	r, err := a.Restore(t.Context(), filepath.Join(dir, "db.grafeo"), archiver.RestoreOptions{Target: target, Salvage: true})
	is := func() string {
		return fmt.Sprintf("holes %v: epoch %s is %s; salvaged %+v from %+v, %v", holes, name, state, r.Salvaged, r.Plan, err)
	}
	if err != nil {
		if state != archiver.SalvageLost || archiver.CodeOf(err) != archiver.CodeUnreachable {
			t.Fatal(is())
		}
		if found := contents(t, dir); len(found) > 0 {
			t.Fatalf("%s\nleft: %v", is(), slices.Collect(maps.Keys(found)))
		}
	} else {
		if r.Salvaged.Exact != (state == archiver.SalvageRestorable) {
			t.Fatal(is())
		}
		if r.Salvaged.Exact && r.Plan.Epoch != epoch || r.Plan.Epoch > epoch || r.Plan.Timeline != timeline {
			t.Fatal(is())
		}
		if want := w.states[fmt.Sprintf("%d/%d", timeline, r.Plan.Epoch)]; want != nil && r.Salvaged.Exact {
			w.same(t, is(), want, contents(t, dir), r.Plan.Full)
		}
	}
	anyTimeline, err := a.Restore(t.Context(), filepath.Join(t.TempDir(), "db.grafeo"), archiver.RestoreOptions{Target: archiver.AtEpoch(epoch), Salvage: true})
	if meant, _ := newArchive(w.store).Plan(t.Context(), archiver.AtEpoch(epoch)); err == nil && anyTimeline.Salvaged.Exact && meant.Timeline != 0 && anyTimeline.Plan.Timeline != meant.Timeline {
		t.Fatalf("%s\nwithout a timeline it is of timeline %d, and should be of %d", is(), anyTimeline.Plan.Timeline, meant.Timeline)
	}
	dir = t.TempDir()
	if _, err := a.Restore(t.Context(), filepath.Join(dir, "db.grafeo"), archiver.RestoreOptions{Target: target}); err == nil && state == archiver.SalvageLost {
		if sameState(w.states[name], contents(t, dir)) == "" {
			t.Fatalf("%s\nan ordinary restore gives it", is())
		}
	}
}

// same demands that two restores are the same state: the logs end at the same place, and have
// the same bytes where both have some; the image is that of the full backup.
func (w *whole) same(t testing.TB, what string, want, got map[string]string, full uint64) {
	t.Helper()
	if image, ok := w.images[full]; ok && got["db.grafeo"] != image {
		t.Fatalf("%s\nit has another image than backup %d", what, full)
	}
	if diff := sameState(want, got); diff != "" {
		t.Fatalf("%s\n%s", what, diff)
	}
}

// sameState says how the logs of two restores differ, "" if they are the same history up to the
// same place. If the images are the same, all is.
func sameState(want, got map[string]string) string {
	if want["db.grafeo"] == got["db.grafeo"] && maps.Equal(want, got) {
		return ""
	}
	logs := func(files map[string]string) (names []string) {
		for name := range files {
			if strings.HasPrefix(filepath.Base(name), "wal_") && len(files[name]) > 0 {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		return names
	}
	ours, theirs := logs(want), logs(got)
	if a, b := end06(want, ours), end06(got, theirs); a != b {
		return fmt.Sprintf("one ends at %d, the other at %d", a, b)
	} else if a == 0 && (len(ours) == 0 || len(theirs) == 0) {
		return fmt.Sprintf("the logs are %v and %v", ours, theirs)
	}
	for i := 1; i <= min(len(ours), len(theirs)); i++ {
		a, b := ours[len(ours)-i], theirs[len(theirs)-i]
		if a != b || want[a] != got[b] {
			return fmt.Sprintf("%s of %d bytes and %s of %d bytes differ", a, len(want[a]), b, len(got[b]))
		}
	}
	return ""
}

// end06 returns the log position at which a restored database of 0.6 ends: that of its image if
// the log ends before. It is 0 in 0.5.
func end06(files map[string]string, logs []string) (end uint64) {
	image, err := grafeo.ReadImage(strings.NewReader(files["db.grafeo"]), int64(len(files["db.grafeo"])), "db.grafeo")
	if err != nil || image.Generation != grafeo.Gen06 {
		return 0
	}
	end = image.CheckpointLSN
	if len(logs) > 0 {
		var first uint64
		last := logs[len(logs)-1]
		if _, err := fmt.Sscanf(filepath.Base(last), "wal_%d.log", &first); err == nil {
			end = max(end, first+uint64(len(files[last]))-128)
		}
	}
	return end
}

// hasKeys reports whether a manifest has the list of keys without which nothing opens.
func hasKeys(t testing.TB, b []byte) bool {
	t.Helper()
	m, err := decodeManifest(b)
	return err == nil && m.KeyList != nil
}
