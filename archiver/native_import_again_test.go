package archiver_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// Only what is new is stored; each time it is found what the archive has.
func TestImportAgain(t *testing.T) {
	t.Parallel()
	for _, gen := range generations {
		n := newNativeDB(t, gen)
		store := storagetest.NewMemory()
		n.commit(100)
		n.full()
		known := 0
		for i := range 6 {
			r := n.importing(store)
			if len(r.Backups) != 1 || r.Known != known || r.Backups[0].Backup.Seq != uint64(i+1) || r.Backups[0].Backup.Timeline != 1 {
				t.Fatalf("%s, %d: %+v", gen, i, r)
			}
			known++
			if r := n.importing(store); len(r.Backups) != 1 || r.Backups[0].Backup.Kind != archiver.KindNone || r.Requests.Put != 0 {
				t.Fatalf("%s, %d, again: %+v", gen, i, r)
			}
			if i == 3 {
				n.full()
			} else {
				n.commit(40)
				n.incremental()
			}
		}
		n.restores(store, 0, 1, 2, 3, 4, 5)
		mustBeWhole(t, store)
	}
}

// Whatever operation of an import is the last one: what is committed is whole, and
// the next run stores the rest.
func TestImportStopsAnywhere(t *testing.T) {
	t.Parallel()
	for _, gen := range generations {
		n := sample(t, gen)
		stopped := func(t *testing.T, inner storage.Storage, hook storagetest.Hook) (r archiver.ImportReport, calls []storagetest.Call, err error) {
			faulty := storagetest.NewFaulty(inner, hook)
			synctest.Test(t, func(t *testing.T) {
				r, err = newWith(faulty, archiver.Options{Concurrency: 1, Host: "test", Tool: "test"}).Import(t.Context(), n.dir, archiver.ImportOptions{})
			})
			return r, faulty.Calls(), err
		}
		r, calls, err := stopped(t, storagetest.NewMemory(), nil)
		if err != nil || len(calls) < 12 || len(r.Backups) != 5 {
			t.Fatalf("%s: %d operations, %+v, %v", gen, len(calls), r.Backups, err)
		}
		onEachCall(t, calls, func(t *testing.T, k int) {
			for _, applied := range []bool{false, true} {
				inner := storagetest.NewMemory()
				r, calls, err := stopped(t, inner, storagetest.StopAt(k, applied, storagetest.Refuses))
				mustReach(t, k, calls)
				if err == nil && (!applied || len(calls) > k) {
					t.Fatalf("%s, stopped at %d: a wrong success", gen, k)
				}
				if err == nil && len(r.Backups) != 5 {
					t.Fatalf("%s, stopped at %d: %+v", gen, k, r.Backups)
				}
				committed := len(r.Backups)
				if applied && committed > 0 {
					mustBeWhole(t, inner)
				}
				again := n.importing(inner)
				newly := len(again.Backups)
				if again.Backups[0].Backup.Kind == archiver.KindNone {
					newly = 0
				}
				// A commit whose outcome the first run did not learn may be there, too.
				if sum := committed + newly; sum != 5 && sum != 4 || again.Known != 5-newly {
					t.Fatalf("%s, stopped at %d: %d and then %d backups", gen, k, committed, newly)
				}
				if !applied {
					mustBeWhole(t, inner)
				}
				listed, err := newArchive(inner).List(t.Context())
				list := listed.Backups
				if err != nil || len(list) != 5 || list[4].Timeline != 1 {
					t.Fatalf("%s, stopped at %d: %v %+v", gen, k, err, list)
				}
				if applied {
					n.restores(inner, 0, 7)
				}
			}
		})
	}
}

// An archive whose first manifest is damaged does not know the folder any more:
// importing again makes a timeline that is whole. If the newest one is damaged,
// nothing can be committed after it.
func TestImportIntoDamagedArchive(t *testing.T) {
	t.Parallel()
	n := sample(t, grafeo.Gen06)
	for seq, heals := range map[manifest.Seq]bool{1: true, 5: false} {
		store := storagetest.NewMemory()
		n.importing(store)
		objects := store.Objects()
		objects[seq.Key()] = bytes.ToUpper(objects[seq.Key()])
		store = refill(t, objects)
		r, err := newArchive(store).Import(t.Context(), n.dir, archiver.ImportOptions{})
		if !heals {
			mustFail(t, err, archiver.CodeDamagedArchive, seq.Key())
			continue
		}
		// The full one in the middle of the folder is still known, and so is what comes after it.
		if err != nil || len(r.Backups) != 3 || r.Backups[2].Backup.Timeline != 2 || r.Known != 2 {
			t.Fatalf("%+v, %v", r, err)
		}
		n.restores(store, 0, 2, 3, 4, 5, 6, 7)
	}
}

// Several imports of a folder at the same time store each entry once.
func TestImportsAtTheSameTime(t *testing.T) {
	t.Parallel()
	for _, gen := range generations {
		n := sample(t, gen)
		store := storagetest.NewMemory()
		var wg sync.WaitGroup
		var committed sync.Map
		for range 4 {
			wg.Go(func() {
				r, err := newArchive(store).Import(t.Context(), n.dir, archiver.ImportOptions{})
				if err != nil && archiver.CodeOf(err) != archiver.CodeConflict {
					t.Error(err)
				}
				for _, b := range r.Backups {
					if _, twice := committed.LoadOrStore(b.Backup.Seq, true); twice && b.Backup.Kind != archiver.KindNone {
						t.Errorf("backup %d was committed twice", b.Backup.Seq)
					}
				}
			})
		}
		wg.Wait()
		n.importing(store)
		listed, err := newArchive(store).List(t.Context())
		list := listed.Backups
		if err != nil || len(list) != 5 || list[4].Timeline != 1 {
			t.Errorf("%s: %v, %+v", gen, err, list)
		}
		mustBeWhole(t, store)
		n.restores(store, 0, 2, 4, 5, 7)
	}
}

// A backup of the database continues after imported ones, if its log shows where
// they end.
func TestBackupAfterImport(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(vector("v0.6.0/backup"))); err != nil {
		t.Fatal(err)
	}
	store := storagetest.NewMemory()
	if _, err := newArchive(store).Import(t.Context(), filepath.Join(dir, "backup"), archiver.ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "tiny.grafeo")
	if err := os.Remove(filepath.Join(dir, "tiny.grafeo.wal", "backup_cursor.meta")); err != nil {
		t.Fatal(err)
	}
	b := backup(t, store, path).Backup
	wanted := archiver.Backup{Kind: "incremental", Timeline: 1, Seq: 5, StartEpoch: 9, EndEpoch: 9}
	if diff := cmp.Diff(wanted, archiver.Backup{Kind: b.Kind, Timeline: b.Timeline, Seq: b.Seq, StartEpoch: b.StartEpoch, EndEpoch: b.EndEpoch}); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	mustBeWhole(t, store)
	epoch, from, log := opened(t, filepath.Join(restoreTo(t, store), "db.grafeo"))
	wantEpoch, wantFrom, want := opened(t, path)
	if epoch != wantEpoch || from+uint64(len(log)) != wantFrom+uint64(len(want)) || !strings.HasSuffix(want, log) {
		t.Errorf("epoch %d, log %d+%d, want %d, %d+%d", epoch, from, len(log), wantEpoch, wantFrom, len(want))
	}

	// In 0.5 nothing shows that the log is still the same one.
	dir = t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(vector("v0.5.42/backup"))); err != nil {
		t.Fatal(err)
	}
	store = storagetest.NewMemory()
	if _, err := newArchive(store).Import(t.Context(), filepath.Join(dir, "backup"), archiver.ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	if r := backup(t, store, filepath.Join(dir, "tiny.grafeo")); r.Backup.Kind != "full" || r.Backup.Timeline != 2 || r.Backup.EndEpoch != 9 {
		t.Errorf("%+v", r)
	}
	mustBeWhole(t, store)
}

// What the folder holds changes after it was checked: the bytes that are stored
// are those that were proved, or nothing is committed.
func TestImportOfFolderThatChanges(t *testing.T) {
	t.Parallel()
	for _, gen := range generations {
		for entry := range 2 {
			n := sample(t, gen)
			changed := false
			store := storagetest.NewFaulty(storagetest.NewMemory(), func(storage.Op, string, int) storagetest.Fault {
				if !changed {
					changed = true
					flip(t, n.path(entry), int64(len(n.content(entry))-25))
				}
				return storagetest.Fault{}
			})
			_, err := newArchive(store).Import(t.Context(), n.dir, archiver.ImportOptions{})
			mustFail(t, err, archiver.CodeDamagedDatabase, n.list.Entries[entry].Filename)
		}
	}
}

// If files are gone from a folder whose list still names them, an import archives what is
// whole and says what is lost; with Strict, it refuses the folder.
func TestImportOfPrunedFolder(t *testing.T) {
	for _, gen := range []grafeo.Generation{grafeo.Gen05, grafeo.Gen06} {
		for name, c := range map[string]struct {
			gone    []int // of the entries: full, two incrementals, full, incremental
			backups int
			lost    [][2]uint64
		}{
			"the older chain":                       {[]int{0, 1, 2}, 2, [][2]uint64{{2, 4}}},
			"its full one":                          {[]int{0}, 2, [][2]uint64{{2, 4}}},
			"its first incremental":                 {[]int{1}, 3, [][2]uint64{{3, 4}}},
			"the newest one":                        {[]int{4}, 4, [][2]uint64{{6, 7}}},
			"one whose epoch the next full one has": {[]int{2}, 4, nil},
			"one of each":                           {[]int{1, 4}, 2, [][2]uint64{{3, 4}, {6, 7}}},
		} {
			t.Run(name+" "+string(gen), func(t *testing.T) {
				t.Parallel()
				n := sample(t, gen)
				n.check(os.WriteFile(filepath.Join(n.dir, "labels.json"), []byte(`{"1": "before the release"}`), 0o600))
				for _, i := range c.gone {
					n.check(os.Remove(n.path(i)))
				}
				store := storagetest.NewMemory()
				_, err := newArchive(store).Import(t.Context(), n.dir, archiver.ImportOptions{Strict: true})
				mustFail(t, err, archiver.CodeDamagedDatabase, "not there")
				if len(store.Objects()) > 0 {
					t.Fatal("something was stored of a folder that was refused")
				}
				for again := range 2 {
					r, err := newArchive(store).Import(t.Context(), n.dir, archiver.ImportOptions{})
					n.check(err)
					var lost [][2]uint64
					for _, f := range r.Lost {
						lost = append(lost, [2]uint64{f.From, f.To})
						if !f.Gone || f.Err == nil {
							t.Errorf("%+v", f)
						}
					}
					if diff := cmp.Diff(c.lost, lost); diff != "" || again == 0 && len(r.Backups) != c.backups || again == 1 && r.Backups[0].Backup.Kind != archiver.KindNone {
						t.Errorf("%d backups, lost (-want +is):\n%s", len(r.Backups), diff)
					}
				}
				mustBeWhole(t, store)
			})
		}
	}
}

// What was archived before it was removed is not lost, but what comes after it is.
func TestImportBeforeAndAfterPruning(t *testing.T) {
	for _, gen := range []grafeo.Generation{grafeo.Gen05, grafeo.Gen06} {
		n := sample(t, gen)
		store := storagetest.NewMemory()
		_, err := newArchive(store).Import(t.Context(), n.dir, archiver.ImportOptions{})
		n.check(err)
		for i := range 3 {
			n.check(os.Remove(n.path(i)))
		}
		r, err := newArchive(store).Import(t.Context(), n.dir, archiver.ImportOptions{})
		n.check(err)
		if len(r.Lost) != 0 || r.Backups[0].Backup.Kind != archiver.KindNone {
			t.Errorf("%s: %+v", gen, r)
		}
		mustBeWhole(t, store)
	}
}
