package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// segmentsAndManifests counts what is in an archive.
func segmentsAndManifests(t testing.TB, at place) (segments, manifests int) {
	t.Helper()
	for _, key := range at.keys(t) {
		switch kindOf(key) {
		case "segments":
			segments++
		case "manifests":
			manifests++
		}
	}
	return segments, manifests
}

// replace puts what is at from, an image and its log, in the place of the
// database at to.
func replace(t testing.TB, from, to string) {
	t.Helper()
	if err := errors.Join(os.Rename(from, to), os.RemoveAll(to+".wal")); err != nil {
		t.Fatal(err)
	}
	if exists(from + ".wal") {
		if err := os.Rename(from+".wal", to+".wal"); err != nil {
			t.Fatal(err)
		}
	}
}

// zero overwrites two pages of a file with zeros.
func zero(t testing.TB, path string, offset int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteAt(make([]byte, 8192), offset)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// sensitiveSpot is where zeros are damage, after what a backup has read when it
// has stored three segments of a MiB: an image has parts that nothing needs, too.
func sensitiveSpot(t testing.TB, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	for offset := info.Size() - 64<<10; offset > 5<<20; offset -= 512 << 10 {
		damaged := filepath.Join(t.TempDir(), "people.grafeo")
		copyFile(t, path, damaged)
		copyTree(t, path+".wal", damaged+".wal")
		zero(t, damaged, offset)
		if gbak(t, "backup", damaged, newDirectory(t).root).code == exitDamage {
			return offset
		}
	}
	t.Fatal("no byte of this database matters")
	return 0
}

// TestDatabaseChangesDuringBackup stops a backup when it has stored a part of the
// database, and then takes the database away, or puts another one in its place.
// What is committed then is what was there; a mixture never is.
func TestDatabaseChangesDuringBackup(t *testing.T) {
	t.Parallel()
	// One database at two times, and another one.
	db := create(t, "0.6.0", "--kill", "--nodes", "300", "--pad", "4000", "--commits", "4")
	old, oldState := t.TempDir(), db.state(t)
	copyTree(t, filepath.Dir(db.path), old)
	db.write(t, "", "--seed", "21", "--commits", "30") // with a checkpoint at its end
	db.write(t, "--kill", "--nodes", "100", "--pad", "4000", "--commits", "3")
	now := db.state(t)
	other := create(t, "0.6.0", "--kill", "--nodes", "300", "--pad", "4000", "--commits", "2")
	otherState := other.state(t)
	spot := sensitiveSpot(t, db.path)

	tests := []struct {
		name   string
		change func(t testing.TB, path string)
		exit   int
		code   string // of the error
		want   state  // of the backup
	}{
		{"deleted", func(t testing.TB, path string) {
			if err := errors.Join(os.Remove(path), os.RemoveAll(path+".wal")); err != nil {
				t.Fatal(err)
			}
		}, exitError, "database_not_found", state{}},
		{"deleted but for its log", func(t testing.TB, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}, exitError, "database_not_found", state{}},
		{"its folder moved away", func(t testing.TB, path string) {
			if err := os.Rename(filepath.Dir(path), filepath.Dir(path)+".away"); err != nil {
				t.Fatal(err)
			}
		}, exitError, "database_not_found", state{}},
		{"its log deleted", func(t testing.TB, path string) {
			if err := os.RemoveAll(path + ".wal"); err != nil {
				t.Fatal(err)
			}
		}, exitOK, "", state{}}, // its state is asked for below
		{"emptied", func(t testing.TB, path string) {
			if err := os.Truncate(path, 0); err != nil {
				t.Fatal(err)
			}
		}, exitError, "not_a_database", state{}},
		{"truncated", func(t testing.TB, path string) {
			info, err := os.Stat(path)
			if err := errors.Join(err, os.Truncate(path, info.Size()/2)); err != nil {
				t.Fatal(err)
			}
		}, exitDamage, "damaged_database", state{}},
		{"overwritten in the middle", func(t testing.TB, path string) {
			zero(t, path, spot)
		}, exitDamage, "damaged_database", state{}},
		{"replaced by another one", func(t testing.TB, path string) {
			dir := filepath.Join(t.TempDir(), "other")
			copyTree(t, filepath.Dir(other.path), dir)
			replace(t, filepath.Join(dir, "people.grafeo"), path)
		}, exitOK, "", otherState},
		{"replaced by an older one", func(t testing.TB, path string) {
			dir := filepath.Join(t.TempDir(), "old")
			copyTree(t, old, dir)
			replace(t, filepath.Join(dir, "people.grafeo"), path)
		}, exitOK, "", oldState},
		{"overwritten by an older one", func(t testing.TB, path string) {
			if err := os.RemoveAll(path + ".wal"); err != nil {
				t.Fatal(err)
			}
			copyFile(t, filepath.Join(old, "people.grafeo"), path) // in the same file
			copyTree(t, filepath.Join(old, "people.grafeo.wal"), path+".wal")
		}, exitOK, "", oldState},
		{"replaced by a folder", func(t testing.TB, path string) {
			if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o755)); err != nil {
				t.Fatal(err)
			}
		}, exitError, "not_a_database", state{}},
	}
	for _, p := range places {
		for _, tt := range tests {
			if p.name == "minio" && tt.name != "deleted" && tt.name != "replaced by an older one" {
				continue // what is special there is only how the archive is reached
			}
			t.Run(p.name+"/"+tt.name, func(t *testing.T) {
				var at place
				var path string
				part := func() bool { n, _ := segmentsAndManifests(t, at); return n > 0 }
				open := func() bool { n, m := segmentsAndManifests(t, at); return n > 0 && n <= 3 && m == 0 }
				r := paused(t, part, open, func() *process {
					at, path = p.make(t), filepath.Join(t.TempDir(), "db", "people.grafeo")
					copyTree(t, filepath.Dir(db.path), filepath.Dir(path))
					return startNice(t, append([]string{"backup", path, at.address(), "--concurrency", "1", "--json"}, smallSegments...)...)
				})
				tt.change(t, path)
				want := tt.want
				if tt.exit == exitOK && want == (state{}) {
					want = inspect(t, db.version, path)
				}
				r.resume(t)
				res := r.result().want(t, tt.exit)
				if tt.exit != exitOK {
					if f := res.failure(t); f.Code != tt.code || strings.Contains(f.Hint, "debug") {
						t.Errorf("want %s: %s", tt.code, res.stderr)
					}
					gbak(t, "list", at.address()).want(t, exitNoArchive)
				} else {
					verifyClean(t, at, 1)
					restores(t, at, want, db.version)
				}
				if exists(path+".wal/backup_cursor.meta") != (tt.exit == exitOK) {
					t.Errorf("the log is held: %v, after exit code %d", exists(path+".wal/backup_cursor.meta"), tt.exit)
				}

				// The database is back, and so are the backups.
				if err := os.RemoveAll(filepath.Dir(path)); err != nil {
					t.Fatal(err)
				}
				copyTree(t, filepath.Dir(db.path), filepath.Dir(path))
				if strings.HasSuffix(tt.name, "another one") {
					gbak(t, "backup", path, at.address(), "--json").refused(t, "wrong_database", "another database")
					return
				}
				must(t, append([]string{"backup", path, at.address()}, smallSegments...)...)
				must(t, "verify", "--deep", at.address())
				restores(t, at, now, db.version)
			})
		}
	}
}

// TestDatabaseChangesDuringIncremental does so while the second backup runs, which
// reads nothing but the log.
func TestDatabaseChangesDuringIncremental(t *testing.T) {
	t.Parallel()
	db, whole := create(t, "0.6.0", "--kill", "--nodes", "20", "--commits", "3"), newDirectory(t)
	first := db.state(t)
	must(t, "backup", db.path, whole.root)
	old := t.TempDir()
	copyTree(t, filepath.Dir(db.path), old)
	db.write(t, "--kill", "--nodes", "300", "--pad", "4000", "--commits", "6")
	now := db.state(t)
	other := create(t, "0.6.0", "--kill", "--nodes", "20", "--commits", "4")

	tests := []struct {
		name   string
		change func(t testing.TB, path string)
		exit   int
		code   string // of the error, or kind of the backup
	}{
		{"deleted", func(t testing.TB, path string) {
			if err := errors.Join(os.Remove(path), os.RemoveAll(path+".wal")); err != nil {
				t.Fatal(err)
			}
		}, exitError, "database_not_found"},
		{"replaced by another one", func(t testing.TB, path string) {
			dir := filepath.Join(t.TempDir(), "other")
			copyTree(t, filepath.Dir(other.path), dir)
			replace(t, filepath.Join(dir, "people.grafeo"), path)
		}, exitError, "wrong_database"},
		{"replaced by an older one", func(t testing.TB, path string) {
			dir := filepath.Join(t.TempDir(), "old")
			copyTree(t, old, dir)
			replace(t, filepath.Join(dir, "people.grafeo"), path)
		}, exitOK, "none"},
		{"zeros in its log", func(t testing.TB, path string) {
			logs, err := filepath.Glob(path + ".wal/wal_*.log")
			if err != nil || len(logs) == 0 {
				t.Fatal(err)
			}
			info, err := os.Stat(logs[len(logs)-1])
			if err != nil || info.Size() < 6<<20 {
				t.Fatalf("this log is no good for the test: %v %v", info, err)
			}
			zero(t, logs[len(logs)-1], info.Size()-(1300<<10)) // after what has been read, and before the last commit: no torn tail
		}, exitDamage, "damaged_database"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var at directory
			var path string
			part := func() bool { n, _ := segmentsAndManifests(t, at); return n > 1 }
			open := func() bool { n, m := segmentsAndManifests(t, at); return n > 1 && n <= 4 && m == 1 }
			r := paused(t, part, open, func() *process {
				at, path = copyArchive(t, whole), filepath.Join(t.TempDir(), "db", "people.grafeo")
				copyTree(t, filepath.Dir(db.path), filepath.Dir(path))
				return startNice(t, append([]string{"backup", path, at.root, "--concurrency", "1", "--json"}, smallSegments...)...)
			})
			tt.change(t, path)
			r.resume(t)
			res := r.result().want(t, tt.exit)
			if tt.exit == exitOK {
				if done := res.one(t, "backup"); done.Kind != tt.code {
					t.Errorf("want %s: %s", tt.code, res.stdout)
				}
			} else if f := res.failure(t); f.Code != tt.code {
				t.Errorf("want %s: %s", tt.code, res.stderr)
			}
			verifyClean(t, at, 1)
			restores(t, at, first, db.version)

			if err := os.RemoveAll(filepath.Dir(path)); err != nil {
				t.Fatal(err)
			}
			copyTree(t, filepath.Dir(db.path), filepath.Dir(path))
			if done := must(t, append([]string{"backup", path, at.root, "--json"}, smallSegments...)...).one(t, "backup"); done.Kind != "incremental" {
				t.Errorf("with the database back: %+v", done)
			}
			verifyClean(t, at, 2)
			restores(t, at, now, db.version)
		})
	}
}
