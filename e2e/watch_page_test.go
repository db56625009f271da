package e2e

import (
	"encoding/json"
	"html"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// pageOf returns what a watcher answers for a path of its status page.
func pageOf(t testing.TB, w *watcher, path string) (int, string) {
	t.Helper()
	response, err := http.Get("http://" + portOf(t, w) + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// shown is what /status.json says.
type shown struct {
	Level     string `json:"level"`
	Headline  string `json:"headline"`
	Databases []struct {
		State       string `json:"state"`
		NewestEpoch int64  `json:"newest_epoch"`
	} `json:"databases"`
}

func statusOf(t testing.TB, w *watcher) shown {
	t.Helper()
	_, body := pageOf(t, w, "/status.json")
	var s shown
	if err := json.Unmarshal([]byte(body), &s); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return s
}

// TestWatchPage: the page of a real watcher says that a database is safe when its last commit is in
// the archive, its restore command restores that, and when the database or the archive is gone it says so.
func TestWatchPage(t *testing.T) {
	t.Parallel()
	w, address := newLive(t, "0.6.0"), newDirectory(t).address()
	w.do(t, "commit", "3")
	watch := startWatch(t, w.path, address, "--lag", "300ms", "--listen", "127.0.0.1:0", "--store-check", "1s")
	epoch := lastEpoch(t, w)
	watch.stored("people", epoch, 0)
	waitFor(t, "the page says that it is safe", func() bool {
		s := statusOf(t, watch)
		return s.Headline == "people is safe." && s.Level == "good" && s.Databases[0].NewestEpoch >= epoch
	})
	waitFor(t, "the page shows what can be restored", func() bool {
		_, body := pageOf(t, watch, "/d/people")
		return strings.Contains(body, "<figure")
	})
	if status, body := pageOf(t, watch, "/"); status != 200 || !strings.Contains(body, "people</bdi> is safe.") {
		t.Errorf("it answers %d: %s", status, body)
	}
	_, body := pageOf(t, watch, "/d/people")
	command := regexp.MustCompile(`<code id="[^"]+-command">([^<]+)</code>`).FindStringSubmatch(body)
	if command == nil {
		t.Fatalf("there is no command: %s", body)
	}
	words := strings.Fields(html.UnescapeString(command[1]))
	if len(words) != 4 || words[0] != "gbak-s3" {
		t.Fatalf("the command is %q", words)
	}
	to := filepath.Join(t.TempDir(), words[3])
	must(t, words[1], words[2], to)
	all := momentsOf(t, w.log)
	if got := inspect(t, w.version, to); got.Digest != all[len(all)-1].Digest {
		t.Errorf("it restores %+v, committed was %+v", got, all[len(all)-1])
	}
	w.quit(t)
	if err := os.Rename(w.path, w.path+".away"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the page says that it is gone", func() bool {
		s := statusOf(t, watch)
		return s.Headline == "people needs you: gone." && s.Databases[0].State == "gone"
	})
	if err := os.Rename(w.path+".away", w.path); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the page says that it is safe again", func() bool { return statusOf(t, watch).Level == "good" })
	if err := os.Rename(address, address+".away"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the page says that the archive is gone, although its database rests", func() bool {
		s := statusOf(t, watch)
		return s.Level == "bad" && s.Databases[0].State == "refused"
	})
	if err := os.Rename(address+".away", address); err != nil {
		t.Fatal(err)
	}
	watch.signal(syscall.SIGUSR1)
	waitFor(t, "the page says that it is safe once more", func() bool { return statusOf(t, watch).Level == "good" })
	watch.stop().want(t, exitOK)
}

// TestWatchWithoutPage: health and metrics are there, and nothing else.
func TestWatchWithoutPage(t *testing.T) {
	t.Parallel()
	w, address := newLive(t, "0.6.0"), newDirectory(t).address()
	watch := startWatch(t, w.path, address, "--listen", "127.0.0.1:0", "--page", "off")
	watch.ready()
	for path, want := range map[string]int{"/": 404, "/d/people": 404, "/status.json": 404, "/livez": 200, "/metrics": 200} {
		if status, body := pageOf(t, watch, path); status != want {
			t.Errorf("%s answers %d: %s", path, status, body)
		}
	}
	watch.stop()
	w.quit(t)
}
