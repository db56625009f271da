package hold

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
	"github.com/gbak-s3/gbak-s3/archiver/internal/locate"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

const archiveOne, archiveTwo = "11111111111111111111111111111111", "22222222222222222222222222222222"

// newDatabase makes a database of 0.6 whose log has several segments, and returns its path
// and the positions at which they begin.
func newDatabase(t *testing.T) (path string, segments []uint64) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "people.grafeo")
	if err := grafeotest.Image06(path, grafeotest.Image06Options{}); err != nil {
		t.Fatal(err)
	}
	log, err := grafeotest.NewLog06(grafeo.LogDir(path), [16]byte{}, 0)
	for epoch := uint64(1); err == nil && epoch <= 4; epoch++ {
		segments = append(segments, log.LSN())
		err = log.Append(grafeotest.Group06{Epoch: epoch, Transaction: epoch, Records: make([]byte, 100)})
		if err == nil && epoch < 4 {
			err = log.Rotate()
		}
	}
	if err = errors.Join(err, log.Close()); err != nil {
		t.Fatal(err)
	}
	return path, segments
}

func holder(name string) Holder {
	return Holder{Disk: disk.OS{}, Name: name, Log: slog.New(slog.DiscardHandler)}
}

// backupAt returns a backup that ends in the log segment that begins at a position.
func backupAt(seq manifest.Seq, segment uint64) *manifest.Committed {
	return &manifest.Committed{Manifest: &manifest.Manifest{
		Seq: seq, EndEpoch: uint64(seq), CommitID: string(rune('a' + seq)),
		Position: manifest.Position{Commit: &manifest.Commit{StartFile: segment}},
	}}
}

// entries returns what is in the cursor of the database at path, but for times.
func entries(t *testing.T, path string) []Entry {
	t.Helper()
	list, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range list {
		list[i].UpdatedAt = time.Time{}
	}
	return list
}

// keptFrom returns the position from which on the database keeps its log.
func keptFrom(t *testing.T, path string) uint64 {
	t.Helper()
	b, err := os.ReadFile(grafeo.CursorPath(path))
	if err != nil {
		t.Fatal(err)
	}
	c, err := grafeo.DecodeCursor(b, grafeo.CursorName)
	if err != nil || c.WALLSN == nil {
		t.Fatalf("%+v, %v", c, err)
	}
	return *c.WALLSN
}

func TestSessions(t *testing.T) {
	path, segments := newDatabase(t)
	ctx, one := t.Context(), holder("one")
	first := one.Begin(ctx, path, archiveOne, false)
	if first == nil || !first.Began || first.Foreign || first.IsHeldSince(nil) {
		t.Fatalf("the first session is %+v", first)
	}
	if diff := cmp.Diff([]Entry{{ArchiveID: archiveOne, Name: "one"}}, entries(t, path)); diff != "" {
		t.Errorf("begun: -want +got: %s", diff)
	}
	b := backupAt(1, segments[2])
	if err := first.Advance(ctx, b); err != nil {
		t.Fatal(err)
	}
	want := Entry{ArchiveID: archiveOne, Name: "one", LSN: segments[2], Epoch: 1, Seq: 1, CommitID: b.CommitID, FileID: disk.Identity(path)}
	if diff := cmp.Diff([]Entry{want}, entries(t, path)); diff != "" || keptFrom(t, path) != segments[2] {
		t.Errorf("advanced: the log is kept from %d, -want +got: %s", keptFrom(t, path), diff)
	}

	second := one.Begin(ctx, path, archiveOne, false)
	if second.Began || want.FileID != "" && !second.IsHeldSince(b) || second.IsHeldSince(backupAt(2, 0)) {
		t.Errorf("the second session is %+v", second)
	}
	two := holder("two").Begin(ctx, path, archiveTwo, false)
	if !two.Began || keptFrom(t, path) != 0 {
		t.Errorf("with another archive, the log is kept from %d", keptFrom(t, path))
	}
	two.Undo(ctx)
	if keptFrom(t, path) != segments[2] {
		t.Errorf("the other one failed, and the log is kept from %d", keptFrom(t, path))
	}
	second.Undo(ctx) // has not begun the hold
	if diff := cmp.Diff([]Entry{want}, entries(t, path)); diff != "" {
		t.Errorf("the second one failed: -want +got: %s", diff)
	}

	// Another run has committed more meanwhile.
	if err := second.Advance(ctx, backupAt(0, segments[1])); err != nil || keptFrom(t, path) != segments[2] {
		t.Errorf("moved back by a slower run to %d, %v", keptFrom(t, path), err)
	}
	clean := &manifest.Committed{Manifest: &manifest.Manifest{Seq: 2, CommitID: "x"}}
	if err := second.Advance(ctx, clean); err != nil || keptFrom(t, path) != 0 {
		t.Errorf("after a backup without a commit, the log is kept from %d, %v", keptFrom(t, path), err)
	}
}

// A new archive at the same address takes the place of the old one when it has its first
// backup, not before.
func TestAnotherArchiveAtTheAddress(t *testing.T) {
	path, segments := newDatabase(t)
	ctx := t.Context()
	if err := holder("a").Begin(ctx, path, archiveOne, false).Advance(ctx, backupAt(7, segments[1])); err != nil {
		t.Fatal(err)
	}
	anew := holder("a").Begin(ctx, path, archiveTwo, true)
	if list := entries(t, path); len(list) != 2 {
		t.Errorf("begun: %+v", list)
	}
	if err := anew.Advance(ctx, backupAt(1, segments[3])); err != nil {
		t.Fatal(err)
	}
	if list := entries(t, path); len(list) != 1 || list[0].ArchiveID != archiveTwo || list[0].LSN != segments[3] {
		t.Errorf("committed: %+v", list)
	}
}

// A closed database has no log folder. It gets one for the cursor, which goes with it.
func TestClosedDatabase(t *testing.T) {
	path, _ := newDatabase(t)
	if err := os.RemoveAll(grafeo.LogDir(path)); err != nil {
		t.Fatal(err)
	}
	s := holder("a").Begin(t.Context(), path, archiveOne, false)
	if list := entries(t, path); !s.Began || len(list) != 1 {
		t.Errorf("begun: %+v", list)
	}
	s.Undo(t.Context())
	if names, err := filepath.Glob(path + "*"); err != nil || len(names) != 1 {
		t.Errorf("left are %v, %v", names, err)
	}
}

func TestForeignCursor(t *testing.T) {
	path, segments := newDatabase(t)
	ctx := t.Context()
	foreign := []byte(`{"backed_up_epoch":3,"log_sequence":0,"wal_lsn":77,"timestamp_ms":0}`)
	if err := os.WriteFile(grafeo.CursorPath(path), foreign, 0o600); err != nil {
		t.Fatal(err)
	}
	s := holder("a").Begin(ctx, path, archiveOne, false)
	if s == nil || !s.Foreign {
		t.Fatalf("the session is %+v", s)
	}
	if err := s.Advance(ctx, backupAt(1, segments[1])); err != nil {
		t.Error(err)
	}
	s.Undo(ctx)
	if _, err := Read(path); !errors.Is(err, ErrForeignCursor) {
		t.Errorf("read: %v", err)
	}
	if r, err := Measure(path, time.Now()); err != nil || !r.ForeignCursor || r.LogBytes == 0 || len(r.Holds) > 0 {
		t.Errorf("measured: %+v, %v", r, err)
	}
	if _, _, err := Release(ctx, disk.OS{}, path, func(Entry) bool { return true }); !errors.Is(err, ErrForeignCursor) {
		t.Errorf("released: %v", err)
	}
	if b, err := os.ReadFile(grafeo.CursorPath(path)); err != nil || string(b) != string(foreign) {
		t.Errorf("the cursor is %s, %v", b, err)
	}
	// A crash may leave an empty one.
	if err := os.Truncate(grafeo.CursorPath(path), 0); err != nil {
		t.Fatal(err)
	}
	if list := entries(t, path); len(list) > 0 {
		t.Errorf("an empty cursor has %+v", list)
	}
}

// 0.5 has nothing that holds its log; a session that is nil does nothing.
func TestNothingToHold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "people.grafeo")
	if err := grafeotest.Image05(path, grafeotest.Image05Options{}); err != nil {
		t.Fatal(err)
	}
	s := holder("a").Begin(t.Context(), path, archiveOne, false)
	if s != nil || s.IsHeldSince(backupAt(1, 0)) || s.Advance(t.Context(), backupAt(1, 0)) != nil {
		t.Errorf("the session is %+v", s)
	}
	s.Undo(t.Context())
	if names, err := filepath.Glob(path + "*"); err != nil || len(names) != 1 {
		t.Errorf("there are %v, %v", names, err)
	}
}

// hold makes the database at path keep its log from a segment on, for a backup of some time
// ago.
func hold(t *testing.T, path, name, archiveID string, segment uint64, ago time.Duration) {
	t.Helper()
	s := holder(name).Begin(t.Context(), path, archiveID, false)
	s.now = manifest.Now().Add(-ago)
	if err := s.Advance(t.Context(), backupAt(5, segment)); err != nil {
		t.Fatal(err)
	}
}

// checkpointed makes the database need none of its log itself.
func checkpointed(t *testing.T, path string) {
	t.Helper()
	if err := grafeotest.Image06(path, grafeotest.Image06Options{CheckpointLSN: 1 << 30}); err != nil {
		t.Fatal(err)
	}
}

func TestMeasure(t *testing.T) {
	path, segments := newDatabase(t)
	checkpointed(t, path)
	hold(t, path, "behind", archiveOne, segments[1], 30*24*time.Hour)
	hold(t, path, "ahead", archiveTwo, segments[3], time.Hour)
	now := manifest.Now()
	got, err := Measure(path, now)
	if err != nil {
		t.Fatal(err)
	}
	files, err := grafeo.ListSegments(grafeo.LogDir(path))
	if err != nil || len(files) != 4 {
		t.Fatalf("%+v, %v", files, err)
	}
	last := files[3].Bytes
	want := Report{LogBytes: files[0].Bytes + files[1].Bytes + files[2].Bytes + last, Holds: []Held{
		{Bytes: files[1].Bytes + files[2].Bytes + last, OnlyBytes: files[1].Bytes + files[2].Bytes, Age: 30 * 24 * time.Hour, Abandoned: true},
		{Bytes: last, Age: time.Hour},
	}}
	soon := cmp.Comparer(func(a, b time.Duration) bool { return (a - b).Abs() < time.Minute })
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Held{}, "Entry"), soon); diff != "" {
		t.Errorf("-want +got: %s", diff)
	}
}

func TestLimitOthers(t *testing.T) {
	for _, c := range []struct {
		name                string
		limit               int64
		abandoned, released []string
	}{
		{"no limit", 0, []string{"behind"}, nil},
		{"a limit that is kept", 1 << 20, []string{"behind"}, nil},
		{"a limit", 1, nil, []string{"behind"}},
	} {
		path, segments := newDatabase(t)
		checkpointed(t, path)
		hold(t, path, "behind", archiveOne, segments[1], 30*24*time.Hour)
		hold(t, path, "own", archiveTwo, segments[2], time.Hour)
		hold(t, path, "ahead", "33333333333333333333333333333333", segments[3], time.Hour)
		abandoned, released := holder("own").LimitOthers(t.Context(), path, archiveTwo, c.limit)
		if diff := cmp.Diff([][]string{c.abandoned, c.released}, [][]string{names(abandoned), names(released)}); diff != "" {
			t.Errorf("%s: -want +got: %s", c.name, diff)
		}
		if left := entries(t, path); len(left) != 3-len(c.released) {
			t.Errorf("%s: left are %+v", c.name, left)
		}
	}
}

func names(list []Held) []string {
	var names []string
	for _, h := range list {
		names = append(names, h.Entry.Name)
	}
	return names
}

func TestRelease(t *testing.T) {
	path, segments := newDatabase(t)
	hold(t, path, "one", archiveOne, segments[1], 0)
	hold(t, path, "two", archiveTwo, segments[2], 0)
	for _, c := range []struct {
		name     string
		released bool
		rest     int
	}{{"", false, 2}, {"three", false, 2}, {"one", true, 1}, {archiveTwo, true, 0}, {"two", false, 0}} {
		released, rest, err := Release(t.Context(), disk.OS{}, path, IsNamed(c.name))
		if err != nil || released != c.released || rest != c.rest {
			t.Errorf("%q: released %v, %d left, %v", c.name, released, rest, err)
		}
	}
	if disk.Exists(grafeo.CursorPath(path)) {
		t.Error("there is still a cursor")
	}
	_, _, err := Release(context.Background(), disk.OS{}, path+"2", IsNamed("one"))
	if _, ok := errors.AsType[*locate.MissingError](err); !ok {
		t.Errorf("no database: %v", err)
	}
}

// A database that is read in the middle of a checkpoint holds its log nevertheless.
func TestHoldBesideACheckpoint(t *testing.T) {
	path, _ := newDatabase(t)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for try := range 20 { // the checkpoint below may be late
		if err := os.WriteFile(path, whole[:100], 0o600); err != nil {
			t.Fatal(err)
		}
		ends := make(chan error, 1)
		go func() {
			time.Sleep(tornPause / 2)
			ends <- os.WriteFile(path, whole, 0o600)
		}()
		s := holder("one").Begin(t.Context(), path, archiveOne, false)
		if err := <-ends; err != nil {
			t.Fatal(err)
		}
		if s != nil && s.Began {
			return
		}
		t.Logf("try %d: %+v", try, s)
	}
	t.Error("it holds nothing")
}
