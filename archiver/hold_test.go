package archiver_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// walLSN is what the database reads in the cursor: it keeps the log from here.
func (m *model) walLSN() (uint64, bool) {
	m.t.Helper()
	b, err := os.ReadFile(filepath.Join(m.path+".wal", "backup_cursor.meta"))
	if os.IsNotExist(err) {
		return 0, false
	}
	m.check(err)
	var c struct {
		WALLSN *uint64 `json:"wal_lsn"`
	}
	m.check(json.Unmarshal(b, &c))
	if c.WALLSN == nil {
		m.t.Fatalf("no wal_lsn in %s", b)
	}
	return *c.WALLSN, true
}

// checkpointHeld is a checkpoint of a database that honours the cursor.
func (m *model) checkpointHeld() {
	m.t.Helper()
	keep, held := m.walLSN()
	if !held {
		keep = 1 << 60
	}
	m.checkpoint(keep)
}

// Two archives hold one log, each gets all of it, and neither is harmed when
// the other is released.
func TestTwoArchivesHoldOneLog(t *testing.T) {
	m := newModel(t)
	one, two := storagetest.NewMemory(), storagetest.NewMemory()
	m.commit(100)
	if r := backup(t, one, m.path); !r.HoldBegan {
		t.Error("the first backup does not hold the log")
	}
	m.checkpointHeld()
	m.commit(100)
	backup(t, two, m.path)
	for range 5 {
		m.commit(100)
		m.checkpointHeld()
		if r := backup(t, two, m.path); r.Backup.Kind != "incremental" || r.HoldBegan {
			t.Errorf("archive two: %+v", r)
		}
	}
	m.commit(100)
	if r := backup(t, one, m.path); r.Backup.Kind != "incremental" || r.Backup.EndEpoch != m.epoch {
		t.Errorf("archive one: %+v", r)
	}
	for epoch := uint64(1); epoch <= m.epoch; epoch++ {
		m.restoresTo(one, archiver.AtEpoch(epoch), epoch)
	}
	holds, err := archiver.Holds(t.Context(), m.path)
	if err != nil || holds.ForeignCursor || len(holds.Holds) != 2 {
		t.Fatalf("holds %+v, %v", holds, err)
	}
	if released, err := newArchive(two).Release(t.Context(), m.path); !released || err != nil {
		t.Errorf("released %v, %v", released, err)
	}
	m.checkpointHeld()
	m.commit(100)
	if r := backup(t, one, m.path); r.Backup.Kind != "incremental" {
		t.Errorf("archive one, after two was released: %+v", r)
	}
	if released, err := archiver.ReleaseAll(t.Context(), m.path); !released || err != nil {
		t.Errorf("released %v, %v", released, err)
	}
	if _, held := m.walLSN(); held {
		t.Error("the cursor is there after everything was released")
	}
	if released, err := archiver.ReleaseAll(t.Context(), m.path); released || err != nil {
		t.Errorf("released %v, %v when nothing was held", released, err)
	}
}

// What the archive has, the database may drop: the hold moves with each backup.
func TestHoldMovesOn(t *testing.T) {
	m := newModel(t)
	store := storagetest.NewMemory()
	var last uint64
	for i := range 6 {
		m.commit(1000)
		if r := backup(t, store, m.path); i > 0 && (r.Backup.Kind != "incremental" || r.Backup.Timeline != 1) {
			t.Errorf("backup %d: %s on timeline %d, although the log was held", r.Backup.Seq, r.Backup.Kind, r.Backup.Timeline)
		}
		lsn, held := m.walLSN()
		if !held || i > 1 && lsn <= last {
			t.Errorf("after backup %d the log is held from %d, it was %d", i+1, lsn, last)
		}
		last = lsn
		m.checkpointHeld()
	}
	if files := entries(t, m.path+".wal"); len(files) > 4 {
		t.Errorf("the log folder has %v", files)
	}
}

// A closed database that has no log folder gets one with the cursor, and loses
// it again when it is released.
func TestHoldOfAClosedDatabase(t *testing.T) {
	path := copyVector(t, "v0.6.0/closed")
	store := storagetest.NewMemory()
	if r := backup(t, store, path); !r.HoldBegan {
		t.Errorf("%+v", r)
	}
	if r := backup(t, store, path); r.Backup.Kind != archiver.KindNone {
		t.Errorf("%+v", r)
	}
	if _, err := archiver.ReleaseAll(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path + ".wal"); !os.IsNotExist(err) {
		t.Errorf("the folder is still there: %v", err)
	}
}

// A cursor of somebody else stays as it is, byte for byte.
func TestForeignCursorIsLeftAlone(t *testing.T) {
	for name, content := range map[string]string{
		"native 0.6":      `{"backed_up_epoch":8,"log_sequence":0,"wal_lsn":3441,"timestamp_ms":1795399202427}`,
		"not JSON":        "\x08\x03\xfd\x1b\xaf!\x06\xa2\x01\x00\x00",
		"ours, but moved": `{"backed_up_epoch":8,"log_sequence":0,"wal_lsn":7,"timestamp_ms":1,"gbak_s3":{"format":1,"holds":[{"archive_id":"a","name":"","lsn":3,"epoch":1,"seq":1,"commit_id":"c","updated_at":"2026-01-01T00:00:00Z"}]}}`,
	} {
		m := newModel(t)
		m.commit(100)
		cursor := filepath.Join(m.path+".wal", "backup_cursor.meta")
		if err := os.WriteFile(cursor, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		r := backup(t, storagetest.NewMemory(), m.path)
		if !r.ForeignCursor || r.HoldBegan {
			t.Errorf("%s: %+v", name, r)
		}
		_, err := archiver.ReleaseAll(t.Context(), m.path)
		mustFail(t, err, archiver.CodeForeignCursor, "cursor")
		if b, err := os.ReadFile(cursor); err != nil || string(b) != content {
			t.Errorf("%s: the cursor is now %q, %v", name, b, err)
		}
	}
}

func TestNoHold(t *testing.T) {
	m := newModel(t)
	m.commit(100)
	r, err := newArchive(storagetest.NewMemory()).Backup(t.Context(), m.path, archiver.BackupOptions{NoHold: true})
	if _, held := m.walLSN(); err != nil || held || r.HoldBegan {
		t.Errorf("held %v, %+v, %v", held, r, err)
	}
}

// A first backup that fails holds nothing: a log that is held and never backed
// up would fill the disk.
func TestFailedFirstBackupHoldsNothing(t *testing.T) {
	m := newModel(t)
	m.commit(100)
	flip(t, m.path, chunkOf(t, m.path))
	_, err := newArchive(storagetest.NewMemory()).Backup(t.Context(), m.path, archiver.BackupOptions{})
	mustFail(t, err, archiver.CodeDamagedDatabase)
	if _, held := m.walLSN(); held {
		t.Error("the log is held")
	}
}

// The log of a database that was closed when it was backed up continues that
// backup if it was held ever since, although no commit shows it.
func TestHoldProvesContinuity(t *testing.T) {
	m := newModel(t)
	m.commit(100)
	m.checkpointHeld()
	m.check(m.log.Close())
	m.check(os.RemoveAll(m.path + ".wal")) // a clean close
	store := storagetest.NewMemory()
	backup(t, store, m.path)

	m.reopen()
	m.commit(200)
	m.checkpointHeld()
	m.commit(300)
	if r := backup(t, store, m.path); r.Backup.Kind != "incremental" || r.Backup.Timeline != 1 || r.Backup.EndEpoch != 3 {
		t.Errorf("%+v", r)
	}
	for epoch := uint64(1); epoch <= 3; epoch++ {
		m.restoresTo(store, archiver.AtEpoch(epoch), epoch)
	}
}
