package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
)

func TestWantsColour(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		environment map[string]string
		want        bool
	}{
		{map[string]string{"TERM": "xterm"}, true},
		{map[string]string{"TERM": "xterm", "NO_COLOR": "", "CLICOLOR": "1"}, true},
		{map[string]string{"TERM": "xterm", "NO_COLOR": "1"}, false},
		{map[string]string{"TERM": "xterm", "NO_COLOR": "0"}, false},
		{map[string]string{"TERM": "xterm", "CLICOLOR": "0"}, false},
		{map[string]string{"TERM": "dumb"}, false},
	} {
		if got := wantsColour(func(name string) string { return c.environment[name] }); got != c.want {
			t.Errorf("%v: %v", c.environment, got)
		}
	}
}

// Colour is around words that say the same without it, and nothing else changes.
func TestColourSaysNothingElse(t *testing.T) {
	t.Parallel()
	broken := errors.New("segments/a is missing")
	for name, print := range map[string]func(o *output) error{
		"status": func(o *output) error {
			return o.printStatus(archiver.StatusReport{Newest: &archiver.Backup{Seq: 3}, Broken: broken, Vanished: broken}, "")
		},
		"verify": func(o *output) error {
			return o.report(archiver.VerifyReport{Findings: []archiver.Finding{{Key: "segments/a", Problem: "missing"}}})
		},
		"whole": func(o *output) error { return o.report(archiver.VerifyReport{}) },
		"doctor": func(o *output) error {
			return o.printDoctor(archiver.DoctorReport{Checks: []archiver.Check{
				{Severity: archiver.SeverityOK, Text: "one"}, {Severity: archiver.SeverityNote, Text: "two"},
				{Severity: archiver.SeverityWarning, Text: "three"}, {Severity: archiver.SeverityProblem, Text: "four", Err: broken},
			}})
		},
	} {
		var plain, painted bytes.Buffer
		if err := print(&output{stdout: &plain}); err != nil {
			t.Fatal(err)
		}
		if err := print(&output{stdout: &painted, colour: true}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(painted.String(), noColour) || strings.Contains(plain.String(), "\x1b") {
			t.Errorf("%s: %q and %q", name, plain.String(), painted.String())
		}
		if got := strings.NewReplacer(string(good), "", string(doubt), "", string(bad), "", noColour, "").Replace(painted.String()); got != plain.String() {
			t.Errorf("%s: %q, and without colour %q", name, got, plain.String())
		}
	}
}

// A message for a terminal is broken where words end; a command that people copy is not.
func TestMessagesFit(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	o := output{stderr: &out, screen: &screen{columns: func() int { return 30 }, colour: true}}
	a := app{out: o}
	a.printFailure(failure{Message: "人々.grafeo is not the database that it was", Hint: "Run `gbak-s3 verify --deep ./people-archive` to see."})
	want := "\x1b[31mgbak-s3:\x1b[0m 人々.grafeo is not\nthe database that it was\nRun\n`gbak-s3 verify --deep ./people-archive`\nto see.\n"
	if out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}
