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
