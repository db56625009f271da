package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestNewDatabase continues with a new database under the old name.
func TestNewDatabase(t *testing.T) {
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			at, w := newDirectory(t), newLive(t, version)
			w.do(t, "commit", "5")
			backup(t, w, at, "full", 1)
			must(t, "backup", "--new-database", w.path, at.address()) // it is the same one: nothing
			old := momentsOf(t, w.log)
			w.quit(t)
			if err := os.RemoveAll(filepath.Dir(w.path)); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(filepath.Dir(w.path), 0o755); err != nil {
				t.Fatal(err)
			}
			n := startLive(t, version, w.path, filepath.Join(t.TempDir(), "log"))
			n.do(t, "ballast", "2", "30")
			n.do(t, "commit", "3")
			r := gbak(t, "backup", n.path, at.address(), "--json")
			r.refused(t, "wrong_database", "another database")
			if f := r.failure(t); !strings.Contains(f.Hint, "--new-database") {
				t.Error(f.Hint)
			}
			first := backup(t, n, at, "full", 2, "--new-database")
			n.do(t, "commit", "2")
			last := backup(t, n, at, "incremental", 2)
			n.do(t, "checkpoint")
			must(t, "backup", "--full", n.path, at.address())
			reach(t, version, at, on(1, old, 1))
			reach(t, version, at, on(2, momentsOf(t, n.log), max(first.StartEpoch, 1)))
			verifyClean(t, at, last.Seq+1)

			// A native folder is of one database.
			folder := filepath.Join(t.TempDir(), "native")
			must(t, "export", at.address(), folder)
			must(t, "inspect", folder)
			now := momentsOf(t, n.log)
			target := filepath.Join(t.TempDir(), "native.grafeo")
			epoch := now[len(now)-1].Epoch
			if o := openAll(t, version, []string{strings.Join([]string{"restore", folder, strconv.FormatInt(epoch, 10), target}, " ")}); o[0].Digest != now[len(now)-1].Digest {
				t.Errorf("epoch %d of the exported folder: %+v", epoch, o[0])
			}
		})
	}
}

// TestImportAfterUpgrade imports Grafeo's own backups from before an upgrade into the
// archive of the database after it.
func TestImportAfterUpgrade(t *testing.T) {
	w := newLive(t, gen05)
	folder := filepath.Join(t.TempDir(), "native")
	w.do(t, "commit", "3")
	w.do(t, "full", folder)
	w.do(t, "commit", "2")
	w.do(t, "incremental", folder)
	old := momentsOf(t, w.log)
	model := w.save(t)

	t.Run("an archive that has both", func(t *testing.T) {
		at := newDirectory(t)
		backup(t, w, at, "full", 1)
		w.quit(t)
		u := upgrade(t, w, model)
		u.do(t, "commit", "1")
		backup(t, u, at, "full", 2)
		must(t, "import", folder, at.address())
		reach(t, gen05, at, []goal{{[]string{"--epoch", "4", "--timeline", "3"}, old[3].Digest, 4, nil}})
		// The imported one is the newest now, and the database continues.
		if said := behindOf(t, at, u.path); strings.Contains(said, "nothing") {
			t.Errorf("status after an import: %q", said)
		}
		u.do(t, "commit", "1")
		must(t, "backup", u.path, at.address())
		now := momentsOf(t, u.log)
		reach(t, gen06, at, []goal{{nil, now[1].Digest, now[1].Epoch, nil}})
		verifyClean(t, at, 5)
		u.kill(t)
	})
	t.Run("an archive of the new one", func(t *testing.T) {
		at := newDirectory(t)
		must(t, "backup", w.path, at.address())
		r := gbak(t, "import", folder, at.address(), "--json")
		r.refused(t, "wrong_database", "another database")
		must(t, "import", "--new-database", folder, at.address())
		reach(t, gen05, at, []goal{{[]string{"--epoch", "4", "--timeline", "2"}, old[3].Digest, 4, nil}})
		verifyClean(t, at, 3)
	})
}
