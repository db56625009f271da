package e2e

import (
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/s3/s3test"
)

// behindProxy makes an archive with a proxy in front of it. The bucket is the
// way around, where the truth is.
func behindProxy(t testing.TB, hook s3test.Hook) (*s3test.Proxy, bucket) {
	t.Helper()
	at := newBucket(t)
	return s3test.NewProxy(t, at.address(), hook), at
}

// closedImage is a small database that nobody has open, without a log: its bytes
// are all there is of it.
func closedImage(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "people.grafeo")
	if err := grafeotest.Image06(path, grafeotest.Image06Options{Size: 512 << 10, ChunkSize: 128 << 10, Iteration: 1, Epoch: 1}); err != nil {
		t.Fatal(err)
	}
	return path
}

// truth insists that an archive has exactly n backups, without a hole, clean, and
// that the newest one is the database.
func truth(t testing.TB, at bucket, path string, n int) {
	t.Helper()
	if n == 0 {
		for _, key := range at.keys(t) {
			if strings.HasPrefix(key, "manifests/") {
				t.Fatalf("there is %s, which should not be", key)
			}
		}
		return
	}
	all := must(t, "list", at.address(), "--json").answers(t)
	for i, b := range all {
		if b.Seq != int64(i+1) {
			t.Errorf("backup %d is number %d", b.Seq, i+1)
		}
	}
	if len(all) != n {
		t.Fatalf("there are %d backups, want %d", len(all), n)
	}
	verifyClean(t, at, int64(n))
	target := filepath.Join(t.TempDir(), "restored.grafeo")
	must(t, "restore", at.address(), target)
	if digestFile(t, path) != digestFile(t, target) {
		t.Error("the restored image differs")
	}
}

// nothingDeleted insists that no request was made to delete anything but the
// objects of a probe, and that no key was ever stored with two contents.
func nothingDeleted(t testing.TB, p *s3test.Proxy) {
	t.Helper()
	stored := map[string][32]byte{}
	for _, e := range p.Log() {
		if strings.HasPrefix(e.Key, "probe/") {
			continue
		}
		if e.Op == storage.OpDelete {
			t.Errorf("a request to delete %s", e.Key)
		}
		if e.Op == storage.OpPut && e.Applied == http.StatusOK {
			if other, ok := stored[e.Key]; ok && other != e.SHA256 {
				t.Errorf("%s was stored with two contents", e.Key)
			}
			stored[e.Key] = e.SHA256
		}
	}
}

// isManifest reports whether a request is about one backup's manifest.
func isManifest(r *s3test.Request) bool {
	return r.Op != storage.OpList && strings.HasPrefix(r.Key, "manifests/")
}

// onCommit lets the hook decide about the requests for manifests alone: put is
// the number of the put, from 1, or 0 for others.
func onCommit(hook func(r *s3test.Request, put int) s3test.Fault) s3test.Hook {
	var puts atomic.Int64
	return func(r *s3test.Request) s3test.Fault {
		switch {
		case !isManifest(r):
			return s3test.Fault{}
		case r.Op == storage.OpPut:
			return hook(r, int(puts.Add(1)))
		}
		return hook(r, 0)
	}
}

// first lets a fault happen to the first put of a manifest.
func first(f s3test.Fault) func(*s3test.Request, int) s3test.Fault {
	return func(_ *s3test.Request, put int) s3test.Fault {
		if put == 1 {
			return f
		}
		return s3test.Fault{}
	}
}

// TestCommitMeetsLies is the table of what can happen to the one request that
// decides whether there is a backup. "Committed" is said if and only if it is,
// and "unknown" only where nothing could be learned; whatever was said, the next
// backup works, and both are whole.
func TestCommitMeetsLies(t *testing.T) {
	t.Parallel()
	path := closedImage(t)
	conflict := s3test.Fault{Status: 409, Code: "ConditionalRequestConflict"}
	applied := func(f s3test.Fault) s3test.Fault { f.Apply = true; return f }
	for name, c := range map[string]struct {
		hook    func(r *s3test.Request, put int) s3test.Fault
		code    int
		backups int
	}{
		"answer lost, FIN":           {first(s3test.Fault{Lose: s3test.FIN, Apply: true}), exitOK, 1},
		"answer lost, RST":           {first(s3test.Fault{Lose: s3test.RST, Apply: true}), exitOK, 1},
		"answer lost in its header":  {first(s3test.Fault{Lose: s3test.MidHeader, Apply: true}), exitOK, 1},
		"request lost, FIN":          {first(s3test.Fault{Lose: s3test.FIN}), exitOK, 1},
		"request lost, RST":          {first(s3test.Fault{Lose: s3test.RST}), exitOK, 1},
		"500, applied":               {first(s3test.Fault{Status: 500, Code: "InternalError", Apply: true}), exitOK, 1},
		"503, applied":               {first(s3test.Fault{Status: 503, Code: "SlowDown", Apply: true}), exitOK, 1},
		"504, applied":               {first(s3test.Fault{Status: 504, Code: "GatewayTimeout", Apply: true}), exitOK, 1},
		"500, not applied":           {first(s3test.Fault{Status: 500, Code: "InternalError"}), exitOK, 1},
		"503, not applied":           {first(s3test.Fault{Status: 503, Code: "SlowDown"}), exitOK, 1},
		"409, applied":               {first(applied(conflict)), exitOK, 1},
		"409, not applied":           {first(conflict), exitOK, 1},
		"412, although applied":      {first(s3test.Fault{Status: 412, Code: "PreconditionFailed", Apply: true}), exitOK, 1},
		"404, applied":               {first(s3test.Fault{Status: 404, Code: "NoSuchKey", Apply: true}), exitOK, 1},
		"hangs, applied":             {first(s3test.Fault{Hang: true, Apply: true}), exitOK, 1},
		"hangs, not applied":         {first(s3test.Fault{Hang: true}), exitOK, 1},
		"half of it arrives":         {first(s3test.Fault{CutUpload: true}), exitOK, 1},
		"a bit arrives wrong":        {first(s3test.Fault{FlipUpload: true}), exitOK, 1},
		"refused at once":            {first(s3test.Fault{Status: 403, Code: "AccessDenied"}), exitError, 0},
		"no conditions":              {first(s3test.Fault{Status: 501, Code: "NotImplemented"}), exitUnsafeStore, 0},
		"credentials have expired":   {func(*s3test.Request, int) s3test.Fault { return s3test.Fault{Status: 400, Code: "ExpiredToken"} }, exitError, 0},
		"expired, then good again":   {first(s3test.Fault{Status: 400, Code: "ExpiredToken"}), exitOK, 1},
		"all answers lost":           {func(*s3test.Request, int) s3test.Fault { return s3test.Fault{Lose: s3test.RST, Apply: true} }, exitUnknown, 1},
		"all requests lost":          {func(*s3test.Request, int) s3test.Fault { return s3test.Fault{Lose: s3test.FIN} }, exitUnknown, 0},
		"nothing is answered, taken": {func(*s3test.Request, int) s3test.Fault { return s3test.Fault{Hang: true, Apply: true} }, exitUnknown, 1},
		"lost, then refused for ever": {func(_ *s3test.Request, put int) s3test.Fault {
			switch put {
			case 0:
				return s3test.Fault{}
			case 1:
				return s3test.Fault{Lose: s3test.RST}
			}
			return s3test.Fault{Status: 403, Code: "AccessDenied"}
		}, exitUnknown, 0},
		"answer lost, and then that of the read": {func() func(*s3test.Request, int) s3test.Fault {
			var reads atomic.Int64
			return func(_ *s3test.Request, put int) s3test.Fault {
				if put == 1 || put == 0 && reads.Add(1) == 1 {
					return s3test.Fault{Lose: s3test.RST, Apply: true}
				}
				return s3test.Fault{}
			}
		}(), exitOK, 1},
		"answer lost, and a bit of what is read back": {func() func(*s3test.Request, int) s3test.Fault {
			var reads atomic.Int64
			return func(_ *s3test.Request, put int) s3test.Fault {
				switch {
				case put == 1:
					return s3test.Fault{Lose: s3test.RST, Apply: true}
				case put == 0 && reads.Add(1) == 1:
					return s3test.Fault{FlipBody: true}
				}
				return s3test.Fault{}
			}
		}(), exitOK, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, at := behindProxy(t, onCommit(c.hook))
			begin := time.Now()
			timeout := 9 * time.Second // for a third of it one request may hang
			if c.code == exitUnknown {
				timeout = 3 * time.Second
			}
			r := gbak(t, "backup", path, p.Address, "--no-hold", "--json", "--commit-timeout", timeout.String())
			if took := time.Since(begin); took > timeout+time.Minute {
				t.Errorf("that took %v", took)
			}
			r.want(t, c.code)
			if c.code == exitOK {
				if b := r.one(t, "backup"); b.Seq != 1 || b.Kind != "full" || b.Segments < 1 {
					t.Errorf("it says %+v", b)
				}
			} else if code := r.failure(t).Code; c.code == exitUnknown && code != "outcome_unknown" {
				t.Errorf("the error is %s", code)
			}
			truth(t, at, path, c.backups)
			p.Do(nil)
			must(t, "backup", path, p.Address, "--no-hold", "--full")
			truth(t, at, path, c.backups+1)
			nothingDeleted(t, p)
		})
	}
}

// TestOtherPutsMeetLies does the same to what is stored before the commit: the
// segments, the index and archive.json. A backup goes through all of it.
func TestOtherPutsMeetLies(t *testing.T) {
	t.Parallel()
	// Large enough for an index that is an object of its own.
	large := manyChunks(t)
	small := closedImage(t)
	for prefix, path := range map[string]string{"segments/": small, "archive.json": small, "indexes/": large} {
		for name, fault := range map[string]s3test.Fault{
			"answer lost":         {Lose: s3test.RST, Apply: true},
			"request lost":        {Lose: s3test.MidHeader},
			"503, applied":        {Status: 503, Code: "SlowDown", Apply: true},
			"409, applied":        {Status: 409, Code: "ConditionalRequestConflict", Apply: true},
			"409, not applied":    {Status: 409, Code: "ConditionalRequestConflict"},
			"412 out of thin air": {Status: 412, Code: "PreconditionFailed", Apply: true},
			"half of it arrives":  {CutUpload: true},
			"a bit arrives wrong": {FlipUpload: true},
		} {
			if path == large && name != "answer lost" {
				continue // it takes longer, and index and segments go the same way
			}
			t.Run(prefix+" "+name, func(t *testing.T) {
				t.Parallel()
				var puts sync.Map
				hit := atomic.Bool{}
				p, at := behindProxy(t, func(r *s3test.Request) s3test.Fault {
					if r.Op != storage.OpPut || !strings.HasPrefix(r.Key, prefix) {
						return s3test.Fault{}
					}
					if _, again := puts.LoadOrStore(r.Key, true); again {
						return s3test.Fault{}
					}
					hit.Store(true)
					return fault
				})
				must(t, "backup", path, p.Address, "--no-hold", "--segment-size", "1MiB")
				if !hit.Load() {
					t.Fatal("nothing was stored there")
				}
				truth(t, at, path, 1)
				nothingDeleted(t, p)
			})
		}
	}
}
