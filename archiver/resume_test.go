package archiver_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk"
	"github.com/gbak-s3/gbak-s3/internal/disk/disktest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// large is an archive of a database whose image is in several segments, with a log
// of two backups.
type large struct {
	t     *testing.T
	model *model
	store *storagetest.Memory
	want  map[string]string
}

func newLarge(t *testing.T) *large {
	t.Helper()
	l := &large{t: t, model: newModel(t), store: storagetest.NewMemory()}
	l.model.check(grafeotest.Image06(l.model.path, grafeotest.Image06Options{Size: 4<<20 + 8192, Iteration: 1, ChunkSize: 128 << 10}))
	l.more()
	l.more()
	return l
}

// more is a commit and a backup of it, which is too large to stand in its manifest.
func (l *large) more() {
	l.t.Helper()
	l.model.commit(manifest.MaxInlineBytes + 5000)
	_, err := newArchive(l.store).Backup(l.t.Context(), l.model.path, archiver.BackupOptions{SegmentBytes: 1 << 20})
	l.model.check(err)
	l.want = wholePart(l.t, l.model.path)
}

// restore restores to a path, from a store of which only so many segments can be
// had; -1 means all. It returns how many it has asked for.
func (l *large) restore(d disk.Disk, path string, has int, opts archiver.RestoreOptions) (archiver.RestoreReport, int, error) {
	var asked atomic.Int64 // small segments are fetched side by side
	store := storagetest.NewFaulty(l.store, func(op storage.Op, key string, _ int) storagetest.Fault {
		if op != storage.OpGet || !strings.HasPrefix(key, "segments/") {
			return storagetest.Fault{}
		}
		if n := asked.Add(1); has >= 0 && n > int64(has) {
			return storagetest.Fault{Err: errBusy}
		}
		return storagetest.Fault{}
	})
	a := newWith(store, archiver.Options{Concurrency: 1}).On(d).JournalAlways()
	r, err := a.Restore(l.t.Context(), path, opts)
	return r, int(asked.Load()), err
}

// is demands that what was restored to path is the newest state, and that nothing
// else is in its folder.
func (l *large) is(path string) {
	l.t.Helper()
	got := contents(l.t, filepath.Dir(path))
	for name, b := range l.want {
		if got[name] != b {
			l.t.Errorf("%s differs", name)
		}
	}
	if len(got) != len(l.want) {
		l.t.Errorf("there are %d files, want %d", len(got), len(l.want))
	}
}

// failed is a restore that has got so many segments, and the folder that it has left.
func (l *large) failed(path string, has int) string {
	l.t.Helper()
	_, _, err := l.restore(disktest.Unsynced{}, path, has, archiver.RestoreOptions{})
	folder := filepath.Join(filepath.Dir(path), ".db.grafeo.gbak-restore")
	mustFail(l.t, err, archiver.CodeStore, "busy", "is kept in "+folder, "remove that folder")
	if _, err := os.Lstat(path); err == nil {
		l.t.Error("there is something at the target")
	}
	if _, err := grafeo.Identify(filepath.Join(folder, "image")); err == nil {
		l.t.Error("what is kept is a database")
	}
	return folder
}

const largeSegments = 6 // 5 of the image, with the log of the full backup, and that of the other one

// What a failed restore has fetched is read back by the next one, which fetches the
// rest; what of it is damaged, or in doubt, is fetched again.
func TestRestoreContinues(t *testing.T) {
	l := newLarge(t)
	for name, c := range map[string]struct {
		change func(folder string)
		asks   int // for segments
	}{
		"as it was":                {func(string) {}, largeSegments - 4},
		"the journal is torn":      {func(f string) { l.cutFile(f+"/journal", -3) }, largeSegments - 3},
		"the journal has garbage":  {func(f string) { l.append(f+"/journal", "\x00\x00\x00\n5 77\n99999 0123456789abcdef\nx") }, largeSegments - 4},
		"the journal is of others": {func(f string) { l.write(f+"/journal", "gbak-s3 restore 2\n") }, largeSegments},
		"the journal is gone":      {func(f string) { l.model.check(os.Remove(f + "/journal")) }, largeSegments},
		"the journal is empty":     {func(f string) { l.write(f+"/journal", "") }, largeSegments},
		"a bit of the image":       {func(f string) { flip(t, f+"/image", 3<<20-100) }, largeSegments - 3},
		"the image is short":       {func(f string) { l.cutFile(f+"/image", -2<<20) }, largeSegments - 2},
		"the image is long":        {func(f string) { l.append(f+"/image", "and more") }, largeSegments - 4},
		"the image is gone":        {func(f string) { l.model.check(os.Remove(f + "/image")) }, largeSegments - 1},
		"it has its first page":    {func(f string) { l.writeAt(f+"/image", "GRAF") }, largeSegments - 4},
		"a mark in the making":     {func(f string) { l.write(f+"/publishing.tmp", "{") }, largeSegments - 4},
		"others beside the log":    {func(f string) { l.write(f+"/wal/wal_99.log.trimmed", "others"); l.write(f+"/spill", "x") }, largeSegments - 4},
		"a folder of a cursor":     {func(f string) { l.model.check(os.Mkdir(f+"/cursor", 0o700)) }, largeSegments - 4},
		"a mark":                   {func(f string) { l.write(f+"/publishing", `{"log":true}`) }, largeSegments},
	} {
		path := filepath.Join(t.TempDir(), "db.grafeo")
		// It begins with the small ones, of the logs; the third of the others has not
		// come, and the first of the image is not kept, as it has the first page.
		c.change(l.failed(path, 5))
		r, asked, err := l.restore(disktest.Unsynced{}, path, -1, archiver.RestoreOptions{})
		if err != nil || asked != c.asks || (r.ResumedBytes > 0) != (c.asks < largeSegments) {
			t.Errorf("%s: it asked for %d segments, want %d, and went on with %d bytes: %v", name, asked, c.asks, r.ResumedBytes, err)
		}
		l.is(path)
	}
}

func (l *large) write(path, s string) {
	l.t.Helper()
	l.model.check(os.WriteFile(path, []byte(s), 0o600))
}

func (l *large) append(path, s string) {
	l.t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	l.model.check(err)
	_, err = f.WriteString(s)
	l.model.check(errors.Join(err, f.Close()))
}

func (l *large) writeAt(path, s string) {
	l.t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	l.model.check(err)
	_, err = f.WriteAt([]byte(s), 0)
	l.model.check(errors.Join(err, f.Close()))
}

func (l *large) cutFile(path string, by int64) {
	l.t.Helper()
	info, err := os.Stat(path)
	l.model.check(err)
	l.model.check(os.Truncate(path, info.Size()+by))
}

// A restore fails again and again, and gets further each time.
func TestRestoreContinuesAgainAndAgain(t *testing.T) {
	l := newLarge(t)
	path := filepath.Join(t.TempDir(), "db.grafeo")
	total := 0
	l.failed(path, 4)
	total += 4
	for n := range 10 {
		_, asked, err := l.restore(disktest.Unsynced{}, path, 2, archiver.RestoreOptions{})
		total += min(asked, 2)
		if err == nil {
			// The one with the first page is asked for each time.
			if total > largeSegments+n+1 {
				t.Errorf("%d segments came, of %d, in %d runs", total, largeSegments, n+2)
			}
			l.is(path)
			return
		}
		mustFail(t, err, archiver.CodeStore, "is kept in")
	}
	t.Error("it does not end")
}

// A restore continues with what its chain has in common with that which was being restored:
// all of it if a newer backup continues that, and nothing if it has another full backup.
func TestRestoreContinuesWithALongerChain(t *testing.T) {
	for name, c := range map[string]struct {
		change func(l *large)
		opts   archiver.RestoreOptions
		asks   int
	}{
		"an incremental more": {func(l *large) { l.more() }, archiver.RestoreOptions{}, largeSegments + 1 - 4},
		"a full backup": {func(l *large) {
			_, err := newArchive(l.store).Backup(l.t.Context(), l.model.path, archiver.BackupOptions{Full: true, Fresh: true, SegmentBytes: 2 << 20})
			l.model.check(err)
		}, archiver.RestoreOptions{}, 0},
		"the backup before": {func(l *large) {}, archiver.RestoreOptions{Target: archiver.AtBackup(1)}, largeSegments - 4},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLarge(t)
			path := filepath.Join(t.TempDir(), "db.grafeo")
			l.failed(path, 5)
			c.change(l)
			r, asked, err := l.restore(disktest.Unsynced{}, path, -1, c.opts)
			if err != nil || c.asks > 0 && asked != c.asks || c.asks == 0 && r.ResumedBytes > 0 {
				t.Errorf("it asked for %d segments, want %d: %v", asked, c.asks, err)
			}
			if c.opts.Target == (archiver.Target{}) {
				l.is(path)
				return
			}
			whole := restore(t, l.store, 1)
			for file, b := range contents(t, filepath.Dir(path)) {
				if b != whole[file] {
					t.Errorf("%s differs", file)
				}
			}
		})
	}
}

// What is not worth keeping, or in the way, is removed; an interrupted restore says
// what it keeps; and what is kept is no obstacle.
func TestWhatARestoreKeeps(t *testing.T) {
	l := newLarge(t)
	path := filepath.Join(t.TempDir(), "db.grafeo")
	empty := func(what string) {
		t.Helper()
		if left := entries(t, filepath.Dir(path)); len(left) > 0 {
			t.Errorf("%s: it has left %q", what, left)
		}
	}
	_, _, err := l.restore(disktest.Unsynced{}, path, 3, archiver.RestoreOptions{})
	mustFail(t, err, archiver.CodeStore, "busy")
	empty("less than a MiB")

	writes := 0
	full := disktest.New(t, filepath.Dir(path), func(_ int, step string) disktest.Fault {
		if strings.HasPrefix(step, "write .db.grafeo.gbak-restore/image") {
			writes++
		}
		if writes > 4 && strings.HasPrefix(step, "write") {
			return disktest.Fault{Err: syscall.ENOSPC}
		}
		return disktest.Fault{}
	})
	_, _, err = l.restore(full, path, -1, archiver.RestoreOptions{})
	mustFail(t, err, archiver.CodeDiskFull, "no space left")
	empty("a full disk")

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var asked atomic.Int64
	store := storagetest.NewFaulty(l.store, func(op storage.Op, key string, _ int) storagetest.Fault {
		if op == storage.OpGet && strings.HasPrefix(key, "segments/") {
			if asked.Add(1) == 6 {
				cancel()
			}
		}
		return storagetest.Fault{}
	})
	_, err = newWith(store, archiver.Options{Concurrency: 1}).On(disktest.Unsynced{}).Restore(ctx, path, archiver.RestoreOptions{})
	mustFail(t, err, archiver.CodeInterrupted, "is kept in")

	// Something has appeared there: it is said, and nothing is lost.
	l.write(path, "somebody's")
	_, _, err = l.restore(disktest.Unsynced{}, path, -1, archiver.RestoreOptions{})
	mustFail(t, err, archiver.CodeTargetExists, "exists already", "is kept in")
	r, _, err := l.restore(disktest.Unsynced{}, path, -1, archiver.RestoreOptions{Force: true})
	if err != nil || r.ResumedBytes < 2<<20 || r.MovedTo == "" {
		t.Fatalf("%+v, %v", r, err)
	}
	l.model.check(os.Remove(r.MovedTo))
	l.is(path)
}

// A restore that is killed after any step, or loses power there, leaves what the
// next one continues with or starts over, and never anything wrong.
func TestRestoreContinuesAfterACrashAnywhere(t *testing.T) {
	l := newLarge(t)
	next := func(dir, at string) int {
		t.Helper()
		path := filepath.Join(dir, "db.grafeo")
		if b, err := os.ReadFile(path); err == nil && len(strings.Trim(string(b[:4096]), "\x00")) > 0 && string(b) != l.want["db.grafeo"] {
			t.Fatalf("%s: a part would open", at)
		}
		_, asked, err := l.restore(disktest.Unsynced{}, path, -1, archiver.RestoreOptions{})
		if archiver.CodeOf(err) == archiver.CodeTargetExists { // it had ended
			err = nil
		}
		if err != nil {
			t.Fatalf("%s: %v", at, err)
		}
		l.is(path)
		return asked
	}
	dir := t.TempDir()
	r := disktest.New(t, dir, nil)
	if _, _, err := l.restore(r, filepath.Join(dir, "db.grafeo"), -1, archiver.RestoreOptions{}); err != nil {
		t.Fatal(err)
	}
	least := largeSegments
	r.Crashes(func(at, dir string, _ bool) { least = min(least, next(dir, at)) })
	onEachStep(t, 1, r.Steps(), func(t *testing.T, k int) {
		dir := t.TempDir()
		r := disktest.New(t, dir, disktest.StopAt(k, true))
		_, _, err := l.restore(r, filepath.Join(dir, "db.grafeo"), -1, archiver.RestoreOptions{})
		if err != nil { // else it made fewer notes: of two segments that came side by side, in one
			mustReach(t, k, r.Steps())
		}
		least = min(least, next(dir, fmt.Sprintf("killed after step %d of %q", k, r.Steps())))
	})
	if least > 1 {
		t.Errorf("at least %d segments were fetched again", least)
	}
}

// Several workers write and note at the same time.
func TestRestoreContinuesWithManyWorkers(t *testing.T) {
	l := newLarge(t)
	for n := range int64(largeSegments) {
		path := filepath.Join(t.TempDir(), "db.grafeo")
		var asked atomic.Int64
		store := storagetest.NewFaulty(l.store, func(op storage.Op, key string, _ int) storagetest.Fault {
			if op == storage.OpGet && strings.HasPrefix(key, "segments/") && asked.Add(1) > n {
				return storagetest.Fault{Err: errBusy}
			}
			return storagetest.Fault{}
		})
		_, err := newWith(store, archiver.Options{Concurrency: 4}).On(disktest.Unsynced{}).JournalAlways().Restore(t.Context(), path, archiver.RestoreOptions{})
		mustFail(t, err, archiver.CodeStore, "busy")
		a := newWith(l.store, archiver.Options{Concurrency: 4}).On(disktest.Unsynced{}).JournalAlways()
		if _, err := a.Restore(t.Context(), path, archiver.RestoreOptions{}); err != nil {
			t.Fatal(err)
		}
		l.is(path)
	}
}
