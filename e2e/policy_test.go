package e2e

import (
	"maps"
	"path/filepath"
	"strings"
	"testing"
)

// rules are the rules of expire and policy, in JSON.
type rules struct {
	Last   int      `json:"last"`
	Window int64    `json:"window_s"`
	Daily  int      `json:"daily"`
	Labels []string `json:"labels"`
}

// pinned is a pin in the answer of status.
type pinned struct {
	Backup int64  `json:"backup"`
	Label  string `json:"label"`
	Host   string `json:"host"`
	At     string `json:"at"`
}

// smallArchive makes an archive of a small database, with so many full backups.
func smallArchive(t testing.TB, at place, backups int) (db string) {
	t.Helper()
	db = filepath.Join(t.TempDir(), "db.grafeo")
	copyFile(t, "../examples/social.grafeo", db)
	for range backups {
		must(t, "backup", "--full", db, at.address())
	}
	return db
}

// Pins and rules are in the archive: whoever asks next, from wherever, is told of them.
func TestPinsAndPolicies(t *testing.T) {
	for _, p := range places {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			at := p.make(t)
			smallArchive(t, at, 2)
			run := func(line string, args ...string) answer {
				t.Helper()
				args = append([]string{args[0], at.address()}, args[1:]...)
				got := must(t, append(args, "--json")...).one(t, line)
				if p.name == "minio" && line != "status" && (got.Cost == nil || got.Cost.USD != usd(got.Requests)) {
					t.Errorf("%v: cost %+v of %v", args, got.Cost, got.Requests)
				}
				return got
			}
			if got := run("policy", "policy"); got.Rules != nil || got.Keep != 0 {
				t.Errorf("%+v", got)
			}
			stored := run("policy", "policy", "--window", "7d", "--keep-daily", "30", "--keep-label", "tested")
			want := rules{Window: 7 * 24 * 3600, Daily: 30, Labels: []string{"tested"}}
			if stored.Keep != 3 || stored.Rules.Window != want.Window || stored.Rules.Daily != want.Daily || len(stored.Rules.Labels) != 1 {
				t.Errorf("%+v, %+v", stored, stored.Rules)
			}
			if again := run("policy", "policy", "--keep-daily", "30", "--window", "168h", "--keep-label", "tested"); again.Keep != 0 {
				t.Errorf("the same rules were stored again: %+v", again)
			}
			if text := must(t, "policy", at.address()).stdout; text != "--window 7d --keep-daily 30 --keep-label tested\n" {
				t.Error(text)
			}

			if got := run("pin", "pin", "1", "--label", "before 0.6"); got.Keep != 4 || !got.Pinned || got.Backup != 1 || got.Label != "before 0.6" {
				t.Errorf("%+v", got)
			}
			if got := run("pin", "pin", "1", "--label", "before 0.6"); got.Keep != 0 || !got.Pinned {
				t.Errorf("%+v", got)
			}
			s := run("status", "status")
			if s.Backups != 2 || s.Policy == nil || s.Policy.Daily != 30 || len(s.Pins) != 1 || s.Pins[0].Backup != 1 || s.Pins[0].Label != "before 0.6" ||
				s.Pins[0].Host == "" || s.Pins[0].At == "" || s.LastKeep == nil || s.LastKeep.Seq != 4 || s.WaitingBytes == nil || *s.WaitingBytes != 0 {
				t.Errorf("%+v", s)
			}
			if text := must(t, "status", at.address()).stdout; !strings.Contains(text, `backup 1 ("before 0.6")`) || !strings.Contains(text, "--keep-daily 30") {
				t.Error(text)
			}
			if got := run("pin", "unpin", "1"); got.Keep != 5 || got.Pinned {
				t.Errorf("%+v", got)
			}
			if got := run("pin", "unpin", "1"); got.Keep != 0 || got.Pinned {
				t.Errorf("%+v", got)
			}
			if got := run("policy", "policy", "--clear"); got.Rules != nil || got.Keep != 6 {
				t.Errorf("%+v", got)
			}
			if s := run("status", "status"); s.Policy != nil || len(s.Pins) != 0 || s.Backups != 2 {
				t.Errorf("%+v", s)
			}
			gbak(t, "pin", at.address(), "7", "--json").want(t, exitNoArchive).failure(t)
			gbak(t, "unpin", at.address(), "3", "--json").want(t, exitNoArchive).failure(t) // a keep is no backup
			verifyClean(t, at, 2)
		})
	}
}

// Command lines that are wrong change nothing.
func TestWrongPinsAndPolicies(t *testing.T) {
	t.Parallel()
	at := newDirectory(t)
	smallArchive(t, at, 1)
	before := at.keys(t)
	for _, args := range [][]string{
		{"pin", at.address(), "0"}, {"pin", at.address(), "x"}, {"pin", at.address(), "1", "--label", strings.Repeat("x", 257)},
		{"pin", at.address(), "1", "--label", "not UTF-8: \xff"}, {"pin", at.address(), "1", "--label", "two\nlines"},
		{"unpin", at.address(), "-1"}, {"pin", at.address()},
		{"policy", at.address(), "--keep-last", "0"}, {"policy", at.address(), "--window", "7"}, {"policy", at.address(), "--clear", "--keep-last", "1"},
		{"backup", "db.grafeo", at.address(), "--label", "x"},
	} {
		if got := gbak(t, append(args, "--json")...).want(t, exitUsage).failure(t); got.Code != "usage" {
			t.Errorf("%v: %+v", args, got)
		}
	}
	if after := at.keys(t); strings.Join(before, "\n") != strings.Join(after, "\n") {
		t.Errorf("%v, and before %v", after, before)
	}
}

// The labels of a backup are shown with it, also when only its summary is read.
func TestLabels(t *testing.T) {
	for _, p := range places {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			at := p.make(t)
			db := smallArchive(t, at, 0)
			want := map[string]string{"release": "1.4", "note": "a = b"}
			made := must(t, "backup", db, at.address(), "--label", "release=1.4", "--label", "note=a = b", "--json").one(t, "backup")
			if !maps.Equal(made.Labels, want) {
				t.Errorf("%v", made.Labels)
			}
			if text := must(t, "backup", db, at.address(), "--label", "x=y").stdout; !strings.Contains(text, "the labels are recorded nowhere") {
				t.Error(text)
			}
			if s := must(t, "status", at.address()).stdout; !strings.Contains(s, "with note=a = b, release=1.4\n") {
				t.Error(s)
			}
			must(t, "backup", "--full", db, at.address())
			all := must(t, "list", at.address(), "--json").answers(t)
			if len(all) != 2 || !maps.Equal(all[0].Labels, want) || all[1].Labels != nil {
				t.Errorf("%+v", all)
			}
			if text := must(t, "list", at.address()).stdout; !strings.Contains(text, "LABELS\n") || !strings.Contains(text, "note=a = b, release=1.4\n") {
				t.Error(text)
			}
		})
	}
}
