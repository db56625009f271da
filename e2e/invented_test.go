package e2e

import (
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/s3/s3test"
)

// to lets a fault happen to the requests of an operation on keys with a prefix: to
// the first times of them, or to all if times is 0.
func to(op storage.Op, prefix string, times int64, f s3test.Fault) s3test.Hook {
	var n atomic.Int64
	return func(r *s3test.Request) s3test.Fault {
		if r.Op == op && strings.HasPrefix(r.Key, prefix) && (times == 0 || n.Add(1) <= times) {
			return f
		}
		return s3test.Fault{}
	}
}

// invented is a yes that something on the way makes up.
var invented = s3test.Fault{Status: http.StatusOK, Edit: func(a *s3test.Answer) {
	a.Header, a.Body = http.Header{"Etag": {`"0123456789abcdef0123456789abcdef"`}}, nil
}}

// TestInventedSuccess: a yes to a put that never reached the store is found out
// before, or with, the commit. Once, it costs a second put; always, there is no
// backup, and nobody is told that there is one.
func TestInventedSuccess(t *testing.T) {
	for name, prefix := range map[string]string{"segments": "segments/", "index": "indexes/", "archive.json": "archive.json", "manifest": "manifests/"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := closedImage(t)
			args := []string{"--no-hold", "--segment-size", "1MiB", "--commit-timeout", "5s", "--store-timeout", "5s"}
			if name == "index" {
				path = manyChunks(t)
			}
			p, at := behindProxy(t, to(storage.OpPut, prefix, 1, invented))
			r := gbak(t, append([]string{"backup", path, p.Address}, args...)...)
			if r.code == exitOK {
				truth(t, at, path, 1)
			} else {
				truth(t, at, path, 0)
				must(t, append([]string{"backup", path, p.Address}, args...)...)
				truth(t, at, path, 1)
			}
			p, at = behindProxy(t, to(storage.OpPut, prefix, 0, invented))
			if r := gbak(t, append([]string{"backup", path, p.Address}, args...)...); r.code != exitError && r.code != exitUnknown {
				t.Errorf("exit code %d: %s%s", r.code, r.stdout, r.stderr)
			}
			truth(t, at, path, 0)
			p.Do(nil)
			must(t, append([]string{"backup", path, p.Address}, args...)...)
			truth(t, at, path, 1)
		})
	}
}

// manyChunks is a database whose index is too large for a manifest.
func manyChunks(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "large.grafeo")
	if err := grafeotest.Image06(path, grafeotest.Image06Options{Size: 80 << 20, Iteration: 1, Epoch: 1, Compressible: 0.9}); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestRefusalAfterAll: a no to a manifest that was created nevertheless is found
// out.
func TestRefusalAfterAll(t *testing.T) {
	for name, f := range map[string]s3test.Fault{
		"403": {Status: 403, Code: "AccessDenied", Apply: true},
		"501": {Status: 501, Code: "NotImplemented", Apply: true},
		"404": {Status: 404, Code: "NoSuchBucket", Apply: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := closedImage(t)
			p, at := behindProxy(t, to(storage.OpPut, "manifests/", 1, f))
			must(t, "backup", path, p.Address, "--no-hold")
			truth(t, at, path, 1)
		})
	}
}

// TestListsThatLie: an answer without a list is no empty archive, and a list that
// is behind hides no backup.
func TestListsThatLie(t *testing.T) {
	path := closedImage(t)
	empty := s3test.Fault{Edit: func(a *s3test.Answer) { a.Body = nil }}
	p, at := behindProxy(t, nil)
	must(t, "backup", path, p.Address, "--no-hold")
	var stale atomic.Pointer[s3test.Answer]
	p.Do(to(storage.OpList, manifest.JournalPrefix, 1, s3test.Fault{Edit: func(a *s3test.Answer) { b := *a; stale.Store(&b) }}))
	must(t, "list", p.Address)
	must(t, "backup", path, p.Address, "--no-hold", "--full")
	truth(t, at, path, 2)

	for _, c := range []struct {
		times  int64
		f      s3test.Fault
		errors bool
	}{
		{1, empty, false}, {0, empty, true},
		{0, s3test.Fault{Edit: func(a *s3test.Answer) { *a = *stale.Load() }}, false},
	} {
		for _, command := range []string{"list", "status", "verify", "restore"} {
			p.Do(to(storage.OpList, manifest.JournalPrefix, c.times, c.f))
			args := []string{command, p.Address}
			switch command {
			case "restore":
				args = append(args, t.TempDir()+"/restored.grafeo", "--plan")
			case "list", "status":
			}
			r := gbak(t, append(args, "--json")...)
			switch {
			case c.errors && r.code != exitError:
				t.Errorf("%s: exit code %d: %s%s", command, r.code, r.stdout, r.stderr)
			case !c.errors && (r.code != exitOK || !strings.Contains(r.stdout, `"seq":2`) && !strings.Contains(r.stdout, `"backups":2`)):
				t.Errorf("%s: exit code %d: %s%s", command, r.code, r.stdout, r.stderr)
			}
		}
	}
	p.Do(to(storage.OpList, manifest.JournalPrefix, 0, s3test.Fault{Edit: func(a *s3test.Answer) { *a = *stale.Load() }}))
	must(t, "backup", path, p.Address, "--no-hold", "--full")
	truth(t, at, path, 3)
}

// TestOneWrongAnswer: what a single answer calls missing or cut is there when it is
// asked for again.
func TestOneWrongAnswer(t *testing.T) {
	path := closedImage(t)
	p, _ := behindProxy(t, nil)
	must(t, "backup", path, p.Address, "--no-hold")
	for name, f := range map[string]s3test.Fault{
		"missing": {Status: 404, Code: "NoSuchKey"},
		"empty":   {Edit: func(a *s3test.Answer) { a.Body = nil }},
		"half":    {Edit: func(a *s3test.Answer) { a.Body = a.Body[:len(a.Body)/2] }},
	} {
		for _, prefix := range []string{"archive.json", "manifests/0000000001", "segments/"} {
			if name == "missing" && prefix == "archive.json" {
				continue // it is what makes an archive one
			}
			p.Do(to(storage.OpGet, prefix, 1, f))
			must(t, "verify", "--deep", p.Address)
			p.Do(to(storage.OpGet, prefix, 1, f))
			must(t, "restore", p.Address, t.TempDir()+"/restored.grafeo")
		}
	}
}

// TestProbeOfAGoodStore: one answer that was made up, or a request that was sent
// twice, does not make a store with conditional writes one without.
func TestProbeOfAGoodStore(t *testing.T) {
	for name, f := range map[string]s3test.Fault{
		"412, not applied": {Status: 412, Code: "PreconditionFailed"},
		"412, applied":     {Status: 412, Code: "PreconditionFailed", Apply: true},
		"200, not applied": invented,
		"501, applied":     {Status: 501, Code: "NotImplemented", Apply: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := closedImage(t)
			p, at := behindProxy(t, to(storage.OpPut, "probe/", 1, f))
			must(t, "backup", path, p.Address, "--no-hold")
			truth(t, at, path, 1)
		})
	}
}

// TestTrickle: a body that comes byte by byte ends.
func TestTrickle(t *testing.T) {
	p, _ := behindProxy(t, nil)
	must(t, "backup", closedImage(t), p.Address, "--no-hold")
	p.Slow(20)
	begin := time.Now()
	gbak(t, "list", p.Address, "--store-timeout", "1s", "--json").want(t, exitError)
	if took := time.Since(begin); took > time.Minute {
		t.Errorf("that took %v", took)
	}
}
