package archiver_test

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// What looks at all backups reads one manifest of 32, once, and of a full backup the manifest
// again, with what it names; it lists each kind of object once, and a sweep once more
// (docs/scale.md, "10,000 backups"). One HEAD looks whether the list of records lacks the
// newest. If something leaves the list, the manifests of the newest chain are read. Nothing
// is asked for each other backup.
func TestRequestsOfAnExpiry(t *testing.T) {
	t.Parallel()
	const backups, fulls = 300, 3
	store := storagetest.NewMemory()
	m := newModel(t)
	for i := range backups {
		m.commit(100)
		if i%(backups/fulls) == 0 {
			full(t, store, m.path)
			continue
		}
		backup(t, store, m.path)
	}
	// archive.json, and one manifest of each group: the newest one is the first that is read.
	const outlines = 1 + (backups+manifest.GroupBackups-1)/manifest.GroupBackups
	counts := func(what string, got, want storage.RequestCounts) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %+v, want %+v", what, got, want)
		}
	}
	expire := func(apply bool, rules archiver.Rules) archiver.ExpireReport {
		t.Helper()
		r, err := newArchive(store).Expire(t.Context(), archiver.ExpireOptions{Rules: &rules, Apply: apply, Grace: archiver.NoGrace})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}

	const chain = backups/fulls - 1 // the newest, without its full backup
	r := expire(false, archiver.Rules{Full: 2})
	// Lists of manifests, of the three kinds of objects and of old probes, and the time.
	counts("a dry run", r.Requests, storage.RequestCounts{Get: outlines + 2 + chain, List: 6, Head: 1})
	r = expire(false, archiver.Rules{Full: 3})
	counts("a dry run by which nothing goes", r.Requests, storage.RequestCounts{Get: outlines + 3, List: 6, Head: 1})

	pin, err := newArchive(store).Pin(t.Context(), 150, "")
	if err != nil {
		t.Fatal(err)
	}
	counts("a pin", pin.Requests, storage.RequestCounts{Get: outlines, List: 1, Head: 1, Put: 1})

	c, err := newArchive(store).Compact(t.Context(), archiver.CompactOptions{})
	if err != nil || len(c.Merged) == 0 {
		t.Fatalf("%+v, %v", c, err)
	}
	counts("a compaction, dry", c.Requests, storage.RequestCounts{Get: outlines, List: 1, Head: 1})

	r = expire(true, archiver.Rules{Full: 1})
	if r.Removed == 0 || r.Deleted.Objects == 0 {
		t.Fatalf("%+v", r)
	}
	// The newest record is a keep, so the newest backup is read, too. There are two living full
	// backups. The new keep is read twice, to see that it is in the log, and before the sweep; for the former,
	// two fences are looked for.
	counts("an expiry", r.Requests, storage.RequestCounts{Get: outlines + 1 + 2 + chain + 2, List: 6 + 1 + 3, Put: 2, Head: 5, Delete: 1})

	r = expire(true, archiver.Rules{Full: 1})
	if r.Applied {
		t.Fatalf("%+v", r)
	}
	counts("an expiry that has nothing to do", r.Requests, storage.RequestCounts{Get: outlines + 1 + 2, List: 6, Head: 1})
}

// A session asks for what it does not know, and for nothing else: an increment is a GET of some bytes beside
// the PUT of its segment, if it needs one, and a PUT of its manifest. What waits for what is seen
// by a clock that only the store moves.
func TestRequestsOfASession(t *testing.T) {
	t.Parallel()
	const latency = time.Second
	type counts = storage.RequestCounts
	memory := storagetest.NewMemory()
	m := newModel(t)
	m.commit(100)
	full(t, memory, m.path)
	m.commit(100)
	backup(t, memory, m.path)
	large := make([]byte, 2*manifest.MaxInlineBytes)
	random := rand.NewChaCha8([32]byte{})
	synctest.Test(t, func(t *testing.T) {
		store := distant{memory, latency}
		s := newArchive(store).Session(m.path, archiver.SessionOptions{})
		step := func(what string, answers int, want counts, work func() error) {
			t.Helper()
			before, began := s.Requests(), time.Now()
			if err := work(); err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if got := s.Requests(); got != before.Plus(want) {
				t.Errorf("%s: %+v after %+v, want %+v more", what, got, before, want)
			}
			if n := int(time.Since(began) / latency); n != answers {
				t.Errorf("%s: %d answers in a row, want %d", what, n, answers)
			}
		}
		back := func(b archiver.SessionBackup, want archiver.Kind) func() error {
			return func() error {
				r, err := s.Backup(t.Context(), b)
				if err == nil && r.Backup.Kind != want {
					t.Errorf("%+v", r)
				}
				return err
			}
		}
		look := func() error { _, err := s.Look(t.Context()); return err }
		check := func() error { return s.Check(t.Context()) }
		small := func() { m.commit(100) }
		big := func() {
			_, _ = random.Read(large) // it never fails
			m.epoch, m.now = m.epoch+1, m.now.Add(time.Second)
			m.group(grafeotest.Group06{Epoch: m.epoch, Time: m.now, Transaction: 2, Records: large})
			m.times[m.epoch] = m.now
		}

		step("a look before anything", 0, counts{}, look)
		// archive.json, a list, the newest backup, and the newest full one.
		step("the first check", 4, counts{Get: 3, List: 1}, check)
		step("a check", 1, counts{Get: 1}, check)
		step("a look", 0, counts{}, look)
		step("nothing new", 0, counts{}, back(archiver.SessionBackup{}, archiver.KindNone))
		small()
		step("a small increment", 2, counts{Get: 1, Put: 1}, back(archiver.SessionBackup{}, archiver.KindIncremental))
		big()
		step("a larger increment", 2, counts{Get: 1, Put: 2}, back(archiver.SessionBackup{}, archiver.KindIncremental))
		step("a full one", 6, counts{Get: 2, List: 1, Put: 3}, back(archiver.SessionBackup{Full: true}, archiver.KindFull))
		for range 40 { // into the next group
			small()
			step("one of many", 2, counts{Get: 1, Put: 1}, back(archiver.SessionBackup{NoFull: true}, archiver.KindIncremental))
		}
		time.Sleep(archiver.RereadEvery)
		step("nothing new after an hour", 3, counts{Get: 2, List: 1}, back(archiver.SessionBackup{}, archiver.KindNone))
		time.Sleep(archiver.RereadEvery)
		step("a check after an hour", 3, counts{Get: 2, List: 1}, check)
		step("the one after it", 1, counts{Get: 1}, check)
		time.Sleep(archiver.RereadEvery)
		small()
		step("an increment after an hour", 4, counts{Get: 2, List: 1, Put: 1}, back(archiver.SessionBackup{}, archiver.KindIncremental))

		small()
		m.checkpoint(1 << 60) // which drops the log
		small()
		step("an unplanned full one", 6, counts{Get: 2, List: 1, Put: 3}, back(archiver.SessionBackup{}, archiver.KindFull))
		if _, err := newArchive(memory).SetPolicy(t.Context(), &archiver.Rules{Last: 100}); err != nil {
			t.Fatal(err)
		}
		small()
		// A look at the kept head and a PUT, which meets the keep: the head is read, and the fence is asked for.
		step("an increment that meets a keep", 9, counts{Head: 1, Put: 2, Get: 5, List: 1}, back(archiver.SessionBackup{}, archiver.KindIncremental))
		small()
		step("an increment in an archive with a keep", 3, counts{Get: 1, Head: 1, Put: 1}, back(archiver.SessionBackup{}, archiver.KindIncremental))
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	mustBeWhole(t, memory)
}
