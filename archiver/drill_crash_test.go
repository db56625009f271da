package archiver_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk"
	"github.com/gbak-s3/gbak-s3/internal/disk/disktest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// drillScene is an archive, and a folder for drills of it.
type drillScene struct {
	t       *testing.T
	store   *storagetest.Memory
	scratch string
}

func newDrillScene(t *testing.T, vector string) *drillScene {
	t.Helper()
	s := &drillScene{t, storagetest.NewMemory(), t.TempDir()}
	path := copyVector(t, vector)
	if strings.HasPrefix(vector, "v0.6.0") {
		spill(t, path, vectorsName, vectorFile(2, 1, 2))
	}
	backup(t, s.store, path)
	return s
}

// again is the same archive without what was proved of it, and an empty folder.
func (s *drillScene) again(t *testing.T) *drillScene {
	t.Helper()
	objects := s.store.Objects()
	for key := range objects {
		if manifest.IsNote(key) {
			delete(objects, key)
		}
	}
	return &drillScene{t, refill(t, objects), t.TempDir()}
}

func (s *drillScene) drill(d disk.Disk) (archiver.DrillReport, error) {
	return newArchive(s.store).On(d).Drill(s.t.Context(), archiver.DrillOptions{Scratch: s.scratch, Check: digested("v1:aa")})
}

func (s *drillScene) steps() []string {
	s.t.Helper()
	r := disktest.New(s.t, s.scratch, nil)
	if report, err := s.drill(r); err != nil || !report.OK() {
		s.t.Fatalf("%v, %+v", err, report)
	}
	mustBeEmpty(s.t, s.scratch)
	return r.Steps()
}

// certificates are those that the archive has.
func (s *drillScene) certificates() []*manifest.Certificate {
	s.t.Helper()
	var all []*manifest.Certificate
	for key, b := range s.store.Objects() {
		if !strings.HasPrefix(key, manifest.CertificatePrefix) {
			continue
		}
		c, err := manifest.DecodeCertificate(b)
		if err != nil {
			s.t.Fatal(err)
		}
		all = append(all, c)
	}
	return all
}

// A drill that is killed anywhere leaves no certificate, and the next one removes what it left.
func TestDrillIsKilledAnywhere(t *testing.T) {
	for _, vector := range []string{"v0.6.0/live", "v0.5.42/reopened", "directory/v0.5.42/reopened"} {
		t.Run(vector, func(t *testing.T) {
			t.Parallel()
			prepared := newDrillScene(t, vector)
			steps := prepared.steps()
			onEachStep(t, 0, steps, func(t *testing.T, k int) {
				s := prepared.again(t)
				_, err := s.drill(disktest.New(t, s.scratch, disktest.StopAt(max(k, 1), k > 0)))
				at := fmt.Sprintf("killed after step %d of %q", k, steps)
				if published := slices.IndexFunc(steps, func(step string) bool { return strings.HasSuffix(step, "/publishing") }); err == nil && k <= published {
					t.Errorf("%s: it has succeeded", at)
				}
				before := len(s.certificates())
				if r, err := s.drill(disktest.Unsynced{}); err != nil || !r.OK() {
					t.Errorf("%s: the next one: %v, %+v", at, err, r)
				}
				if n := len(s.certificates()); n != before+1 {
					t.Errorf("%s: %d certificates", at, n)
				}
				mustBeEmpty(t, s.scratch)
			})
		})
	}
}

// A disk that is full anywhere ends the drill, and no certificate says anything of the archive, or it was but
// the clearing up.
func TestDrillFillsTheDisk(t *testing.T) {
	prepared := newDrillScene(t, "v0.6.0/live")
	steps := prepared.steps()
	onEachStep(t, 1, steps, func(t *testing.T, k int) {
		s := prepared.again(t)
		r, err := s.drill(disktest.New(t, s.scratch, disktest.FailAt(k, syscall.ENOSPC)))
		at := fmt.Sprintf("step %d, %s", k, steps[k-1])
		all := s.certificates()
		switch {
		case err == nil && !r.OK():
			t.Errorf("%s: %+v", at, r)
		case err != nil && archiver.CodeOf(err) != archiver.CodeDiskFull:
			t.Errorf("%s: %v", at, err)
		case err != nil:
			if e, ok := errors.AsType[*archiver.ScratchError](err); !ok || e.Folder != s.scratch || len(all) > 0 || r.Certificate != "" {
				t.Errorf("%s: %v, %s, %d certificates", at, err, r.Certificate, len(all))
			}
		case len(all) != 1 || !all[0].OK || all[0].Key != r.Certificate:
			t.Errorf("%s: %s, %d certificates", at, r.Certificate, len(all))
		}
		if r, err := s.drill(disktest.Unsynced{}); err != nil || !r.OK() {
			t.Errorf("%s: the next one: %v, %+v", at, err, r)
		}
		mustBeEmpty(t, s.scratch)
	})
}

// Where the database does not fit with a tenth more, nothing is fetched, and no certificate accuses the archive.
func TestDrillWithoutRoom(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		percent int64
		sure    bool
		fits    bool
	}{{100, true, false}, {109, true, false}, {111, true, true}, {100, false, true}} {
		s := newDrillScene(t, "v0.6.0/live")
		plan, err := newArchive(s.store).Plan(t.Context(), archiver.Target{})
		if err != nil {
			t.Fatal(err)
		}
		space := disk.Space{Free: plan.RawBytes * c.percent / 100, Sure: c.sure}
		before := len(s.store.Calls())
		r, err := newArchive(s.store).WithSpace(space, true).Drill(t.Context(), archiver.DrillOptions{Scratch: s.scratch})
		if c.fits {
			if err != nil || !r.OK() {
				t.Errorf("%+v: %v, %+v", c, err, r)
			}
			continue
		}
		mustFail(t, err, archiver.CodeDiskFull, s.scratch)
		if e, ok := errors.AsType[*archiver.ScratchError](err); !ok || e.Folder != s.scratch || r.Plan.Backup.Seq != 1 {
			t.Errorf("%+v: %v, %+v", c, err, r)
		}
		for _, call := range s.store.Calls()[before:] {
			if call.Op == storage.OpGet && strings.HasPrefix(call.Key, manifest.SegmentPrefix) {
				t.Errorf("%+v: %s was fetched", c, call.Key)
			}
		}
		if all := s.certificates(); len(all) != 0 {
			t.Errorf("%+v: %d certificates: %+v", c, len(all), all)
		}
		mustBeEmpty(t, s.scratch)
	}
}

// Two drills at once in one folder do not get in each other's way, and the newest certificate knows both.
func TestDrillsTogether(t *testing.T) {
	t.Parallel()
	s := newDrillScene(t, "v0.6.0/live")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if r, err := s.drill(disktest.Unsynced{}); err != nil || !r.OK() {
				t.Errorf("%v, %+v", err, r)
			}
		})
	}
	wg.Wait()
	mustBeEmpty(t, s.scratch)
	pins := 0
	for key := range s.store.Objects() {
		if strings.HasPrefix(key, manifest.DigestPrefix) {
			pins++
		}
	}
	if pins != 1 {
		t.Errorf("%d digests are pinned", pins)
	}
}

// What does not look like a folder of a drill is nobody's leftover, and neither is one in which somebody
// works.
func TestDrillLeavesOthersAlone(t *testing.T) {
	t.Parallel()
	s := newDrillScene(t, "v0.6.0/live")
	id := strings.Repeat("ab", 16)
	outside := filepath.Join(t.TempDir(), "precious")
	keep := []string{"gbak-drill-" + id + "-mine/lock", "gbak-drill-short/lock", "other/lock", "gbak-drill-" + strings.Repeat("0", 32) + "/kept"}
	for _, name := range keep {
		writeFile(t, filepath.Join(s.scratch, name))
	}
	writeFile(t, outside)
	link := filepath.Join(s.scratch, "gbak-drill-"+strings.Repeat("c", 32))
	if err := os.Symlink(filepath.Dir(outside), link); err != nil {
		t.Fatal(err)
	}
	dead := filepath.Join(s.scratch, "gbak-drill-"+id)
	writeFile(t, filepath.Join(dead, "lock"))
	writeFile(t, filepath.Join(dead, "deep", "image"))
	if err := os.Symlink(outside, filepath.Join(dead, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(s.scratch, "gbak-drill-"+strings.Repeat("1", 32)), 0o700); err != nil {
		t.Fatal(err)
	}
	inside := func(context.Context, string) (archiver.CheckResult, error) {
		_, err := newArchive(s.store).Drill(t.Context(), archiver.DrillOptions{Scratch: s.scratch}) // while this one works
		return archiver.CheckResult{OK: true}, err
	}
	r, err := newArchive(s.store).Drill(t.Context(), archiver.DrillOptions{Scratch: s.scratch, Check: inside, Keep: true})
	if err != nil || !r.OK() {
		t.Fatalf("%v, %+v", err, r)
	}
	for _, path := range []string{r.Database, outside, link, keep[0], keep[1], keep[2], keep[3]} {
		if !filepath.IsAbs(path) {
			path = filepath.Join(s.scratch, path)
		}
		if _, err := os.Lstat(path); err != nil {
			t.Error(err)
		}
	}
	entries, err := os.ReadDir(s.scratch)
	if err != nil || len(entries) != len(keep)+2 {
		t.Errorf("%v, %v", entries, err)
	}
}

func writeFile(t *testing.T, path string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
}
