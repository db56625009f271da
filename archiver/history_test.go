package archiver_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// For random histories, every epoch that was ever backed up can be restored,
// exactly, by its number and by every moment between it and the next one.
func TestEveryEpochOfRandomHistories(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		t := drawing(t, r)
		m := newModel(t)
		store := storagetest.NewMemory()
		a := newArchive(store)
		held := uint64(0) // a cursor holds the log from here on
		var last archiver.BackupReport
		for range rapid.IntRange(1, 25).Draw(r, "steps") {
			switch rapid.IntRange(0, 9).Draw(r, "step") {
			case 0, 1, 2, 3, 4:
				m.commit(rapid.IntRange(1, 3000).Draw(r, "size"))
			case 5:
				m.group(grafeotest.Group06{SyncMark: true, Synced: m.log.LSN()})
			case 6:
				m.checkpoint(held)
			default:
				opts := archiver.BackupOptions{Full: rapid.IntRange(0, 4).Draw(r, "full") == 0}
				b, err := a.Backup(t.Context(), m.path, opts)
				if err != nil {
					t.Fatal(err)
				}
				if b.Backup.RestoreTo != m.epoch || b.Backup.Timeline != 1 {
					t.Fatalf("the backup ends at epoch %d of timeline %d, the database is at %d", b.Backup.RestoreTo, b.Backup.Timeline, m.epoch)
				}
				last = b
			}
		}
		if last.Backup.Seq == 0 {
			return
		}
		for epoch := uint64(1); epoch <= last.Backup.RestoreTo; epoch++ {
			if epoch < firstRestorable(t, a) {
				continue
			}
			m.restoresTo(store, archiver.AtEpoch(epoch), epoch)
			if rapid.Bool().Draw(r, "by time") {
				at := m.times[epoch].Add(500 * time.Millisecond)
				m.restoresTo(store, archiver.AtTime(at), epoch)
			}
		}
		mustBeWhole(t, store)
	})
}

func firstRestorable(t testing.TB, a *archiver.Archive) uint64 {
	t.Helper()
	listed, err := a.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	list := listed.Backups
	return list[0].RestoreFrom
}

func TestNothingNew(t *testing.T) {
	m := newModel(t)
	m.commit(100)
	store := storagetest.NewMemory()
	backup(t, store, m.path)
	before := store.Objects()
	r := backup(t, store, m.path)
	if r.Backup.Kind != archiver.KindNone || r.Backup.Seq != 1 || r.Backup.EndEpoch != 1 || r.Requests.Total() > 3 {
		t.Errorf("%+v", r)
	}
	m.group(grafeotest.Group06{SyncMark: true, Synced: m.log.LSN()})
	if r := backup(t, store, m.path); r.Backup.Kind != archiver.KindNone {
		t.Errorf("a sync mark is new: %+v", r)
	}
	if diff := cmp.Diff(before, store.Objects()); diff != "" {
		t.Error("something was stored")
	}
	m.commit(100)
	r = backup(t, store, m.path)
	if r.Backup.Kind != "incremental" || r.Backup.StartEpoch != 2 || r.Backup.EndEpoch != 2 || r.Requests.Total() > 7 {
		t.Errorf("%+v", r)
	}
}

// A log that does not continue where the last backup ended is another
// timeline; both can be restored.
func TestForks(t *testing.T) {
	for name, fork := range map[string]func(m *model){
		"the past, continued": func(m *model) {
			m.commit(50)
			m.commit(50)
		},
		"shorter than before": func(*model) {},
	} {
		t.Run(name, func(t *testing.T) {
			store := storagetest.NewMemory()
			m := newModel(t)
			m.commit(100)
			backup(t, store, m.path)
			m.commit(200)
			m.commit(300)
			backup(t, store, m.path)

			// The past, restored elsewhere, continues with other commits.
			other := newModel(t)
			other.commit(100)
			fork(other)
			r := backup(t, store, other.path)
			if r.Backup.Kind != "full" || r.Backup.Timeline != 2 || r.Why == "" {
				t.Fatalf("%+v", r)
			}
			three := uint64(3)
			m.restoresTo(store, archiver.AtEpoch(three).OnTimeline(1), 3)
			other.restoresTo(store, archiver.Target{}, other.epoch)
			if other.epoch == 3 {
				other.restoresTo(store, archiver.AtEpoch(three), 3)
				p, err := newArchive(store).Plan(t.Context(), archiver.AtEpoch(three))
				if err != nil || p.Timeline != 2 || !cmp.Equal(p.OtherTimelines, []int{1}) {
					t.Errorf("%+v, %v", p, err)
				}
			} else {
				m.restoresTo(store, archiver.AtEpoch(three), 3)
			}
			mustBeWhole(t, store)
		})
	}
}

// A change of the schema carries the epoch that was current: a restore to that
// epoch has it, also if it came in a later backup.
func TestSchemaChangeAfterABackup(t *testing.T) {
	store := storagetest.NewMemory()
	m := newModel(t)
	m.commit(100)
	backup(t, store, m.path)
	m.now = m.now.Add(time.Second)
	m.group(grafeotest.Group06{Epoch: m.epoch, Time: m.now, Origin: 3, Transaction: 1, Records: []byte("CREATE INDEX")})
	if r := backup(t, store, m.path); r.Backup.Kind != "incremental" || r.Backup.EndEpoch != 1 {
		t.Errorf("%+v", r)
	}
	want := string(m.all)
	m.commit(100)
	backup(t, store, m.path)
	one := uint64(1)
	path := filepath.Join(t.TempDir(), "r.grafeo")
	if _, err := newArchive(store).Restore(t.Context(), path, archiver.RestoreOptions{Target: archiver.AtEpoch(one)}); err != nil {
		t.Fatal(err)
	}
	if epoch, _, replayed := opened(t, path); epoch != 1 || replayed != want {
		t.Errorf("epoch %d, %d bytes of log, want %d", epoch, len(replayed), len(want))
	}
}

// A log that was cut away by a checkpoint is a gap.
func TestGap(t *testing.T) {
	store := storagetest.NewMemory()
	m := newModel(t)
	m.commit(100)
	backup(t, store, m.path)
	m.commit(100)
	m.checkpoint(1 << 60)
	m.commit(100)
	r := backup(t, store, m.path)
	if r.Backup.Kind != "full" || r.Backup.Timeline != 2 || r.Why == "" {
		t.Errorf("%+v", r)
	}
	mustBeWhole(t, store)
}

func TestUnreachable(t *testing.T) {
	store := storagetest.NewMemory()
	m := newModel(t)
	m.commit(100)
	m.checkpoint(1 << 60)
	m.commit(100)
	backup(t, store, m.path)
	a := newArchive(store)
	low, high, early, late := uint64(0), uint64(3), m.times[1].Add(-time.Hour), time.Now().Add(time.Hour)
	for name, target := range map[string]archiver.Target{
		"before": archiver.AtEpoch(low), "after": archiver.AtEpoch(high), "early": archiver.AtTime(early), "late": archiver.AtTime(late), "timeline": archiver.Target{}.OnTimeline(2),
	} {
		_, err := a.Plan(t.Context(), target)
		mustFail(t, err, archiver.CodeUnreachable, "timeline 1 from epoch 1 to 2")
		if t.Failed() {
			t.Fatal(name)
		}
	}
}

// While a checkpoint is written, commits continue: a time before that of the image, and
// after the first commit of its log, can be restored.
func TestTimeBeforeThatOfTheImage(t *testing.T) {
	store := storagetest.NewMemory()
	m := newModel(t)
	m.commit(100)
	start := m.now
	m.now = start.Add(time.Minute)
	m.checkpoint(0)
	m.now = start
	m.commit(100) // epoch 2, a second after the start
	m.commit(100)
	backup(t, store, m.path)
	mustBeWhole(t, store)
	between, before := m.times[2].Add(time.Second/2), m.times[2].Add(-time.Second/2)
	m.restoresTo(store, archiver.AtTime(between), 2)
	_, err := newArchive(store).Plan(t.Context(), archiver.AtTime(before))
	mustFail(t, err, archiver.CodeUnreachable)
}

// A chain of many small incrementals is restored whole, and its backups need few
// requests.
func TestLongChain(t *testing.T) {
	store := storagetest.NewMemory()
	m := newModel(t)
	for i := range 200 {
		m.commit(500)
		if r := backup(t, store, m.path); i > 0 && r.Requests.Total() > 7 {
			t.Fatalf("%+v", r.Requests)
		}
	}
	m.restoresTo(store, archiver.Target{}, 200)
	n := uint64(77)
	m.restoresTo(store, archiver.AtEpoch(n), 77)
	m.restoresTo(store, archiver.AtBackup(150), 150)
	mustBeWhole(t, store)
}

// A clock that was set back makes some times mean two states. These are refused; times
// that mean one state are restored as usual.
func TestTimesAfterAClockWasSetBack(t *testing.T) {
	store, m := storagetest.NewMemory(), newModel(t)
	start := time.Now().UTC().Truncate(time.Second).Add(-24 * time.Hour)
	m.now = start
	m.commit(100)
	backup(t, store, m.path)
	m.now = start.Add(2 * time.Hour) // too late by an hour and more
	m.commit(100)
	backup(t, store, m.path)
	m.now = start.Add(10 * time.Minute)
	m.commit(100)
	backup(t, store, m.path)
	at := func(after time.Duration) *time.Time { t := start.Add(after); return &t }
	for _, after := range []time.Duration{11 * time.Minute, time.Hour} {
		_, err := newArchive(store).Plan(t.Context(), archiver.AtTime(*at(after)))
		mustFail(t, err, archiver.CodeUnreachable, "backup 2 is of a later time", "backup 3", "clock")
	}
	m.restoresTo(store, archiver.AtTime(*at(5 * time.Minute)), 1)
	m.restoresTo(store, archiver.AtTime(*at(3 * time.Hour)), 3)
}
