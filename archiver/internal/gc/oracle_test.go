package gc

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// fate is what becomes of the objects of a world in a sweep, by the letter of R3.
type fate struct {
	stays         []string // of all objects
	dead, waiting Amount
	orphans       int
	unknown       int
	deadManifests int
}

// fateFor returns it for the keep k.
func (w *world) fateFor(k *manifest.Committed) fate {
	kappa := k.Keeping.DeadBefore
	var then manifest.Ranges
	for _, earlier := range w.keeps {
		if earlier.Seq == kappa {
			then = earlier.Keeping.Alive
		}
	}
	all := w.memory.Objects()
	isAlive := func(seq manifest.Seq) bool { return seq > k.Seq || k.Keeping.Alive.Contains(seq) }
	living, protected, ofRecords := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for seq, m := range w.kinds {
		if all[seq.Key()] == nil || m.Kind == manifest.Keep {
			continue
		}
		protects := kappa > 0 && (seq > kappa || then.Contains(seq))
		for _, name := range w.names[seq] {
			living[name] = living[name] || isAlive(seq)
			protected[name] = protected[name] || isAlive(seq) || protects
		}
		if isAlive(seq) {
			continue
		}
		ofRecords[m.Folder] = true
		if protects && m.Kind != manifest.Full { // one does not look into it
			protected["folder "+m.Folder] = true
		}
	}
	var f fate
	fences := map[string]bool{} // that the sweep makes
	for _, key := range slices.Sorted(maps.Keys(all)) {
		prefix, rest, _ := strings.Cut(key, "/")
		size := int64(len(all[key]))
		goes := false
		switch {
		case prefix == "manifests":
			if goes = w.isDead(key, k, then); goes {
				f.deadManifests++
				n, _ := strconv.ParseUint(strings.TrimSuffix(rest, ".json"), 10, 64)
				fences[fmt.Sprintf("fences/%010d.json", (n+31)/32*32)] = true
			}
		case prefix != "segments" && prefix != "indexes" && prefix != "pages":
		case w.unknown[key]:
			f.unknown++
		case living[key]:
		default:
			folder, _, _ := strings.Cut(rest, "/")
			isProtected := protected[key] || protected["folder "+folder]
			generation, _ := strconv.ParseUint(folder[:10], 10, 64)
			if goes = manifest.Seq(generation) < kappa && !isProtected; goes {
				f.dead.add(size)
			} else {
				f.waiting.add(size)
			}
			if !isProtected && !ofRecords[folder] {
				f.orphans++
			}
		}
		if !goes {
			f.stays = append(f.stays, key)
		}
	}
	for key := range fences {
		if _, isThere := all[key]; !isThere {
			f.stays = append(f.stays, key)
		}
	}
	slices.Sort(f.stays)
	return f
}

// isDead reports whether a manifest is dead: number by number.
func (w *world) isDead(key string, k *manifest.Committed, then manifest.Ranges) bool {
	digits := strings.TrimSuffix(strings.TrimPrefix(key, "manifests/"), ".json")
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil {
		return false
	}
	first := w.keeps[0].Seq
	group := (n - 1) / 32
	for i := group*32 + 1; i <= group*32+32; i++ {
		seq := manifest.Seq(i)
		if seq <= first || seq >= k.Keeping.DeadBefore || then.Contains(seq) {
			return false
		}
	}
	return true
}

// sweepAndCompare sweeps for the keep k, and compares everything with the oracle.
func (w *world) sweepAndCompare(k *manifest.Committed) {
	w.t.Helper()
	want := w.fateFor(k)
	census, swept := w.sweep(k)
	got := fate{
		stays: slices.Sorted(maps.Keys(w.memory.Objects())), dead: census.Dead, waiting: census.Waiting,
		orphans: census.Orphans, unknown: census.Unknown, deadManifests: census.Manifests,
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(fate{})); diff != "" {
		w.t.Fatalf("keep %d, dead before %d (-want +got):\n%s", k.Seq, k.Keeping.DeadBefore, diff)
	}
	if swept.Deleted != want.dead || swept.Manifests != want.deadManifests || swept.Survivors != 0 || len(swept.Refused) != 0 || len(census.Damaged) != 0 {
		w.t.Fatalf("keep %d: swept %+v, and the census was %+v", k.Seq, swept, census)
	}
	if again, _ := w.sweep(k); again.Dead != (Amount{}) || again.Manifests != 0 {
		w.t.Fatalf("keep %d: after the sweep, %+v", k.Seq, again)
	}
}

// step does something at random.
func (w *world) step() {
	w.t.Helper()
	switch n := w.random.IntN(100); {
	case len(w.kinds) == 0 || n < 8:
		w.randomFull()
	case n < 66:
		w.backup(manifest.Incremental, w.folder(), content{
			segments: w.random.IntN(3), inline: w.random.IntN(2) == 0 || w.random.IntN(3) == 0, large: false,
		}.notEmpty(w.random.IntN(20) == 0))
	case n < 69:
		w.randomMerge()
	case n < 82:
		w.randomLeftover()
	case n < 94:
		w.randomKeep()
	default:
		if k := w.newestKeep(); k != nil {
			w.sweepAndCompare(k)
		}
	}
}

// notEmpty makes sure that there is a segment. A large index is no part of a manifest, as a
// segment in the manifest must be.
func (c content) notEmpty(large bool) content {
	if c.large = large; large {
		c.inline = false
	}
	if c.segments == 0 && !c.inline {
		c.segments = 1
	}
	return c
}

// randomMerge merges two backups in a row, but not the newest.
func (w *world) randomMerge() {
	w.t.Helper()
	records, backups := w.living()
	for range 10 {
		i := w.random.IntN(max(len(records)-2, 1))
		if len(records) < 3 || records[i] == 1 || records[i+1] == backups[len(backups)-1] {
			continue
		}
		if w.kinds[records[i]].Kind == manifest.Incremental && w.kinds[records[i+1]].Kind == manifest.Incremental {
			w.merge(records[i], records[i+1], content{segments: w.random.IntN(2)}.notEmpty(w.random.IntN(4) == 0))
			return
		}
	}
}

func (w *world) randomFull() {
	w.t.Helper()
	c := content{segments: 1 + w.random.IntN(3), large: w.random.IntN(3) == 0, pages: w.random.IntN(2) == 0}
	_, backups := w.living()
	for _, seq := range slices.Backward(backups) { // the newest full that exists still
		m := w.kinds[seq]
		if m.Kind != manifest.Full {
			continue
		}
		for _, name := range w.names[seq] {
			if strings.HasPrefix(name, "segments/") && w.random.IntN(3) > 0 {
				body := w.memory.Objects()[name]
				c.shared = append(c.shared, manifest.Segment{Key: name, StoredBytes: int64(len(body)), RawBytes: 8192, SHA256: manifest.Sum(body)})
			}
		}
		break
	}
	w.backup(manifest.Full, w.folder(), c)
}

// randomLeftover stores what a killed run leaves, in a folder of its own or in one that is
// in use, or what is nobody's.
func (w *world) randomLeftover() {
	w.t.Helper()
	folder := w.folder()
	if seqs := slices.Sorted(maps.Keys(w.kinds)); w.random.IntN(2) == 0 {
		if m := w.kinds[seqs[w.random.IntN(len(seqs))]]; m.Folder != "" {
			folder = m.Folder
		}
	}
	key, _, _ := w.put(func(sum manifest.Digest) string {
		switch w.random.IntN(6) {
		case 0:
			return manifest.IndexKey(folder, sum)
		case 1:
			return manifest.PagesKey(folder, sum)
		case 2:
			return manifest.AnotherKey(manifest.SegmentKey(manifest.SegmentFolder(folder), 7, sum), manifest.NewID())
		case 3:
			return "segments/" + folder[1:] + "/000001-" + sum.String()[:16] + ".zst"
		case 4:
			return []string{"segments/notes-", "indexes/" + folder + "/", "pages/x/"}[w.random.IntN(3)] + sum.String()
		}
		return manifest.SegmentKey(manifest.SegmentFolder(folder), 8, sum)
	})
	if _, ok := manifest.ParseGeneration(key); !ok {
		w.unknown[key] = true
	}
}

func (w *world) randomKeep() {
	w.t.Helper()
	records, backups := w.living()
	last := backups[len(backups)-1]
	from := manifest.Seq(0)
	if w.random.IntN(3) > 0 {
		from = records[w.random.IntN(len(records))]
	}
	var alive []manifest.Seq
	for _, seq := range records {
		if seq == last || seq >= from && w.random.IntN(5) > 0 {
			alive = append(alive, seq)
		}
	}
	var standIns []manifest.StandIn
	dead, own := manifest.Seq(0), w.random.IntN(4) == 0
	if k := w.newestKeep(); k != nil {
		dead = k.Keeping.DeadBefore
		for _, earlier := range w.keeps {
			if earlier.Seq > dead && w.random.IntN(2) == 0 {
				dead = earlier.Seq
			}
		}
		for _, s := range k.Keeping.StandIns {
			if slices.Contains(alive, s.By) {
				standIns = append(standIns, s)
			}
		}
	}
	if m := w.merged; m != nil && w.random.IntN(4) > 0 && slices.Contains(alive, m.From) && slices.Contains(alive, m.For) {
		alive = slices.DeleteFunc(alive, func(seq manifest.Seq) bool { return seq == m.From || seq == m.For })
		alive = append(alive, m.By)
		standIns = append(standIns, *m)
		slices.Sort(alive)
		slices.SortFunc(standIns, func(a, b manifest.StandIn) int { return int(a.For) - int(b.For) }) //nolint:gosec // small
	}
	w.merged = nil
	w.keep(alive, standIns, dead, own)
}

// What a sweep deletes is exactly what no record may need, and the census before it says so.
func TestSweepsOfRandomArchives(t *testing.T) {
	seeds := 40
	if testing.Short() {
		seeds = 10
	}
	var standIns int
	var all fate
	for seed := range seeds {
		w := newWorld(t, uint64(seed)) //nolint:gosec // not negative
		for range 150 {
			w.step()
		}
		k := w.newestKeep()
		if k == nil {
			continue
		}
		f := w.fateFor(k)
		w.sweepAndCompare(k)
		standIns += len(k.Keeping.StandIns)
		all.dead.Objects += f.dead.Objects
		all.waiting.Objects += f.waiting.Objects
		all.deadManifests += f.deadManifests
		all.orphans += f.orphans
		all.unknown += f.unknown
	}
	if standIns == 0 || all.dead.Objects == 0 || all.waiting.Objects == 0 || all.deadManifests == 0 || all.orphans == 0 || all.unknown == 0 {
		t.Errorf("%d stand-ins, %+v: some of it never happens", standIns, all)
	}
}
