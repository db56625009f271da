package e2e

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/gbak-s3/gbak-s3/storage/s3/s3test"
)

// mirrorAnswer is what mirror prints.
type mirrorAnswer struct {
	Records    int `json:"records"`
	Objects    int `json:"objects"`
	ServerSide int `json:"server_side"`
	SizeOnly   int `json:"size_only"`
	ReadBack   int `json:"read_back"`
}

func mirrored(t testing.TB, args ...string) (a mirrorAnswer) {
	t.Helper()
	r := must(t, append([]string{"mirror", "--json"}, args...)...)
	if err := json.Unmarshal([]byte(r.stdout), &a); err != nil {
		t.Fatalf("%v: %s", err, r.stdout)
	}
	return a
}

// sameBytes demands that two places have the same objects, but for what says of which archive one is
// a mirror.
func sameBytes(t *testing.T, a, b place) {
	t.Helper()
	of := func(p place) map[string]string {
		all := map[string]string{}
		for _, key := range p.keys(t) {
			if !strings.HasPrefix(key, "mirror.") && !strings.HasPrefix(key, "probe/") {
				all[key] = string(p.read(t, key))
			}
		}
		return all
	}
	x, y := of(a), of(b)
	for key := range x {
		if got, ok := y[key]; !ok || got != x[key] {
			t.Errorf("%s is %d bytes there, and %d here (there is one: %v)", key, len(x[key]), len(got), ok)
		}
	}
	if len(x) != len(y) {
		t.Errorf("%d objects, and %d", len(x), len(y))
	}
}

// TestMirrorKilled: an archive is mirrored from a directory into MinIO by processes that are killed at
// every few requests, and from there into a directory: byte for byte. The real Grafeo reads from the
// mirror what was committed, and goes on in it once it is detached.
func TestMirrorKilled(t *testing.T) {
	needGrafeo(t)
	t.Parallel()
	db := create(t, versions[len(versions)-1], "--kill", "--seed", "3", "--commits", "6")
	from, between, to := newDirectory(t), newBucket(t), newDirectory(t)
	for n := range 4 {
		must(t, append([]string{"backup", db.path, from.address(), "--full"}, smallSegments...)...)
		db.write(t, "--kill", "--seed", string(rune('4'+n)), "--commits", "5")
		must(t, "backup", db.path, from.address())
	}
	var mu sync.Mutex
	left, reached := 0, make(chan struct{})
	proxy := s3test.NewProxy(t, between.address(), func(*s3test.Request) s3test.Fault {
		mu.Lock()
		defer mu.Unlock()
		if left--; left > 0 {
			return s3test.Fault{}
		}
		if left == 0 {
			close(reached)
		}
		return s3test.Fault{Hang: true}
	})
	kills := 0
	for {
		mu.Lock()
		left, reached = 20+12*kills, make(chan struct{})
		now := reached
		mu.Unlock()
		p := start(t, "mirror", from.address(), proxy.Address)
		isDone := false
		select {
		case <-now:
			p.end(t, syscall.SIGKILL)
			kills++
		case <-p.done:
			if isDone = true; p.result().code != exitOK {
				t.Fatalf("%+v", p.result())
			}
		}
		target := filepath.Join(t.TempDir(), "people.grafeo")
		r := gbak(t, "restore", between.address(), target)
		if r.code != exitOK && (isDone || r.code != exitNoArchive) {
			t.Fatalf("after %d kills: %+v", kills, r)
		}
		if isDone {
			break
		}
	}
	if kills < 2 {
		t.Errorf("%d processes were killed", kills)
	}
	sameBytes(t, from, between)
	mirrored(t, between.address(), to.address())
	sameBytes(t, from, to)
	must(t, "verify", "--deep", to.address())

	if f := gbak(t, "backup", db.path, to.address(), "--json").failure(t); f.Code != "mirror" || !strings.Contains(f.Hint, "--detach") {
		t.Errorf("%+v", f)
	}
	must(t, "mirror", "--detach", to.address())
	if f := gbak(t, "mirror", between.address(), to.address(), "--json").want(t, exitTargetIs).failure(t); !strings.Contains(f.Message, "detached") {
		t.Errorf("%+v", f)
	}
	db.write(t, "--kill", "--seed", "9", "--commits", "3")
	must(t, "backup", db.path, to.address())
	target := filepath.Join(t.TempDir(), "people.grafeo")
	must(t, "restore", to.address(), target)
	if got, want := inspect(t, db.version, target), db.last(t); got.Digest != want.Digest {
		t.Errorf("it holds %+v, committed was %+v", got, want)
	}
	if r := gbak(t, "backup", db.path, from.address()); r.code != exitNoArchive {
		t.Errorf("a backup into what was mirrored: %+v", r)
	}
}

// TestMirrorInStore: a store that has both archives copies segments by itself, unless it must not, and
// what it has copied is read back.
func TestMirrorInStore(t *testing.T) {
	t.Parallel()
	db := create(t, versions[len(versions)-1], "--kill", "--seed", "3", "--commits", "6")
	address := s3test.NewBucket(t)
	from := inBucket(t, address)
	must(t, append([]string{"backup", db.path, from.address(), "--full", "--no-hold"}, smallSegments...)...)
	for name, c := range map[string]struct {
		to   bucket
		args []string
		all  bool
	}{
		"by itself":   {inBucket(t, s3test.NewBucket(t)), nil, true},
		"but not now": {inBucket(t, s3test.NewBucket(t)), []string{"--server-side", "never"}, false},
	} {
		a := mirrored(t, append(c.args, from.address(), c.to.address(), "--deep")...)
		segments := 0
		for _, key := range from.keys(t) {
			if strings.HasPrefix(key, "segments/") {
				segments++
			}
		}
		if want := map[bool]int{true: segments}[c.all]; a.ServerSide != want || segments == 0 || a.ReadBack < segments {
			t.Errorf("%s: %+v of %d segments", name, a, segments)
		}
		sameBytes(t, from, c.to)
	}
}
