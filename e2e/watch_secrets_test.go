package e2e

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/gbak-s3/gbak-s3/storage/s3/s3test"
)

// TestWatchTellsNoSecret: the keys of the store, the URL of a heartbeat and what comes
// from the environment are in nothing that a watcher says: not in its output, its log, its
// metrics, nor in what it stores, when all is well and when it is not.
func TestWatchTellsNoSecret(t *testing.T) {
	w := newLive(t, "0.6.0")
	w.do(t, "commit", "1")
	var away atomic.Bool
	p, at := behindProxy(t, func(*s3test.Request) s3test.Fault {
		if away.Load() {
			return s3test.Fault{Status: 503, Code: "SlowDown"}
		}
		return s3test.Fault{}
	})
	p.SignAll()
	var beats atomic.Int32
	monitor := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		beats.Add(1)
		rw.WriteHeader(http.StatusInternalServerError)
	}))
	defer monitor.Close()
	const secretPath = "SECRETpathOfTheMonitor"
	env := append(environment(), "AWS_ACCESS_KEY_ID=AKIDEVERYBODYMAYREAD", "AWS_SECRET_ACCESS_KEY="+secretKey, "AWS_SESSION_TOKEN="+sessionToken,
		"MONITOR="+monitor.URL+"/"+secretPath)
	file := filepath.Join(t.TempDir(), "watch.yaml")
	good := fmt.Sprintf("version: 1\nlisten: 127.0.0.1:0\nlog: {level: debug}\ndefaults: {lag: 300ms, heartbeat: '${MONITOR}'}\n"+
		"databases:\n  - {path: %q, archive: %q}\n", w.path, p.Address)
	writeConfig(t, file, good)
	watch := startWatchIn(t, env, "--config", file, "--store-timeout", "1s", "--json")
	watch.stored("people", lastEpoch(t, w), 0)
	waitFor(t, "a heartbeat", func() bool { return beats.Load() > 0 })

	// Wherever the secret is put, and whatever is wrong with it.
	for i, wrong := range []string{"lag: '${MONITOR}'", "min-free: '${MONITOR}'", "max-requests: '${MONITOR}'", "heartbeat: 'x${MONITOR}'", "full: {window: '${MONITOR}'}"} {
		writeConfig(t, file, "version: 1\ndefaults: {"+wrong+"}\n"+good[strings.Index(good, "databases:"):])
		watch.signal(syscall.SIGHUP)
		waitFor(t, "the reload", func() bool { return strings.Count(watch.stdout.String(), `"event":"reload"`) > i })
	}
	away.Store(true)
	w.do(t, "commit", "1")
	watch.until("the store is away", func(l line) bool { return l.Event == "store" && l.State == "away" })
	waitFor(t, "the page says that the store is away", func() bool { return statusOf(t, watch).Headline == "people needs you: store away." })
	answers := map[string]string{}
	for path, says := range map[string]string{"/metrics": "gbak_", "/": "store away", "/d/people": "gbak-s3 restore", "/status.json": "watch_status"} {
		if _, answers[path] = pageOf(t, watch, path); !strings.Contains(answers[path], says) {
			t.Fatalf("%s is %s", path, answers[path])
		}
	}
	away.Store(false)
	watch.stored("people", lastEpoch(t, w), 0)
	watch.stop().want(t, exitOK)
	w.quit(t)

	said := map[string]string{"stdout": watch.stdout.String(), "stderr": watch.stderr.String()}
	maps.Copy(said, answers)
	for _, key := range at.keys(t) {
		said[key] = string(at.read(t, key))
	}
	for where, text := range said {
		for _, secret := range []string{secretKey, sessionToken, secretPath} {
			if strings.Contains(text, secret) {
				t.Errorf("%s has a secret: %s", where, text)
			}
		}
	}
}
