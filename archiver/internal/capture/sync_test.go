package capture

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// sync writes a sync mark, as Grafeo does after a commit that it has waited for.
func (d *database) sync() {
	d.t.Helper()
	d.check(d.log06.Append(grafeotest.Group06{SyncMark: true, Synced: d.log06.LSN()}))
}

// synced makes a database each of whose commits is followed by a sync mark.
func synced(t *testing.T, commits int) *database {
	t.Helper()
	d := newDatabase(t, grafeo.Gen06)
	d.sync()
	for range commits {
		d.commit()
		d.sync()
	}
	return d
}

// goBack begins the log of d anew, without its last commit, and later makes another one in its place,
// as after a restore to the past.
func (d *database) goBack(later time.Duration) {
	d.t.Helper()
	d.check(os.RemoveAll(grafeo.LogDir(d.path)))
	var err error
	d.log06, err = grafeotest.NewLog06(grafeo.LogDir(d.path), [16]byte{}, 0)
	d.check(err)
	last := d.epoch
	d.epoch, d.now = 0, time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)
	d.commit()
	for d.epoch < last-1 {
		d.commit()
		d.sync()
	}
	d.now = d.now.Add(later)
	d.commit()
	d.sync()
}

// Two histories have the same sync mark at the same place, if their commits are as long. That is no
// reason to take one for the other, neither when nothing else is new nor when more is.
func TestSyncMarkOfAnotherHistory(t *testing.T) {
	for name, parentOf := range map[string]func(d *database) *manifest.Committed{
		"full": func(d *database) *manifest.Committed { return backup(d.capture(nil)) },
		"incremental": func(d *database) *manifest.Committed {
			p := backup(d.capture(nil))
			d.commit()
			d.sync()
			return backup(d.capture(p))
		},
		"full without a log": func(d *database) *manifest.Committed {
			d.image(d.log06.LSN())
			p := backup(d.capture(nil))
			d.image(0)
			return p
		},
	} {
		for _, skips := range []bool{false, true} {
			for more := range 2 {
				d := synced(t, 2)
				parent, places := parentOf(d), &Places{}
				at := d.log06.LSN()
				look := func() *Source {
					t.Helper()
					q := d.query(parent)
					q.Skips, q.Places = skips, places
					s, err := q.Look(t.Context())
					d.check(err)
					return s
				}
				if name != "full without a log" {
					if s := look(); s.Kind != manifest.Incremental || s.Commits != 0 {
						t.Errorf("%s: of its own history, it is a %s source of %d commits: %s", name, s.Kind, s.Commits, s.Why)
					}
				}
				d.goBack(time.Minute)
				if d.log06.LSN() != at {
					t.Fatalf("%s: the other history ends at %d and not at %d", name, d.log06.LSN(), at)
				}
				for range more {
					d.commit()
					d.sync()
				}
				if s := look(); s.Kind != manifest.Full || s.Continues {
					t.Errorf("%s, %d more: it is a %s source, which continues the parent: %v", name, more, s.Kind, s.Continues)
				}
			}
		}
	}
}

// Who knows where the commit before a sync mark is reads the log from there on, and reads it from its
// beginning otherwise: from one increment to the next, and when several looks come between two.
func TestSyncMarkIsFoundAgain(t *testing.T) {
	d := synced(t, 3)
	first := d.log06.LSN()
	for range 20 {
		d.commit()
		d.sync()
	}
	places, parent := &Places{}, backup(d.capture(nil))
	look := func() (*Source, error) {
		q := d.query(parent)
		q.Skips, q.Places = true, places
		return q.Look(t.Context())
	}
	if _, err := look(); err != nil {
		t.Fatal(err)
	}
	d.damage(int64(first) / 2)
	for i := range 10 {
		d.commit()
		d.sync()
		if i%3 == 0 {
			if _, err := look(); err != nil {
				t.Fatalf("a look at %d: %v", i, err)
			}
			d.commit()
			d.sync()
		}
		s, err := look()
		if err != nil || s.Kind != manifest.Incremental || s.Commits == 0 {
			t.Fatalf("increment %d: %+v, %v", i, s, err)
		}
		parent = backup(s)
	}
	places = nil
	if _, err := look(); !errors.Is(err, grafeo.ErrDamaged) {
		t.Errorf("the log was not read from its beginning: %v", err)
	}
}

// A sync mark may be the first in a file of the log: the commit before it is in the file before.
func TestSyncMarkThatBeginsAFile(t *testing.T) {
	for _, later := range []time.Duration{0, time.Minute} {
		d := newDatabase(t, grafeo.Gen06)
		end := func() {
			d.commit()
			d.check(d.log06.Rotate())
			d.sync()
		}
		end()
		parent := backup(d.capture(nil))
		d.check(os.RemoveAll(grafeo.LogDir(d.path)))
		var err error
		d.log06, err = grafeotest.NewLog06(grafeo.LogDir(d.path), [16]byte{}, 0)
		d.check(err)
		d.epoch, d.now = 0, time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)
		d.commit()
		d.commit()
		d.now = d.now.Add(later)
		end()
		s, err := d.query(parent).Look(t.Context())
		if err != nil || (s.Kind == manifest.Incremental) != (later == 0) {
			t.Errorf("%s later: a %s source, %v", later, s.Kind, err)
		}
	}
}

// damage flips a bit of the first file of the log.
func (d *database) damage(offset int64) {
	d.t.Helper()
	names, err := filepath.Glob(filepath.Join(grafeo.LogDir(d.path), "*"))
	d.check(err)
	b, err := os.ReadFile(names[0])
	d.check(err)
	b[offset] ^= 1
	d.check(os.WriteFile(names[0], b, 0o600))
}

// A clock that was set back before a checkpoint gives the image a time before that of the commits in it. As
// long as the image is the same one, that makes no other history of the log.
func TestSyncMarkAfterClockWasSetBack(t *testing.T) {
	d := synced(t, 2)
	d.now = d.now.Add(-time.Minute)
	d.image(d.log06.LSN())
	parent := backup(d.capture(nil))
	for _, commits := range []int64{0, 1} {
		for range commits {
			d.commit()
			d.sync()
		}
		s, err := d.query(parent).Look(t.Context())
		if err != nil || s.Kind != manifest.Incremental || s.Commits != commits {
			t.Errorf("%d commits more: a %s source of %d commits, %v: %s", commits, s.Kind, s.Commits, err, s.Why)
		}
	}
}
