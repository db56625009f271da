package main

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
	"github.com/gbak-s3/gbak-s3/internal/watch"
	"github.com/gbak-s3/gbak-s3/internal/watch/config"
)

// manualOfWatch is docs/watch.md.
func manualOfWatch(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/watch.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestExampleFile: the file that the documentation shows can be used.
func TestExampleFile(t *testing.T) {
	_, example, found := strings.Cut(manualOfWatch(t), "```yaml\n")
	example, _, closed := strings.Cut(example, "```")
	if !found || !closed {
		t.Fatal("there is no example")
	}
	c, err := config.Read("example", []byte(example), config.Surroundings{
		Variable: func(string) (string, bool) { return "", false },
		Place:    placeOf,
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Databases) != 2 || len(c.Dirs) != 1 || c.Databases[1].Full.Every != 12*time.Hour || c.Databases[1].Full.Window == nil {
		t.Errorf("the example says %+v", c)
	}
}

// TestArgumentsAfterDashes: -- ends the flags, and what comes after DATABASE ARCHIVE is a command.
func TestArgumentsAfterDashes(t *testing.T) {
	t.Setenv(archiveVariable, "")
	dir := t.TempDir()
	database, archive := filepath.Join(dir, "people.grafeo"), filepath.Join(dir, "archive")
	for _, c := range []struct {
		args []string
		want string // in the error
	}{
		{[]string{database, archive}, ""},
		{[]string{"--", database, archive}, ""},
		{[]string{"--lag", "1s", "--", database, archive}, ""},
		{[]string{database, archive, "--"}, ""},
		{[]string{database, archive, "--", "node", "app.js"}, "no --exec"},
		{[]string{database, "--", "node"}, "no --exec"},
	} {
		f, cmd := &watchFlags{}, &cobra.Command{}
		cmd.Flags().StringVar(&f.lag, "lag", "", "")
		if err := cmd.ParseFlags(c.args); err != nil {
			t.Fatal(err)
		}
		got := &config.Config{Defaults: config.DefaultSettings()}
		err := f.databases(cmd, got, cmd.Flags().Args())
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%q: %v", c.args, err)
			}
		} else if err != nil || len(got.Databases) != 1 || got.Databases[0].Path != database {
			t.Errorf("%q: %+v, %v", c.args, got.Databases, err)
		}
	}
}

// TestKeysAreDocumented: the documentation has each key that a file may have.
func TestKeysAreDocumented(t *testing.T) {
	manual := manualOfWatch(t)
	for _, text := range []string{
		"xxxxxxxxxxxx: 1", "log: {xxxxxxxxxxxx: 1}", "defaults: {xxxxxxxxxxxx: 1}", "defaults: {full: {xxxxxxxxxxxx: 1}}",
		"defaults: {verify: {xxxxxxxxxxxx: 1}}", "defaults: {drill: {xxxxxxxxxxxx: 1}}", "databases: [{xxxxxxxxxxxx: 1}]", "directories: [{xxxxxxxxxxxx: 1}]",
	} {
		_, err := config.Read("file", []byte(text), config.Surroundings{})
		_, list, found := strings.Cut(err.Error(), "there is no such key; there are ")
		if !found {
			t.Errorf("%s: %v", text, err)
		}
		list, _, _ = strings.Cut(list, "\n")
		for _, key := range strings.Split(list, ", ") {
			if !strings.Contains(manual, "`"+key+"`") {
				t.Errorf("docs/watch.md lacks `%s`", key)
			}
		}
	}
}

// TestIdleCostIsDocumented: what a watcher takes while nothing is new is what is written of it.
func TestIdleCostIsDocumented(t *testing.T) {
	if n := requestsADay(watch.DefaultStoreCheck); n != 3*24 {
		t.Errorf("it takes %d requests a day for each store", n)
	}
	if n := requestsADay(askEach) + provedForPage; n != 150 {
		t.Errorf("it takes %d requests a day for each archive", n)
	}
	for _, name := range []string{"docs/watch.md", "docs/cost.md", "CHANGELOG.md"} {
		text, err := os.ReadFile("../../" + name)
		if err != nil {
			t.Fatal(err)
		}
		words := strings.Join(strings.Fields(string(text)), " ")
		if !strings.Contains(words, "three requests an hour for each store") {
			t.Errorf("%s does not say what a store takes", name)
		}
		if !regexp.MustCompile(`\b150 (requests )?a day for each archive`).MatchString(words) {
			t.Errorf("%s does not say what an archive takes", name)
		}
	}
}

// TestWatchFlagsAreDocumented: the documentation has each flag of watch.
func TestWatchFlagsAreDocumented(t *testing.T) {
	manual := manualOfWatch(t)
	out := &strings.Builder{}
	cmd := watchCommand(&app{})
	cmd.SetOut(out)
	if err := cmd.Usage(); err != nil {
		t.Fatal(err)
	}
	flags := regexp.MustCompile(`(?m)^ +--([a-z-]+)`).FindAllStringSubmatch(out.String(), -1)
	if len(flags) < 15 {
		t.Fatalf("there are only %d flags: %s", len(flags), out)
	}
	for _, flag := range flags {
		if flag[1] != "help" && !regexp.MustCompile("--"+flag[1]+"[ `,)]").MatchString(manual) {
			t.Errorf("docs/watch.md lacks --%s", flag[1])
		}
	}
}

// TestBound: what a watcher may cost is what its requests cost.
func TestBound(t *testing.T) {
	for _, tt := range []struct {
		target watch.Target
		want   string
	}{
		{watch.Target{Lag: 10 * time.Second, Address: "s3://b/x"}, "at most 259,200 backups a month if it never rests, $2.70 at list prices"},
		{watch.Target{Lag: time.Second, Address: "s3://b/x"}, "at most 2,592,000 backups a month if it never rests, $26.96 at list prices"},
		{watch.Target{Lag: time.Second, Address: "/nas/x"}, "at most 2,592,000 backups a month if it never rests"},
		{watch.Target{Lag: time.Second, Address: "/nas/x", MaxRequests: watch.Rate{N: 300, Per: 24 * time.Hour}}, "at most 3,000 backups a month if it never rests"},
		{watch.Target{Lag: time.Hour, Address: "/nas/x", MaxRequests: watch.Rate{N: 300, Per: time.Second}}, "at most 720 backups a month if it never rests"},
	} {
		if got := boundOf(tt.target).String(); got != tt.want {
			t.Errorf("%+v: %s, want %s", tt.target, got, tt.want)
		}
	}
}

// TestWorseExit: the exit code of several backups is that of the worst.
func TestWorseExit(t *testing.T) {
	order := []int{exitDamage, exitKeys, exitUnknown, exitUnsafeStore, exitConflict, exitNoArchive, exitError, exitInterrupted, exitDone}
	for i, a := range order {
		for j, b := range order {
			if got := worseExit(a, b); got != order[min(i, j)] {
				t.Errorf("of %d and %d, %d is worse", a, b, got)
			}
		}
	}
}

// TestTargetsOfOneDatabase: archives of one name in two stores are told apart.
func TestTargetsOfOneDatabase(t *testing.T) {
	got := targetsOf("/srv/people.grafeo", "people", []string{"s3://b/people?endpoint=http://one:1", "s3://b/people?endpoint=http://two:2", "/nas/people"}, config.DefaultSettings())
	tellApart(got)
	keys, stores := map[watch.Key]bool{}, map[string]bool{}
	for _, g := range got {
		keys[g.Key()], stores[g.Store] = true, true
	}
	if len(keys) != 3 || len(stores) != 3 {
		t.Errorf("the targets are %+v", got)
	}
}

// TestFolders: databases that appear are watched, those that go stay, and an entry of
// its own counts more than the folder.
func TestFolders(t *testing.T) {
	dir := t.TempDir()
	image := func(name string, id byte) {
		t.Helper()
		path := filepath.Join(dir, name)
		err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), grafeotest.Image06(path, grafeotest.Image06Options{ID: [16]byte{id}}))
		if err != nil {
			t.Fatal(err)
		}
	}
	image("a.grafeo", 1)
	image("b.grafeo", 2)
	c := &config.Config{
		Databases: []config.Database{{Path: filepath.Join(dir, "b.grafeo"), Name: "own", Archives: []string{"/nas/own"}, Settings: config.DefaultSettings()}},
		Dirs:      []config.Dir{{Path: dir, Archives: []string{"/nas/x/{path}-{id8}"}, Settings: config.DefaultSettings()}},
	}
	f := newFolders(slog.New(slog.DiscardHandler))
	targets := func() []watch.Target {
		f.look(c)
		if f.look(c) {
			t.Error("a second look finds something new")
		}
		return f.targets(c)
	}
	check := func(want ...string) {
		t.Helper()
		var got []string
		for _, target := range targets() {
			if !regexp.MustCompile(`^/nas/(own|x/.*-[0-9a-f]{8})$`).MatchString(target.Archive) {
				t.Errorf("%s has the archive %s", target.Name, target.Archive)
			}
			got = append(got, target.Name)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	check("own", "a")
	image("deep/c.grafeo", 3)
	if err := os.Remove(filepath.Join(dir, "a.grafeo")); err != nil {
		t.Fatal(err)
	}
	check("own", "a", "deep/c")
	before := targets()[1].Archive
	image("a.grafeo", 4) // created anew
	if after := targets()[1].Archive; after == before {
		t.Errorf("a database that was created anew has the archive of the old one, %s", after)
	}
	if err := os.Remove(filepath.Join(dir, "a.grafeo")); err != nil {
		t.Fatal(err)
	}
	f.forget()
	check("own", "deep/c")
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	check("own", "deep/c") // and what was forgotten before does not come back
	if err := os.Rename(dir+".away", dir); err != nil {
		t.Fatal(err)
	}

	// What cannot be seen is not forgotten, whatever is read again.
	if err := os.WriteFile(filepath.Join(dir, "deep", "c.grafeo"), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	f.forget()
	check("own", "deep/c")
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	check("own", "deep/c")
	f.forget()
	check("own", "deep/c")
}

// TestFolderOfAServer: a database has the name of its folder, and no second archive if it has an entry
// of its own, as its file or as its folder.
func TestFolderOfAServer(t *testing.T) {
	dir := t.TempDir()
	for i, name := range []string{"people", "orders", "shop"} {
		err := errors.Join(os.Mkdir(filepath.Join(dir, name), 0o755),
			grafeotest.Image06(filepath.Join(dir, name, "data.grafeo"), grafeotest.Image06Options{ID: [16]byte{byte(i + 1)}}))
		if err != nil {
			t.Fatal(err)
		}
	}
	own := func(path ...string) config.Database {
		return config.Database{Path: filepath.Join(append([]string{dir}, path...)...), Name: "own", Archives: []string{"/nas/" + path[0]}, Settings: config.DefaultSettings()}
	}
	f, c := newFolders(slog.New(slog.DiscardHandler)), &config.Config{
		Databases: []config.Database{own("orders", "data.grafeo"), own("shop")},
		Dirs:      []config.Dir{{Path: dir, Archives: []string{"/nas/x/{path}-{id8}"}, Settings: config.DefaultSettings()}},
	}
	f.look(c)
	all := f.targets(c)
	if len(all) != 3 || all[2].Name != "people" || !strings.HasPrefix(all[2].Archive, "/nas/x/people-") || all[2].Database != filepath.Join(dir, "people") {
		t.Errorf("%+v", all)
	}
}

// TestStillHeld: what is left out of a file keeps its log, unless nothing does that, or it is still watched
// under another name.
func TestStillHeld(t *testing.T) {
	state := func(database, address string, change func(*watch.TargetState)) watch.TargetState {
		s := watch.TargetState{Target: watch.Target{Name: database, Database: database, Address: address}}
		s.Newest.Seq, s.Newest.Generation = 7, grafeo.Gen06
		change(&s)
		return s
	}
	before := []watch.TargetState{
		state("left out", "/nas/a", func(*watch.TargetState) {}),
		state("moved", "/nas/b", func(*watch.TargetState) {}),
		state("stays", "/nas/c", func(*watch.TargetState) {}),
		state("0.5 holds nothing", "/nas/d", func(s *watch.TargetState) { s.Newest.Generation = grafeo.Gen05 }),
		state("gone", "/nas/e", func(s *watch.TargetState) { s.Phase = watch.PhaseGone }),
		state("given up", "/nas/f", func(s *watch.TargetState) { s.Disk.GivenUp = true }),
		state("no backup", "/nas/g", func(s *watch.TargetState) { s.Newest.Seq = 0 }),
		state("another spelling", "/nas/h", func(*watch.TargetState) {}),
		state("another way", "s3://backups/i?region=a", func(*watch.TargetState) {}),
		state("another store", "s3://backups/j?endpoint=http://a", func(*watch.TargetState) {}),
	}
	now := []watch.TargetState{
		state("moved", "/nas/elsewhere", func(*watch.TargetState) {}),
		state("stays", "/nas/c", func(s *watch.TargetState) { s.Target.Name = "renamed" }),
		state("./another spelling", "/nas/../nas/h", func(*watch.TargetState) {}),
		state("another way", "s3://backups/i?region=b", func(*watch.TargetState) {}),
		state("another store", "s3://backups/j?endpoint=http://b", func(*watch.TargetState) {}),
	}
	var got []string
	for _, held := range stillHeld(before, now) {
		got = append(got, held.Name)
	}
	if diff := cmp.Diff([]string{"left out", "moved", "another store"}, got); diff != "" {
		t.Error(diff)
	}
}
