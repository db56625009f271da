package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/gbak-s3/gbak-s3/archiver"
)

// readRules reads the rules of a command line.
func readRules(args string) (*archiver.Rules, error) {
	cmd := &cobra.Command{}
	flags := newRuleFlags(cmd.Flags())
	if err := cmd.ParseFlags(strings.Fields(args)); err != nil {
		return nil, err
	}
	return flags.read(cmd)
}

// Rules are shown as the flags that mean them, so that they can be pasted.
func TestRulesAreShownAsFlags(t *testing.T) {
	all := archiver.Rules{
		Last: 1, Full: 2, Within: 36 * time.Hour, Window: 7 * 24 * time.Hour,
		Hourly: 3, Daily: 4, Weekly: 5, Monthly: 6, Yearly: 7, Labels: []string{"release=1.4", "tested"},
	}
	for _, c := range []struct {
		args string
		want archiver.Rules
		show string
	}{
		{"--keep-last 1", archiver.Rules{Last: 1}, ""},
		{"--window 8w", archiver.Rules{Window: 56 * 24 * time.Hour}, "--window 56d"},
		{"--keep-within 90m", archiver.Rules{Within: 90 * time.Minute}, ""},
		{"--keep-within 61s", archiver.Rules{Within: 61 * time.Second}, ""},
		{"--keep-label tested", archiver.Rules{Labels: []string{"tested"}}, ""},
		{"--keep-last 1 --keep-full 2 --keep-within 36h --window 7d --keep-hourly 3 --keep-daily 4 --keep-weekly 5 " +
			"--keep-monthly 6 --keep-yearly 7 --keep-label release=1.4 --keep-label tested", all, ""},
	} {
		got, err := readRules(c.args)
		if err != nil {
			t.Errorf("%s: %v", c.args, err)
			continue
		}
		if diff := cmp.Diff(c.want, *got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", c.args, diff)
		}
		if c.show == "" {
			c.show = c.args
		}
		if shown := flagsOf(got); shown != c.show {
			t.Errorf("%s is shown as %s", c.args, shown)
		}
	}
	if got, err := readRules(""); got != nil || err != nil {
		t.Errorf("no rules: %+v, %v", got, err)
	}
}

// A rule that keeps nothing, or something else, is refused: it would look as if it removed
// everything.
func TestRulesThatAreRefused(t *testing.T) {
	for _, args := range []string{
		"--keep-last 0", "--keep-daily -1", "--keep-full x", "--keep-weekly 1.5", "--keep-yearly 99999999999", "--keep-last=",
		"--window 0d", "--window 7", "--keep-within -3h", "--window d", "--window 7y", "--window 40000d",
		"--keep-label =", "--keep-label a=b=\x01", "--keep-label -x",
	} {
		got, err := readRules(args)
		wrong, ok := err.(*usageError) //nolint:errorlint // nothing wraps it
		if !ok {
			t.Errorf("%q: %+v, %v", args, got, err)
			continue
		}
		flag, _, _ := strings.Cut(args, " ")
		flag, _, _ = strings.Cut(flag, "=")
		if !strings.HasPrefix(wrong.Error(), flag+" ") || !strings.HasPrefix(wrong.hint, "Give ") {
			t.Errorf("%q: %v; %s", args, wrong, wrong.hint)
		}
	}
}

func TestLabelsOfABackup(t *testing.T) {
	got, err := parseLabels([]string{"release=1.4", "note=a=b", "empty="})
	if err != nil || !cmp.Equal(got, map[string]string{"release": "1.4", "note": "a=b", "empty": ""}) {
		t.Errorf("%v, %v", got, err)
	}
	if text := labels(got); text != "empty=, note=a=b, release=1.4" {
		t.Error(text)
	}
	many := make([]string, archiver.MaxLabels+1)
	for i := range many {
		many[i] = string(rune('a'+i)) + "=1"
	}
	for _, wrong := range [][]string{{"release"}, {"=1"}, {"a=1", "a=2"}, {"empty=", "empty="}, {"a=\x00"}, many} {
		if got, err := parseLabels(wrong); err == nil {
			t.Errorf("%q: %v", wrong, got)
		}
	}
}
