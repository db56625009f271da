//go:build !windows

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
)

// long is a timeout that no command here needs.
const long = 5 * time.Minute

func checked(t *testing.T, script string, timeout time.Duration) (archiver.CheckResult, error) {
	t.Helper()
	return checkBy([]string{"/bin/sh", "-c", script, "{}"}, timeout)(t.Context(), "/scratch/people.grafeo")
}

// The database is well if the command exits with 0, and what it prints last may be the digest.
func TestCheckResults(t *testing.T) {
	t.Parallel()
	for script, want := range map[string]archiver.CheckResult{
		"true":                                {OK: true},
		"echo $0 >&2; exit 3":                 {Why: "the command ended with exit status 3: /scratch/people.grafeo"},
		"printf 'a\nb\n\nc\nd\n' >&2; exit 1": {Why: "the command ended with exit status 1: b; c; d"},
		"echo 2 nodes; exit 1":                {Why: "the command ended with exit status 1: 2 nodes"},
		"exit 1":                              {Why: "the command ended with exit status 1"},
		"kill -KILL $$":                       {Why: "the command ended with signal: killed"},
		"echo digest: v1:aa":                  {OK: true, Digest: "v1:aa"},
		"echo digest: v1:aa; echo; echo":      {OK: true, Digest: "v1:aa"},
		"echo 2 nodes; printf 'digest: a b'":  {OK: true, Digest: "a b"},
		"echo digest: v1:aa; echo 2 nodes":    {OK: true},
		"echo digest: v1:aa >&2":              {OK: true},
		"echo digest:":                        {OK: true},
		"echo digest: v1:aa; exit 1":          {Why: "the command ended with exit status 1", Digest: "v1:aa"},
		`printf 'a\033[2Jb' >&2; exit 1`:      {Why: "the command ended with exit status 1: a [2Jb"},
	} {
		if got, err := checked(t, script, long); err != nil || got != want {
			t.Errorf("%s: %+v, %v", script, got, err)
		}
	}
}

// However much a command prints, only the end is kept.
func TestCheckPrintsMuch(t *testing.T) {
	t.Parallel()
	got, err := checked(t, "yes | head -c 30000000; yes | head -c 30000000 >&2; echo; echo digest: v1:aa", long)
	if err != nil || !got.OK || got.Digest != "v1:aa" {
		t.Errorf("%+v, %v", got, err)
	}
	got, err = checked(t, "yes x | tr -d '\\n' | head -c 100000; exit 1", long)
	if err != nil || got.OK || len(got.Why) > maxCheckLine+100 {
		t.Errorf("%d bytes: %v", len(got.Why), err)
	}
}

// A command that cannot be started is not one that found the database to be wrong.
func TestCheckCannotStart(t *testing.T) {
	t.Parallel()
	_, err := checkBy([]string{filepath.Join(t.TempDir(), "none"), "{}"}, long)(t.Context(), "db")
	if _, ok := errors.AsType[*execError](err); !ok || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	// One that is there, and cannot start what it needs.
	for _, script := range []string{"no-such-program", "exec no-such-program", "exec /etc/passwd"} {
		got, err := checked(t, script, long)
		if _, ok := errors.AsType[*execError](err); !ok || !strings.Contains(err.Error(), "exit status 12") || got.Why != "" {
			t.Errorf("%s: %+v, %v", script, got, err)
		}
	}
	if err := mustBeThere([]string{"no-such-program", "{}"}); err == nil {
		t.Error("a program that is not there is there")
	}
	if err := mustBeThere([]string{"/bin/sh"}); err != nil {
		t.Error(err)
	}
}

// A command that does not end in time is killed, with all that it has started; and so is what it leaves when
// it does end. They tell their number by a file, and hold a pipe open as long as they live.
func TestCheckKillsItsGroup(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]string{"does not end": "wait", "ends": "true", "fails": "exit 1"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pids := filepath.Join(t.TempDir(), "pids")
			numbers := func() []string {
				b, err := os.ReadFile(pids)
				if err != nil && !errors.Is(err, fs.ErrNotExist) {
					t.Error(err)
				}
				return strings.Fields(string(b))
			}
			// The second one cannot be asked to end, and both have the output of the command.
			script := fmt.Sprintf(`sleep 1000 & a=$!; (trap '' TERM HUP INT; sleep 1000) & echo $a $! $$ > '%s'; %s`, pids, end)
			late := make(chan time.Time)
			if end == "wait" {
				go func() {
					for len(numbers()) < 3 {
						time.Sleep(time.Millisecond)
					}
					close(late)
				}()
			}
			got, err := runCheck(t.Context(), []string{"/bin/sh", "-c", script}, late)
			if errors.Is(err, errLate) != (end == "wait") || got.OK != (end == "true") {
				t.Errorf("%+v, %v", got, err)
			}
			for _, number := range numbers() {
				pid, err := strconv.Atoi(number)
				if err != nil {
					t.Fatal(err)
				}
				waitUntilGone(t, pid)
			}
		})
	}
	got, err := checked(t, "sleep 1000", time.Millisecond)
	if want := "the command did not end within 1ms, and was killed"; err != nil || got.OK || got.Why != want {
		t.Errorf("%+v, %v", got, err)
	}
}

// waitUntilGone waits until a process has ended: who was killed may still be there for a moment.
func waitUntilGone(t *testing.T, pid int) {
	t.Helper()
	for {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if errors.Is(err, fs.ErrNotExist) && syscall.Kill(pid, 0) != nil || bytes.Contains(stat, []byte(") Z ")) {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// What has left the group and holds the output open keeps nobody waiting.
func TestCheckDoesNotWaitForDeserters(t *testing.T) {
	t.Parallel()
	e, out, err := keepEnd()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Close() }() // which is held open meanwhile
	if _, err := fmt.Fprint(out, "digest: v1:aa"); err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	close(over)
	for e.wait(over) != "digest: v1:aa" {
		time.Sleep(time.Millisecond) // until it is read
	}
}

// When the drill is interrupted, so is the command.
func TestCheckIsInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	started := filepath.Join(t.TempDir(), "started")
	go func() {
		for !exists(started) {
			time.Sleep(time.Millisecond)
		}
		cancel(errors.New("enough"))
	}()
	_, err := checkBy([]string{"/bin/sh", "-c", "touch '" + started + "'; sleep 1000", "{}"}, long)(ctx, "db")
	if err == nil || err.Error() != "enough" {
		t.Errorf("%v", err)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// A command is split at blanks; quotes keep words together, and there is no other syntax.
func TestWords(t *testing.T) {
	t.Parallel()
	for command, want := range map[string][]string{
		"":                           nil,
		"  ":                         nil,
		"node check.js {}":           {"node", "check.js", "{}"},
		" a\tb\n c ":                 {"a", "b", "c"},
		`sh -c "a 'b' $c; d" {}`:     {"sh", "-c", "a 'b' $c; d", "{}"},
		`a '"' "'" '' b""c 'd'e`:     {"a", `"`, "'", "", "bc", "de"},
		`C:\bin\node.exe --x={} \\s`: {`C:\bin\node.exe`, "--x={}", `\\s`},
	} {
		if got, err := words(command); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v", command, got, err)
		}
	}
	if _, err := words(`a "b`); err == nil {
		t.Error("a quote that is not closed passes")
	}
}

// Whoever copies the whole line of a command means what the line says.
func TestReportedDigest(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"v1:5f": "v1:5f", " v1:5f\n": "v1:5f", "digest: v1:5f": "v1:5f", "digest:5f": "digest:5f", " ": "", "": "",
	} {
		if got := reportedDigest(given); got != want {
			t.Errorf("%q: %q, want %q", given, got, want)
		}
	}
}
