package archiver_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
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
		if b := r.Backups[0].Backup; !isEncrypted && (b.ReusedBytes == 0 || b.StoredBytes != 0) {
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

// If the database crashes between two steps of a backup, the next backup has the same
// bytes again. They are stored once.
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
