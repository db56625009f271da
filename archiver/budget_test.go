package archiver_test

import (
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
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
	// backups. The new keep is read twice, to see that it is in the log, and before the sweep.
	counts("an expiry", r.Requests, storage.RequestCounts{Get: outlines + 1 + 2 + chain + 2, List: 6 + 1 + 3, Put: 2, Head: 4, Delete: 1})

	r = expire(true, archiver.Rules{Full: 1})
	if r.Applied {
		t.Fatalf("%+v", r)
	}
	counts("an expiry that has nothing to do", r.Requests, storage.RequestCounts{Get: outlines + 1 + 2, List: 6, Head: 1})
}
