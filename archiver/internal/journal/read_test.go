package journal_test

import (
	"errors"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/internal/commit"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal/journaltest"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// What was committed is what every way to read the journal shows.
func TestReads(t *testing.T) {
	t.Parallel()
	const backups = manifest.GroupBackups + 3
	store := storagetest.NewMemory()
	j := journaltest.Of(store)
	newest := add(t, j, backups)
	l := journaltest.Open(t, j)
	if len(l.Records) != backups || l.Last() != backups || l.Archive.ArchiveID != newest.ArchiveID || l.Archive.Tool != "a test" {
		t.Fatalf("%+v", l)
	}
	if m, err := j.Newest(t.Context(), l); err != nil || m.Digest != newest.Digest {
		t.Errorf("the newest is %+v, %v", m, err)
	}
	all := make([]*manifest.Committed, backups)
	err := j.LoadAll(t.Context(), l, func(i int, m *manifest.Committed, err error) error { all[i] = m; return err })
	if err != nil {
		t.Fatal(err)
	}
	before := requests(store.Calls(), storage.OpGet)
	err = j.LoadOutlines(t.Context(), l, func(i int, m *manifest.Committed, err error) error {
		if err == nil && !all[i].SameOutline(m.Manifest) {
			t.Errorf("outline %d is another one", i)
		}
		return err
	})
	if gets := requests(store.Calls(), storage.OpGet) - before; err != nil || gets != 1 { // the newest was read to open it
		t.Errorf("%v, %d requests", err, gets)
	}
	if c, err := j.Catalog(t.Context(), l); err != nil || len(c.All()) != backups {
		t.Errorf("%v, %v", c, err)
	}
}

// A damaged manifest stands in the way of those only who need it.
func TestDamagedManifest(t *testing.T) {
	t.Parallel()
	store := storagetest.NewMemory()
	j := journaltest.Of(store)
	add(t, j, 5)
	journaltest.Put(t, store, manifest.Seq(5).Key(), "{}\n")
	l := journaltest.Open(t, j)
	epoch := func(e uint64, timeline int) catalog.Target { return catalog.Target{Epoch: &e, Timeline: timeline} }
	for name, c := range map[string]struct {
		target catalog.Target
		seq    manifest.Seq // of the backup; 0 if it is the damaged one
	}{
		"the newest":                                       {catalog.Target{}, 0},
		"an earlier one":                                   {catalog.Target{Backup: 4}, 4},
		"an earlier one, a timeline":                       {catalog.Target{Backup: 4, Timeline: 4}, 4},
		"the damaged one":                                  {catalog.Target{Backup: 5}, 0},
		"an earlier epoch":                                 {epoch(305, 3), 3},
		"an earlier epoch ":                                {epoch(400, 4), 4},
		"an epoch that a newer timeline may have":          {epoch(305, 0), 0},
		"an epoch that the damaged one may go on with":     {epoch(410, 4), 0},
		"a timeline that the damaged one may go on with":   {catalog.Target{Timeline: 4}, 0},
		"a timeline before the one that it can be part of": {catalog.Target{Timeline: 3}, 3},
	} {
		r, err := j.Route(t.Context(), l, c.target)
		if c.seq == 0 {
			if e, ok := errors.AsType[*journal.DamagedNewestError](err); !ok || e.Seq != 5 || e.Before != 4 || e.Key != manifest.Seq(5).Key() {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil || r.Last().Seq != c.seq {
			t.Errorf("%s: %+v, %v", name, r, err)
			continue
		}
		if p, err := j.Plan(t.Context(), r, c.target); err != nil || len(p.Index.Files) == 0 {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	if _, err := j.Newest(t.Context(), l); err == nil {
		t.Error("the newest one can be read")
	}
	err := commit.Update(t.Context(), j, options(), func(*commit.Head) error { t.Error("there is a head"); return nil })
	if _, ok := errors.AsType[*journal.DamagedNewestError](err); !ok {
		t.Errorf("to append: %v", err)
	}
}

// An epoch is looked for past a manifest that is lost if a summary shows what that was.
func TestRoutesPastALostManifest(t *testing.T) {
	t.Parallel()
	for what, isGone := range map[string]bool{"damaged": false, "missing": true} {
		store := storagetest.NewMemory()
		j := journaltest.Of(store)
		add(t, j, 5)
		lost := manifest.Seq(3).Key()
		if isGone {
			if err := store.Delete(t.Context(), lost); err != nil {
				t.Fatal(err)
			}
		} else {
			journaltest.Put(t, store, lost, "{}\n")
		}
		l := journaltest.Open(t, j)
		for epoch, last := range map[uint64]manifest.Seq{205: 2, 305: 0, 405: 4} {
			r, err := j.Route(t.Context(), l, catalog.Target{Epoch: &epoch})
			object, _ := errors.AsType[*manifest.ObjectError](err)
			switch {
			case last == 0:
				if object == nil || object.Key != lost {
					t.Errorf("%s: epoch %d: %+v, %v", what, epoch, r, err)
				}
			case err != nil || r.Last().Seq != last:
				t.Errorf("%s: epoch %d: %+v, %v", what, epoch, r, err)
			}
		}
		if r, err := j.Route(t.Context(), l, catalog.Target{Backup: 2}); err != nil || r.Last().Seq != 2 {
			t.Errorf("%s: %+v, %v", what, r, err)
		}
	}
}

// Manifests in the wrong place are damaged.
func TestMisplacedManifest(t *testing.T) {
	t.Parallel()
	store := storagetest.NewMemory()
	j := journaltest.Of(store)
	add(t, j, 2)
	other := storagetest.NewMemory()
	add(t, journaltest.Of(other), 2)
	l := journaltest.Open(t, j)
	for what, content := range map[string][]byte{
		"that of another backup":  store.Objects()[manifest.Seq(2).Key()],
		"that of another archive": other.Objects()[manifest.Seq(1).Key()],
	} {
		journaltest.Put(t, store, manifest.Seq(1).Key(), string(content))
		if _, err := j.Load(t.Context(), l.Archive.ArchiveID, 1); !journal.IsDamaged(err) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := j.Load(t.Context(), l.Archive.ArchiveID, 3); !journal.IsDamaged(err) {
		t.Errorf("one that is missing: %v", err)
	}
}

// The newest backups are found in a few requests, however many there are, and however old
// the hint is.
func TestFindNewest(t *testing.T) {
	t.Parallel()
	for _, backups := range []manifest.Seq{1, 999, 1000, 1001, 5000} {
		store := storagetest.NewMemory()
		j := journaltest.Of(store)
		newest := add(t, j, 1)
		for seq := manifest.Seq(2); seq <= backups; seq++ {
			journaltest.Put(t, store, seq.Key(), "not read")
		}
		for _, hint := range []manifest.Seq{0, 1, backups / 2, backups, backups + 1, manifest.MaxSeq} {
			known := journal.Memory{Record: seenIn(newest)}
			known.Record.Seq = uint64(hint)
			before := requests(store.Calls(), storage.OpList)
			l, err := j.FindNewest(t.Context(), known)
			if err != nil || l.Last() != backups {
				t.Errorf("%d backups, hint %d: %d, %v", backups, hint, l.Last(), err)
			}
			lists := requests(store.Calls(), storage.OpList) - before
			if hint == backups && lists > 2 || lists > 16 {
				t.Errorf("%d backups, hint %d: %d requests", backups, hint, lists)
			}
		}
	}
}

// A store without an archive is an error for readers, and says so if the bucket is missing
// or if there was an archive.
func TestOpenNothing(t *testing.T) {
	t.Parallel()
	noStore := storagetest.NewFaulty(storagetest.NewMemory(), func(storage.Op, string, int) storagetest.Fault {
		return storagetest.Fault{Err: storage.ErrNoStore}
	})
	was := journal.Memory{Name: "the archive", Record: &journal.Sighting{ArchiveID: "an id", Seq: 3}}
	for name, c := range map[string]struct {
		store    storage.Storage
		known    journal.Memory
		vanished bool
		words    string
	}{
		"empty":                        {storagetest.NewMemory(), journal.Memory{}, false, "there is no archive at the archive"},
		"empty, and there was one":     {storagetest.NewMemory(), was, true, ""},
		"no bucket":                    {noStore, journal.Memory{}, false, ""},
		"no bucket, and there was one": {noStore, was, true, ""},
	} {
		_, err := journaltest.Of(c.store).Open(t.Context(), c.known)
		_, none := errors.AsType[*journal.NoArchiveError](err)
		_, vanished := errors.AsType[*journal.VanishedError](err)
		if none == c.vanished || vanished != c.vanished || c.words != "" && err.Error() != c.words {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Without archive.json, readers go by the manifests, and writers stop.
func TestWithoutDocument(t *testing.T) {
	t.Parallel()
	store := storagetest.NewMemory()
	j := journaltest.Of(store)
	newest := add(t, j, 3)
	journaltest.Put(t, store, manifest.Seq(3).Key(), "{}\n")
	for what, spoil := range map[string]func(){
		"damaged": func() { journaltest.Put(t, store, manifest.ArchiveKey, "{}\n") },
		"missing": func() { _ = store.Delete(t.Context(), manifest.ArchiveKey) },
	} {
		spoil()
		l, err := j.Open(t.Context(), journal.Memory{})
		if err != nil || l.Document == nil || l.Archive.ArchiveID != newest.ArchiveID || len(l.Records) != 3 {
			t.Errorf("%s: %+v, %v", what, l, err)
		}
		if _, err := j.List(t.Context()); err == nil {
			t.Errorf("%s: it is listed", what)
		}
		err = commit.Update(t.Context(), j, options(), func(*commit.Head) error { return nil })
		if _, ok := errors.AsType[*journal.DamagedDocumentError](err); !ok {
			t.Errorf("%s: %v", what, err)
		}
	}
}
