package archiver_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// grown makes an archive with objects of all kinds, of living and of removed backups and of
// killed runs, with a policy from record 4 on, and whole groups of manifests that can go. The
// newest backups are 68 to 70, of one chain.
func grown(t *testing.T) (*model, *storagetest.Memory) {
	t.Helper()
	m, store := newModel(t), storagetest.NewMemory()
	large := func() { m.commit(manifest.MaxInlineBytes + 5000); backup(t, store, m.path) }
	small := func(n int) {
		for range n {
			m.commit(50)
			backup(t, store, m.path)
		}
	}
	anew := func() { m.commit(50); m.checkpointHeld(); full(t, store, m.path) }
	m.commit(50)
	full(t, store, m.path) // 1
	large()
	small(1)
	if _, err := newArchive(store).SetPolicy(t.Context(), &archiver.Rules{Last: 2}); err != nil { // 4
		t.Fatal(err)
	}
	anew() // 5
	large()
	for range 1000 {
		m.commit(1)
	}
	small(1)  // 7, whose index is an object
	small(30) // to 37
	anew()    // 38
	large()
	small(28)                                             // to 67
	anew()                                                // 68
	large()                                               // 69
	small(1)                                              // 70
	for _, generation := range []manifest.Seq{0, 4, 70} { // the last one is of a run that has yet to commit
		folder := manifest.FolderName(generation, strings.Repeat("0f", 16))
		put(t, store, manifest.SegmentKey(manifest.SegmentFolder(folder), 0, manifest.Sum(nil)), "an orphan")
		put(t, store, manifest.PagesKey(folder, manifest.Sum(nil)), "an orphan")
	}
	put(t, store, manifest.ProbePrefix+"0123456789abcdef0123456789abcdef/00-left", "by a killed run")
	put(t, store, manifest.SegmentPrefix+"notes.txt", "of somebody else")
	put(t, store, "readme.txt", "of somebody else")
	return m, store
}

// verb is something that removes backups or keeps them.
type verb func(t *testing.T, a *archiver.Archive) (keep uint64, applied bool, err error)

func expireWith(o archiver.ExpireOptions) verb {
	return func(t *testing.T, a *archiver.Archive) (uint64, bool, error) {
		r, err := a.Expire(t.Context(), o)
		return r.Keep, r.Applied, err
	}
}

func compactWith(o archiver.CompactOptions) verb {
	return func(t *testing.T, a *archiver.Archive) (uint64, bool, error) {
		r, err := a.Compact(t.Context(), o)
		return r.Keep, r.Applied, err
	}
}

func pinOf(seq uint64) verb {
	return func(t *testing.T, a *archiver.Archive) (uint64, bool, error) {
		r, err := a.Pin(t.Context(), seq, "a label")
		return r.Keep, r.Keep != 0, err
	}
}

func unpinOf(seq uint64) verb {
	return func(t *testing.T, a *archiver.Archive) (uint64, bool, error) {
		r, err := a.Unpin(t.Context(), seq)
		return r.Keep, r.Keep != 0, err
	}
}

func policyOf(r archiver.Rules) verb {
	return func(t *testing.T, a *archiver.Archive) (uint64, bool, error) {
		k, err := a.SetPolicy(t.Context(), &r)
		return k.Keep, k.Keep != 0, err
	}
}

// removalCase is a verb to be stopped or disturbed at every operation.
type removalCase struct {
	name  string
	state snapshot
	later time.Duration // how much later it runs
	verb  verb
	rules archiver.Rules // by which expiries go on
	stays []uint64       // what these rules and the pins keep, whatever happens
}

func removalCases(t *testing.T) []removalCase {
	t.Helper()
	const day = 24 * time.Hour
	two := archiver.Rules{Last: 2}
	_, store := grown(t)
	plain := snapshotOf(t, store)

	m, first := newModel(t), storagetest.NewMemory()
	chains(t, m, first, 3, 2)
	unkept := snapshotOf(t, first)

	pinned := plain.store(t, 0)
	if _, err := newArchive(pinned).Pin(t.Context(), 6, "a pin"); err != nil { // 71
		t.Fatal(err)
	}
	withPin := snapshotOf(t, pinned)

	removed := withPin.store(t, 0)
	if _, err := newArchive(removed).Expire(t.Context(), archiver.ExpireOptions{Rules: &archiver.Rules{Last: 20}, Apply: true}); err != nil { // 72
		t.Fatal(err)
	}
	waiting := snapshotOf(t, removed)

	marked := withPin.store(t, 0)
	if _, err := newArchive(marked).Expire(t.Context(), archiver.ExpireOptions{Apply: true, Grace: archiver.NoGrace, MarkOnly: true}); err != nil {
		t.Fatal(err)
	}
	onlyMarked := snapshotOf(t, marked)

	shared := storagetest.NewMemory()
	image := newPagedImage(t, 300)
	for range 4 {
		image.fullOf(t, shared, false)
		image.change(10, 4, 50)
		image.write(t)
	}
	fulls := snapshotOf(t, shared)

	small := storagetest.NewMemory()
	m = increments(t, small, 3)
	for _, bytes := range []int{manifest.MaxInlineBytes + 5000, manifest.MaxInlineBytes + 5000, 50} {
		m.commit(bytes)
		backup(t, small, m.path)
	}
	unmerged := snapshotOf(t, small)
	merged := numbers(t, small)
	merged = append(merged[:1:1], merged[len(merged)-2:]...) // the full one, what was merged into, and the newest

	chain := []uint64{68, 69, 70}
	withPinned := []uint64{5, 6, 68, 69, 70}
	return []removalCase{
		{"a first expiry", unkept, 0, expireWith(archiver.ExpireOptions{Rules: &two, Apply: true}), two, []uint64{7, 8, 9}},
		{"a first expiry without a grace", unkept, 0, expireWith(archiver.ExpireOptions{Rules: &two, Apply: true, Grace: archiver.NoGrace}), two, []uint64{7, 8, 9}},
		{"an expiry with a grace", waiting, day, expireWith(archiver.ExpireOptions{Apply: true}), two, withPinned},
		{"an expiry without a grace", withPin, 0, expireWith(archiver.ExpireOptions{Apply: true, Grace: archiver.NoGrace}), two, withPinned},
		{"a sweep", onlyMarked, day, expireWith(archiver.ExpireOptions{Apply: true}), two, withPinned},
		{"an expiry that deletes nothing", withPin, 0, expireWith(archiver.ExpireOptions{Apply: true, MarkOnly: true, Grace: archiver.NoGrace}), two, withPinned},
		{"an expiry of segments that others share", fulls, 0, expireWith(archiver.ExpireOptions{Rules: &two, Apply: true, Grace: archiver.NoGrace}), two, []uint64{3, 4}},
		{"a compaction", unmerged, 0, compactWith(archiver.CompactOptions{Min: 2, Tail: 1, Apply: true}), two, merged},
		{"a pin", plain, 0, pinOf(6), two, chain},
		{"no pin any more", withPin, 0, unpinOf(6), two, chain},
		{"a policy", plain, 0, policyOf(archiver.Rules{Last: 3, Full: 1}), two, chain},
	}
}
