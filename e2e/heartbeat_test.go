package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/s3/s3test"
)

// TestHeartbeatNeedsTheStore: a watcher of two databases that share a heartbeat sends none while
// the store of one of them has a fault, of whatever kind, although the other one is proved to be
// safe again and again. When the fault is over, it sends one. The URL is told nowhere.
func TestHeartbeatNeedsTheStore(t *testing.T) {
	t.Parallel()
	all := func(f s3test.Fault) s3test.Hook { return func(*s3test.Request) s3test.Fault { return f } }
	only := func(op storage.Op, f s3test.Fault) s3test.Hook {
		return func(r *s3test.Request) s3test.Fault {
			if r.Op == op {
				return f
			}
			return s3test.Fault{}
		}
	}
	for name, hook := range map[string]s3test.Hook{
		"no answer":           all(s3test.Fault{Hang: true}),
		"connections break":   all(s3test.Fault{Lose: s3test.RST}),
		"answers break off":   all(s3test.Fault{Lose: s3test.MidHeader}),
		"errors":              all(s3test.Fault{Status: 500, Code: "InternalError"}),
		"busy":                all(s3test.Fault{Status: 503, Code: "SlowDown"}),
		"refused":             all(s3test.Fault{Status: 403, Code: "AccessDenied"}),
		"expired credentials": all(s3test.Fault{Status: 400, Code: "ExpiredToken"}),
		"no bucket":           all(s3test.Fault{Status: 404, Code: "NoSuchBucket"}),
		"wrong bytes":         all(s3test.Fault{FlipBody: true}),
		"it cannot be read":   only(storage.OpGet, s3test.Fault{Status: 403, Code: "AccessDenied"}),
		"no writing":          only(storage.OpPut, s3test.Fault{Status: 403, Code: "AccessDenied"}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newLive(t, "0.6.0")
			w.do(t, "commit", "2")
			p, _ := behindProxy(t, nil)
			must(t, "backup", w.path, p.Address)
			w.do(t, "commit", "1")
			var beats, faults atomic.Int64
			p.Do(func(r *s3test.Request) s3test.Fault {
				f := hook(r)
				if f.Hang || f.Lose != 0 || f.Status != 0 || f.FlipBody {
					faults.Add(1)
				}
				return f
			})
			watching := startWatch(t, "--config", heartbeatConfig(t, w.path, p.Address, &beats), "--store-timeout", "200ms")
			address := addressOf(t, watching)
			watching.stored("pets", 0, 0)
			watching.until("trouble", func(l line) bool {
				return l.Database == "people" && (l.State == "waiting" || l.State == "refused") || l.Event == "store" && l.State == "away" || l.Event == "failed"
			})
			// The other database is proved to be safe meanwhile, more than once.
			proofs := map[string]bool{}
			wait(t, watching, "proofs", func() bool {
				proofs[metricOf(t, address, `gbak_last_safe_timestamp_seconds{`, "pets")] = true
				return len(proofs) > 2
			})
			if n := beats.Load(); n != 0 || faults.Load() == 0 {
				t.Errorf("%d heartbeats, %d faults", n, faults.Load())
			}
			p.Do(nil)
			wait(t, watching, "a heartbeat, as all is well again", func() bool {
				watching.signal(syscall.SIGUSR1)
				return beats.Load() > 0
			})
			scraped := get(t, "http://"+address+"/metrics") + get(t, "http://"+address+"/debug/pprof/cmdline")
			r := watching.stop()
			for where, text := range map[string]string{"the log": r.stderr, "a scrape": scraped} {
				if strings.Contains(text, secretKey) {
					t.Errorf("%s tells the URL: %s", where, text)
				}
			}
		})
	}
}

// wait waits until something is so.
func wait(t testing.TB, w *watcher, what string, is func() bool) {
	t.Helper()
	for late := time.Now().Add(patience); !is(); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(late) {
			t.Fatalf("%s: it does not come\nstderr: %s", what, w.stderr.String())
		}
	}
}

// heartbeatConfig writes a file for --config: a database with an archive, and another one with
// an archive in a directory, which share the URL of a monitor. The monitor fails at first, so
// that something is to be said about it.
func heartbeatConfig(t *testing.T, path, archive string, beats *atomic.Int64) string {
	t.Helper()
	var failed atomic.Bool
	monitor := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/"+secretKey {
			t.Errorf("the monitor is asked for %s", r.URL)
		}
		beats.Add(1)
		if failed.CompareAndSwap(false, true) {
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(monitor.Close)
	dir := t.TempDir()
	pets := filepath.Join(dir, "pets.grafeo")
	copyFile(t, "../examples/social.grafeo", pets)
	config := filepath.Join(dir, "watch.yaml")
	writeConfig(t, config, fmt.Sprintf(`
version: 1
listen: 127.0.0.1:0
defaults: {lag: 500ms, heartbeat: %q, heartbeat-every: 1s}
databases:
  - {path: %q, archive: %q}
  - {path: %q, archive: %q}
`, monitor.URL+"/"+secretKey, path, archive, pets, newDirectory(t).address()))
	return config
}

// get returns what is answered for a URL.
func get(t *testing.T, url string) string {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// metricOf returns the value of a metric of a database, "" if there is none.
func metricOf(t *testing.T, address, metric, database string) string {
	t.Helper()
	for line := range strings.Lines(get(t, "http://"+address+"/metrics")) {
		if strings.HasPrefix(line, metric) && strings.Contains(line, `database="`+database+`"`) {
			return strings.TrimSpace(line[strings.LastIndex(line, " "):])
		}
	}
	return ""
}
