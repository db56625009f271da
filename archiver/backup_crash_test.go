package archiver_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk"
	"github.com/gbak-s3/gbak-s3/internal/disk/disktest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/local"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// place is a folder with a database in db and an archive in archive/, at which a
// backup is stopped.
type place struct {
	swept
	t    *testing.T
	dir  string
	name string            // of the database
	old  map[string]string // what the archive has before, by key
	seq  int               // of the newest backup before
}

// sweptPlaces are the backups of the sweep over the store, and one of a closed
// database, which gets a log folder for its cursor.
func sweptPlaces() map[string]swept {
	all := maps.Clone(sweptBackups)
	delete(all, "first, of several segments") // more of the same
	all["first, closed"] = swept{kind: "full", prepare: func(t *testing.T, _ *storagetest.Memory) string {
		return copyVector(t, "v0.6.0/closed")
	}}
	return all
}

func (s swept) at(t *testing.T) *place {
	t.Helper()
	store := storagetest.NewMemory()
	path := s.prepare(t, store)
	p := &place{swept: s, t: t, dir: t.TempDir(), name: filepath.Base(path), old: map[string]string{}}
	if err := os.CopyFS(filepath.Join(p.dir, "db"), os.DirFS(filepath.Dir(path))); err != nil {
		t.Fatal(err)
	}
	for ; store.Objects()[manifest.Seq(p.seq+1).Key()] != nil; p.seq++ {
	}
	for key, b := range store.Objects() {
		p.old[key] = string(b)
		if _, err := p.store(disktest.Unsynced{}).Put(t.Context(), key, strings.NewReader(string(b)), storage.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// again gives a copy in which nothing has happened yet.
func (p *place) again() *place {
	p.t.Helper()
	fresh := *p
	fresh.dir = p.t.TempDir()
	if err := os.CopyFS(fresh.dir, os.DirFS(p.dir)); err != nil {
		p.t.Fatal(err)
	}
	return &fresh
}

func (p *place) path() string { return filepath.Join(p.dir, "db", p.name) }

func (p *place) store(d disk.Disk) *local.Store {
	p.t.Helper()
	s, err := local.OpenOn(d, filepath.Join(p.dir, "archive"))
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

func (p *place) backup(d disk.Disk) (r archiver.BackupReport, err error) {
	p.t.Helper()
	a := archiver.New(p.store(d), archiver.Options{Concurrency: 1, Name: "archive", Host: "test", Tool: "test"}).On(d).WithoutRaces()
	synctest.Test(p.t, func(t *testing.T) { r, err = a.Backup(t.Context(), p.path(), p.opts) })
	return r, err
}

// objects gives what the archive has.
func (p *place) objects() *storagetest.Memory {
	p.t.Helper()
	store, objects := p.store(disktest.Unsynced{}), map[string][]byte{}
	for info, err := range store.List(p.t.Context(), "", "") {
		if err != nil {
			p.t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(p.dir, "archive", info.Key))
		if err != nil {
			p.t.Fatal(err)
		}
		objects[info.Key] = b
	}
	return refill(p.t, objects)
}

// sound demands what holds after any end of the backup: the head is the old one or
// the new one, what was there is there byte for byte, and a deep verification
// finds nothing. It tells whether the head is the new one.
func (p *place) sound(at string) (committed bool) {
	p.t.Helper()
	store := p.objects()
	for key, b := range p.old {
		if string(store.Objects()[key]) != b {
			p.t.Fatalf("%s: %s has changed", at, key)
		}
	}
	committed = store.Objects()[manifest.Seq(p.seq+1).Key()] != nil
	if p.seq > 0 || committed {
		if r := mustBeWhole(p.t, store); r.Backups != p.seq+1 && committed || r.Backups != p.seq && !committed {
			p.t.Fatalf("%s: there are %d backups, there were %d", at, r.Backups, p.seq)
		}
	}
	return committed
}

// next runs the backup again, by itself, and demands that it is right and that
// nothing else is left.
func (p *place) next(at string, committed bool) {
	p.t.Helper()
	r, err := p.backup(disktest.Unsynced{})
	if err != nil {
		p.t.Fatalf("%s, the next run: %v", at, err)
	}
	if committed && !p.opts.Full && r.Backup.Kind != archiver.KindNone || !committed && (r.Backup.Kind != p.kind || int(r.Backup.Seq) != p.seq+1) {
		p.t.Fatalf("%s, committed: %v; the next run: %+v", at, committed, r)
	}
	store := p.objects()
	mustBeWhole(p.t, store)
	restoresLike(p.t, store, p.path())
	for name := range contents(p.t, filepath.Join(p.dir, "db")) {
		if strings.Contains(name, "gbak-tmp") {
			p.t.Fatalf("%s, after the next run there is %s", at, name)
		}
	}
	if h, err := archiver.Holds(p.t.Context(), p.path()); err != nil || h.ForeignCursor || len(h.Holds) != 1 || h.Holds[0].Hold.Seq != r.Backup.Seq {
		p.t.Fatalf("%s, after the next run, %d, the log is held by %+v, foreign: %v, %v", at, r.Backup.Seq, h.Holds, h.ForeignCursor, err)
	}
}

// A backup to a directory that is killed before the first step on the disk, or
// after any, which is before the one that follows.
func TestBackupIsKilledAnywhere(t *testing.T) {
	for name, s := range sweptPlaces() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			prepared := s.at(t)
			for k := 0; ; k++ {
				p := prepared.again()
				r := disktest.New(t, p.dir, disktest.StopAt(max(k, 1), k > 0))
				_, err := p.backup(r)
				steps := r.Steps()
				if len(steps) < k {
					if err != nil || k < 20 {
						t.Fatalf("%d steps, %v", len(steps), err)
					}
					return
				}
				at := fmt.Sprintf("killed after step %d of %q", k, steps)
				committed := p.sound(at)
				switch code := archiver.CodeOf(err); {
				case err == nil && !committed:
					t.Fatalf("%s: a wrong success", at)
				case err != nil && code != archiver.CodeUnknownOutcome && committed && !strings.HasPrefix(steps[k-1], "link "): // no link is made and fails
					t.Fatalf("%s: it is committed, and says %v", at, err)
				}
				p.next(at, committed)
			}
		})
	}
}

// Whenever the power goes during a backup to a directory, a manifest that is
// there has everything that it names; and what was acknowledged stays.
func TestBackupLosesPowerAnywhere(t *testing.T) {
	for name, s := range sweptPlaces() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := s.at(t)
			r := disktest.New(t, p.dir, nil)
			if _, err := p.backup(r); err != nil {
				t.Fatal(err)
			}
			r.Crashes(func(at, dir string, end bool) {
				crash := *p
				crash.dir = dir
				committed := crash.sound(at)
				if end && !committed {
					t.Fatalf("%s: an acknowledged backup is lost", at)
				}
				if h, err := archiver.Holds(t.Context(), crash.path()); end && (err != nil || len(h.Holds) != 1) {
					t.Fatalf("%s: the log is held by %v, %v", at, h.Holds, err)
				}
				crash.next(at, committed)
			})
		})
	}
}

// What a killed backup has left may not be durable. The next one makes it so before
// it names it, or says that the newest backup has everything.
func TestPowerLossAfterAKilledBackup(t *testing.T) {
	prepared := sweptBackups["first"].at(t)
	for _, last := range []string{"segments/", "archive.json", "manifests/"} {
		p := prepared.again()
		r := disktest.New(t, p.dir, func(_ int, step string) disktest.Fault {
			return disktest.Fault{Stop: strings.HasPrefix(step, "link archive/.tmp/put-N archive/"+last), Applied: true}
		})
		if _, err := p.backup(r); err == nil {
			t.Fatalf("it was not killed at %s: %v", last, r.Steps())
		}
		r.Restart(nil)
		killed := len(r.Steps())
		if _, err := p.backup(r); err != nil {
			t.Fatal(err)
		}
		r.Crashes(func(at, dir string, end bool) {
			crash := *p
			crash.dir = dir
			committed := crash.sound(at)
			if end && !committed {
				t.Fatalf("%s, the next run from %d on: an acknowledged backup is lost", at, killed)
			}
		})
	}
}

// A backup in which any one step on the disk fails has succeeded all the same, or
// says what has failed and leaves nothing.
func TestBackupFailsAnywhere(t *testing.T) {
	codes := map[syscall.Errno]archiver.Code{
		syscall.ENOSPC: archiver.CodeDiskFull, syscall.EDQUOT: archiver.CodeDiskFull,
		syscall.EROFS: archiver.CodePermission, syscall.EIO: archiver.CodeStore,
	}
	for name, s := range sweptPlaces() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			prepared := s.at(t)
			before := contents(t, filepath.Join(prepared.dir, "db"))
			failed := 0
			for k := 1; ; k++ {
				cause := slices.Sorted(maps.Keys(codes))[k%len(codes)]
				p := prepared.again()
				r := disktest.New(t, p.dir, disktest.FailAt(k, cause))
				_, err := p.backup(r)
				steps := r.Steps()
				if len(steps) < k {
					break
				}
				at := fmt.Sprintf("step %d of %q: %s", k, steps, cause)
				committed := p.sound(at)
				switch {
				case (err == nil) != committed:
					t.Fatalf("%s: %v, committed: %v", at, err, committed)
				case err != nil && archiver.CodeOf(err) != codes[cause]:
					t.Fatalf("%s: code %s of %v", at, archiver.CodeOf(err), err)
				case err != nil && p.seq == 0:
					if diff := cmp.Diff(before, contents(t, filepath.Join(p.dir, "db"))); diff != "" {
						t.Fatalf("%s: left with the database (-want +got)\n%s", at, diff)
					}
				}
				if err != nil {
					failed++
				}
				if left := entriesIf(t, filepath.Join(p.dir, "archive", ".tmp")); len(left) > 0 && !strings.HasPrefix(steps[k-1], "remove ") {
					t.Fatalf("%s: left %q", at, left)
				}
				p.next(at, committed)
			}
			if failed < 3 {
				t.Errorf("it has failed %d times", failed)
			}
		})
	}
}

func entriesIf(t *testing.T, dir string) []string {
	t.Helper()
	if _, err := os.Stat(dir); os.IsNotExist(err) {
		return nil
	}
	return entries(t, dir)
}

// The steps of a first backup to a directory, of a database that is closed: the
// cursor before all, the manifest after everything that it names, each synced
// with its folder before the next.
func TestStepsOfABackup(t *testing.T) {
	p := sweptPlaces()["first, closed"].at(t)
	r := disktest.New(t, p.dir, nil)
	if _, err := p.backup(r); err != nil {
		t.Fatal(err)
	}
	golden(t, "backup_steps.txt", r.Text())
}

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares a text with that of a file of the testdata.
func golden(t *testing.T, name, text string) {
	t.Helper()
	path, got := filepath.Join("testdata", name), hexName.ReplaceAllString(text, "HEX")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

var hexName = regexp.MustCompile(`[0-9a-f]{16,}`)
