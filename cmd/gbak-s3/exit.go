package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/storage"
)

// The exit codes (docs/exit-codes.md, "Exit codes").
const (
	exitDone        = 0
	exitError       = 1
	exitUsage       = 2
	exitDamage      = 3
	exitNoArchive   = 4
	exitUnreachable = 5
	exitConflict    = 6
	exitUnknown     = 7
	exitExists      = 8
	exitUnsafeStore = 9
	exitNeedsFull   = 10
	exitKeys        = 10
	exitLess        = 11
	exitInterrupted = 130
)

// exitCode returns the exit code for an error of the library.
func exitCode(code archiver.Code) int {
	switch code {
	case archiver.CodeNoRules, archiver.CodeNeeded, archiver.CodeRecipientNeeded, archiver.CodeLock, archiver.CodeNoRecipients:
		return exitUsage
	case archiver.CodeDamagedDatabase, archiver.CodeDamagedArchive, archiver.CodeDigest:
		return exitDamage
	case archiver.CodeNoArchive, archiver.CodeNoBackup, archiver.CodeVanished:
		return exitNoArchive
	case archiver.CodeUnreachable:
		return exitUnreachable
	case archiver.CodeConflict:
		return exitConflict
	case archiver.CodeUnknownOutcome:
		return exitUnknown
	case archiver.CodeTargetExists:
		return exitExists
	case archiver.CodeUnsafeStore:
		return exitUnsafeStore
	case archiver.CodeNeedsFull:
		return exitNeedsFull
	case archiver.CodeKeyMissing, archiver.CodeKeyWrong, archiver.CodeRecipients, archiver.CodeNotEncrypted, archiver.CodeEncrypted:
		return exitKeys
	case archiver.CodeInterrupted:
		return exitInterrupted
	}
	return exitError
}

// answeredError ends a command whose answer is bad news: it has been printed, and only
// the exit code is missing.
type answeredError struct{ exit int }

func (e *answeredError) Error() string { return "the answer is bad news" }

// failure is what is printed for an error.
type failure struct {
	Type    string `json:"type"` // "error"
	Code    string `json:"code"`
	Exit    int    `json:"exit"`
	Message string `json:"message"`
	Hint    string `json:"hint"`
}

// fail prints err on stderr, with more after its hint, and returns the exit code.
func (a *app) fail(err error, more string) int {
	if answered, ok := errors.AsType[*answeredError](err); ok {
		return answered.exit
	}
	f := describe(err, a.verb)
	f.Hint += more
	a.trace(err)
	a.printFailure(f)
	return f.Exit
}

// printFailure prints what has failed on stderr.
func (a *app) printFailure(f failure) {
	if a.out.json || a.logFormat == logJSON {
		if line, err := json.Marshal(f); err == nil {
			fmt.Fprintf(a.out.stderr, "%s\n", line)
		}
		return
	}
	a.out.say(bad, f.Message)
	if f.Hint != "" {
		fmt.Fprintf(a.out.stderr, "%s\n", a.out.fit(f.Hint))
	}
}

// trace logs, at the level debug, what an error is made of: which system call failed on
// which path, and what the store answered.
func (a *app) trace(err error) {
	if a.log == nil || err == nil {
		return
	}
	switch e := err.(type) { //nolint:errorlint // each of the tree is looked at by itself
	case *fs.PathError:
		a.log.Debug("system call", "call", e.Op, "path", e.Path, "err", e.Err)
	case *os.LinkError:
		a.log.Debug("system call", "call", e.Op, "from", e.Old, "path", e.New, "err", e.Err)
	case *storage.Error:
		if e.Answer != nil {
			a.log.Debug("store", "op", e.Op, "key", e.Key, "status", e.Answer.Status, "code", e.Answer.Code,
				"request_id", e.Answer.RequestID, "attempts", e.Answer.Attempts, "tried", e.Answer.Elapsed)
		}
	}
	switch e := err.(type) { //nolint:errorlint // the same
	case interface{ Unwrap() error }:
		a.trace(e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, part := range e.Unwrap() {
			a.trace(part)
		}
	}
}

func describe(err error, verb string) failure {
	f := failure{Type: "error", Code: string(archiver.CodeFailed), Exit: exitError, Message: err.Error()}
	var wrongUse *usageError
	var known *archiver.Error
	switch {
	case errors.As(err, &wrongUse):
		f.Code, f.Exit, f.Hint = "usage", exitUsage, wrongUse.hint
	case errors.As(err, &known):
		f.Code, f.Exit, f.Hint = string(known.Code), exitCode(known.Code), hintFor(err, verb)
	}
	return f
}
