package openlog

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// scene is a made database of 0.5 and its open log files.
type scene struct {
	t     *testing.T
	path  string
	image uint64 // how many there were
	log   *grafeotest.Log05
	epoch uint64
	files Files
}

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{t: t, path: filepath.Join(t.TempDir(), "people.grafeo")}
	if !disk.CanRemoveOpen(filepath.Dir(s.path)) {
		t.Skip("no file is kept open on this file system")
	}
	t.Cleanup(s.files.Close)
	s.checkpoint()
	return s
}

func (s *scene) check(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) checkpoint() {
	s.t.Helper()
	s.image++
	s.check(grafeotest.Image05(s.path, grafeotest.Image05Options{Iteration: s.image, Sections: []int64{3000}, Seed: s.image}))
}

func (s *scene) open() {
	s.t.Helper()
	var err error
	s.log, err = grafeotest.NewLog05(grafeo.LogBeside(s.path), 0)
	s.check(err)
	s.epoch = 0
}

func (s *scene) commit() {
	s.t.Helper()
	s.epoch++
	s.check(s.log.Append(s.epoch, 100, s.epoch))
}

// close is a clean close.
func (s *scene) close() {
	s.t.Helper()
	s.checkpoint()
	s.check(s.log.Close())
	s.check(os.RemoveAll(grafeo.LogBeside(s.path)))
}

func (s *scene) look() *Log {
	s.t.Helper()
	s.check(s.files.Look(s.path))
	r, err := s.files.Removed()
	s.check(err)
	return r
}

func (s *scene) drop() {
	s.t.Helper()
	r, err := s.files.Removed()
	s.check(err)
	s.files.Drop(r)
}

// mustHave checks which epochs a removed log has.
func (s *scene) mustHave(r *Log, want ...uint64) {
	s.t.Helper()
	if r == nil {
		s.t.Fatal("nothing was removed")
	}
	var got []uint64
	_, err := r.Files.Scan(grafeo.ScanOptions{Visit: func(c grafeo.Commit) error {
		got = append(got, c.Epoch)
		return nil
	}})
	s.check(err)
	if !slices.Equal(got, want) {
		s.t.Errorf("the removed log has the epochs %v, want %v", got, want)
	}
}

// A log that was removed can be read to its end, also once the database is open again,
// until it is dropped.
func TestCleanClose(t *testing.T) {
	s := newScene(t)
	s.open()
	s.commit()
	if s.look() != nil {
		t.Fatal("something was removed")
	}
	identity := disk.Identity(s.log.Path())
	s.commit()
	s.close()
	r := s.look()
	s.mustHave(r, 1, 2)
	if !r.Whole || r.Seen.IsZero() || r.Identities["wal_00000000.log"] != identity {
		t.Errorf("%+v", r)
	}
	if s.files.RemovedBytes() == 0 {
		t.Error("what was removed takes up no space")
	}
	s.open()
	s.commit()
	s.mustHave(s.look(), 1, 2)
	s.drop()
	if s.look() != nil || s.files.RemovedBytes() != 0 {
		t.Error("it is still there after it was dropped")
	}
	s.commit()
	s.close()
	s.mustHave(s.look(), 1, 2)
}

// Of several logs that have ended, the oldest stays: it is what continues the archive.
func TestSeveralCloses(t *testing.T) {
	s := newScene(t)
	for n := range 3 {
		s.open()
		for range n + 1 {
			s.commit()
		}
		s.look()
		s.close()
		s.mustHave(s.look(), 1)
	}
	s.drop()
	if r := s.look(); r != nil {
		t.Errorf("there is another one: %+v", r)
	}
}

// A log of several files is read as one, whether the database has removed all of them or the
// oldest ones. Those that the archive has are closed.
func TestSeveralFiles(t *testing.T) {
	s := newScene(t)
	s.open()
	s.commit()
	s.look()
	s.check(s.log.Rotate())
	s.commit()
	s.look()
	s.check(s.log.Rotate())
	s.commit()
	s.look()
	s.check(os.Remove(filepath.Join(grafeo.LogBeside(s.path), "wal_00000000.log")))
	s.mustHave(s.look(), 1, 2, 3)
	s.drop()
	if s.look() != nil {
		t.Error("what was dropped is back")
	}
	s.commit()
	s.files.DropBefore(2)
	s.close()
	r := s.look()
	s.mustHave(r, 3, 4)
	if r.Whole {
		t.Error("it is whole without its first file")
	}
}

// What is dropped is what was seen to be removed, whatever has happened since.
func TestDropWhatWasSeen(t *testing.T) {
	s := newScene(t)
	s.open()
	s.commit()
	s.look()
	s.check(s.log.Rotate())
	s.commit()
	s.look()
	s.check(os.Remove(filepath.Join(grafeo.LogBeside(s.path), "wal_00000000.log")))
	r := s.look()
	s.commit()
	s.close()
	ended, err := s.files.Again()
	if s.check(err); !ended {
		t.Error("a closed database does not show")
	}
	s.files.Drop(r)
	s.mustHave(s.look(), 2, 3)
}

// A database may be looked at again at any time.
func TestAgainBesideOthers(t *testing.T) {
	s := newScene(t)
	s.look()
	done := make(chan error)
	go func() {
		for range 200 {
			if _, err := s.files.Again(); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for range 20 {
		s.open()
		s.commit()
		s.look()
		s.close()
		if r := s.look(); r != nil {
			s.mustHave(r, 1)
			s.files.Drop(r)
		}
	}
	s.check(<-done)
}

// Only a few files are open.
func TestFewFiles(t *testing.T) {
	s := newScene(t)
	s.open()
	for range 2 * maxFiles {
		s.commit()
		s.check(s.log.Rotate())
		s.look()
	}
	if n := len(s.files.current.files); n != maxFiles {
		t.Errorf("%d files are open", n)
	}
	s.files.DropBefore(maxFiles - 1)
	s.look()
	if n := len(s.files.current.files); n != maxFiles {
		t.Errorf("%d files are open", n)
	}
}

// It is known on which image a log began if the database was seen before its first commit,
// and if nothing has written an image since.
func TestImageOnWhichALogBegan(t *testing.T) {
	for name, c := range map[string]struct {
		play  func(s *scene)
		known bool
	}{
		"closed before":      {func(s *scene) { s.look(); s.open(); s.commit() }, true},
		"an empty log":       {func(s *scene) { s.open(); s.look(); s.commit() }, true},
		"closed, then empty": {func(s *scene) { s.look(); s.open(); s.look(); s.commit() }, true},
		"only with commits":  {func(s *scene) { s.open(); s.commit() }, false},
		"another log before it": {func(s *scene) {
			s.look()
			s.open()
			s.commit()
			s.close()
			s.open()
			s.commit()
		}, false},
		"a checkpoint before":     {func(s *scene) { s.look(); s.open(); s.commit(); s.checkpoint() }, false},
		"while it is closed":      {func(s *scene) { s.open(); s.commit(); s.checkpoint() }, false},
		"with commits, then more": {func(s *scene) { s.open(); s.commit(); s.look(); s.checkpoint(); s.look() }, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			before := headers(s.path)
			c.play(s)
			s.look()
			image := headers(s.path)
			s.close()
			r := s.look()
			if r == nil || r.Image != image {
				t.Fatalf("%+v, want image %08x", r, image)
			}
			if want := map[bool]uint32{true: before}[c.known]; r.Began != want {
				t.Errorf("it began on the image %08x, want %08x", r.Began, want)
			}
		})
	}
}

// Nothing is opened of a database of 0.6, of a directory, and of what is no database; and
// nil opens nothing.
func TestNothingIsOpened(t *testing.T) {
	dir := t.TempDir()
	of06 := filepath.Join(dir, "new.grafeo")
	log, err := grafeotest.NewLog06(grafeo.LogBeside(of06), [16]byte{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	directory := filepath.Join(dir, "people.db")
	log05, err := grafeotest.NewLog05(filepath.Join(directory, grafeo.DirectoryLog), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log05.Close() }()
	for _, path := range []string{of06, directory, filepath.Join(dir, "missing")} {
		var f Files
		if err := f.Look(path); err != nil || f.current != nil {
			t.Errorf("%s: %+v, %v", path, f.current, err)
		}
	}
	var none *Files
	if err := none.Look(of06); err != nil {
		t.Fatal(err)
	}
	if r, err := none.Removed(); r != nil || err != nil {
		t.Errorf("%+v, %v", r, err)
	}
	none.Drop(nil)
	none.DropBefore(1)
	if none.RemovedBytes() != 0 {
		t.Error("something was removed")
	}
	none.Close()
}
