package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
)

// This file is about a command that checks a restored database (drill --exec). It gets the path in the place
// of {}, and no shell. It is the leader of a process group of its own, and when it ends, or does not end in
// time, whatever is left of the group is killed: nothing may go on in a folder that is removed. What has left
// the group is nobody's any more: it cannot keep a drill from ending.

// checkPlace is what stands for the path of the database in a command that checks it.
const checkPlace = "{}"

const (
	maxCheckOutput = 64 << 10 // of what a command prints: its end
	maxCheckLine   = 500      // of its last lines, as a reason
	toldLines      = 3        // that these are: what a runtime prints last is seldom all of the reason

	// pipePatience is how long the output of a group that was killed may take to end. Only what has left
	// the group holds it open longer.
	pipePatience = 2 * time.Second
)

// notRun are the exit codes with which shells, env, nice and others like them say that a command cannot be run
// or is not there. That a program is missing here, such as the node of a script, says nothing of a database.
var notRun = []int{126, 127}

// mustBeThere returns an error if the program of a command is not there: it is better said before a database
// is restored for it.
func mustBeThere(command []string) error {
	if _, err := exec.LookPath(command[0]); err != nil {
		return newExecError(err)
	}
	return nil
}

// checkBy returns what checks a database by a command, for [archiver.DrillOptions]: the database is well if
// the command exits with 0. If the last line of its output begins with "digest: ", that is the digest.
func checkBy(command []string, timeout time.Duration) func(ctx context.Context, database string) (archiver.CheckResult, error) {
	return func(ctx context.Context, database string) (archiver.CheckResult, error) {
		args := make([]string, len(command))
		for i, arg := range command {
			args[i] = strings.ReplaceAll(arg, checkPlace, database)
		}
		late := time.NewTimer(timeout)
		defer late.Stop()
		result, err := runCheck(ctx, args, late.C)
		if errors.Is(err, errLate) {
			return archiver.CheckResult{Why: fmt.Sprintf("the command did not end within %s, and was killed", timeout)}, nil
		}
		return result, err
	}
}

var errLate = errors.New("the command did not end in time")

// runCheck runs a command until it ends, or ctx does, or it is late: then the error is errLate.
func runCheck(ctx context.Context, args []string, late <-chan time.Time) (archiver.CheckResult, error) {
	c := exec.Command(args[0], args[1:]...)
	lead(c)
	stdout, stdoutEnd, err := keepEnd()
	if err != nil {
		return archiver.CheckResult{}, newExecError(err)
	}
	stderr, stderrEnd, err := keepEnd()
	if err != nil {
		_ = stdoutEnd.Close() // nothing was written
		return archiver.CheckResult{}, newExecError(err)
	}
	c.Stdout, c.Stderr = stdoutEnd, stderrEnd
	err = c.Start()
	_, _ = stdoutEnd.Close(), stderrEnd.Close() // the command has them, or nobody
	if err != nil {
		return archiver.CheckResult{}, newExecError(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	select {
	case err = <-ended:
	case <-ctx.Done():
		killGroup(c)
		<-ended
		return archiver.CheckResult{}, context.Cause(ctx)
	case <-late:
		killGroup(c)
		<-ended
		return archiver.CheckResult{}, errLate
	}
	killGroup(c) // what it has left behind
	patience, over := context.WithTimeout(context.WithoutCancel(ctx), pipePatience)
	defer over()
	out, problems := stdout.wait(patience.Done()), stderr.wait(patience.Done())
	return resultOf(err, out, problems)
}

// resultOf returns what a command has found out that ended with err.
func resultOf(err error, stdout, stderr string) (archiver.CheckResult, error) {
	exit, isExit := errors.AsType[*exec.ExitError](err)
	if err != nil && !isExit {
		return archiver.CheckResult{}, newExecError(err)
	}
	last := lastLine(stdout)
	if isExit && slices.Contains(notRun, exit.ExitCode()) {
		return archiver.CheckResult{}, newExecError(errors.New(exit.String() + saying(firstOf(endOf(stderr, toldLines), last))))
	}
	r := archiver.CheckResult{OK: err == nil}
	if digest, ok := strings.CutPrefix(last, "digest:"); ok {
		r.Digest = strings.TrimSpace(digest)
		last = ""
	}
	if err != nil {
		r.Why = "the command ended with " + exit.String() + saying(firstOf(endOf(stderr, toldLines), last))
	}
	return r, nil
}

// reportedDigest returns the digest that somebody has given, who may have copied all of the line
// that a command prints.
func reportedDigest(text string) string {
	return strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(text), "digest: "))
}

// saying returns what a command said, as the rest of a message.
func saying(said string) string {
	if said = short(said); said != "" {
		return ": " + said
	}
	return ""
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// lastLine returns the last line of a text that is not empty.
func lastLine(text string) string {
	text = strings.TrimRight(text, " \t\r\n")
	return strings.TrimSpace(text[strings.LastIndexByte(text, '\n')+1:])
}

// endOf returns the last n lines of a text that are not empty, as one.
func endOf(text string, n int) string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-n):], "; ")
}

// short returns a line as a part of a message.
func short(line string) string {
	line = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f { // the command's output is not to move the cursor
			return ' '
		}
		return c
	}, strings.ToValidUTF8(line, "?"))
	if len(line) > maxCheckLine {
		line = strings.ToValidUTF8(line[:maxCheckLine], "") + "..."
	}
	return line
}

// ending is the end of what a process prints.
type ending struct {
	mu   sync.Mutex
	text bytes.Buffer
	done chan struct{} // closed when nobody can print any more
}

// keepEnd returns a pipe, and what keeps the end of what is written into it.
func keepEnd() (*ending, *os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	e := &ending{done: make(chan struct{})}
	go func() {
		defer close(e.done)
		defer func() { _ = r.Close() }() // read to its end, or to an error
		var b [4096]byte
		for {
			n, err := r.Read(b[:])
			e.mu.Lock()
			e.text.Write(b[:n])
			if over := e.text.Len() - maxCheckOutput; over > 0 {
				e.text.Next(over)
			}
			e.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return e, w, nil
}

// wait returns what was printed when nobody can print any more, or when the patience is over.
func (e *ending) wait(patience <-chan struct{}) string {
	select {
	case <-e.done:
	case <-patience:
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.text.String()
}

// words splits a command into its words: at blanks, unless they are in quotes, single or double. There is
// nothing else: no variables, no escapes, no shell.
func words(command string) ([]string, error) {
	var all []string
	var word strings.Builder
	var quote rune
	isWord := false
	for _, c := range command {
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(c)
		case c == '\'' || c == '"':
			quote, isWord = c, true
		case c == ' ' || c == '\t' || c == '\n':
			if isWord {
				all = append(all, word.String())
			}
			word.Reset()
			isWord = false
		default:
			word.WriteRune(c)
			isWord = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("a quote %c is not closed", quote)
	}
	if isWord {
		all = append(all, word.String())
	}
	return all, nil
}
