package archiver_test

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// What tests of removals share: archives from which something goes, and what must hold
// afterwards. They know it from the documents alone, and not from the code that removes.

// snapshot is all objects of a store, and when they were written.
type snapshot struct {
	objects map[string][]byte
	written map[string]time.Time
}

func snapshotOf(t testing.TB, store *storagetest.Memory) snapshot {
	t.Helper()
	s := snapshot{store.Objects(), map[string]time.Time{}}
	for info, err := range store.List(t.Context(), "", "") {
		if err != nil {
			t.Fatal(err)
		}
		s.written[info.Key] = info.ModTime
	}
	return s
}

// storeClock is a clock that a test sets.
type storeClock struct{ at atomic.Pointer[time.Time] }

func (c *storeClock) set(at time.Time) { c.at.Store(&at) }

func (c *storeClock) now() time.Time { return *c.at.Load() }

// store returns a new store with the objects, whose clock stands still some time after the
// newest of them was written.
func (s snapshot) store(t testing.TB, later time.Duration) *storagetest.Memory {
	t.Helper()
	var clock storeClock
	m := storagetest.NewMemory()
	m.SetClock(clock.now)
	var last time.Time
	for key, b := range s.objects {
		clock.set(s.written[key])
		if last.Before(s.written[key]) {
			last = s.written[key]
		}
		if _, err := m.Put(t.Context(), key, bytes.NewReader(b), storage.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	clock.set(last.Add(later))
	return m
}

// contentOf is what an archive has, as far as its documents say.
type contentOf struct {
	all    map[string][]byte
	decode func([]byte) (*manifest.Manifest, error)
	keep   *manifest.Manifest   // the newest keep, nil if there is none
	living []*manifest.Manifest // the records that count, ascending
	needed map[string]bool      // the keys that these need, their own and the newest fence among them
}

// look reads what all objects of an archive say.
func look(t testing.TB, all map[string][]byte) *contentOf {
	t.Helper()
	return lookWith(t, all, decodeManifest)
}

// lookWith is look with another way to decode manifests.
func lookWith(t testing.TB, all map[string][]byte, decode func([]byte) (*manifest.Manifest, error)) *contentOf {
	t.Helper()
	c := &contentOf{all: all, decode: decode, needed: map[string]bool{manifest.ArchiveKey: true}}
	head := manifest.Seq(0)
	for key := range all {
		seq, _ := manifest.ParseKey(key)
		head = max(head, seq)
	}
	first, alive := manifest.Seq(1), manifest.Ranges{}
	if seq := c.record(t, head).NewestKeep(); seq != 0 {
		c.keep = c.record(t, seq)
		if before := c.keep.Keep; before != 0 {
			c.needed[manifest.FenceKey(before)] = true
		}
		first, alive = seq+1, c.keep.Keeping.Alive
	}
	for seq := range alive.All() {
		c.living = append(c.living, c.record(t, seq))
	}
	for seq := first; seq <= head; seq++ {
		if m := c.record(t, seq); m.Kind != manifest.Merged {
			c.living = append(c.living, m)
		}
	}
	for _, m := range c.living {
		c.needed[m.Seq.Key()] = true
		for _, key := range namedBy(t, all, m) {
			if key != "" {
				c.needed[key] = true
			}
		}
	}
	return c
}

// record returns a record that must be there.
func (c *contentOf) record(t testing.TB, seq manifest.Seq) *manifest.Manifest {
	t.Helper()
	m, err := c.decode(c.all[seq.Key()])
	if err != nil {
		t.Fatalf("record %d: %v", seq, err)
	}
	return m
}

// keepSeq returns the number of the newest keep, 0 if there is none.
func (c *contentOf) keepSeq() uint64 {
	if c.keep == nil {
		return 0
	}
	return uint64(c.keep.Seq)
}

// hasCommitted reports whether a record is a backup, or one of the keeps that led to the
// newest.
func (c *contentOf) hasCommitted(record uint64) bool {
	for k := c.keep; k != nil; {
		if uint64(k.Seq) == record {
			return true
		}
		m, err := decodeManifest(c.all[k.Keep.Key()])
		if err != nil { // deleted, or there is none
			break
		}
		k = m
	}
	return slices.Contains(c.backups(), record)
}

// backups returns the numbers of the backups.
func (c *contentOf) backups() (seqs []uint64) {
	for _, m := range c.living {
		seq := m.Seq
		if m.Replaces != nil {
			seq = m.Replaces[1]
		}
		seqs = append(seqs, uint64(seq))
	}
	slices.Sort(seqs)
	return seqs
}

// mustHaveAll demands that everything that living records need is there, byte for byte as
// it was before.
func (c *contentOf) mustHaveAll(t testing.TB, at string, before map[string][]byte) {
	t.Helper()
	for key := range c.needed {
		if c.all[key] == nil {
			t.Fatalf("%s: %s is gone, and a backup needs it", at, key)
		}
		if b := before[key]; b != nil && !bytes.Equal(b, c.all[key]) {
			t.Fatalf("%s: %s has changed", at, key)
		}
	}
}

// mustBeExact demands that there is what living records need, and nothing else but what
// may stay: fences, what is nobody's, the newest keep and records after it (such as one that
// was merged in vain), records up to the first keep, and the rest of each group of 32 with a
// record that counts.
func (c *contentOf) mustBeExact(t testing.TB, at string) {
	t.Helper()
	c.mustHaveAll(t, at, nil)
	groups := map[manifest.Seq]bool{}
	group := func(seq manifest.Seq) manifest.Seq { return (seq - 1) / manifest.GroupBackups }
	for _, m := range c.living {
		groups[group(m.Seq)] = true
	}
	first := manifest.Seq(0)
	if c.keep != nil {
		groups[group(c.keep.Seq)], first = true, c.keep.Keeping.First
	}
	for _, key := range slices.Sorted(maps.Keys(c.all)) {
		seq, isRecord := manifest.ParseKey(key)
		_, isOfARun := manifest.ParseGeneration(key)
		switch {
		case c.needed[key], strings.HasPrefix(key, manifest.FencePrefix):
		case isRecord && (uint64(seq) > c.keepSeq() || group(seq) <= group(first) || groups[group(seq)]):
		case !isRecord && !isOfARun && !strings.HasPrefix(key, manifest.ProbePrefix):
		default:
			t.Errorf("%s: %s is left, and nothing needs it", at, key)
		}
	}
}

// mustBeListed demands that list shows the backups, and nothing else.
func (c *contentOf) mustBeListed(t testing.TB, at string, store storage.Storage) {
	t.Helper()
	l, err := newArchive(store).List(t.Context())
	if err != nil {
		t.Fatalf("%s: %v", at, err)
	}
	var got []uint64
	for _, b := range l.Backups {
		got = append(got, b.Seq)
	}
	if diff := cmp.Diff(c.backups(), got); diff != "" {
		t.Fatalf("%s: the list (-want +got)\n%s", at, diff)
	}
}

// mustExpire expires without a grace.
func mustExpire(t testing.TB, at string, store storage.Storage, rules archiver.Rules) archiver.ExpireReport {
	t.Helper()
	r, err := newArchive(store).Expire(t.Context(), archiver.ExpireOptions{Rules: &rules, Apply: true, Grace: archiver.NoGrace})
	if err != nil {
		t.Fatalf("%s: %v", at, err)
	}
	return r
}

// mustHeal demands that after two more expiries without a grace a store has exactly what
// living backups need.
func mustHeal(t testing.TB, at string, store *storagetest.Memory, rules archiver.Rules) *contentOf {
	t.Helper()
	for range 2 {
		mustExpire(t, at, store, rules)
	}
	c := look(t, store.Objects())
	c.mustBeExact(t, at)
	c.mustBeListed(t, at, store)
	return c
}

// put stores an object as it is.
func put(t testing.TB, store storage.Storage, key, body string) {
	t.Helper()
	if _, err := store.Put(t.Context(), key, strings.NewReader(body), storage.PutOptions{}); err != nil {
		t.Fatal(err)
	}
}
