package archiver_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// states of all epochs of all timelines, by "timeline/epoch": the files of a restore.
func epochStates(t testing.TB, store storage.Storage) map[string]map[string]string {
	t.Helper()
	a := newArchive(store)
	status, err := a.Status(t.Context(), archiver.StatusOptions{})
	if err != nil {
		t.Fatal(err)
	}
	states := map[string]map[string]string{}
	for _, reach := range status.Restorable {
		for e := reach.FromEpoch; e <= reach.ToEpoch; e++ {
			dir := t.TempDir()
			target := archiver.AtEpoch(e).OnTimeline(reach.Timeline)
			if _, err := a.Restore(t.Context(), filepath.Join(dir, "db.grafeo"), archiver.RestoreOptions{Target: target}); err != nil {
				t.Fatalf("restore of epoch %d: %v", e, err)
			}
			mustProve(t, store, target)
			states[fmt.Sprintf("%d/%d", reach.Timeline, e)] = contents(t, dir)
		}
	}
	return states
}

// sameStates demands that all epochs restore to the same files as before.
func sameStates(t testing.TB, at string, before map[string]map[string]string, store storage.Storage) {
	t.Helper()
	if diff := cmp.Diff(before, epochStates(t, store)); diff != "" {
		t.Fatalf("%s: other states than before (-before +now)\n%.2000s", at, diff)
	}
}

// database05 writes a 0.5 database as Grafeo does, in whatever moments a backup may see it.
type database05 struct {
	t      testing.TB
	path   string
	epoch  byte
	file   uint64
	isOpen bool // a transaction is committed, and its EpochAdvance is not written yet
}

func newDatabase05(t testing.TB, isDirectory bool) *database05 {
	t.Helper()
	if isDirectory {
		return &database05{t: t, path: newDirectory(t)}
	}
	path := filepath.Join(t.TempDir(), "db.grafeo")
	if err := grafeotest.Image05(path, grafeotest.Image05Options{}); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path+".wal", 0o700); err != nil {
		t.Fatal(err)
	}
	return &database05{t: t, path: path}
}

// write writes a transaction, without its EpochAdvance if it is left open.
func (d *database05) write(content string, open bool) {
	d.t.Helper()
	d.advance()
	appendLog(d.t, d.path, d.file, created+content, committed)
	if d.isOpen = true; !open {
		d.advance()
	}
}

// advance writes the EpochAdvance of a transaction that is open.
func (d *database05) advance() {
	d.t.Helper()
	if d.isOpen {
		d.epoch++
		appendLog(d.t, d.path, d.file, advance(d.epoch))
	}
	d.isOpen = false
}

// rotate begins a new log file, also if there is nothing in the last one.
func (d *database05) rotate() {
	d.t.Helper()
	d.file++
	appendLog(d.t, d.path, d.file)
}

// For random histories of 0.5, in which backups end anywhere between two frames, every
// epoch restores to the same bytes before and after a compaction.
func TestCompact05(t *testing.T) {
	for _, isDirectory := range []bool{true, false} {
		t.Run(fmt.Sprintf("directory: %v", isDirectory), func(t *testing.T) {
			rapid.Check(t, func(r *rapid.T) {
				d, store := newDatabase05(t, isDirectory), storagetest.NewMemory()
				d.write("first", false)
				backup(t, store, d.path)
				for n := range rapid.IntRange(4, 25).Draw(r, "steps") {
					switch rapid.IntRange(0, 9).Draw(r, "step") {
					case 0, 1, 2:
						d.write(fmt.Sprint("content ", n), false)
					case 3:
						d.write(fmt.Sprint("open ", n), true)
					case 4:
						d.advance()
					case 5:
						appendLog(t, d.path, d.file, created+"aborted", aborted)
					case 6:
						d.rotate()
					default:
						backup(t, store, d.path)
					}
				}
				before := epochStates(t, store)
				compactAll(t, store)
				sameStates(t, "compacted", before, store)
				mustBeWhole(t, store)
				d.write("last", false)
				backup(t, store, d.path)
				compactAll(t, store)
				mustBeWhole(t, store)
			})
		})
	}
}

// A backup that ends with a commit without its EpochAdvance is the last one of its series:
// that commit ends there only because the backup does.
func TestCompactEndsWithClosing(t *testing.T) {
	d, store := newDatabase05(t, true), storagetest.NewMemory()
	for n := range 9 {
		d.write(fmt.Sprint(n), n == 4)
		backup(t, store, d.path) // 5 ends with it
	}
	before := epochStates(t, store)
	r := compactAll(t, store)
	if len(r.Merged) != 2 || r.Merged[0].From != 2 || r.Merged[0].To != 5 || r.Merged[1].From != 6 || r.Merged[1].To != 8 {
		t.Errorf("%+v", r.Merged)
	}
	sameStates(t, "compacted", before, store)
	mustBeWhole(t, store)
}
