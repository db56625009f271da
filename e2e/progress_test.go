package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
)

// pane is a terminal of its own, in which a script runs.
type pane struct {
	t      *testing.T
	socket string
}

// startPane runs a script in a terminal of so many columns. The lines "before" and "after" are
// around what it prints.
func startPane(t *testing.T, columns int, script string, env ...string) *pane {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		missing(t, "tmux is not there")
	}
	p := &pane{t, filepath.Join(t.TempDir(), "tmux")}
	cmd := exec.Command("tmux", "-S", p.socket, "-f", os.DevNull, "new-session", "-d", "-x", strconv.Itoa(columns), "-y", "40",
		"echo before; "+script+"; echo after $?; exec sleep 600")
	cmd.Env = append(environment(), append([]string{"LC_ALL=C.UTF-8", "TERM=xterm"}, env...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Cleanup(func() { p.tmux("kill-server") })
	return p
}

func (p *pane) tmux(args ...string) string {
	p.t.Helper()
	out, err := exec.Command("tmux", append([]string{"-S", p.socket}, args...)...).CombinedOutput()
	if err != nil {
		p.t.Fatalf("tmux %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// screen returns the lines that the terminal shows, and has shown.
func (p *pane) screen() []string {
	return strings.Split(strings.TrimRight(p.tmux("capture-pane", "-p", "-S", "-"), "\n"), "\n")
}

// visible returns the lines that the terminal shows now.
func (p *pane) visible() []string {
	return strings.Split(strings.TrimRight(p.tmux("capture-pane", "-p"), "\n"), "\n")
}

// until looks at the screen until it is as wanted.
func (p *pane) until(what string, wanted func(lines []string) bool) {
	p.t.Helper()
	var lines []string
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if lines = p.screen(); wanted(lines) {
			return
		}
	}
	p.t.Fatalf("not seen: %s\n%s", what, strings.Join(lines, "\n"))
}

func hasEnded(lines []string) bool { return strings.HasPrefix(lines[len(lines)-1], "after ") }

// slowArchive is an archive of which a slowRestore takes some seconds.
func slowArchive(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "people.grafeo")
	if err := grafeotest.Image06(path, grafeotest.Image06Options{Size: 24 << 20, Iteration: 1, Epoch: 1, Compressible: 0}); err != nil {
		t.Fatal(err)
	}
	must(t, "backup", path, filepath.Join(dir, "archive"), "--segment-size", "1MiB")
	return filepath.Join(dir, "archive")
}

const slowRestore = "--concurrency 1 --limit-download 2MiB/s"

// TestProgress: a restore shows in one line how far it is, which only grows, in terminals of
// every width; when it has ended, nothing of that is left.
func TestProgress(t *testing.T) {
	t.Parallel()
	archive := slowArchive(t)
	share := regexp.MustCompile(`^restoring: fetching  (\d+) %`)
	for _, columns := range []int{20, 40, 80, 200} {
		t.Run(strconv.Itoa(columns), func(t *testing.T) {
			t.Parallel()
			p := startPane(t, columns, fmt.Sprintf("gbak-s3 restore %s %s/人々.grafeo %s >/dev/null", archive, t.TempDir(), slowRestore))
			shares := []int{-1}
			p.until("the end", func(lines []string) bool {
				switch {
				case len(lines) > 2 && !hasEnded(lines):
					t.Errorf("more than one line:\n%s", strings.Join(lines, "\n"))
				case len(lines) == 2 && !hasEnded(lines):
					if !strings.HasPrefix(lines[1], "restoring") || len(lines[1]) >= columns {
						t.Errorf("%q", lines[1])
					}
					if m := share.FindStringSubmatch(lines[1]); m != nil {
						n, err := strconv.Atoi(m[1])
						last := shares[len(shares)-1]
						if err != nil || n < last || n > 100 {
							t.Errorf("%q after %d %%", lines[1], last)
						}
						if n > last {
							shares = append(shares, n)
						}
					}
				}
				return hasEnded(lines)
			})
			if columns > 30 && len(shares) < 2 {
				t.Errorf("no share was seen: %v", shares)
			}
			if lines := p.screen(); len(lines) != 2 || lines[1] != "after 0" {
				t.Errorf("at the end:\n%s", strings.Join(lines, "\n"))
			}
		})
	}
}

// TestProgressInATerminalThatChanges: a terminal that gets narrower breaks a line in two, and
// one that gets wider joins them; of all that, nothing is left on the screen. (What the terminal
// itself has moved above its top is out of reach.) The restore would take minutes.
func TestProgressInATerminalThatChanges(t *testing.T) {
	t.Parallel()
	p := startPane(t, 100, fmt.Sprintf("gbak-s3 restore %s %s/people.grafeo --concurrency 1 --limit-download 128KiB/s", slowArchive(t), t.TempDir()))
	for _, columns := range []int{100, 30, 60, 25, 120} {
		p.tmux("resize-window", "-x", strconv.Itoa(columns))
		p.until(fmt.Sprintf("one line of %d columns", columns), func([]string) bool {
			lines := p.visible()
			last := lines[len(lines)-1]
			return strings.HasPrefix(last, "restoring: ") && strings.Contains(last, " %") && len(last) < columns &&
				(len(lines) == 1 || len(lines) == 2 && lines[0] == "before")
		})
	}
	p.tmux("send-keys", "C-c")
	p.until("the end", hasEnded)
	if text := strings.Join(p.visible(), "\n"); strings.Contains(text, "restoring") || !strings.Contains(text, "after 130") {
		t.Errorf("at the end:\n%s", text)
	}
}

// TestNoProgress: where no line can change, and where none is wanted, none is shown.
func TestNoProgress(t *testing.T) {
	t.Parallel()
	archive := slowArchive(t)
	for name, script := range map[string]string{
		"dumb":       "TERM=dumb gbak-s3 restore %s %s/people.grafeo %s >/dev/null",
		"quiet":      "gbak-s3 restore -q %s %s/people.grafeo %s",
		"background": "bash -mc 'gbak-s3 restore %s %s/people.grafeo %s >/dev/null & wait $!'",
		"pipe":       "gbak-s3 restore %s %s/people.grafeo %s 2>&1 >/dev/null | cat",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startPane(t, 80, fmt.Sprintf(script, archive, t.TempDir(), slowRestore))
			p.until("the end", func(lines []string) bool {
				for _, line := range lines {
					if strings.HasPrefix(line, "restoring") {
						t.Fatalf("it shows\n%s", strings.Join(lines, "\n"))
					}
				}
				return hasEnded(lines)
			})
		})
	}
}
