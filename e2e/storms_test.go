package e2e

import (
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/s3/s3test"
)

// storm answers everything with 503 SlowDown for a time, from a request on.
func storm(from int, lasts time.Duration) s3test.Hook {
	var begin sync.Once
	var end time.Time
	return func(r *s3test.Request) s3test.Fault {
		if r.N < from {
			return s3test.Fault{}
		}
		begin.Do(func() { end = time.Now().Add(lasts) })
		if time.Now().Before(end) {
			return s3test.Fault{Status: http.StatusServiceUnavailable, Code: "SlowDown"}
		}
		return s3test.Fault{}
	}
}

// TestStorms lets the store be busy for some seconds in the middle of what a
// command does: it waits.
func TestStorms(t *testing.T) {
	t.Parallel()
	path := closedImage(t)
	p, at := behindProxy(t, nil)
	const lasts = 3 * time.Second // longer than four attempts
	// From the first conditional put on, which the store does not try again.
	var putting atomic.Bool
	busy := storm(1, lasts)
	p.Do(func(r *s3test.Request) s3test.Fault {
		if r.Op == storage.OpPut && r.Conditional && strings.HasPrefix(r.Key, "segments/") {
			putting.Store(true)
		}
		if putting.Load() {
			return busy(r)
		}
		return s3test.Fault{}
	})
	begin := time.Now()
	must(t, "backup", path, p.Address, "--no-hold")
	if took := time.Since(begin); took < lasts {
		t.Errorf("it was busy for %v, and the backup took %v", lasts, took)
	}
	truth(t, at, path, 1)
	p.Do(storm(1, lasts)) // it does not know this store at all
	target := filepath.Join(t.TempDir(), "restored.grafeo")
	must(t, "restore", p.Address, target)
	if digestFile(t, path) != digestFile(t, target) {
		t.Error("the restored image differs")
	}
}

// TestStormsThatNeverEnd ends a command in the time that is set, and it says why, whether
// the store is busy forever or silent.
func TestStormsThatNeverEnd(t *testing.T) {
	t.Parallel()
	path := closedImage(t)
	p, at := behindProxy(t, nil)
	must(t, "backup", path, p.Address, "--no-hold")
	for name, c := range map[string]struct {
		hook s3test.Hook
		args []string
		code int
		is   string
	}{
		"backup":           {storm(4, time.Hour), []string{"backup", path, p.Address, "--no-hold", "--full"}, exitError, "store_failed"},
		"commit":           {onCommitOf(storm(1, time.Hour)), []string{"backup", path, p.Address, "--no-hold", "--full", "--commit-timeout", "1s"}, exitUnknown, "outcome_unknown"},
		"restore":          {storm(3, time.Hour), []string{"restore", p.Address, filepath.Join(t.TempDir(), "no.grafeo")}, exitError, "store_failed"},
		"list":             {storm(1, time.Hour), []string{"list", p.Address}, exitError, "store_failed"},
		"never answers":    {func(*s3test.Request) s3test.Fault { return s3test.Fault{Hang: true} }, []string{"list", p.Address}, exitError, "store_failed"},
		"stops to answer":  {stops(3), []string{"backup", path, p.Address, "--no-hold", "--full"}, exitError, "store_failed"},
		"answers no reads": {func(r *s3test.Request) s3test.Fault { return s3test.Fault{Hang: strings.HasPrefix(r.Key, "segments/")} }, []string{"restore", p.Address, filepath.Join(t.TempDir(), "no.grafeo")}, exitError, "store_failed"},
	} {
		p.Do(c.hook)
		begin := time.Now()
		patience := "300ms"
		if name == "commit" {
			patience = "10s" // for all that comes before it
		}
		f := gbak(t, append(c.args, "--json", "--store-timeout", patience)...).want(t, c.code).failure(t)
		if took := time.Since(begin); f.Code != c.is || took > answerLimit {
			t.Errorf("%s: after %v: %+v, want %s", name, took, f, c.is)
		}
	}
	truth(t, at, path, 1)
}

// stops answers nothing from a request on.
func stops(from int) s3test.Hook {
	return func(r *s3test.Request) s3test.Fault { return s3test.Fault{Hang: r.N >= from} }
}

// onCommitOf lets the hook decide about the puts of manifests.
func onCommitOf(hook s3test.Hook) s3test.Hook {
	return onCommit(func(r *s3test.Request, put int) s3test.Fault {
		if put == 0 {
			return s3test.Fault{}
		}
		return hook(r)
	})
}

// TestSlowLink backs up and restores at 200 KB/s.
func TestSlowLink(t *testing.T) {
	t.Parallel()
	path := closedImage(t)
	p, at := behindProxy(t, nil)
	p.Slow(200_000)
	must(t, "backup", path, p.Address, "--no-hold")
	target := filepath.Join(t.TempDir(), "restored.grafeo")
	must(t, "restore", p.Address, target)
	if digestFile(t, path) != digestFile(t, target) {
		t.Error("the restored image differs")
	}
	truth(t, at, path, 1)
}

// TestEndlessList bounds what a store can make a command do.
func TestEndlessList(t *testing.T) {
	t.Parallel()
	path := closedImage(t)
	p, at := behindProxy(t, nil)
	must(t, "backup", path, p.Address, "--no-hold")
	for _, newTokens := range []bool{false, true} {
		p.Do(s3test.EndlessList(newTokens, false))
		for _, args := range [][]string{{"list", p.Address}, {"verify", p.Address}, {"backup", path, p.Address, "--no-hold", "--full"}} {
			if f := gbak(t, append(args, "--json")...).want(t, exitError).failure(t); !strings.Contains(f.Message, "more to list") {
				t.Errorf("%v: %+v", args, f)
			}
		}
	}
	truth(t, at, path, 1)
	for _, e := range p.Log() {
		if e.Op == storage.OpPut && strings.HasPrefix(e.Key, "manifests/") && !strings.HasSuffix(e.Key, "1.json") {
			t.Errorf("%s was put", e.Key)
		}
	}
}
