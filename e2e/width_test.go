package e2e

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rivo/uniseg"
	"golang.org/x/sys/unix"
)

// terminalWidth is how many columns the terminals of these tests have.
const terminalWidth = 80

// widthSteps are command lines for a folder with people.grafeo, which together are every command, in
// most of the ways in which it can answer. A ! begins one that fails, or that has bad news.
const widthSteps = `
!list nothing-here
!restore nothing-here new.grafeo
!backup missing.grafeo archive
!backup people.grafeo
!bakup people.grafeo archive
!list archive --fromat json
backup people.grafeo archive --dry-run
backup people.grafeo archive
backup people.grafeo archive --full --fresh --label release=1.4 --label why=before-the-large-import-of-all-the-people
backup people.grafeo archive
list archive
list archive --removed
status archive
status archive people.grafeo
!status archive --max-proof-age 8d
verify archive
verify archive --sample 5%
verify archive --deep
drill archive
drill archive --exec true:{}
!drill archive --exec false:{}
attest archive --epoch 19 --digest counted:42
!attest archive --epoch 19 --digest counted:43
doctor archive
inspect people.grafeo
inspect archive
!report archive -o report.html
!expire archive
policy archive
policy archive --keep-last 7 --keep-daily 30 --keep-within 24h
policy s3://backups/people --mode append-only
pin archive 1 --label before-the-large-import
expire archive
!expire archive --keep-last 0
unpin archive 1
expire archive --keep-last 1 --grace 0 --apply
compact archive
copy archive copied --dry-run
copy archive copied
mirror archive mirrored
mirror archive mirrored --dry-run
mirror mirrored --detach
export archive native
inspect native
import native imported
restore archive copy.grafeo
restore archive copy.grafeo --plan
!restore archive copy.grafeo
restore archive copy.grafeo --force
restore archive copy.grafeo --if-absent
release people.grafeo archive
salvage archive
salvage archive --quick
keys new -o me.key
keys list archive
backup people.grafeo sealed -r PUBLIC
list sealed -i me.key
verify sealed --deep -i me.key
keys list sealed -i me.key
keys check sealed -i me.key
keys sheet sealed -i me.key
keys new -o other.key
keys add sealed -i me.key -r PUBLIC
keys remove sealed -i me.key -r PUBLIC
keys rotate sealed -i me.key
keys writer sealed -i me.key
watch people.grafeo archive --check
!health
version
version --json
`

// On a terminal of 80 columns, no line that any command prints is longer, on stdout or on stderr: but
// commands and addresses that people copy, which the terminal joins only where it has broken them itself.
func TestEveryAnswerFitsTheTerminal(t *testing.T) {
	dir := t.TempDir()
	writeText(t, filepath.Join(dir, "people.grafeo"), string(read(t, "../examples/social.grafeo")))
	ran, public := map[string]bool{}, "" // the public key made last
	for line := range strings.Lines(strings.TrimSpace(widthSteps)) {
		line, isBad := strings.CutPrefix(strings.TrimSpace(line), "!")
		words := strings.Fields(line)
		for i, word := range words {
			word = strings.Replace(word, ":{}", " {}", 1) // the command of a drill is one word
			words[i] = strings.Replace(word, "PUBLIC", public, 1)
		}
		ran[words[0]] = true
		shown, err := shownOnTerminal(t, dir, words...)
		if found := publicKey.FindString(shown); found != "" && strings.HasPrefix(line, "keys new") {
			public = found
		}
		if (err != nil) != isBad || shown == "" {
			t.Errorf("%s: %v\n%s", line, err, shown)
		}
		mustFit(t, line, shown)
	}
	// The bytes of a segment are gone.
	segments, _ := filepath.Glob(filepath.Join(dir, "archive/segments/*/*"))
	more, _ := filepath.Glob(filepath.Join(dir, "archive/segments/*"))
	for _, path := range append(segments, more...) {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			writeText(t, path, "x")
		}
	}
	for _, line := range []string{"verify archive", "verify archive --deep", "verify archive --sample 5%", "salvage archive", "restore archive lost.grafeo", "restore archive lost.grafeo --salvage", "drill archive"} {
		shown, err := shownOnTerminal(t, dir, strings.Fields(line)...)
		if err == nil {
			t.Errorf("%s: not damaged?\n%s", line, shown)
		}
		mustFit(t, line, shown)
	}
	for _, name := range commandNames(t) {
		if !ran[name] && name != "completion" && name != "help" { // completion is for shells
			t.Errorf("%s was not run", name)
		}
	}
}

var publicKey = regexp.MustCompile(`age1[a-z0-9]+`)

var escapes = regexp.MustCompile(`\x1b\[[0-9;?]*[A-Za-z]`)

// mustFit checks what a command line has shown on a terminal.
func mustFit(t *testing.T, command, shown string) {
	t.Helper()
	for line := range strings.Lines(escapes.ReplaceAllString(shown, "")) {
		line = strings.TrimRight(line, "\r\n")
		line = line[strings.LastIndex(line, "\r")+1:] // what was there before has changed
		text := strings.TrimLeft(line, " ")
		isToCopy := strings.HasPrefix(text, "gbak-s3 ") || strings.HasPrefix(text, "{") || strings.HasPrefix(text, `"`) || !strings.Contains(text, " ")
		if uniseg.StringWidth(line) > terminalWidth && !isToCopy {
			t.Errorf("%s: %d columns: %s", command, uniseg.StringWidth(line), line)
		}
		if strings.HasSuffix(line, " ") {
			t.Errorf("%s: a space at the end: %q", command, line)
		}
	}
}

// shownOnTerminal runs the command with a terminal and returns what it shows there.
func shownOnTerminal(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	master, slave, err := openTerminal()
	if err == nil {
		err = unix.IoctlSetWinsize(int(slave.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 40, Col: terminalWidth})
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = master.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), patience) // it may ask for something
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Dir, cmd.Env = dir, append(environment(), "TERM=xterm", "LC_ALL=C.UTF-8")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true, Setctty: true}
	err = cmd.Start()
	_ = slave.Close() // so that reading ends with the command
	if err != nil {
		t.Fatal(err)
	}
	var shown bytes.Buffer
	_, _ = shown.ReadFrom(master) // until EIO: nobody has the terminal open any more
	return shown.String(), cmd.Wait()
}

// commandNames are the commands that the shell's completion offers.
func commandNames(t *testing.T) []string {
	t.Helper()
	var names []string
	for line := range strings.Lines(must(t, "__complete", "").stdout) {
		if name, _, ok := strings.Cut(line, "\t"); ok && !strings.HasPrefix(name, ":") {
			names = append(names, name)
		}
	}
	if len(names) < 20 || !slices.Contains(names, "list") {
		t.Fatalf("there are only %v", names)
	}
	return names
}
