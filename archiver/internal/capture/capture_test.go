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
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/archiver/segment"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// A full source is followed by incremental ones, as long as the log continues.
func TestFullThenIncremental(t *testing.T) {
	for _, generation := range []grafeo.Generation{grafeo.Gen05, grafeo.Gen06} {
		t.Run(string(generation), func(t *testing.T) {
			d := newDatabase(t, generation)
			s := d.capture(nil)
			mustBe(t, s, summary{manifest.Full, false, 0, 2, 2, 2, 2, false})
			if s.Why != "it is the first one" {
				t.Errorf("it is a full one because %s", s.Why)
			}
			if s.ReadFrom.IsZero() || s.ReadUntil.Before(s.ReadFrom) || s.Database().Name != "people.grafeo" {
				t.Errorf("it was read from %s to %s", s.ReadFrom, s.ReadUntil)
			}
			parent := backup(s)
			mustBe(t, d.capture(parent), summary{manifest.Incremental, true, 2, 2, 0, 0, 0, false})
			d.commit()
			d.commit()
			s = d.capture(parent)
			mustBe(t, s, summary{manifest.Incremental, true, 3, 4, 2, 2, 1, true})
			if f := s.Files[0]; s.Bytes() != f.Bytes-f.From {
				t.Errorf("it has %d bytes, from %d to %d of %s", s.Bytes(), f.From, f.Bytes, f.Name)
			}
			parent = backup(s)
			d.commit()
			mustBe(t, d.capture(parent), summary{manifest.Incremental, true, 5, 5, 1, 1, 1, true})
			q := d.query(parent)
			q.Full = true
			if s, err := q.Capture(t.Context()); err != nil || s.Kind != manifest.Full || s.Why != "it was asked for" || !s.Continues {
				t.Errorf("asked for a full one: %+v, %v", s, err)
			}
		})
	}
}

// What does not continue the parent, or is not all in the log, makes a full source, which
// says why.
func TestNotContinued(t *testing.T) {
	replaceLog := func(d *database) { // by one with other commits, as long as the old one
		d.check(os.RemoveAll(grafeo.LogDir(d.path)))
		other := newDatabase(d.t, d.generation())
		other.epoch = 100
		d.check(os.RemoveAll(grafeo.LogDir(other.path)))
		d.log05, d.log06 = other.log05, other.log06
		var err error
		if d.log05 != nil {
			d.log05, err = grafeotest.NewLog05(grafeo.LogDir(d.path), 0)
		} else {
			d.log06, err = grafeotest.NewLog06(grafeo.LogDir(d.path), [16]byte{}, 0)
		}
		d.check(err)
		d.epoch = 0
		d.now = d.now.Add(time.Hour)
		for d.epoch < 4 {
			d.epoch += 2 // as commits of other epochs have other bytes
			d.commit()
		}
	}
	for _, c := range []struct {
		name       string
		generation grafeo.Generation
		happens    func(d *database)
		why        string
		continues  bool
	}{
		{"another history", grafeo.Gen06, replaceLog, "the history has forked", false},
		{"another history", grafeo.Gen05, replaceLog, "the history has forked", false},
		{"no log", grafeo.Gen06, func(d *database) { d.check(os.RemoveAll(grafeo.LogDir(d.path))) }, "is gone", false},
		{"no log", grafeo.Gen05, func(d *database) { d.check(os.RemoveAll(grafeo.LogDir(d.path))) }, "is gone", false},
		{"a checkpoint", grafeo.Gen05, func(d *database) { d.image(0) }, "wrote a checkpoint", true},
		{"an image that is ahead of the log", grafeo.Gen06, func(d *database) { d.image(d.log06.LSN() + 1000) }, "the log ends at position", false},
		{"an image without a log", grafeo.Gen06, func(d *database) { d.image(0) }, "runs without its log", false},
		{"new spilled vectors", grafeo.Gen06, func(d *database) { d.spill(vectorsName, vectors(1, 2)) }, "is new", true},
	} {
		t.Run(string(c.generation)+"/"+c.name, func(t *testing.T) {
			d := newDatabase(t, c.generation)
			if c.generation == grafeo.Gen05 && disk.Identity(d.path) == "" {
				t.Skip("the file system cannot tell files apart")
			}
			parent := backup(d.capture(nil))
			c.happens(d)
			s, err := d.query(parent).Look(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if s.Kind != manifest.Full || !strings.Contains(s.Why, c.why) || s.Continues != c.continues {
				t.Errorf("it is a %s source, which continues the parent: %v; %s", s.Kind, s.Continues, s.Why)
			}
		})
	}
}

// A backup of 0.5 may be made between a TransactionCommit and its EpochAdvance. Its history
// goes on with whatever comes next, an incremental source or a full one.
func TestParentBetweenCommitAndEpoch(t *testing.T) {
	for _, parentKind := range []manifest.Kind{manifest.Full, manifest.Incremental} {
		for name, c := range map[string]struct {
			happens func(d *database, q *Query)
			kind    manifest.Kind
			commits int64
		}{
			"incremental":    {func(*database, *Query) {}, manifest.Incremental, 2},
			"asked for":      {func(_ *database, q *Query) { q.Full = true }, manifest.Full, 4},
			"a checkpoint":   {func(d *database, _ *Query) { d.image(0) }, manifest.Full, 4},
			"and two files":  {func(d *database, q *Query) { q.Full = true; d.check(d.log05.Rotate()); d.commit() }, manifest.Full, 5},
			"and new epochs": {func(d *database, _ *Query) { d.image(0); d.commit() }, manifest.Full, 5},
		} {
			t.Run(string(parentKind)+"/"+name, func(t *testing.T) {
				d := newDatabase(t, grafeo.Gen05)
				if disk.Identity(d.path) == "" {
					t.Skip("the file system cannot tell files apart")
				}
				first := backup(d.capture(nil))
				d.epoch++
				whole := grafeotest.AppendCommit05(nil, 9, d.epoch, []byte("\x00 a record"))
				epoch := grafeotest.AppendFrame05(nil, grafeotest.AppendVarint([]byte{0x26}, d.epoch))
				_, err := d.log05.Write(whole[:len(whole)-len(epoch)])
				d.check(err)
				parent := backup(d.capture(nil))
				if parentKind == manifest.Incremental {
					parent = backup(d.capture(first))
				}
				if parent.Kind != parentKind || parent.EndEpoch != d.epoch {
					t.Fatalf("the parent is %s and ends at epoch %d, want %s and %d", parent.Kind, parent.EndEpoch, parentKind, d.epoch)
				}
				_, err = d.log05.Write(epoch)
				d.check(err)
				d.commit()
				q := d.query(parent)
				c.happens(d, q)
				s, err := q.Look(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if s.Kind != c.kind || !s.Continues || s.EndEpoch != d.epoch || s.Commits != c.commits {
					t.Errorf("it is a %s source of %d commits up to epoch %d, which continues the parent: %v; %s",
						s.Kind, s.Commits, s.EndEpoch, s.Continues, s.Why)
				}
			})
		}
	}
}

func (d *database) generation() grafeo.Generation {
	if d.log05 != nil {
		return grafeo.Gen05
	}
	return grafeo.Gen06
}

// After a clean close nothing of the log is left. If it was held ever since, what is there
// must come from the parent's end.
func TestParentWithoutACommit(t *testing.T) {
	d := newDatabase(t, grafeo.Gen06)
	end := d.log06.LSN()
	d.check(d.log06.Close())
	d.image(end)
	d.check(os.RemoveAll(grafeo.LogDir(d.path)))
	parent := backup(d.capture(nil))
	if parent.Position.Commit != nil {
		t.Fatalf("the parent ends at %+v", parent.Position)
	}
	var err error
	d.log06, err = grafeotest.NewLog06(grafeo.LogDir(d.path), [16]byte{}, end)
	d.check(err)
	d.commit()
	d.image(d.log06.LSN())
	for _, held := range []bool{true, false} {
		q := d.query(parent)
		q.Held = held
		s, err := q.Look(t.Context())
		if err != nil || (s.Kind == manifest.Incremental) != held {
			t.Errorf("held %v: %+v, %v", held, s, err)
		}
	}
}

// Another database is refused, unless the archive may continue with it.
func TestSuccession(t *testing.T) {
	d := newDatabase(t, grafeo.Gen06)
	parent := backup(d.capture(nil))
	parent.Database.ID = "ffffffffffffffffffffffffffffffff"
	if err := CheckDatabase(d.capture(nil).Image, nil); err != nil {
		t.Errorf("without a parent: %v", err)
	}
	_, err := d.query(parent).Capture(t.Context())
	if e, ok := errors.AsType[*OtherDatabaseError](err); !ok || e.ID != parent.Database.ID || e.This != grafeotest.DefaultID {
		t.Errorf("another database: %v", err)
	}
	q := d.query(parent)
	q.Knows = func(_ context.Context, id string) (bool, error) { return id == grafeotest.DefaultID, nil }
	if s, err := q.Capture(t.Context()); err != nil || s.Continues || !strings.Contains(s.Why, "another of the archive's databases") {
		t.Errorf("a known database: %+v, %v", s, err)
	}
	q = d.query(parent)
	q.NewDatabase = true
	if s, err := q.Capture(t.Context()); err != nil || s.Continues || !strings.Contains(s.Why, "successor") {
		t.Errorf("a new database: %+v, %v", s, err)
	}
	failed := errors.New("no store")
	q.Knows = func(context.Context, string) (bool, error) { return false, failed }
	if _, err := q.Capture(t.Context()); !errors.Is(err, failed) {
		t.Errorf("an archive that cannot be asked: %v", err)
	}
}

// An upgrade to 0.6 gives a database a new id. The old one beside it shows that it is one.
func TestUpgrade(t *testing.T) {
	old := newDatabase(t, grafeo.Gen05)
	parent := backup(old.capture(nil))
	d := newDatabase(t, grafeo.Gen06)
	_, err := d.query(parent).Capture(t.Context())
	e, ok := errors.AsType[*MaybeUpgradedError](err)
	if !ok || e.Old != grafeo.PreUpgrade(d.path) || !strings.Contains(err.Error(), "is not there") {
		t.Errorf("without the old database: %v", err)
	}
	d.check(os.Rename(old.path, grafeo.PreUpgrade(d.path)))
	if s, err := d.query(parent).Capture(t.Context()); err != nil || s.Continues || !strings.Contains(s.Why, "upgraded") {
		t.Errorf("with the old database: %+v, %v", s, err)
	}
	parent.Database.ID = "ffffffffffffffffffffffffffffffff"
	_, err = d.query(parent).Capture(t.Context())
	if _, ok := errors.AsType[*OtherDatabaseError](err); !ok || !strings.Contains(err.Error(), grafeo.PreUpgrade(d.path)+" is ") {
		t.Errorf("with another old database: %v", err)
	}
}

// The log may still have the end of the parent although the image is newer: then no epoch
// between the two is lost.
func TestFullSourceTakesTheLogFromItsParentOn(t *testing.T) {
	d := newDatabase(t, grafeo.Gen06)
	parent := backup(d.capture(nil))
	d.commit()
	d.check(d.log06.Rotate())
	d.image(d.log06.LSN())
	d.commit()
	q := d.query(parent)
	q.Full = true
	s, err := q.Capture(t.Context())
	d.check(err)
	mustBe(t, s, summary{manifest.Full, true, 3, 4, 4, 4, 3, false})
	if from := KnownFrom(s.CommitTimes, s.Image); from == nil || !from.Equal(s.Image.Time) {
		t.Errorf("it is known from %v", from)
	}
}

// Only what goes into segments makes their folder.
func TestFolder(t *testing.T) {
	d := newDatabase(t, grafeo.Gen06)
	s := d.capture(nil)
	folder := s.Folder(1<<20, segment.DefaultLevel)
	if again := d.capture(nil).Folder(1<<20, segment.DefaultLevel); again != folder {
		t.Errorf("the same image is in %s and in %s", folder, again)
	}
	if other := s.Folder(2<<20, segment.DefaultLevel); other == folder {
		t.Error("segments of another size are in the same folder")
	}
	parent := backup(s)
	d.commit()
	if other := d.capture(parent).Folder(1<<20, segment.DefaultLevel); other == folder {
		t.Error("an incremental source is in the folder of a full one")
	}
}

// Free spans of an image are zeros, whatever the file has there.
func TestReadOfFreeSpans(t *testing.T) {
	path := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(path, []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := File{Path: path, Bytes: 10, free: []grafeo.Span{{Offset: 2, Length: 3}, {Offset: 7, Length: 1}}}
	for offset := range int64(10) {
		for end := offset + 1; end <= 10; end++ {
			p := make([]byte, end-offset)
			if err := f.Read(p, offset); err != nil {
				t.Fatal(err)
			}
			if want := "01\x00\x00\x0056\x0089"[offset:end]; string(p) != want {
				t.Errorf("from %d to %d: %q, want %q", offset, end, p, want)
			}
		}
	}
	if err := f.Read(make([]byte, 5), 8); !errors.Is(err, grafeo.ErrDamaged) {
		t.Errorf("a file that ends early: %v", err)
	}
}
