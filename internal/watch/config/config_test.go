package config_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/internal/watch/config"
)

var update = flag.Bool("update", false, "write the golden files")

// around is an environment with a few variables, and stores in which each address is
// its own place, up to the query.
func around() config.Surroundings {
	variables := map[string]string{
		"EMPTY": "", "LAG": "3s", "URL": "https://ping.example/a$b:c\n- d", "SECRET": "hunter2", "BUCKET": "backups", "NESTED": "${LAG}",
	}
	return config.Surroundings{
		Variable: func(name string) (string, bool) {
			value, ok := variables[name]
			return value, ok
		},
		Place: func(_, address string) (string, error) {
			if strings.Contains(address, "@") {
				return "", errors.New("there are credentials in the address")
			}
			place, _, _ := strings.Cut(address, "?")
			return place, nil
		},
		Recipient: func(text string) error {
			if strings.HasPrefix(text, "age1") || strings.HasPrefix(text, "/") {
				return nil
			}
			return errors.New("this is no recipient")
		},
	}
}

func read(text string) (*config.Config, error) {
	return config.Read("watch.yaml", []byte(text), around())
}

// TestWholeFile reads a file in which every key is used.
func TestWholeFile(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(filepath.Join("testdata", "whole.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := config.Read("whole.yaml", content, around())
	if err != nil {
		t.Fatal(err)
	}
	defaults := config.Settings{
		Lag:         3 * time.Second,
		Full:        config.Full{Every: 24 * time.Hour, AfterIncrements: 2000, Window: &config.Window{From: 60, To: 300}},
		Verify:      config.Verify{Every: 24 * time.Hour, Sample: 0.05},
		Drill:       config.Drill{Every: 7 * 24 * time.Hour, Scratch: "/scratch", Exec: []string{"node", "check.mjs", "{}"}, Timeout: 10 * time.Minute},
		ExpireEvery: 7 * 24 * time.Hour, CompactEvery: time.Hour,
		MinFree:     config.Free{Percent: 7.5},
		MaxRequests: config.Rate{Count: 20000, Per: 24 * time.Hour},
		Heartbeat:   config.Heartbeat{URL: "https://ping.example/a$b:c\n- d", Every: time.Minute, Style: "healthchecks"},
		Keys:        config.Keys{Recipients: []string{"age1abc", "/etc/recipients"}, Identities: []string{"/etc/identity"}},
	}
	second := defaults
	second.Full.Every = 12 * time.Hour // the rest of full is as in the defaults
	second.Verify.Sample, second.Drill.Every = 0.125, 24*time.Hour
	second.MinFree = config.Free{Bytes: 10 << 30}
	second.Heartbeat.URL = ""
	second.Keys = config.Keys{Recipients: []string{"age1def"}, Identities: second.Keys.Identities, WriterKey: "/run/writer.key"}
	check := time.Duration(0)
	want := &config.Config{
		Listen: "127.0.0.1:8484", Hosts: []string{"backups.example", "::1"}, Page: config.PageFull, Log: config.Log{Level: "info", Format: "json"},
		Flush: 25 * time.Second, StoreCheck: &check,
		Defaults: defaults,
		Databases: []config.Database{
			{Path: "/srv/app/people.grafeo", Name: "people", Archives: []string{"s3://backups/people", "/mnt/nas/people"}, Settings: defaults},
			{Path: "/srv/app/$data.grafeo", Name: "money", Archives: []string{"/mnt/nas/money"}, Settings: second},
		},
		Dirs: []config.Dir{{
			Path: "/srv/tenants", Pattern: "*.grafeo", Archives: []string{"s3://backups/tenants/{path}-{id8}?region=eu"}, Settings: defaults,
		}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestDefaultsMayStandLast: the order of keys means nothing.
func TestDefaultsMayStandLast(t *testing.T) {
	t.Parallel()
	c, err := read("databases:\n- {path: a.grafeo, archive: a}\ndefaults: {lag: 1m}\nversion: 1\n")
	if err != nil {
		t.Fatal(err)
	}
	if c.Databases[0].Lag != time.Minute {
		t.Errorf("the lag is %s", c.Databases[0].Lag)
	}
}

// TestPageOff: for YAML, off may be a word or no.
func TestPageOff(t *testing.T) {
	t.Parallel()
	c, err := read("databases:\n- {path: a.grafeo, archive: a}\npage: off\nlisten: unix:/run/page.sock\nversion: 1\n")
	if err != nil {
		t.Fatal(err)
	}
	if c.Page != config.PageOff || c.Listen != "unix:/run/page.sock" {
		t.Errorf("the page is %q, at %q", c.Page, c.Listen)
	}
}

// TestProblems reads files that cannot be used, and compares what is said about each.
// testdata/problems.txt has them: a file, then after "---" the answer.
func TestProblems(t *testing.T) {
	t.Parallel()
	golden := filepath.Join("testdata", "problems.txt")
	content, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for i, part := range strings.Split(string(content), "\n====\n") {
		file, want, _ := strings.Cut(part, "\n---\n")
		_, err := read(file + "\n")
		said := "no problem"
		if err != nil {
			said = err.Error()
		}
		if _, ok := errors.AsType[*config.Error](err); !ok {
			t.Errorf("the error for\n%s\nis no *Error: %v", file, err)
		}
		if strings.Contains(said, "hunter2") {
			t.Errorf("the error shows a variable: %s", said)
		}
		if said != strings.TrimSuffix(want, "\n") && !*update {
			t.Errorf("of the file\n%s\n\nis said\n%s\n\nwant\n%s", file, said, want)
		}
		if i > 0 {
			out.WriteString("\n====\n")
		}
		fmt.Fprintf(&out, "%s\n---\n%s", file, said)
	}
	if *update {
		if err := os.WriteFile(golden, append(out.Bytes(), '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWindow(t *testing.T) {
	t.Parallel()
	at := func(clock string) time.Time {
		t.Helper()
		when, err := time.Parse("15:04:05", clock)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	tests := []struct {
		window string
		has    []string
		lacks  []string
	}{
		{"01:00-05:00", []string{"01:00:00", "04:59:59"}, []string{"00:59:59", "05:00:00", "13:00:00"}},
		{"22:30-01:00", []string{"22:30:00", "23:59:59", "00:00:00", "00:59:59"}, []string{"01:00:00", "22:29:59", "12:00:00"}},
		{"00:00-00:00", []string{"00:00:00", "12:00:00", "23:59:59"}, nil},
	}
	for _, tt := range tests {
		w, err := config.ParseWindow(tt.window)
		if err != nil {
			t.Fatal(err)
		}
		for _, clock := range tt.has {
			if !w.Has(at(clock)) {
				t.Errorf("%s lacks %s", tt.window, clock)
			}
		}
		for _, clock := range tt.lacks {
			if w.Has(at(clock)) {
				t.Errorf("%s has %s", tt.window, clock)
			}
		}
	}
}

func TestDurations(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"0": 0, "500ms": 500 * time.Millisecond, "10s": 10 * time.Second, "1h30m": 90 * time.Minute,
		"7d": 7 * 24 * time.Hour, "2w": 14 * 24 * time.Hour, "1d12h": 36 * time.Hour, "0d": 0,
	} {
		if got, err := config.ParseDuration(text); err != nil || got != want {
			t.Errorf("%q is %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "10", "s", "-1s", "1d-1h", "1d 2h", "99999d", "1y", "300000h", "1dd"} {
		if got, err := config.ParseDuration(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}

func TestTemplates(t *testing.T) {
	t.Parallel()
	tests := []struct{ template, path, want string }{
		{"s3://b/t/{path}", "a/people", "s3://b/t/a/people"},
		{"s3://b/t/{path}", "a b/ü?x#%", "s3://b/t/a%20b/%C3%BC%3Fx%23%25"},
		{"/nas/{path}", "a b/ü?x", "/nas/a b/ü?x"},
		{"/nas/{path}-{id8}", "a", "/nas/a-0123abcd"},
		{"/nas/{path}", "{id8}", "/nas/{id8}"}, // a name is never a placeholder
		{config.Below("s3://bucket/x?endpoint=http://127.0.0.1:9000"), "people", "s3://bucket/x/people?endpoint=http://127.0.0.1:9000"},
		{config.Below("s3://bucket"), "people", "s3://bucket/people"},
		{config.Below("s3://bucket/x/?region=eu"), "people", "s3://bucket/x/people?region=eu"},
		{config.Below("/nas/all/"), "people", "/nas/all/people"},
		{config.Below("/"), "people", "/people"},
		{config.Below("file:///nas?x"), "people", "file:///nas/people?x"},
		{config.Below("/nas/a?b"), "people", "/nas/a?b/people"}, // in a path, ? is a letter
	}
	for _, tt := range tests {
		if got := config.Expand(tt.template, tt.path, "0123abcd"); got != tt.want {
			t.Errorf("%s for %s is %s, want %s", tt.template, tt.path, got, tt.want)
		}
	}
}

// FuzzRead reads anything: it never panics, a problem has a line of the file, and what
// a file says does not depend on how often it is read.
func FuzzRead(f *testing.F) {
	for _, name := range []string{"whole.yaml", "problems.txt"} {
		content, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		for _, part := range strings.Split(string(content), "\n====\n") {
			file, _, _ := strings.Cut(part, "\n---\n")
			f.Add(file)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		first, err := read(text)
		again, errAgain := read(text)
		if diff := cmp.Diff(first, again); diff != "" || fmt.Sprint(err) != fmt.Sprint(errAgain) {
			t.Errorf("read again, it is different: %s\n%v\n%v", diff, err, errAgain)
		}
		if (first == nil) == (err == nil) {
			t.Errorf("%v and %v", first, err)
		}
		if problems, ok := errors.AsType[*config.Error](err); ok {
			for _, p := range problems.Problems {
				if p.Line < 0 || p.Line > strings.Count(text, "\n")+strings.Count(text, "\r")+strings.Count(text, "\u2028")+strings.Count(text, "\u2029")+strings.Count(text, "\u0085")+2 {
					t.Errorf("line %d of %d", p.Line, strings.Count(text, "\n")+1)
				}
			}
		}
		if first != nil {
			for _, d := range first.Databases {
				if d.Path == "" || d.Name == "" || len(d.Archives) == 0 || d.Lag <= 0 {
					t.Errorf("a database is not whole: %+v", d)
				}
			}
		}
	})
}
