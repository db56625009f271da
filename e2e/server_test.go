package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// served makes a database where a Grafeo-server keeps it: in a folder of its name.
func served(t *testing.T, version, folder, file string) *live {
	t.Helper()
	needGrafeo(t)
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.MkdirAll(filepath.Join(dir, folder), 0o755); err != nil {
		t.Fatal(err)
	}
	return startLive(t, version, filepath.Join(dir, folder, file), filepath.Join(filepath.Dir(dir), "log"))
}

// TestServerFolder names the folder of a Grafeo server's database instead of the file in
// it: all commands take it, it is called by the folder's name, and what is printed to be
// run works.
func TestServerFolder(t *testing.T) {
	for _, c := range []struct{ version, file string }{{gen05, "data.grafeo"}, {gen06, "data.grafeo"}, {gen05, "grafeo.db"}} {
		t.Run(c.version+"/"+c.file, func(t *testing.T) {
			t.Parallel()
			at, w := newDirectory(t), served(t, c.version, "people", c.file)
			folder := filepath.Dir(w.path)
			w.do(t, "commit", "3")
			must(t, "inspect", folder)
			must(t, "backup", folder, at.address())
			w.do(t, "commit", "2")
			b := must(t, "backup", folder+"/", at.address(), "--json").one(t, "backup")
			if b.Kind != "incremental" || b.Database != "people" {
				t.Errorf("the second backup: %+v", b)
			}
			if said := behindOf(t, at, folder); !strings.Contains(said, "nothing") {
				t.Errorf("status: %q", said)
			}
			if out := must(t, "list", at.address()).stdout; !strings.Contains(out, "people") {
				t.Errorf("list does not name it: %s", out)
			}
			for _, b := range parse(t, must(t, "list", at.address(), "--json").stdout) {
				if b.Database != "people" {
					t.Errorf("list: %+v", b)
				}
			}
			if c.version == gen06 && len(w.holds(t)) != 1 {
				t.Errorf("the log is held for %v", w.holds(t))
			}
			must(t, "release", folder)
			if len(w.holds(t)) != 0 {
				t.Error("the log is held still")
			}
			out := must(t, "backup", folder, at.address()).stdout
			model := w.save(t)
			w.quit(t)
			all := momentsOf(t, w.log)
			reach(t, c.version, at, []goal{{nil, all[len(all)-1].Digest, all[len(all)-1].Epoch, nil}})

			// The command of the last line, on a host that has lost it.
			if err := os.RemoveAll(folder); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(folder, 0o755); err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimSpace(out), "\n")
			words := strings.Fields(lines[len(lines)-1])
			must(t, words[1:]...)
			again := startLive(t, c.version, w.path, w.log, "--model", model)
			again.do(t, "commit", "1")
			must(t, "backup", folder, at.address())
			again.quit(t)
		})
	}
}

// TestServerFolderRefused names folders that have several databases, or none.
func TestServerFolderRefused(t *testing.T) {
	at, w := newDirectory(t), served(t, gen06, "people", "data.grafeo")
	w.do(t, "commit", "1")
	w.quit(t)
	people := filepath.Dir(w.path)
	data := filepath.Dir(people)
	copyTree(t, people, filepath.Join(data, "orders"))
	refuse := func(path string, words ...string) {
		t.Helper()
		for _, args := range [][]string{{"backup", path, at.address()}, {"status", at.address(), path}, {"inspect", path}, {"release", path}} {
			for _, word := range words {
				gbak(t, append(args, "--json")...).refused(t, "not_a_database", word)
			}
		}
	}
	refuse(data, filepath.Join(data, "orders"), people)
	copyFile(t, w.path, filepath.Join(people, "grafeo.db"))
	refuse(people, "data.grafeo and ", "grafeo.db")
	other := filepath.Join(t.TempDir(), "other")
	if err := os.Mkdir(other, 0o755); err != nil {
		t.Fatal(err)
	}
	refuse(other, other)
	copyFile(t, w.path, filepath.Join(other, "mine.grafeo"))
	refuse(other, "mine.grafeo")
	if exists(at.root) {
		t.Error("there is an archive")
	}
}

// TestServerFolderInterruptedUpgrade names such a folder in the middle of an upgrade.
func TestServerFolderInterruptedUpgrade(t *testing.T) {
	at, w := newDirectory(t), served(t, gen05, "people", "data.grafeo")
	w.do(t, "commit", "1")
	w.quit(t)
	replace(t, w.path, w.path+".pre-0.6")
	if err := os.WriteFile(w.path+".migrating", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	gbak(t, "backup", filepath.Dir(w.path), at.address(), "--json").refused(t, "database_not_found", "interrupted")
}

// TestServerRetention imports a folder of native backups as a Grafeo-server leaves it: old
// files are removed, and its list names them still.
func TestServerRetention(t *testing.T) {
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := newLive(t, version)
			folder := filepath.Join(t.TempDir(), "people")
			var fulls, incrementals []moment
			newest := func() moment {
				all := momentsOf(t, w.log)
				return all[len(all)-1]
			}
			for range 3 {
				w.do(t, "commit", "3")
				w.do(t, "full", folder)
				fulls = append(fulls, newest())
				w.do(t, "commit", "2")
				w.do(t, "incremental", folder)
				incrementals = append(incrementals, newest())
			}
			w.quit(t)
			var old []string
			for _, name := range names(t, folder) {
				if strings.HasSuffix(name, "0000.grafeo") || strings.HasSuffix(name, "0001.wal") || strings.HasSuffix(name, "0002.grafeo") || strings.HasSuffix(name, "0003.wal") {
					old = append(old, name)
				}
			}
			if len(old) != 4 {
				t.Fatalf("these would go: %v of %v", old, names(t, folder))
			}
			for _, name := range old {
				if err := os.Remove(filepath.Join(folder, name)); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.WriteFile(filepath.Join(folder, "labels.json"), []byte("{}"), 0o600); err != nil {
				t.Fatal(err)
			}
			at := newDirectory(t)
			if f := gbak(t, "import", "--strict", folder, at.address(), "--json").want(t, exitDamage).failure(t); f.Code != "damaged_database" || exists(at.root) {
				t.Errorf("--strict: %+v", f)
			}
			answers := must(t, "import", folder, at.address(), "--json").answers(t)
			last := answers[len(answers)-1]
			if len(answers) != 3 || answers[0].Database != "people" || last.Type != "import" || len(last.Lost) != 2 ||
				last.Lost[0].From != fulls[0].Epoch || last.Lost[1].To < incrementals[1].Epoch {
				t.Errorf("import: %+v", answers)
			}
			// The newest chain is there, to each of its epochs.
			var goals []goal
			for _, m := range momentsOf(t, w.log) {
				if m.Epoch >= fulls[2].Epoch {
					goals = append(goals, epochGoal(m))
				}
			}
			reach(t, version, at, goals)
			must(t, "verify", "--deep", at.address())
			out := must(t, "import", folder, at.address()).stdout
			if !strings.Contains(out, "lost: epoch") || !strings.Contains(out, old[0]) || !strings.Contains(out, "nothing new") {
				t.Errorf("again: %s", out)
			}
		})
	}
}
