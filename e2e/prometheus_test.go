package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestPrometheusScrapes: a real Prometheus scrapes a running watcher, and the file of runs under
// cron as node_exporter would show it. It accepts all of it, evaluates every rule, finds each series
// that an alert or the dashboard asks for, and no alert fires.
func TestPrometheusScrapes(t *testing.T) {
	t.Parallel()
	program := prometheus(t, "prometheus")
	w := newLive(t, "0.6.0")
	w.do(t, "commit", "2")
	at, dir := newDirectory(t), t.TempDir()

	var beats atomic.Int64
	monitor := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { beats.Add(1) }))
	t.Cleanup(monitor.Close)
	config := filepath.Join(dir, "watch.yaml")
	writeConfig(t, config, fmt.Sprintf(`
version: 1
listen: 127.0.0.1:0
defaults: {lag: 1s, verify: {every: 2s, sample: 50%%}, drill: {every: 2s}, heartbeat: %q, heartbeat-every: 2s}
databases:
  - {path: %q, archive: %q}
`, monitor.URL+"/ping", w.path, at.address()))
	watching := startWatch(t, "--config", config)
	watching.ready()
	address := addressOf(t, watching)

	// Runs under cron, of a database of their own.
	file, other := filepath.Join(dir, "gbak.prom"), newDirectory(t)
	pets := filepath.Join(dir, "pets.grafeo")
	copyFile(t, "../examples/social.grafeo", pets)
	must(t, "backup", pets, other.address(), "--metrics-file", file)
	must(t, "verify", other.address(), "--metrics-file", file)
	must(t, "status", other.address(), pets, "--metrics-file", file)
	exporter := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, file) }))
	t.Cleanup(exporter.Close)

	p := startPrometheus(t, program, fmt.Sprintf(`
global: {scrape_interval: 500ms, evaluation_interval: 500ms}
rule_files: [%q]
scrape_configs:
  - {job_name: gbak-s3, static_configs: [{targets: [%q]}]}
  - {job_name: node, static_configs: [{targets: [%q]}]}
`, absolute(t, rulesFile), address, strings.TrimPrefix(exporter.URL, "http://")))
	watching.stored("people", w.commit(t), 0)
	watching.stored("people", w.commit(t), 0)
	for name, expression := range expressions(t) {
		p.eventually(t, name, expression, func() bool { return p.evaluates(t, expression) })
		for _, series := range selectors(expression) {
			p.eventually(t, name, series, func() bool { return p.has(t, series) })
		}
	}
	p.eventually(t, "the rules", "health", func() bool { return p.rulesAreHealthy(t) })
	if p.has(t, `ALERTS{alertstate="firing"}`) {
		t.Errorf("alerts fire: %s", p.query(t, `ALERTS{alertstate="firing"}`))
	}
	if p.has(t, `gbak_database_state{state="refused"} == 1`) || !p.has(t, `gbak_backups_total{kind="incremental"} > 0`) {
		t.Errorf("the watcher is not well: %s", p.query(t, "gbak_database_state == 1"))
	}
	if beats.Load() == 0 {
		t.Error("there was no heartbeat")
	}
	watching.stop().want(t, exitOK)
	p.eventually(t, "the watcher is gone", "up", func() bool { return p.has(t, `up{job="gbak-s3"} == 0`) && p.has(t, "absent(gbak_build_info)") })
}

// commit commits once more and returns the epoch.
func (w *live) commit(t testing.TB) int64 {
	t.Helper()
	w.do(t, "commit", "1")
	all := momentsOf(t, w.log)
	return all[len(all)-1].Epoch
}

// addressOf waits until a watcher says where it listens.
func addressOf(t testing.TB, w *watcher) string {
	t.Helper()
	var found []string
	wait(t, w, "where it listens", func() bool {
		found = regexp.MustCompile(`address=(127\.0\.0\.1:\d+)\n`).FindStringSubmatch(w.stderr.String())
		return found != nil
	})
	return found[1]
}

func absolute(t testing.TB, path string) string {
	t.Helper()
	abs, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}

// server is a running Prometheus.
type server struct {
	url string
	log *lockedBuffer
}

// startPrometheus starts a Prometheus with this configuration on loopback.
func startPrometheus(t testing.TB, program, config string) *server {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 5 { // somebody may take the port in between
		free, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address := free.Addr().String()
		_ = free.Close()
		s := &server{"http://" + address, &lockedBuffer{}}
		cmd := exec.Command(program, "--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address)
		cmd.Stdout, cmd.Stderr = s.log, s.log
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() {
			_ = cmd.Wait() // how it ended is in its log
			close(ended)
		}()
		t.Cleanup(func() {
			_ = cmd.Process.Kill()
			<-ended
		})
		if s.isReady(t, ended) {
			return s
		}
		if !strings.Contains(s.log.String(), "address already in use") {
			t.Fatalf("prometheus ended: %s", s.log)
		}
	}
	t.Fatal("prometheus found no free port")
	return nil
}

// isReady waits until it is ready, and reports whether it is, or has ended.
func (s *server) isReady(t testing.TB, ended <-chan struct{}) bool {
	t.Helper()
	for late := time.Now().Add(patience); time.Now().Before(late); time.Sleep(50 * time.Millisecond) {
		select {
		case <-ended:
			return false
		default:
		}
		answer, err := http.Get(s.url + "/-/ready")
		if err != nil {
			continue
		}
		_ = answer.Body.Close()
		if answer.StatusCode == http.StatusOK {
			return true
		}
	}
	t.Fatalf("prometheus does not become ready: %s", s.log)
	return false
}

// get asks the API and returns its answer.
func (s *server) get(t testing.TB, path string, into any) (status int, body string) {
	t.Helper()
	answer, err := http.Get(s.url + path)
	if err != nil {
		t.Fatalf("%v\n%s", err, s.log)
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content, into); err != nil {
		t.Fatalf("%v: %s", err, content)
	}
	return answer.StatusCode, string(content)
}

type vector struct {
	Data struct{ Result []any }
}

func (s *server) query(t testing.TB, expression string) string {
	t.Helper()
	_, body := s.get(t, "/api/v1/query?query="+url.QueryEscape(expression), &vector{})
	return body
}

// has reports whether an expression gives something.
func (s *server) has(t testing.TB, expression string) bool {
	t.Helper()
	var v vector
	if status, body := s.get(t, "/api/v1/query?query="+url.QueryEscape(expression), &v); status != http.StatusOK {
		t.Fatalf("%s: %s", expression, body)
	}
	return len(v.Data.Result) > 0
}

// evaluates reports whether Prometheus can evaluate an expression, whatever it gives.
func (s *server) evaluates(t testing.TB, expression string) bool {
	t.Helper()
	status, body := s.get(t, "/api/v1/query?query="+url.QueryEscape(expression), &vector{})
	if status != http.StatusOK {
		t.Fatalf("%s: %s", expression, body)
	}
	return true
}

// rulesAreHealthy reports whether every rule was evaluated without an error.
func (s *server) rulesAreHealthy(t testing.TB) bool {
	t.Helper()
	var answer struct {
		Data struct {
			Groups []struct {
				Rules []struct{ Name, Health, LastError string }
			}
		}
	}
	s.get(t, "/api/v1/rules", &answer)
	healthy := 0
	for _, g := range answer.Data.Groups {
		for _, r := range g.Rules {
			if r.LastError != "" {
				t.Fatalf("%s: %s", r.Name, r.LastError)
			}
			if r.Health == "ok" {
				healthy++
			}
		}
	}
	return healthy == len(alerts(t))
}

// eventually waits until something is so.
func (s *server) eventually(t testing.TB, name, what string, is func() bool) {
	t.Helper()
	for late := time.Now().Add(patience); !is(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(late) {
			t.Fatalf("%s: %s is never so\n%s", name, what, s.log)
		}
	}
}
