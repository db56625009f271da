package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/s3/s3test"
)

// cutFor cuts each body of what begins with prefix in half, for a time.
func cutFor(prefix string, lasts time.Duration) s3test.Hook {
	var begin sync.Once
	var end time.Time
	return func(r *s3test.Request) s3test.Fault {
		if r.Op != storage.OpGet || !strings.HasPrefix(r.Key, prefix) {
			return s3test.Fault{}
		}
		begin.Do(func() { end = time.Now().Add(lasts) })
		return s3test.Fault{CutBody: time.Now().Before(end)}
	}
}

// TestBodiesBreakOff: something on the way cuts the body of every object for some
// seconds, or forever. A restore and a verification wait for the first, and end after the
// second in the time that is set, saying so.
func TestBodiesBreakOff(t *testing.T) {
	t.Parallel()
	db := create(t, "0.6.0", "--kill", "--seed", "9", "--commits", "30")
	want := db.state(t)
	p, _ := behindProxy(t, nil)
	must(t, "backup", db.path, p.Address)
	const lasts = 3 * time.Second // more than four attempts
	for _, prefix := range []string{"segments/", "manifests/", "archive.json"} {
		p.Do(cutFor(prefix, lasts))
		target := filepath.Join(t.TempDir(), "people.grafeo")
		must(t, "restore", p.Address, target)
		if diff := cmp.Diff(want, inspect(t, db.version, target)); diff != "" {
			t.Errorf("%s: the restored database differs (-original +restored):\n%s", prefix, diff)
		}
		p.Do(cutFor(prefix, lasts))
		must(t, "verify", "--deep", p.Address)
	}
	p.Do(cutFor("segments/", time.Hour)) // the last byte never comes
	begin := time.Now()
	f := gbak(t, "restore", p.Address, filepath.Join(t.TempDir(), "people.grafeo"), "--store-timeout", "2s", "--json").want(t, exitError).failure(t)
	if took := time.Since(begin); f.Code != "store_failed" || !strings.Contains(f.Message, "attempts in ") || took < 2*time.Second || took > answerLimit {
		t.Errorf("after %v: %+v", took, f)
	}
}

// TestRestoreContinues kills a restore in the middle, or interrupts it, or takes its
// store away: the next one fetches only what is missing, and the database is right.
func TestRestoreContinues(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"0.5.42", "0.6.0"} {
		db := create(t, version, "", "--nodes", "600", "--pad", "4000", "--commits", "4")
		db.write(t, "--kill", "--nodes", "600", "--pad", "4000", "--commits", "1")
		want := db.state(t)
		p, _ := behindProxy(t, nil)
		must(t, append([]string{"backup", db.path, p.Address}, smallSegments...)...)
		gets := func() (n int) {
			for _, e := range p.Log() {
				if e.Op == storage.OpGet && strings.HasPrefix(e.Key, "segments/") && e.Status < 300 {
					n++
				}
			}
			return n
		}
		clean := gets()
		must(t, "restore", p.Address, filepath.Join(t.TempDir(), "people.grafeo"))
		clean = gets() - clean
		for name, end := range map[string]os.Signal{"killed": syscall.SIGKILL, "interrupted": os.Interrupt, "without a store": nil} {
			target := filepath.Join(t.TempDir(), "people.grafeo")
			folder := filepath.Join(filepath.Dir(target), ".people.grafeo.gbak-restore")
			p.Do(func(r *s3test.Request) s3test.Fault {
				if r.Op == storage.OpGet && strings.HasPrefix(r.Key, "segments/") {
					return s3test.Fault{Delay: 300 * time.Millisecond}
				}
				return s3test.Fault{}
			})
			args := []string{"restore", p.Address, target, "--concurrency", "1", "--json"}
			if end == nil {
				args = append(args, "--store-timeout", "5s") // else it waits for minutes
			}
			run := start(t, args...)
			for lines := 0; lines < 2+4; {
				select {
				case <-run.done:
					t.Fatalf("%s: it ended by itself: %s", name, run.stderr)
				case <-time.After(10 * time.Millisecond):
				}
				journal, _ := os.ReadFile(filepath.Join(folder, "journal"))
				lines = strings.Count(string(journal), "\n")
			}
			if end != nil {
				run.end(t, end)
			} else {
				p.Do(storm(0, time.Hour))
				<-run.done
			}
			if end != syscall.SIGKILL {
				r := run.result()
				if f := r.want(t, r.code).failure(t); r.code != exitInterrupted && r.code != exitError || !strings.Contains(f.Message, "is kept in "+folder) {
					t.Errorf("%s %s: %d, %+v", version, name, r.code, f)
				}
			}
			p.Do(nil)
			before := gets()
			a := must(t, "restore", p.Address, target, "--json").one(t, "restore")
			if again := gets() - before; again > clean-4 || a.Resumed < 1<<20 {
				t.Errorf("%s %s: %d of %d segments were fetched again, %d bytes were there", version, name, again, clean, a.Resumed)
			}
			if diff := cmp.Diff(want, inspect(t, db.version, target)); diff != "" {
				t.Errorf("%s %s: the restored database differs (-original +restored):\n%s", version, name, diff)
			}
			if _, err := os.Lstat(folder); err == nil {
				t.Errorf("%s %s: %s is still there", version, name, folder)
			}
		}
	}
}
