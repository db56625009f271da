package archiver_test

import (
	"bytes"
	"errors"
	"maps"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
)

// A run that may take no full backup stores nothing when one is needed, and leaves the
// database as it was, whether its log is held or not. It says why, and how large it would be.
func TestNoFull(t *testing.T) {
	for _, held := range []bool{true, false} {
		m := newModel(t)
		s := newPlanScene(t, m.path)
		m.commit(1000)
		none := archiver.BackupOptions{NoFull: true, NoHold: !held}
		backup := func(o archiver.BackupOptions, want archiver.Kind) {
			t.Helper()
			if r, err := s.archive().Backup(t.Context(), m.path, o); err != nil || r.Backup.Kind != want {
				t.Fatalf("%+v, %v", r, err)
			}
		}
		backup(none, archiver.KindFull) // the first one always is
		m.commit(1000)
		backup(none, archiver.KindIncremental)
		backup(none, archiver.KindNone)

		m.commit(1000)
		m.checkpoint(1 << 60) // of a database that keeps nothing for anybody
		m.commit(1000)
		if !held { // and the run is asked to begin a hold
			none.NoHold = false
		}
		plan, err := s.archive().PlanBackup(t.Context(), m.path, archiver.BackupOptions{})
		if err != nil || plan.Kind != archiver.KindFull {
			t.Fatalf("%+v, %v", plan, err)
		}
		objects, files := s.store.Objects(), contents(t, m.path+".wal")
		_, err = s.archive().Backup(t.Context(), m.path, none)
		mustFail(t, err, archiver.CodeNeedsFull, plan.Why)
		e, ok := errors.AsType[*archiver.NeedsFullError](err)
		if !ok || e.Why != plan.Why || e.RawBytes != plan.RawBytes || !errors.Is(err, archiver.ErrNeedsFull) {
			t.Errorf("%+v, planned %+v", e, plan)
		}
		if !maps.EqualFunc(objects, s.store.Objects(), bytes.Equal) {
			t.Error("something was stored")
		}
		if !maps.Equal(files, contents(t, m.path+".wal")) {
			t.Error("the log folder has changed")
		}
		_, err = s.plan(none)
		mustFail(t, err, archiver.CodeNeedsFull, plan.Why)
		backup(archiver.BackupOptions{NoHold: !held}, archiver.KindFull)
		m.commit(1000)
		backup(archiver.BackupOptions{NoFull: true, NoHold: !held}, archiver.KindIncremental)
	}
	_, err := newPlanScene(t, "x").archive().Backup(t.Context(), "x", archiver.BackupOptions{Full: true, NoFull: true})
	mustFail(t, err, archiver.CodeFailed, "full")
}
