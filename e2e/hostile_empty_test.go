package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestEmptyFiles: files of zero bytes, as a crash of the system leaves them, in a
// database and in an archive.
func TestEmptyFiles(t *testing.T) {
	t.Parallel()
	for _, version := range versions {
		db := create(t, version, "--kill", "--nodes", "20", "--commits", "3")
		want := db.state(t)
		for _, tt := range []struct {
			name string // of what is empty beside the database
			dir  bool
			exit int
			code string
		}{
			{"people.grafeo", false, exitError, "not_a_database"},
			{"people.grafeo.wal/backup_cursor.meta", false, exitOK, ""},
			{"people.grafeo.wal/checkpoint.meta", false, exitOK, ""}, // with it Grafeo opens nothing
			{"people.grafeo.wal/wal_00000001.log", false, exitOK, ""},
			{"people.grafeo.wal/wal_00000000000000099999.log", false, exitOK, ""},
			{"people.grafeo.wal/wal_.log", false, exitOK, ""},
			{"people.grafeo.checkpoint", false, exitOK, ""},
			{"people.grafeo.spill", true, exitOK, ""},
		} {
			switch { // of the generations
			case version == "0.6.0" && strings.HasSuffix(tt.name, "wal_00000001.log"):
				continue
			case version == "0.5.42" && strings.HasSuffix(tt.name, ".checkpoint"):
				tt.exit, tt.code = exitError, "not_a_database" // it would be the image
			}
			t.Run(version+"/"+tt.name, func(t *testing.T) {
				dir, at := filepath.Join(t.TempDir(), "db"), newDirectory(t)
				copyTree(t, filepath.Dir(db.path), dir)
				path, empty := filepath.Join(dir, "people.grafeo"), filepath.Join(dir, filepath.FromSlash(tt.name))
				var err error
				if tt.dir {
					err = os.Mkdir(empty, 0o755)
				} else {
					err = os.WriteFile(empty, nil, 0o600)
				}
				if err != nil {
					t.Fatal(err)
				}
				expect := want
				if tt.exit == exitOK && filepath.Base(tt.name) != "checkpoint.meta" {
					expect = inspect(t, version, path) // what Grafeo makes of it
				}
				for range 2 {
					r := gbak(t, "backup", path, at.root, "--json").want(t, tt.exit)
					if tt.exit != exitOK {
						if f := r.failure(t); f.Code != tt.code {
							t.Errorf("%s", r.stderr)
						}
						gbak(t, "list", at.root).want(t, exitNoArchive)
						return
					}
					if r.stderr != "" {
						t.Errorf("%s", r.stderr)
					}
				}
				verifyClean(t, at, 1)
				restores(t, at, expect, version)
				must(t, "status", at.root, path)
				must(t, "release", path)
			})
		}
	}
	t.Run("the log folder is a file", func(t *testing.T) {
		db := create(t, "0.6.0", "", "--nodes", "20", "--commits", "3")
		if err := os.WriteFile(db.path+".wal", nil, 0o600); err != nil {
			t.Fatal(err)
		}
		at := newDirectory(t)
		r := gbak(t, "backup", db.path, at.root, "--json").want(t, exitError)
		if f := r.failure(t); !strings.Contains(f.Message, "people.grafeo.wal") || strings.Contains(f.Hint, "debug") {
			t.Errorf("%s", r.stderr)
		}
		gbak(t, "list", at.root).want(t, exitNoArchive)
	})
}

// TestEmptyObjects empties one object of each kind, an index among them, of an
// archive with two backups: it is found, and the other backup restores.
func TestEmptyObjects(t *testing.T) {
	t.Parallel()
	db, whole := create(t, "0.6.0", "--kill", "--nodes", "2", "--commits", "900"), newDirectory(t)
	first := db.state(t)
	must(t, "backup", db.path, whole.root)
	ofFirst := whole.keys(t)
	db.write(t, "--kill", "--nodes", "2", "--commits", "1")
	must(t, "backup", db.path, whole.root, "--full")
	kinds := map[string]bool{}
	for _, key := range whole.keys(t) {
		if mine := strings.Contains(strings.Join(ofFirst, "\n"), key); mine && key != "archive.json" {
			continue // first's
		}
		kinds[kindOf(key)] = true
		t.Run(strings.ReplaceAll(key, "/", "-"), func(t *testing.T) {
			at := copyArchive(t, whole)
			at.write(t, key, nil)
			checkDamaged(t, at, []string{key}, needed([]string{key}))
			if kindOf(key) != "manifests" {
				target := filepath.Join(t.TempDir(), "people.grafeo")
				must(t, "restore", at.root, target, "--backup", "1")
				holds(t, first, db.version, target)
			}
		})
	}
	if len(kinds) != 4 {
		t.Errorf("not all kinds of objects: %v", kinds)
	}
}
