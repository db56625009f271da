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
	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// status asks for a status and demands that the store was only read.
func status(t testing.TB, store *storagetest.Memory, database string) archiver.StatusReport {
	t.Helper()
	before := len(store.Calls())
	r, err := newArchive(store).Status(t.Context(), archiver.StatusOptions{Database: database})
	if err != nil {
		t.Fatalf("status: %v", err)
	}
	for _, c := range store.Calls()[before:] {
		if c.Op != storage.OpGet && c.Op != storage.OpList && c.Op != storage.OpHead {
			t.Errorf("status asked for %s %s", c.Op, c.Key)
		}
	}
	return r
}

// about reports whether d is what has passed since then, and a bit.
func about(d time.Duration, then time.Time) bool {
	late := time.Since(then) - d
	return late > -time.Millisecond && late < time.Minute // commits have milliseconds
}

func TestStatus(t *testing.T) {
	m := newModel(t)
	m.now = time.Now().Add(-time.Hour)
	m.commit(100)
	m.commit(100)
	store := storagetest.NewMemory()
	first := backup(t, store, m.path)
	m.commit(100)
	second := backup(t, store, m.path)

	r := status(t, store, "")
	if r.Backups != 2 || r.StoredBytes != first.Backup.StoredBytes+second.Backup.StoredBytes || r.Behind != nil ||
		!cmp.Equal(r.Newest, &second.Backup) || !about(r.Age, second.Backup.CreatedAt) {
		t.Errorf("%+v", r)
	}
	if len(r.Restorable) != 1 {
		t.Fatalf("%+v", r.Restorable)
	}
	if got := r.Restorable[0]; got.Timeline != 1 || got.FromEpoch != 0 || got.ToEpoch != 3 || !got.ToTime.Equal(m.times[3].Truncate(time.Millisecond)) ||
		!got.AsOf.Equal(second.Backup.CreatedAt) {
		t.Errorf("%+v", got)
	}

	// The archive has everything: it does not lag, however old it is.
	m.group(grafeotest.Group06{SyncMark: true, Synced: m.log.LSN()})
	if b := status(t, store, m.path).Behind; *b != (archiver.Behind{Continues: true}) {
		t.Errorf("%+v", b)
	}
	from := len(m.all)
	m.commit(100)
	m.commit(200)
	b := status(t, store, m.path).Behind
	if !b.Continues || b.Why != "" || b.Commits != 2 || b.Bytes < int64(len(m.all)-from) || !about(b.Lag, m.times[4]) {
		t.Errorf("%+v, want %d bytes and the age of %v", b, len(m.all)-from, m.times[4])
	}
	// A commit that is half written is not there yet.
	path := m.log.Path()
	torn, err := os.ReadFile(path)
	m.check(err)
	m.check(os.WriteFile(path, torn[:len(torn)-7], 0o600))
	if b := status(t, store, m.path).Behind; !b.Continues || b.Commits != 1 {
		t.Errorf("%+v", b)
	}
}

func TestStatusWithin(t *testing.T) {
	m := newModel(t)
	m.now = time.Now().Add(-time.Hour)
	m.commit(100)
	store := storagetest.NewMemory()
	backup(t, store, m.path)
	within := func(database string, limit time.Duration) error {
		r := status(t, store, database)
		return r.Within(limit)
	}
	if err := within("", time.Hour); err != nil {
		t.Error(err)
	}
	mustFail(t, within("", 0), archiver.CodeLagging, "old")
	if err := within(m.path, 0); err != nil {
		t.Errorf("nothing is new: %v", err)
	}
	m.commit(100)
	mustFail(t, within(m.path, 15*time.Minute), archiver.CodeLagging, "behind the database", "15m0s")
	if err := within(m.path, 2*time.Hour); err != nil {
		t.Error(err)
	}
}

// If a backup that the newest one needs is gone, the status says so, however new that is.
func TestStatusOfBrokenChain(t *testing.T) {
	m := newModel(t)
	store := storagetest.NewMemory()
	for range 3 {
		m.commit(100)
		backup(t, store, m.path)
	}
	if r := status(t, store, m.path); r.Broken != nil {
		t.Errorf("%v", r.Broken)
	}
	m.check(store.Delete(t.Context(), manifest.Seq(2).Key()))
	r := status(t, store, m.path)
	mustFail(t, r.Broken, archiver.CodeDamagedArchive, manifest.Seq(2).Key())
	mustFail(t, r.Within(time.Hour), archiver.CodeDamagedArchive)
	if len(r.Restorable) != 1 || r.Restorable[0].ToEpoch != 1 {
		t.Errorf("%+v", r.Restorable)
	}
}

// A history that does not continue where the archive ends: everything since then is new.
func TestStatusFork(t *testing.T) {
	store := storagetest.NewMemory()
	m := newModel(t)
	m.commit(100)
	m.commit(200)
	r := backup(t, store, m.path)
	other := newModel(t)
	other.commit(100)
	other.commit(300)
	other.commit(300)
	b := status(t, store, other.path).Behind
	if b.Continues || !strings.Contains(b.Why, "forked") || b.Commits != 3 || b.Bytes < 600 || !about(b.Lag, r.Backup.CreatedAt) {
		t.Errorf("%+v", b)
	}
	backup(t, store, other.path)
	after := status(t, store, other.path)
	var timelines []int
	for _, reach := range after.Restorable {
		timelines = append(timelines, reach.Timeline)
	}
	if !after.Behind.Continues || after.Behind.Lag != 0 || !slices.Equal(timelines, []int{2, 1}) {
		t.Errorf("%+v", after)
	}
}

// Generation 0.5 keeps no times: the lag is counted from the newest backup on.
func TestStatus05(t *testing.T) {
	path := copyVector(t, "v0.5.42/live")
	store := storagetest.NewMemory()
	r := backup(t, store, path)
	if b := status(t, store, path).Behind; *b != (archiver.Behind{Continues: true}) {
		t.Errorf("%+v", b)
	}
	f, err := os.OpenFile(filepath.Join(path+".wal", grafeotest.LogName05(0)), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // the write shows it
	commit := grafeotest.AppendCommit05(nil, 7, 6, []byte("\x00a"))
	if _, err := f.Write(commit); err != nil {
		t.Fatal(err)
	}
	got := status(t, store, path)
	if b := got.Behind; !b.Continues || b.Commits != 1 || b.Bytes != int64(len(commit)) || !about(b.Lag, r.Backup.CreatedAt) {
		t.Errorf("%+v", b)
	}
	if reach := got.Restorable[0]; reach.FromEpoch != 3 || reach.ToEpoch != 5 || reach.ToTime != nil {
		t.Errorf("%+v", reach)
	}
}

func TestStatusWithoutBackup(t *testing.T) {
	m := newModel(t)
	m.commit(100)
	store := storagetest.NewMemory()
	_, err := newArchive(store).Status(t.Context(), archiver.StatusOptions{Database: m.path})
	mustFail(t, err, archiver.CodeNoArchive)

	backup(t, store, m.path)
	objects := store.Objects()
	for key := range objects {
		if key != "archive.json" {
			delete(objects, key)
		}
	}
	store = refill(t, objects)
	r := status(t, store, "")
	if r.Backups != 0 || r.Newest != nil || len(r.Restorable) != 0 {
		t.Errorf("%+v", r)
	}
	mustFail(t, r.Within(time.Hour), archiver.CodeLagging, "no backup")
	path := copyVector(t, "v0.6.0/live")
	b := status(t, store, path).Behind
	created := time.Date(2026, 11, 23, 2, 0, 1, 906e6, time.UTC) // of the vector
	if b.Continues || b.Why == "" || b.Commits != 2 || b.Bytes != 90112+1010 || !about(b.Lag, created) {
		t.Errorf("%+v", b)
	}
}

func TestStatusErrors(t *testing.T) {
	m := newModel(t)
	m.commit(100)
	store := storagetest.NewMemory()
	backup(t, store, m.path)
	before := len(store.Calls())
	of := func(path string) error {
		_, err := newArchive(store).Status(t.Context(), archiver.StatusOptions{Database: path})
		return err
	}
	mustFail(t, of(filepath.Join(t.TempDir(), "missing.grafeo")), archiver.CodeNotFound, "missing.grafeo")
	mustFail(t, of(t.TempDir()), archiver.CodeNotDatabase)
	if n := len(store.Calls()) - before; n != 0 {
		t.Errorf("%d requests for no database", n)
	}
	mustFail(t, of(copyVector(t, "v0.6.0/live")), archiver.CodeWrongDatabase)
	flip(t, m.path, 100)
	flip(t, m.path, 4096+20)
	flip(t, m.path, 2*4096+20)
	mustFail(t, of(m.path), archiver.CodeDamagedDatabase, m.path)
	objects := store.Objects()
	objects["manifests/0000000001.json"][10] ^= 1
	_, err := newArchive(refill(t, objects)).Status(t.Context(), archiver.StatusOptions{})
	mustFail(t, err, archiver.CodeDamagedArchive, "manifests/0000000001.json")
}

// TestTimesInTheFuture: what was taken or committed in the future by this host's clock
// has an age that nobody knows: it is negative, and within no limit. That clocks are
// apart by a few seconds is no fault.
func TestTimesInTheFuture(t *testing.T) {
	for _, c := range []struct {
		ahead time.Duration // of the host that backs up and has the database
		fault bool
	}{{2 * time.Hour, true}, {time.Minute, true}, {2 * time.Second, false}, {-3 * time.Second, false}} {
		t.Run(c.ahead.String(), func(t *testing.T) {
			m, store := newModel(t), storagetest.NewMemory()
			m.now = time.Now().Add(c.ahead - time.Hour)
			m.commit(100)
			backup(t, store, m.path)
			ahead := refill(t, inTheFuture(t, store.Objects(), c.ahead))
			within := func(database string, words ...string) archiver.StatusReport {
				t.Helper()
				r := status(t, ahead, database)
				if err := r.Within(1000 * time.Hour); c.fault {
					mustFail(t, err, archiver.CodeLagging, append(words, "in the future")...)
				} else if err != nil {
					t.Error(err)
				}
				return r
			}
			// What is apart for longer than the test may take decides of the sign.
			if r := within("", "the newest backup"); r.Age == 0 || c.fault != (r.Age < -5*time.Second) {
				t.Errorf("age %s", r.Age)
			}
			if b := within(m.path).Behind; !b.Continues || b.Lag != 0 {
				t.Errorf("nothing is new: %+v", b)
			}
			m.now = time.Now().Add(c.ahead)
			m.commit(100)
			if b := within(m.path).Behind; b.Lag == 0 || c.fault != (b.Lag < -5*time.Second) {
				t.Errorf("%+v", b)
			}
			d, err := newArchive(ahead).Doctor(t.Context(), archiver.DoctorOptions{})
			warned := slices.ContainsFunc(d.Checks, func(c archiver.Check) bool {
				return c.Name == "time" && c.Severity == archiver.SeverityWarning && strings.Contains(c.Text, "in the future")
			})
			if err != nil || warned != c.fault {
				t.Errorf("doctor: %+v, %v", d.Checks, err)
			}
		})
	}
}

// With a commit from the future nobody knows how far the archive lags, though the backup before
// it was taken with the right clock.
func TestCommitInTheFuture(t *testing.T) {
	m, store := newModel(t), storagetest.NewMemory()
	m.now = time.Now().Add(-time.Hour)
	m.commit(100)
	backup(t, store, m.path)
	m.now = time.Now().Add(2 * time.Hour)
	m.commit(100)
	r := status(t, store, m.path)
	if r.Age < 0 || r.Behind.Lag > -time.Hour {
		t.Errorf("age %s, %+v", r.Age, r.Behind)
	}
	mustFail(t, r.Within(1000*time.Hour), archiver.CodeLagging, "committed", "in the future")
	// The clock was set back since: what the archive does not have is as old as its
	// oldest commit, by its own word.
	m.now = time.Now().Add(-time.Minute)
	m.commit(100)
	r = status(t, store, m.path)
	mustFail(t, r.Within(1000*time.Hour), archiver.CodeLagging, "committed", "in the future")
}

// inTheFuture returns the objects of an archive with one backup, made by a host whose
// clock is ahead.
func inTheFuture(t testing.TB, objects map[string][]byte, ahead time.Duration) map[string][]byte {
	t.Helper()
	const key = "manifests/0000000001.json"
	m, err := decodeManifest(objects[key])
	if err != nil {
		t.Fatal(err)
	}
	m.CreatedAt, m.ReadUntil = m.CreatedAt.Add(ahead), m.ReadUntil.Add(ahead)
	objects[key] = m.Encode()
	return objects
}
