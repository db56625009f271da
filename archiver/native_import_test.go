package archiver_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// The folders that the real database has made: each entry is a backup, with its
// epochs and its time.
func TestImportVectors(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"v0.5.42", "v0.6.0"} {
		store := storagetest.NewMemory()
		folder := vector(version + "/backup/backup")
		var heard []uint64
		r, err := newArchive(store).Import(t.Context(), folder, archiver.ImportOptions{Committed: func(b archiver.BackupReport) { heard = append(heard, b.Backup.Seq) }})
		if err != nil {
			t.Fatal(err)
		}
		listed, err := newArchive(store).List(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", version, err)
		}
		type backup struct {
			Seq                  uint64
			Kind                 archiver.Kind
			Timeline             int
			Start, End, From, To uint64
			Minute               time.Time
		}
		minute := time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)
		want := []backup{
			{1, "full", 1, 2, 2, 2, 2, minute}, {2, "incremental", 1, 3, 4, 2, 4, minute},
			{3, "incremental", 1, 5, 5, 2, 5, minute}, {4, "incremental", 1, 6, 8, 2, 8, minute},
		}
		var got []backup
		for _, b := range listed.Backups {
			got = append(got, backup{b.Seq, b.Kind, b.Timeline, b.StartEpoch, b.EndEpoch, b.RestoreFrom, b.RestoreTo, b.CreatedAt.Truncate(time.Minute)})
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%s: the list (-want +got)\n%s", version, diff)
		}
		if diff := cmp.Diff(imported{seqs: []uint64{1, 2, 3, 4}, entries: 4}, importedBy(r), cmp.AllowUnexported(imported{})); diff != "" {
			t.Fatalf("%s: the report (-want +got)\n%s", version, diff)
		}
		if m := manifestOf(t, store.Objects(), 4); len(m.Earlier) != 3 {
			t.Errorf("%s: the last one has summaries of %d backups", version, len(m.Earlier))
		}
		if !slices.Equal(heard, []uint64{1, 2, 3, 4}) {
			t.Errorf("heard of %v", heard)
		}
		mustBeWhole(t, store)
		full, err := os.ReadFile(filepath.Join(folder, "backup_full_0000.grafeo"))
		if err != nil {
			t.Fatal(err)
		}
		if got := restore(t, store, 1); got["db.grafeo"] != string(full) || len(got) != 1 {
			t.Errorf("%s: the full backup is another one", version)
		}
		objects := len(store.Objects())
		r, err = newArchive(store).Import(t.Context(), folder, archiver.ImportOptions{})
		if err != nil {
			t.Fatalf("%s, again: %v", version, err)
		}
		if diff := cmp.Diff(imported{seqs: []uint64{4}, none: true, entries: 4, known: 4}, importedBy(r), cmp.AllowUnexported(imported{})); diff != "" {
			t.Errorf("%s, again (-want +got)\n%s", version, diff)
		}
		if r.Requests.Put > 0 || len(store.Objects()) != objects {
			t.Errorf("%s, again: %+v, %d objects, there were %d", version, r.Requests, len(store.Objects()), objects)
		}
	}
}

// imported is what the report of an import says.
type imported struct {
	seqs    []uint64 // of the backups that were made, or of the newest one
	none    bool     // nothing was new
	entries int
	known   int
}

func importedBy(r archiver.ImportReport) imported {
	i := imported{entries: r.Entries, known: r.Known}
	for _, b := range r.Backups {
		i.seqs, i.none = append(i.seqs, b.Backup.Seq), i.none || b.Backup.Kind == archiver.KindNone
	}
	return i
}

func TestImportRestoresEveryEpoch(t *testing.T) {
	t.Parallel()
	for _, gen := range generations {
		n := sample(t, gen)
		store := storagetest.NewMemory()
		r := n.importing(store)
		if len(r.Backups) != 5 || r.Backups[3].Backup.Kind != "full" || r.Backups[4].Backup.Timeline != 1 {
			t.Fatalf("%s: %+v", gen, r.Backups)
		}
		n.restores(store, 0, 2, 3, 4, 5, 6, 7)
		mustBeWhole(t, store)
	}
}

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

// A folder with another history is another timeline, and so is what it has more
// later; the first one continues where it was.
func TestImportOfAnotherHistory(t *testing.T) {
	t.Parallel()
	for _, gen := range generations {
		store := storagetest.NewMemory()
		n := newNativeDB(t, gen)
		n.commit(100)
		n.full()
		other := n.fork()
		other.seed = 1000
		for _, db := range []*nativeDB{n, other} {
			db.commit(60)
			db.commit(60)
			db.incremental()
		}
		if gen == grafeo.Gen05 && n.list.Entries[1].Checksum != other.list.Entries[1].Checksum {
			t.Fatal("the checksum of 0.5 sees more than lengths: this test shows nothing")
		}
		n.importing(store)
		r := other.importing(store)
		var timelines []int
		for _, b := range r.Backups {
			timelines = append(timelines, b.Backup.Timeline)
		}
		if diff := cmp.Diff([]int{2, 2}, timelines); diff != "" {
			t.Fatalf("%s: timelines (-want +got)\n%s", gen, diff)
		}
		if b := r.Backups[0].Backup; b.ReusedBytes == 0 || b.StoredBytes != 0 {
			t.Fatalf("%s: %d bytes reused, %d stored", gen, b.ReusedBytes, b.StoredBytes)
		}
		for i, db := range []*nativeDB{n, other, n} {
			if i == 2 {
				db.full()
			}
			if r := db.importing(store); i < 2 && r.Backups[0].Backup.Kind != archiver.KindNone || i == 2 && (len(r.Backups) != 1 || r.Backups[0].Backup.Timeline != 1) {
				t.Errorf("%s, %d: %+v", gen, i, r.Backups)
			}
			db.commit(20)
			db.incremental()
			if r := db.importing(store); len(r.Backups) != 1 || r.Backups[0].Backup.Kind != "incremental" || r.Backups[0].Backup.Timeline != 1+i%2 {
				t.Errorf("%s, %d: %+v", gen, i, r.Backups)
			}
		}
		mustBeWhole(t, store)
		n.restores(store, 1, 1, 2, 3, 4, 5)
		other.restores(store, 2, 1, 2, 3, 4)
	}
}

// A full backup after commits that no incremental has begins a timeline, and the
// message says what is not there.
func TestImportOfFullsAfterGaps(t *testing.T) {
	t.Parallel()
	for _, gen := range generations {
		n := newNativeDB(t, gen)
		n.commit(100)
		n.full()
		n.commit(10)
		n.incremental()
		n.commit(10)
		n.commit(10)
		n.commit(10)
		n.full()
		n.commit(10)
		n.incremental()
		store := storagetest.NewMemory()
		r := n.importing(store)
		if b := r.Backups[2]; b.Backup.Timeline != 2 || !strings.Contains(b.Why, "epochs 3 to 4 are in no file") {
			t.Errorf("%s: %+v", gen, b)
		}
		n.restores(store, 0, 1, 2, 5, 6)
		if gen == grafeo.Gen05 {
			n.iteration++ // a clean close and a new open, after which as many commits lead to the same epoch
			n.full()
			if r := n.importing(store); r.Backups[0].Backup.Timeline != 3 {
				t.Errorf("behind a close: %+v", r.Backups)
			}
		}
		mustBeWhole(t, store)
	}
}

// After a crash of the database between two steps of a backup, the next one has
// the same bytes again: they are stored once.
func TestImportOfRepeatedLog(t *testing.T) {
	t.Parallel()
	for _, gen := range generations {
		n := newNativeDB(t, gen)
		n.commit(100)
		n.full()
		from, cursor := n.from, n.backedUp
		for range 2 {
			n.commit(300)
			n.commit(20)
			n.incremental()
			n.from, n.backedUp = from, cursor
		}
		n.incremental() // nothing new at all
		n.commit(20)
		n.incremental()
		store := storagetest.NewMemory()
		r := n.importing(store)
		var starts []uint64
		for _, b := range r.Backups[1:] {
			starts = append(starts, b.Backup.StartEpoch)
		}
		if diff := cmp.Diff([]uint64{2, 4, 6}, starts); diff != "" || r.Backups[3].Backup.EndEpoch != 6 {
			t.Fatalf("%s: epochs (-want +got)\n%s\n%+v", gen, diff, r.Backups)
		}
		var stored int64
		for _, b := range r.Backups[1:] {
			stored += b.Backup.RawBytes
		}
		if most := int64(len(n.all)-from) + 3*128; stored > most {
			t.Errorf("%s: %d bytes of log, want %d at most", gen, stored, most)
		}
		n.restores(store, 0, 1, 2, 3, 4, 5, 6)
		mustBeWhole(t, store)
		if r := n.importing(store); r.Backups[0].Backup.Kind != archiver.KindNone {
			t.Errorf("%s, again: %+v", gen, r)
		}
	}
}

// In 0.5 an incremental may end in the middle of a transaction: its first half goes
// with the next one, and is not lost.
func TestImportOfTransactionsAcrossBackups(t *testing.T) {
	t.Parallel()
	n := newNativeDB(t, grafeo.Gen05)
	n.commit(100)
	n.full()
	n.commit(50)
	n.all = grafeotest.AppendFrame05(n.all, []byte("\x00first half"))
	n.incremental()
	n.all = grafeotest.AppendFrame05(n.all, []byte("\x00more of it"))
	n.incremental() // has no commit at all
	n.all = grafeotest.AppendFrame05(n.all, []byte("\x00second half"))
	n.commit(10)
	n.commit(10)
	n.incremental()
	store := storagetest.NewMemory()
	r := n.importing(store)
	if len(r.Backups) != 3 || r.Entries != 4 || r.Backups[2].Backup.StartEpoch != 3 || r.Backups[2].Backup.EndEpoch != 4 {
		t.Fatalf("%+v", r.Backups)
	}
	n.restores(store, 0, 1, 2, 3, 4)
	mustBeWhole(t, store)
	if r := n.importing(store); r.Backups[0].Backup.Kind != archiver.KindNone {
		t.Errorf("again: %+v", r)
	}
	n.commit(10)
	n.incremental()
	if r := n.importing(store); len(r.Backups) != 1 || r.Backups[0].Backup.EndEpoch != 5 {
		t.Errorf("more: %+v", r)
	}
	n.restores(store, 0, 3, 5)
}

// What is wrong with a folder is found before anything is stored, with the file
// and the epochs that are lost.
func TestImportRefuses(t *testing.T) {
	t.Parallel()
	drop := func(entry int) func(n *nativeDB) {
		return func(n *nativeDB) { n.list.Entries = slices.Delete(n.list.Entries, entry, entry+1); n.save() }
	}
	for name, c := range map[string]struct {
		only   grafeo.Generation
		damage func(n *nativeDB)
		words  []string
	}{
		"an entry is missing":       {"", drop(1), []string{"backup_incr_0002.wal", "the log has a gap", "are lost", "epochs 3 to 4"}},
		"the first full is missing": {"", drop(0), []string{"backup_incr_0001.wal", "no full backup", "epochs 3 to 4 are lost"}},
		"all files are missing": {"", func(n *nativeDB) {
			for i := range n.list.Entries {
				n.check(os.Remove(n.path(i)))
			}
		}, []string{"backup_full_0000.grafeo", "not there", "epochs 2 to 4 are lost", "backup_full_0003.grafeo"}},
		"a file has another name": {"", func(n *nativeDB) {
			n.check(os.Rename(n.path(0), filepath.Join(n.dir, "backup_full_0009.grafeo")))
		}, []string{"backup_full_0000.grafeo", "not there", "backup_full_0009.grafeo", "epochs 2 to 4 are lost"}},
		"a file is missing, and another one is damaged": {"", func(n *nativeDB) {
			n.check(os.Remove(n.path(0)))
			flip(n.t, n.path(4), 50)
		}, []string{"backup_incr_0004.wal", "checksum", "epochs 6 to 7 are lost"}},
		"a file is shorter":     {"", func(n *nativeDB) { n.check(os.Truncate(n.path(1), 90)) }, []string{"backup_incr_0001.wal", "90 bytes", "epochs 3 to 4 are lost"}},
		"a full one is damaged": {"", func(n *nativeDB) { flip(n.t, n.path(0), 17000) }, []string{"backup_full_0000.grafeo", "checksum", "epochs 2 to 4 are lost"}},
		"two are damaged": {"", func(n *nativeDB) { flip(n.t, n.path(0), 17000); flip(n.t, n.path(4), 50) }, []string{
			"backup_full_0000.grafeo", "epochs 2 to 4 are lost", "backup_incr_0004.wal", "epochs 6 to 7 are lost",
		}},
		"an image is damaged, and its checksum is that of the damage": {"", func(n *nativeDB) {
			b := n.content(0)
			b[chunkOf(n.t, n.path(0))] ^= 1
			n.rewrite(0, b)
		}, []string{"backup_full_0000.grafeo", "wrong checksum", "epochs 2 to 4 are lost"}},
		"a frame is damaged, and the checksum is that of the damage": {"", func(n *nativeDB) {
			b := n.content(1)
			b[len(b)-30] ^= 1
			n.rewrite(1, b)
		}, []string{"backup_incr_0001.wal", "damaged at offset", "epochs 3 to 4 are lost"}},
		"a log ends early, and the checksum is right": {"", func(n *nativeDB) {
			b := n.content(4)
			n.rewrite(4, b[:len(b)-9])
		}, []string{"backup_incr_0004.wal", "epochs 6 to 7 are lost"}},
		"the header has other epochs": {"", func(n *nativeDB) {
			b := n.content(1)
			b[16]++
			n.rewrite(1, b)
		}, []string{"backup_manifest.json", "backup_incr_0001.wal", "epochs 3 to 4"}},
		"the list has other epochs of a full one": {"", func(n *nativeDB) { n.list.Entries[3].EndEpoch++; n.save() }, []string{"backup_manifest.json", "backup_full_0003.grafeo"}},
		"two files are swapped": {"", func(n *nativeDB) {
			a, b := n.content(1), n.content(2)
			n.rewrite(1, b)
			n.rewrite(2, a)
		}, []string{"backup_incr_0001.wal"}},
		"a full one is of another database": {"", func(n *nativeDB) {
			o := newNativeDB(n.t, n.gen)
			o.born, o.id = o.born.Add(time.Hour), [16]byte{7}
			o.epoch, o.iteration = n.epoch, n.iteration
			o.full()
			n.rewrite(3, o.content(0))
		}, []string{"backup_full_0003.grafeo", "belongs to database"}},
		"an incremental is of another database": {grafeo.Gen06, func(n *nativeDB) {
			n.id = [16]byte{7}
			n.rewrite(4, n.gbak(6, 7, n.ends[5]))
		}, []string{"backup_incr_0004.wal", "belongs to database", "epochs 6 to 7 are lost"}},
		"an incremental is of another generation": {"", func(n *nativeDB) {
			o := sample(n.t, map[grafeo.Generation]grafeo.Generation{grafeo.Gen05: grafeo.Gen06, grafeo.Gen06: grafeo.Gen05}[n.gen])
			n.rewrite(1, o.content(1))
		}, []string{"backup_incr_0001.wal", "another database", "epochs 3 to 4 are lost"}},
		"a full one is no database": {"", func(n *nativeDB) { n.rewrite(0, []byte("this is no database at all")) }, []string{"backup_full_0000.grafeo", "not a Grafeo database"}},
		"a segment is missing in an incremental": {grafeo.Gen06, func(n *nativeDB) {
			n.commit(10)
			n.add(grafeo.NativeEntry{Filename: "x", StartEpoch: 8, EndEpoch: 9}, n.gbak(8, 9, n.ends[7]+3))
		}, []string{"x: the log has a gap", "epochs 8 to 9 are lost"}},
		"the header counts other groups": {grafeo.Gen06, func(n *nativeDB) {
			b := n.content(1)
			b[24]++
			n.rewrite(1, b)
		}, []string{"2 groups, but 3 in its header"}},
		"epochs are missing inside of an incremental": {grafeo.Gen05, func(n *nativeDB) {
			n.commit(10)
			n.commit(10)
			n.add(grafeo.NativeEntry{Filename: "x", StartEpoch: 8, EndEpoch: 9}, n.gbak(8, 9, n.ends[8]))
		}, []string{"want 8, found 9", "epochs 8 to 9 are lost"}},
		"the last epochs are missing": {grafeo.Gen05, func(n *nativeDB) {
			n.commit(10)
			n.add(grafeo.NativeEntry{Filename: "x", StartEpoch: 8, EndEpoch: 10}, n.gbak(8, 10, n.ends[7]))
		}, []string{"want 9, found 11", "epochs 9 to 10 are lost"}},
		"epochs start again": {grafeo.Gen05, func(n *nativeDB) {
			n.commit(10)
			n.epoch = 0
			n.commit(10)
			n.commit(10)
			n.add(grafeo.NativeEntry{Filename: "x", StartEpoch: 8, EndEpoch: 2}, n.gbak(8, 2, n.ends[7]))
		}, []string{"start again", "want 9, found 1", "epochs 1 to 2 are lost"}},
		"another history": {"", func(n *nativeDB) {
			o := newNativeDB(n.t, n.gen)
			o.seed = 500
			for range 6 {
				o.commit(33)
			}
			n.add(grafeo.NativeEntry{Filename: "x", StartEpoch: 6, EndEpoch: 7}, o.gbak(6, 7, o.ends[5]))
		}, []string{"x: "}},
		"the log of the same place is another one": {grafeo.Gen06, func(n *nativeDB) {
			o := n.fork()
			o.all, o.seed, o.epoch = o.all[:n.ends[5]], 900, 5
			o.commit(10)
			o.commit(10)
			o.commit(10)
			n.add(grafeo.NativeEntry{Filename: "x", StartEpoch: 6, EndEpoch: 8}, o.gbak(6, 8, o.ends[5]))
		}, []string{"x: damaged", "a different history than backup_incr_0004.wal"}},
		"a time before what it holds": {"", func(n *nativeDB) {
			n.list.Entries[0].Created = n.born.AddDate(0, 0, -3)
			n.save()
		}, []string{"backup_manifest.json", "backup_full_0000.grafeo", "was created at"}},
		"the list is damaged": {"", func(n *nativeDB) {
			n.check(os.WriteFile(filepath.Join(n.dir, grafeo.NativeManifestName), []byte("nonsense"), 0o600))
		}, []string{"backup_manifest.json", "neither JSON"}},
	} {
		for _, gen := range generations {
			if c.only != "" && c.only != gen {
				continue
			}
			t.Run(name+" "+string(gen), func(t *testing.T) {
				t.Parallel()
				n := sample(t, gen)
				c.damage(n)
				store := storagetest.NewMemory()
				r, err := newArchive(store).Import(t.Context(), n.dir, archiver.ImportOptions{})
				mustFail(t, err, archiver.CodeDamagedDatabase, c.words...)
				if len(store.Objects()) > 0 || len(r.Backups) > 0 || r.Requests.Total() > 0 {
					t.Errorf("%d objects, %+v", len(store.Objects()), r)
				}
				i := inspect(t, n.dir)
				if i.Whole() || i.Problem == nil || !strings.Contains(err.Error(), i.Problem.What) {
					t.Errorf("inspect says %+v, import %v", i.Problem, err)
				}
			})
		}
	}
}

func TestImportOfNoFolder(t *testing.T) {
	t.Parallel()
	store := storagetest.NewMemory()
	a := newArchive(store)
	empty := t.TempDir()
	_, err := a.Import(t.Context(), filepath.Join(empty, "nothing"), archiver.ImportOptions{})
	mustFail(t, err, archiver.CodeNotFound, "there is no folder")
	_, err = a.Import(t.Context(), empty, archiver.ImportOptions{})
	mustFail(t, err, archiver.CodeNotDatabase, "no backup_manifest.json")
	n := newNativeDB(t, grafeo.Gen06)
	n.check(os.MkdirAll(n.dir, 0o777))
	n.save()
	_, err = a.Import(t.Context(), n.dir, archiver.ImportOptions{})
	mustFail(t, err, archiver.CodeNotDatabase, "has no backups")
	n.check(os.WriteFile(filepath.Join(n.dir, grafeo.NativeManifestName), []byte(`{"version":3,"segments":[]}`), 0o600))
	_, err = a.Import(t.Context(), n.dir, archiver.ImportOptions{})
	mustFail(t, err, archiver.CodeUnsupported, "version 3")
	_, err = a.Import(t.Context(), n.dir, archiver.ImportOptions{SegmentBytes: 5})
	mustFail(t, err, archiver.CodeFailed, "segment size")

	n = sample(t, grafeo.Gen06)
	backup(t, store, copyVector(t, "v0.6.0/live"))
	_, err = a.Import(t.Context(), n.dir, archiver.ImportOptions{})
	mustFail(t, err, archiver.CodeWrongDatabase, "belongs to another database")
}

// Any byte of any file that is another one is found. The one exception is the time
// of an entry, which has no checksum: a time that may be is believed, and changes
// nothing else.
func TestImportFindsEveryFlippedByte(t *testing.T) {
	t.Parallel()
	for _, gen := range generations {
		n := newNativeDB(t, gen)
		n.commit(20)
		n.full()
		n.commit(20)
		n.incremental()
		want := storagetest.NewMemory()
		n.importing(want)
		states := statesOf(t, want)
		for _, name := range []string{grafeo.NativeManifestName, n.list.Entries[0].Filename, n.list.Entries[1].Filename} {
			b, err := os.ReadFile(filepath.Join(n.dir, name))
			n.check(err)
			f, err := os.OpenFile(filepath.Join(n.dir, name), os.O_RDWR, 0)
			n.check(err)
			masks := []byte{0xff}
			if name == grafeo.NativeManifestName {
				masks = []byte{1, 2, 4, 8, 16, 32, 64, 128, 0xff}
			}
			for at := range b {
				if b[at] == 0 && at%16 != 0 && name == n.list.Entries[0].Filename {
					continue // of the padding, some
				}
				if isLeftOut(at) {
					continue
				}
				for _, mask := range masks {
					_, err := f.WriteAt([]byte{b[at] ^ mask}, int64(at))
					n.check(err)
					store := storagetest.NewMemory()
					_, err = newArchive(store).Import(t.Context(), n.dir, archiver.ImportOptions{})
					code := archiver.CodeOf(err)
					switch {
					case code == archiver.CodeDamagedDatabase || code == archiver.CodeUnsupported:
						if len(store.Objects()) > 0 {
							t.Fatalf("%s %s: byte %d ^ %#x: found, and stored %d objects", gen, name, at, mask, len(store.Objects()))
						}
					case err == nil && name == grafeo.NativeManifestName && timeOnly(t, n, b, at, mask):
						listed, err := newArchive(store).List(t.Context())
						list := listed.Backups
						if err != nil || len(list) != 2 || list[1].EndEpoch != 2 {
							t.Fatalf("%s: another time gives other backups: %v %+v", gen, err, list)
						}
						if mask != 1 {
							continue
						}
						if diff := cmp.Diff(states, statesOf(t, store)); diff != "" {
							t.Fatalf("%s: another time gives another backup: %s", gen, diff)
						}
					default:
						t.Fatalf("%s %s: byte %d ^ %#x: %v", gen, name, at, mask, err)
					}
				}
				_, err := f.WriteAt(b[at:at+1], int64(at))
				n.check(err)
			}
			n.check(f.Close())
		}
	}
}

// statesOf returns what each backup restores to.
func statesOf(t testing.TB, store *storagetest.Memory) []map[string]string {
	t.Helper()
	return []map[string]string{restore(t, store, 1), restore(t, store, 2)}
}

// timeOnly reports whether the change makes a list that differs in times only.
func timeOnly(t testing.TB, n *nativeDB, b []byte, at int, mask byte) bool {
	t.Helper()
	changed := bytes.Clone(b)
	changed[at] ^= mask
	m, err := grafeo.DecodeNativeManifest(changed, "m")
	n.check(err)
	entries := slices.Clone(m.Entries)
	times := 0
	for i := range entries {
		if !entries[i].Created.Equal(n.list.Entries[i].Created) {
			times++
		}
		entries[i].Created = n.list.Entries[i].Created
	}
	return times == 1 && cmp.Equal(entries, n.list.Entries)
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
				r, err = archiver.New(faulty, archiver.Options{Concurrency: 1, Host: "test", Tool: "test"}).Import(t.Context(), n.dir, archiver.ImportOptions{})
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

// What is imported after newer backups is found by its times.
func TestRestoreImportedByTime(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(vector("v0.6.0/backup"))); err != nil {
		t.Fatal(err)
	}
	store := storagetest.NewMemory()
	if r := backup(t, store, filepath.Join(dir, "tiny.grafeo")); r.Backup.EndEpoch != 9 {
		t.Fatalf("%+v", r)
	}
	r, err := newArchive(store).Import(t.Context(), filepath.Join(dir, "backup"), archiver.ImportOptions{})
	if err != nil || r.Backups[0].Backup.Timeline != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	at := time.UnixMilli(1795399202422).UTC() // the commit of epoch 5
	for timeline := range 3 {
		r, err := newArchive(store).Restore(t.Context(), filepath.Join(t.TempDir(), "db.grafeo"), archiver.RestoreOptions{Target: archiver.AtTime(at).OnTimeline(timeline)})
		want := timeline
		if timeline == 0 {
			want = 2 // it was taken first
		}
		if err != nil || r.Plan.Epoch != 5 || r.Plan.Timeline != want {
			t.Errorf("timeline %d: %+v, %v", timeline, r, err)
		}
	}
}

func restoreTo(t testing.TB, store *storagetest.Memory) string {
	t.Helper()
	dir := t.TempDir()
	if _, err := newArchive(store).Restore(t.Context(), filepath.Join(dir, "db.grafeo"), archiver.RestoreOptions{}); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Whatever an incremental holds, with the right checksum: an import refuses it, or
// what it stores is whole.
func FuzzImportNative(f *testing.F) {
	for _, version := range []string{"v0.5.42", "v0.6.0"} {
		for _, name := range []string{"backup_incr_0001.wal", "backup_incr_0002.wal"} {
			b, err := os.ReadFile(vector(version + "/backup/backup/" + name))
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		version, gen := "v0.5.42", grafeo.Gen05
		if len(b) > 4 && b[4] == 2 {
			version, gen = "v0.6.0", grafeo.Gen06
		}
		dir := t.TempDir()
		full, err := os.ReadFile(vector(version + "/backup/backup/backup_full_0000.grafeo"))
		if err != nil {
			t.Fatal(err)
		}
		m := grafeo.NativeManifest{Generation: gen, Entries: []grafeo.NativeEntry{
			{Full: true, Filename: "a", EndEpoch: 2, Checksum: crc32.ChecksumIEEE(full), Size: uint64(len(full)), Created: time.UnixMilli(1795399203000)},
			{Filename: "b", Checksum: crc32.ChecksumIEEE(b), Size: uint64(len(b)), Created: time.UnixMilli(1795399203001)},
		}}
		if len(b) >= grafeo.NativeHeaderLength {
			m.Entries[1].StartEpoch, m.Entries[1].EndEpoch = binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b[16:])
		}
		for name, content := range map[string][]byte{"a": full, "b": b, grafeo.NativeManifestName: m.Encode()} {
			if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		store := storagetest.NewMemory()
		r, err := newArchive(store).Import(t.Context(), dir, archiver.ImportOptions{})
		if err != nil {
			if code := archiver.CodeOf(err); code != archiver.CodeDamagedDatabase && code != archiver.CodeUnsupported {
				t.Fatal(err)
			}
			return
		}
		mustBeWhole(t, store)
		if restore(t, store, 0)["db.grafeo"] != string(full) || len(r.Backups) > 2 {
			t.Fatalf("%+v", r)
		}
	})
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

// An import of a folder from which files are gone, and whose list names them still,
// archives what is whole and says what is lost; strictly, it is refused.
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
