package capture

import (
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Of a log with several runs, the remainder ends with the parent's, and the next run is a
// source of its own.
func TestRemainderOfTwoRuns(t *testing.T) {
	w := newWatched(t)
	w.commit()
	w.epoch = 0 // killed, and opened again
	w.commit()
	w.commit()
	w.check(w.logs.Look(w.path))
	w.close()
	mustBe(t, w.backup(), summary{manifest.Incremental, true, 3, 3, 1, 1, 1, true})
	mustBe(t, w.backup(), summary{manifest.Full, false, 1, 2, 5, 5, 1, false})
	if s := w.backup(); s.Remainder || s.Kind != manifest.Full {
		t.Errorf("%+v", summaryOf(s))
	}
}

// A run from its beginning to its end, which no backup has seen, is a full source with the
// image of the parent.
func TestRemainderOfAWholeRun(t *testing.T) {
	w := newWatched(t)
	w.close()
	w.backup() // without a log
	w.open()
	w.commit()
	w.look()
	w.commit()
	w.close()
	parent := w.parent
	s := w.backup()
	mustBe(t, s, summary{manifest.Full, false, 1, 2, 2, 2, 1, false})
	if !s.Remainder || !s.Archived || s.Database() != parent.Database || s.Why == "" {
		t.Errorf("remainder %v, archived %v, of %+v: %s", s.Remainder, s.Archived, s.Database(), s.Why)
	}
	if s := w.backup(); s.Remainder || s.Archived || s.Kind != manifest.Full || w.logs.RemovedBytes() != 0 {
		t.Errorf("after it: %+v", summaryOf(s))
	}
	if s := w.look(); !s.IsNothing() {
		t.Errorf("there is more: %+v", summaryOf(s))
	}
}

// If a process was killed between, each of the runs that the log has is a source of its own.
func TestRemainderOfSeveralRuns(t *testing.T) {
	w := newWatched(t)
	w.close()
	w.backup()
	w.open()
	w.look()
	w.commit()
	w.commit()
	w.commit()
	for range 2 {
		w.epoch = 0 // killed, and opened again
		w.commit()
		w.commit()
	}
	w.close()
	mustBe(t, w.backup(), summary{manifest.Full, false, 1, 3, 3, 3, 1, false})
	mustBe(t, w.backup(), summary{manifest.Full, false, 1, 2, 5, 5, 1, false})
	mustBe(t, w.backup(), summary{manifest.Full, false, 1, 2, 7, 7, 1, false})
	if s := w.backup(); s.Remainder || s.Kind != manifest.Full {
		t.Errorf("%+v", summaryOf(s))
	}
}

// Of a log that goes on, the remainder is what the runs that were killed have left. The last
// run comes with the database as it is now.
func TestKilled(t *testing.T) {
	w := newWatched(t)
	w.commit()
	for range 2 {
		w.epoch = 0 // killed, and opened again
		w.commit()
		w.commit()
	}
	mustBe(t, w.backup(), summary{manifest.Incremental, true, 3, 3, 1, 1, 1, true})
	mustBe(t, w.backup(), summary{manifest.Full, false, 1, 2, 5, 5, 1, false})
	s := w.backup()
	mustBe(t, s, summary{manifest.Full, false, 1, 2, 7, 7, 1, false})
	if s.Remainder || !s.Archived {
		t.Errorf("the last run: %+v", s)
	}
	w.commit()
	mustBe(t, w.backup(), summary{manifest.Incremental, true, 3, 3, 1, 1, 1, true})
}

// The same, where the image is known on which the log began.
func TestKilledTwice(t *testing.T) {
	w := newWatched(t)
	w.close()
	w.backup()
	w.open()
	w.look()
	for range 3 {
		w.epoch = 0 // killed, and opened again
		w.commit()
		w.commit()
	}
	for n := range int64(2) {
		s := w.backup()
		mustBe(t, s, summary{manifest.Full, false, 1, 2, 2 * (n + 1), 2 * int(n+1), 1, false})
		if !s.Remainder || !s.Archived {
			t.Errorf("run %d: %+v", n+1, s)
		}
	}
	s := w.backup()
	mustBe(t, s, summary{manifest.Full, false, 1, 2, 6, 6, 1, false})
	if s.Remainder || !s.Archived {
		t.Errorf("the last run: %+v", s)
	}
}

// A new run on an image that the archive has is a full source with that image, as long as it
// is there, whether or not full ones are wanted. Its image is read again if it is asked for.
func TestNewRun(t *testing.T) {
	w := newWatched(t)
	w.close()
	w.backup()
	w.open()
	w.look()
	w.commit()
	w.commit()
	_, err := w.log05.Write(grafeotest.AppendFrame05(nil, []byte("\x00 a record")))
	w.check(err)
	q := w.query()
	q.Full = true
	s, err := q.Look(t.Context())
	w.check(err)
	mustBe(t, s, summary{manifest.Full, false, 1, 2, 2, 2, 2, false})
	if s.Archived || s.Remainder {
		t.Errorf("asked for: %+v", s)
	}
	q = w.query()
	q.NoFull = true
	s, err = q.Look(t.Context())
	w.check(err)
	mustBe(t, s, summary{manifest.Full, false, 1, 2, 2, 2, 1, false})
	if !s.Archived || s.Remainder || s.LeftOut == 0 || s.Database() != w.parent.Database {
		t.Errorf("%+v", s)
	}
	w.parent = backup(s)
	w.commit()
	mustBe(t, w.backup(), summary{manifest.Incremental, true, 3, 3, 1, 1, 1, true})
	w.commit()
	w.close()
	if s := w.backup(); !s.Remainder || s.StartEpoch != 4 {
		t.Errorf("%+v", s)
	}
}

// A run that has written a checkpoint before its first backup is stored with the image on which
// it began, and then continues with its own.
func TestCheckpointOfANewRun(t *testing.T) {
	w := newWatched(t)
	w.close()
	w.backup()
	w.open()
	w.look()
	w.commit()
	w.commit()
	w.image(0)
	w.commit()
	s := w.backup()
	mustBe(t, s, summary{manifest.Full, false, 1, 3, 3, 3, 1, false})
	if !s.Remainder || !s.Archived {
		t.Errorf("%+v", s)
	}
	s = w.backup()
	mustBe(t, s, summary{manifest.Full, true, 2, 3, 3, 3, 2, false})
	if s.Remainder || s.Archived {
		t.Errorf("%+v", s)
	}
	if s := w.look(); !s.IsNothing() {
		t.Errorf("there is more: %+v", summaryOf(s))
	}
}

// A whole run is of no use without the image on which it began.
func TestNoWholeRun(t *testing.T) {
	for name, happens := range map[string]func(w *watched){
		"it was not seen": func(w *watched) { w.open(); w.commit(); w.logs.Close(); w.look() },
		"a checkpoint": func(w *watched) {
			w.open()
			w.look()
			w.image(0)
			w.look()
			w.commit()
			w.look()
		},
		"its first file was dropped": func(w *watched) {
			w.open()
			w.look()
			w.commit()
			w.check(w.log05.Rotate())
			w.look()
			w.logs.DropBefore(1)
		},
		"spilled vectors": func(w *watched) {
			w.spill(vectorsName, vectors(1, 2))
			w.backup()
			w.parent.Spill = w.look().Spilled
			w.open()
			w.look()
			w.commit()
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWatched(t)
			w.close()
			w.backup()
			happens(w)
			w.close()
			if s := w.look(); s.Remainder || w.logs.RemovedBytes() != 0 {
				t.Errorf("%+v", summaryOf(s))
			}
		})
	}
}
