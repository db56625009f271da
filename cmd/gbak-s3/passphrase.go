package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"time"

	"golang.org/x/term"

	"github.com/gbak-s3/gbak-s3/archiver"
)

// asker asks whoever is at the terminal.
type asker struct {
	stdin   *os.File
	prompts io.Writer // where questions are printed
	taken   bool      // stdin is read for something else
}

// canAsk reports whether somebody is at a terminal.
func (a *asker) canAsk() bool { return !a.taken && term.IsTerminal(int(a.stdin.Fd())) }

// passphrase returns a passphrase, what names it for people, such as "the passphrase of
// keys.age". A new one is asked for twice.
func (a *asker) passphrase(ctx context.Context, what string, isNew bool) (string, error) {
	if !a.canAsk() {
		return "", noPassphrase("%s is needed, and there is no terminal to ask for it", what)
	}
	text, err := a.ask(ctx, what)
	if err != nil || !isNew {
		return text, err
	}
	again, err := a.ask(ctx, what+", again")
	if err == nil && again != text {
		err = noPassphrase("the two passphrases are not the same")
	}
	return text, err
}

// ask asks for something that is not shown. If ctx ends meanwhile, the terminal is as it was.
func (a *asker) ask(ctx context.Context, what string) (string, error) {
	fd := int(a.stdin.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", noPassphrase("%s cannot be asked for: %v", what, err)
	}
	fmt.Fprint(a.prompts, what+": ")
	defer fmt.Fprintln(a.prompts)
	type answer struct {
		text []byte
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		text, err := term.ReadPassword(fd)
		answers <- answer{text, err}
	}()
	select {
	case <-ctx.Done(): // the answer is still waited for, but nobody will use it
		_ = term.Restore(fd, before)
		return "", context.Cause(ctx)
	case got := <-answers:
		if got.err != nil || len(got.text) == 0 {
			return "", noPassphrase("nothing was entered for %s", what)
		}
		return string(got.text), nil
	}
}

const passphraseHint = "Use a terminal, or give a command that prints it with --passphrase-command."

// noPassphrase is the error for a passphrase that there is not.
func noPassphrase(format string, args ...any) error {
	return &archiver.Error{Code: archiver.CodeKeyMissing, Err: fmt.Errorf(format, args...), Hint: passphraseHint}
}

// maxPassphrase is more than anybody types.
const maxPassphrase = 4 << 10

// printedBy returns the first line that a command of the shell prints. No error has any of it.
func printedBy(ctx context.Context, command string) (string, error) {
	name, flag := "sh", "-c"
	if runtime.GOOS == "windows" {
		name, flag = "cmd", "/C"
	}
	cmd := exec.CommandContext(ctx, name, flag, command)
	cmd.Stderr = os.Stderr
	cmd.WaitDelay = time.Second // for what the shell has started, and holds its output
	out, err := cmd.Output()
	if err != nil {
		return "", badCommand("the command that is to print the passphrase has failed: %w", err)
	}
	line, _, _ := bytes.Cut(out, []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	if len(line) == 0 || len(line) > maxPassphrase {
		return "", badCommand("the command that is to print the passphrase has printed none")
	}
	return string(line), nil
}

func badCommand(format string, args ...any) error {
	return &archiver.Error{
		Code: archiver.CodeKeyMissing, Err: fmt.Errorf(format, args...),
		Hint: "Run the command of --passphrase-command by itself: it is to print the passphrase as its first line.",
	}
}
