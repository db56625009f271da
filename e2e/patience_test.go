package e2e

import (
	"path/filepath"
	"strings"
	"sync"
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
// seconds, or for ever. A restore and a verification wait for the first, and end
// after the second in the time that is set, saying so.
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
	if took := time.Since(begin); f.Code != "store_failed" || !strings.Contains(f.Message, "attempts in 2") || took < 2*time.Second || took > answerLimit {
		t.Errorf("after %v: %+v", took, f)
	}
}
