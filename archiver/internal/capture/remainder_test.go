package capture

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
	"github.com/gbak-s3/gbak-s3/archiver/internal/openlog"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// watched is a made database of 0.5 that is asked again and again what is new, with its
// log files kept open.
type watched struct {
	*database
	logs   openlog.Files
	parent *manifest.Committed
}

func newWatched(t *testing.T) *watched {
	t.Helper()
	w := &watched{database: newDatabase(t, grafeo.Gen05)}
	if !disk.CanRemoveOpen(filepath.Dir(w.path)) {
		t.Skip("no file is kept open on this file system")
	}
	t.Cleanup(w.logs.Close)
	w.backup()
	return w
}

func (w *watched) query() *Query {
	q := w.database.query(w.parent)
	q.Logs = &w.logs
	return q
}

func (w *watched) look() *Source {
	w.t.Helper()
	s, err := w.query().Look(w.t.Context())
	w.check(err)
	return s
}

// backup makes what is new the parent.
func (w *watched) backup() *Source {
	w.t.Helper()
	s := w.captureWith(w.query())
	if !s.IsNothing() {
		w.parent = backup(s)
	}
	return s
}

// close is a clean close.
func (w *watched) close() {
	w.t.Helper()
	w.image(0)
	w.check(w.log05.Close())
	w.check(os.RemoveAll(grafeo.LogDir(w.path)))
}

// open opens the database again: its epochs begin anew.
func (w *watched) open() {
	w.t.Helper()
	var err error
	w.log05, err = grafeotest.NewLog05(grafeo.LogDir(w.path), 0)
	w.check(err)
	w.epoch = 0
}

// The remainder of a log that a clean close has removed continues the parent. After it comes
// the database as it is now, on a new timeline.
func TestRemainder(t *testing.T) {
	for name, later := range map[string]func(w *watched){
		"closed":                       func(*watched) {},
		"open":                         func(w *watched) { w.open() },
		"open, with other commits":     func(w *watched) { w.open(); w.commit() },
		"open, with the same commits":  func(w *watched) { w.open(); w.commit(); w.commit() },
		"open, and seen":               func(w *watched) { w.open(); w.commit(); w.look(); w.commit() },
		"closed for the second time":   func(w *watched) { w.open(); w.commit(); w.look(); w.close() },
		"the folder is another one's":  func(w *watched) { w.open(); w.epoch = 70; w.commit() },
		"not an image any more":        func(w *watched) { w.check(os.WriteFile(w.path, []byte("torn"), 0o600)) },
		"closed by a native backup":    func(w *watched) { w.open(); w.check(w.log05.Rotate()); w.commit() },
		"spilled, and then it is gone": func(w *watched) { w.spill(vectorsName, vectors(1, 2)); w.check(os.RemoveAll(grafeo.SpillDir(w.path))) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWatched(t)
			w.commit()
			w.look()
			w.commit()
			w.close()
			later(w)
			before := w.parent
			s := w.backup()
			mustBe(t, s, summary{manifest.Incremental, true, 3, 4, 2, 2, 1, true})
			if !s.Remainder || s.Database() != before.Database || s.Why != "" {
				t.Errorf("remainder: %v, of %+v, %s", s.Remainder, s.Database(), s.Why)
			}
			if s.ReadFrom.IsZero() || s.ReadUntil.Before(s.ReadFrom) {
				t.Errorf("it was read from %s to %s", s.ReadFrom, s.ReadUntil)
			}
			if name == "not an image any more" {
				return
			}
			s = w.backup()
			if s.Remainder || s.Kind != manifest.Full || s.Continues {
				t.Errorf("after it: remainder %v, kind %s, continues %v", s.Remainder, s.Kind, s.Continues)
			}
			if w.logs.RemovedBytes() != 0 {
				t.Error("the removed log is still open")
			}
			if s := w.look(); !s.IsNothing() {
				t.Errorf("there is more: %+v", summaryOf(s))
			}
		})
	}
}

// A log that is removed while the database is looked at is found at once: here another
// database takes the place of this one.
func TestRemovedMeanwhile(t *testing.T) {
	w := newWatched(t)
	w.commit()
	w.look()
	w.check(grafeotest.Image05(w.path, grafeotest.Image05Options{Created: w.now.Add(time.Hour), Iteration: 1, Sections: []int64{3000}}))
	q := w.query()
	q.Knows = func(context.Context, string) (bool, error) {
		w.check(os.RemoveAll(grafeo.LogDir(w.path)))
		return true, nil
	}
	s, err := q.Look(t.Context())
	w.check(err)
	if !s.Remainder || s.Commits != 1 {
		t.Errorf("%+v", summaryOf(s))
	}
}

// What a log has that is not the parent's is no remainder, however it looks.
func TestNoRemainder(t *testing.T) {
	for name, happens := range map[string]func(w *watched){
		"nothing new": func(w *watched) { w.close() },
		"a backup of somebody else since": func(w *watched) {
			w.commit()
			w.parent = backup(w.database.capture(w.parent))
			w.close()
		},
		"another log of the same commits": func(w *watched) {
			w.commit()
			w.look()
			w.parent.Position.Commit.FileID = "another file"
			w.parent.Database.HeadersCRC32C++
			w.close()
		},
		"another history": func(w *watched) {
			w.commit()
			w.look()
			w.parent.Position.Commit.CRC32C++
			w.close()
		},
		"a parent without a commit": func(w *watched) {
			w.commit()
			w.look()
			w.parent.Position.Commit = nil
			w.close()
		},
		"a parent with an image of its own": func(w *watched) {
			w.commit()
			w.look()
			w.parent.Imported = &manifest.Imported{File: "backup_full_0000.grafeo"}
			w.close()
		},
		"rot": func(w *watched) {
			w.commit()
			w.look()
			f, err := os.OpenFile(w.log05.Path(), os.O_WRONLY, 0)
			w.check(err)
			_, err = f.WriteAt([]byte("rotten"), w.parent.Position.Commit.Start+20)
			w.check(errors.Join(err, f.Close()))
			w.close()
		},
		"cut off": func(w *watched) {
			w.commit()
			w.look()
			w.check(os.Truncate(w.log05.Path(), w.parent.Position.Commit.End-1))
			w.close()
		},
		"new spilled vectors": func(w *watched) {
			w.commit()
			w.look()
			w.close()
			w.spill(vectorsName, vectors(1, 2))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWatched(t)
			happens(w)
			s := w.captureWith(w.query())
			if s.Remainder || s.Kind != manifest.Full {
				t.Errorf("remainder %v: %+v", s.Remainder, summaryOf(s))
			}
			if w.logs.RemovedBytes() != 0 {
				t.Error("the removed log is still open")
			}
		})
	}
}

// A torn tail, and what was not committed, are no part of a remainder; what a clean close
// commits without an epoch is.
func TestEndOfRemainder(t *testing.T) {
	for name, c := range map[string]struct {
		tail    []byte
		commits int64
		leftOut bool
	}{
		"torn":         {grafeotest.AppendFrame05(nil, []byte("\x00 a record"))[:7], 1, true},
		"uncommitted":  {grafeotest.AppendFrame05(nil, []byte("\x00 a record")), 1, true},
		"direct calls": {grafeotest.AppendFrame05(grafeotest.AppendFrame05(nil, []byte("\x00 a record")), []byte("\x23\x09")), 2, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWatched(t)
			w.commit()
			_, err := w.log05.Write(c.tail)
			w.check(err)
			w.look()
			w.close()
			s := w.backup()
			mustBe(t, s, summary{manifest.Incremental, true, 3, 2 + uint64(c.commits), c.commits, int(c.commits), 1, true})
			if !s.Remainder || (s.LeftOut > 0) != c.leftOut {
				t.Errorf("remainder %v, without %d bytes", s.Remainder, s.LeftOut)
			}
		})
	}
}

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

// A remainder goes over several files.
func TestRemainderOfSeveralFiles(t *testing.T) {
	w := newWatched(t)
	w.commit()
	w.check(w.log05.Rotate())
	w.commit()
	w.look()
	w.commit()
	w.close()
	mustBe(t, w.backup(), summary{manifest.Incremental, true, 3, 5, 3, 3, 2, true})
}

// A file that shrinks after it was scanned is damage.
func TestRemainderThatShrinks(t *testing.T) {
	w := newWatched(t)
	w.commit()
	w.look()
	other := filepath.Join(t.TempDir(), "link")
	w.check(os.Link(w.log05.Path(), other))
	w.close()
	s := w.look()
	w.check(os.Truncate(other, w.parent.Position.Commit.End+5))
	f := s.Files[0]
	err := f.Read(make([]byte, f.Bytes-f.From), f.From)
	if !errors.Is(err, grafeo.ErrDamaged) || !strings.Contains(err.Error(), "ends here") {
		t.Errorf("%v", err)
	}
}
