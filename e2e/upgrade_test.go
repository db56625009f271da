package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const gen05 = "0.5.42"

// upgrade lets Grafeo 0.6 open the database of a process of 0.5 that has ended, which
// upgrades it, in a process that continues with the model.
func upgrade(t *testing.T, w *live, model string) *live {
	t.Helper()
	u := startLive(t, gen06, w.path, filepath.Join(filepath.Dir(filepath.Dir(w.path)), "log-0.6"), "--model", model)
	if !exists(w.path + ".pre-0.6") {
		t.Fatalf("Grafeo %s has not upgraded it: %v", gen06, names(t, filepath.Dir(w.path)))
	}
	return u
}

// behindOf is what status says of a database.
func behindOf(t *testing.T, at place, path string) string {
	t.Helper()
	for line := range strings.Lines(must(t, "status", at.address(), path).stdout) {
		if what, ok := strings.CutPrefix(line, "behind"); ok {
			return strings.TrimSpace(what)
		}
	}
	t.Fatal("status does not say how far it is behind")
	return ""
}

// TestUpgrade backs a database up before and after its upgrade from 0.5 to 0.6, which
// gives it a new id: one archive has both histories, each to every epoch.
func TestUpgrade(t *testing.T) {
	for _, ending := range []string{"closed", "killed"} {
		for _, p := range places {
			t.Run(ending+"/"+p.name, func(t *testing.T) {
				t.Parallel()
				at, w := p.make(t), newLive(t, gen05)
				w.do(t, "commit", "4")
				backup(t, w, at, "full", 1)
				w.do(t, "commit", "3")
				backup(t, w, at, "incremental", 1)
				old := momentsOf(t, w.log)
				w.do(t, "commit", "2") // in no backup before the upgrade
				model := w.save(t)
				if ending == "closed" {
					w.quit(t)
				} else {
					w.kill(t)
				}
				between := time.Now().UTC().Format(time.RFC3339Nano)
				time.Sleep(10 * time.Millisecond) // the database's times are in milliseconds

				u := upgrade(t, w, model)
				if said := behindOf(t, at, u.path); !strings.Contains(said, "has been upgraded to 0.6 since backup 2") {
					t.Errorf("status after the upgrade: %q", said)
				}
				u.do(t, "commit", "3")
				first := backup(t, u, at, "full", 2)
				if said := behindOf(t, at, u.path); !strings.Contains(said, "nothing") {
					t.Errorf("status after the backup: %q", said)
				}
				u.do(t, "checkpoint")
				u.do(t, "commit", "2")
				last := backup(t, u, at, "incremental", 2)
				u.kill(t)

				reach(t, gen05, at, on(1, old, 1))
				reach(t, gen05, at, []goal{{[]string{"--backup", "2"}, old[6].Digest, 7, nil}})
				now := momentsOf(t, u.log)
				reach(t, gen06, at, on(2, now, first.StartEpoch))
				reach(t, gen06, at, []goal{{nil, now[len(now)-1].Digest, now[len(now)-1].Epoch, nil}})
				// An epoch of both sides is the newest one's, and a time that of its side. Between
				// the two it is the last backup before.
				both := old[len(old)-1].Epoch
				if p := plan(t, at, "--epoch", "7"); both != 7 || p.Timeline != 1 && !slices.Equal(p.OtherTimelines, []int64{1}) {
					t.Errorf("epoch 7 before the upgrade: %+v", p)
				}
				if p := plan(t, at, "--time", between); p.Timeline != 1 || p.Seq != 2 {
					t.Errorf("the time between backup 2 and the upgrade: %+v", p)
				}
				if p := plan(t, at, "--time", time.UnixMilli(now[len(now)-1].To+1).UTC().Format(time.RFC3339Nano)); p.Timeline != 2 || p.Epoch != now[len(now)-1].Epoch {
					t.Errorf("a time after the upgrade: %+v", p)
				}
				verifyClean(t, at, last.Seq)

				ids := map[string]string{}
				for _, b := range parse(t, must(t, "list", at.address(), "--json").stdout) {
					ids[b.Generation] += b.DatabaseID + " "
				}
				if len(ids) != 2 || !strings.HasPrefix(ids["0.5"], "created-") || strings.Contains(ids["0.6"], "created-") {
					t.Errorf("list has the databases %v", ids)
				}
				if out := must(t, "status", at.address()).stdout; !strings.Contains(out, "(Grafeo 0.5)") || !strings.Contains(out, "(Grafeo 0.6)") {
					t.Errorf("status does not tell the two apart: %s", out)
				}

				// What was in no backup before the upgrade is in the old database still.
				must(t, "inspect", w.path+".pre-0.6")
				b := must(t, "backup", w.path+".pre-0.6", at.address(), "--json").one(t, "backup")
				all := momentsOf(t, w.log)
				reach(t, gen05, at, []goal{{nil, all[len(all)-1].Digest, -1, nil}})
				if b.Timeline != 3 {
					t.Errorf("the old database again: %+v", b)
				}
				// And both are databases of this archive from now on.
				must(t, "backup", u.path, at.address())
				reach(t, gen06, at, []goal{{nil, now[len(now)-1].Digest, now[len(now)-1].Epoch, nil}})
				verifyClean(t, at, b.Seq+1)
			})
		}
	}
}

// TestUpgradeWithoutTraces refuses a database after its upgrade if nothing shows that it is
// the archive's, and names both ways to continue.
func TestUpgradeWithoutTraces(t *testing.T) {
	at, w := newDirectory(t), newLive(t, gen05)
	w.do(t, "commit", "4")
	backup(t, w, at, "full", 1)
	model := w.save(t)
	w.quit(t)
	old := momentsOf(t, w.log)
	u := upgrade(t, w, model)
	u.do(t, "commit", "2")
	traces := u.path + ".pre-0.6"

	refuse := func(about string) {
		t.Helper()
		before := len(at.keys(t))
		for _, args := range [][]string{{"backup", u.path, at.address()}, {"backup", "--full", u.path, at.address()}, {"status", at.address(), u.path}} {
			r := gbak(t, append(args, "--json")...)
			r.refused(t, "wrong_database", about)
			if f := r.failure(t); !strings.Contains(f.Hint, ".pre-0.6") || !strings.Contains(f.Hint, "--new-database") {
				t.Errorf("it does not say both ways: %s", f.Hint)
			}
		}
		if len(at.keys(t)) != before || len(u.holds(t)) != 0 {
			t.Error("a refused backup has changed something")
		}
	}
	replace(t, traces, traces+"-away")
	refuse(traces + " is not there")
	another := newLive(t, gen05)
	another.do(t, "commit", "1")
	another.quit(t)
	copyFile(t, another.path, traces)
	refuse(traces + " is created-")
	if err := os.WriteFile(traces, []byte("no database"), 0o600); err != nil {
		t.Fatal(err)
	}
	refuse(traces)

	must(t, "backup", "--new-database", u.path, at.address())
	u.do(t, "commit", "1")
	backup(t, u, at, "incremental", 2)
	reach(t, gen05, at, on(1, old, 1))
	now := momentsOf(t, u.log)
	reach(t, gen06, at, []goal{{nil, now[len(now)-1].Digest, now[len(now)-1].Epoch, nil}})
	verifyClean(t, at, 3)
}

// TestInterruptedUpgrade names databases whose upgrade was killed in its last steps:
// each error says what is there and how to continue, and then that works.
func TestInterruptedUpgrade(t *testing.T) {
	for _, moved := range []string{"log", "all"} { // renamed before the kill
		t.Run(moved, func(t *testing.T) {
			at, w := newDirectory(t), newLive(t, gen05)
			w.do(t, "commit", "4")
			backup(t, w, at, "full", 1)
			w.do(t, "commit", "1")
			model := w.save(t)
			w.kill(t)

			// What the upgrade makes, in a copy.
			twin := filepath.Join(t.TempDir(), "db")
			copyTree(t, filepath.Dir(w.path), twin)
			upgraded := filepath.Join(twin, filepath.Base(w.path))
			if o := openAll(t, gen06, []string{upgraded}); o[0].Error != "" {
				t.Fatal(o[0].Error)
			}
			copyFile(t, upgraded, w.path+".migrating")
			rename := func(from, to string) {
				t.Helper()
				if err := os.Rename(from, to); err != nil {
					t.Fatal(err)
				}
			}
			rename(w.path, w.path+".pre-0.6")
			if moved == "all" {
				rename(w.logDir(), w.path+".pre-0.6.wal")
			}

			for _, args := range [][]string{{"backup", w.path, at.address()}, {"status", at.address(), w.path}, {"inspect", w.path}, {"release", w.path}} {
				r := gbak(t, append(args, "--json")...)
				r.refused(t, "database_not_found", w.path+".pre-0.6")
				if f := r.failure(t); !strings.Contains(f.Hint, "Grafeo 0.6") || !strings.Contains(f.Message, "interrupted") {
					t.Errorf("%v: %s %s", args, f.Message, f.Hint)
				}
			}
			if moved == "log" {
				gbak(t, "backup", w.path+".pre-0.6", at.address(), "--json").refused(t, "log_unseen", w.logDir())
				gbak(t, "inspect", w.path+".pre-0.6", "--json").refused(t, "log_unseen", w.logDir())
			} else {
				must(t, "inspect", w.path+".pre-0.6")
				must(t, "backup", w.path+".pre-0.6", at.address())
			}

			u := startLive(t, gen06, w.path, filepath.Join(t.TempDir(), "log"), "--model", model)
			u.do(t, "commit", "1")
			must(t, "backup", w.path, at.address())
			now := momentsOf(t, u.log)
			reach(t, gen06, at, []goal{{nil, now[0].Digest, now[0].Epoch, nil}})
		})
	}
}

// TestUpgradeOfADirectory upgrades a database of 0.5 that is a directory with a log. The
// old directory stays, and its log shows that it is the archive's database.
func TestUpgradeOfADirectory(t *testing.T) {
	for _, ending := range []string{"closed", "killed"} {
		t.Run(ending, func(t *testing.T) {
			needGrafeo(t)
			at, dir := newDirectory(t), t.TempDir()
			if err := os.Mkdir(filepath.Join(dir, "db"), 0o755); err != nil {
				t.Fatal(err)
			}
			w := startLive(t, gen05, filepath.Join(dir, "db", "memory.db"), filepath.Join(dir, "log"))
			w.do(t, "commit", "4")
			must(t, "backup", w.path, at.address())
			w.do(t, "commit", "2")
			must(t, "backup", w.path, at.address())
			old := momentsOf(t, w.log)
			model := w.save(t)
			if ending == "closed" {
				w.quit(t)
			} else {
				w.kill(t)
			}
			u := upgrade(t, w, model)
			if said := behindOf(t, at, u.path); !strings.Contains(said, "has been upgraded to 0.6 since backup 2") {
				t.Errorf("status after the upgrade: %q", said)
			}
			u.do(t, "commit", "3")
			first := backup(t, u, at, "full", 2)
			u.do(t, "commit", "1")
			backup(t, u, at, "incremental", 2)
			reach(t, gen05, at, []goal{{[]string{"--backup", "2"}, old[5].Digest, -1, nil}})
			reach(t, gen06, at, on(2, momentsOf(t, u.log), first.StartEpoch))
			verifyClean(t, at, 4)

			// Another directory in the place of the old one shows nothing.
			other := newDirectory(t)
			must(t, "backup", u.path+".pre-0.6", other.address())
			if err := os.RemoveAll(u.path + ".pre-0.6"); err != nil {
				t.Fatal(err)
			}
			x := startLive(t, gen05, filepath.Join(t.TempDir(), "x.db"), filepath.Join(dir, "another-log"))
			x.do(t, "ballast", "1", "20")
			x.quit(t)
			copyTree(t, x.path, u.path+".pre-0.6")
			gbak(t, "backup", u.path, other.address(), "--json").refused(t, "wrong_database", ".pre-0.6")
			must(t, "backup", "--new-database", u.path, other.address())
		})
	}
}
