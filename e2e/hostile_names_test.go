package e2e

import (
	"errors"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/gbak-s3/gbak-s3/storage/s3/s3test"
)

// hostileNames are names of files that a shell, a URL or a file system treats in
// a way of its own. All are of a folder for the archive and of a database file.
var hostileNames = map[string]string{
	"spaces":              " two  words ",
	"newline":             "two\nlines",
	"quotes":              `it's "so" ` + "`called`",
	"for the shell":       `$HOME;*?[a]{b,c}~#!&|<>()\x`,
	"a dash in front":     "-x",
	"a flag":              "--full",
	"percents":            "100%41%zz",
	"like an address":     "s3:bucket",
	"equals and commas":   "a=b,c:d@e",
	"composed":            "Übergrößenträger",
	"decomposed":          "U\u0308bergro\u0308ßentra\u0308ger",
	"other scripts":       "数据库 база 🗄",
	"right to left":       "\u202egnp.exe",
	"no UTF-8":            "caf\xe9",
	"control characters":  "a\tb\x1b[31mc\x7f",
	"dots in front":       "...",
	"hidden":              ".people",
	"ends in a backslash": `back\`,
	"as long as can be":   strings.Repeat("n", 251),
	"long, in two bytes":  strings.Repeat("ö", 125),
	"longer with a hold":  strings.Repeat("h", 242),
}

// lastLine returns the command that a backup prints.
func lastLine(t testing.TB, r result) string {
	t.Helper()
	const intro = "to restore it, on any host:\n"
	_, command, found := strings.Cut(r.stdout, intro)
	if !found || !strings.HasPrefix(command, "gbak-s3 restore ") {
		t.Fatalf("no command that restores: %q", r.stdout)
	}
	return command
}

// TestHostileNames takes a database of a hostile name through a life in an
// archive of that name: named as it is, relative to where one is, and by the
// commands that a backup prints.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	db := create(t, "0.6.0", "--kill", "--nodes", "20", "--commits", "3")
	want := db.state(t)
	for what, name := range hostileNames {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path, at := filepath.Join(dir, "db", name), directory{filepath.Join(dir, "archives", name)}
			if err := errors.Join(os.Mkdir(filepath.Join(dir, "db"), 0o755), os.Mkdir(filepath.Join(dir, "archives"), 0o755)); err != nil {
				t.Fatal(err)
			}
			copyFile(t, db.path, path)
			copyTree(t, db.path+".wal", path+".wal")
			opens := func() { // Grafeo knows no other paths
				t.Helper()
				if utf8.ValidString(name) && len(name+".migrating") <= 255 {
					holds(t, want, db.version, path)
					return
				}
				plain := filepath.Join(t.TempDir(), "plain.grafeo")
				copyFile(t, path, plain)
				copyTree(t, path+".wal", plain+".wal")
				holds(t, want, db.version, plain)
			}
			in := func(folder string, args ...string) result {
				cmd := exec.Command(binary, args...)
				cmd.Dir = filepath.Join(dir, folder)
				return finish(t, cmd)
			}
			shell := func(command string) {
				t.Helper()
				cmd := exec.Command("sh", "-c", command)
				cmd.Dir = t.TempDir()
				finish(t, cmd).want(t, exitOK)
			}

			// Relative, with -- for what looks like a flag.
			r := in("db", "backup", "--", name, "../archives/"+name+"//").want(t, exitOK)
			verifyClean(t, at, 1)
			before := snapshot(t, path+".wal")
			gbak(t, "restore", at.root, path, "--json").want(t, exitTargetIs).failure(t)
			unchanged(t, before, path+".wal")

			restore := lastLine(t, r)
			if !strings.Contains(name, "\n") && strings.Count(restore, "\n") != 1 {
				t.Errorf("the command is not the last line: %q", restore)
			}
			shell(strings.TrimSuffix(restore, "\n") + " --force")
			opens()
			if n := len(names(t, filepath.Dir(path))); n != 4 {
				t.Errorf("of two databases and their logs there are %d: %q", n, names(t, filepath.Dir(path)))
			}
			if err := errors.Join(os.RemoveAll(filepath.Dir(path)), os.Mkdir(filepath.Dir(path), 0o755)); err != nil {
				t.Fatal(err)
			}
			shell(restore)
			opens()
			onlyDatabase(t, path)

			// The new one is another file, so its history is compared again.
			r = gbak(t, "backup", path, at.root, "--full").want(t, exitOK)
			if _, command, found := strings.Cut(r.stdout, "to end that:\n"); found {
				command, _, _ = strings.Cut(command, "to restore it")
				shell(command)
			}
			relative := name
			if strings.HasPrefix(name, "s3:") { // somebody who writes that means a bucket
				in("archives", "list", "--", name).want(t, exitUsage)
				relative = "./" + name
			}
			in("archives", "status", "--", relative, path).want(t, exitOK)
			in("archives", "list", "--", relative).want(t, exitOK)
			if _, err := url.Parse("file://" + at.root); err == nil && !strings.ContainsAny(at.root, "%?#") {
				must(t, "list", "file://"+at.root)
			}
			must(t, "list", (&url.URL{Scheme: "file", Path: at.root}).String())
			verifyClean(t, at, 2)
		})
	}
}

// TestNamesTooLong: a path that no file can have is reported as such.
func TestNamesTooLong(t *testing.T) {
	t.Parallel()
	db, at, _ := hostileArchive(t)
	dir := t.TempDir()
	for _, name := range []string{strings.Repeat("n", 252), strings.Repeat("n", 255), strings.Repeat("n", 256), strings.Repeat("d/", 3000) + "n"} {
		for _, args := range [][]string{
			{"restore", at.root, filepath.Join(dir, name)},
			{"restore", at.root, filepath.Join(dir, name), "--force"},
			{"restore", filepath.Join(dir, strings.Repeat("x", 256), name), filepath.Join(dir, "people.grafeo")},
			{"backup", db.path, filepath.Join(dir, strings.Repeat("x", 256), name)},
		} {
			r := gbak(t, append(args, "--json")...).want(t, exitError)
			if f := r.failure(t); !strings.Contains(f.Message, "file name too long") || strings.Contains(f.Hint, "debug") {
				t.Errorf("of a name of %d bytes: %s: %s", len(name), f.Message, f.Hint)
			}
		}
	}
	if left := names(t, dir); len(left) != 0 {
		t.Errorf("left: %q", left)
	}
}

// TestHostileArchivePaths are paths of archives that are something else.
func TestHostileArchivePaths(t *testing.T) {
	t.Parallel()
	db, at, _ := hostileArchive(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := errors.Join(os.WriteFile(file, []byte("precious"), 0o644), os.Symlink("nowhere", filepath.Join(dir, "lost")),
		os.Symlink(at.root, filepath.Join(dir, "link")), os.Symlink("loop", filepath.Join(dir, "loop")), os.Symlink("file", filepath.Join(dir, "tofile"))); err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, filepath.Dir(db.path))
	for _, archive := range []string{"file", "file/archive", "file/deep/archive", "lost", "lost/archive", "loop", "tofile", db.path + "/archive", db.path} {
		if !filepath.IsAbs(archive) {
			archive = filepath.Join(dir, archive)
		}
		for _, args := range [][]string{
			{"backup", db.path, archive}, {"restore", archive, filepath.Join(t.TempDir(), "p.grafeo")}, {"list", archive}, {"verify", archive}, {"status", archive},
		} {
			r := gbak(t, append(args, "--json")...)
			if r.code != exitUsage {
				r.want(t, exitError)
			}
			if f := r.failure(t); strings.Contains(f.Hint, "debug") || strings.Contains(f.Hint, "answers") {
				t.Errorf("%v: no help in %s", args, r.stderr)
			}
		}
	}
	unchanged(t, before, filepath.Dir(db.path))
	if b, err := os.ReadFile(file); err != nil || string(b) != "precious" || len(names(t, dir)) != 5 {
		t.Errorf("%q %v, and %v", b, err, names(t, dir))
	}

	link := directory{filepath.Join(dir, "link")}
	db.write(t, "--kill", "--nodes", "5", "--commits", "1")
	want := db.state(t)
	if done := must(t, "backup", db.path, link.root, "--json").one(t, "backup"); done.Seq != 2 || done.Kind != "incremental" {
		t.Errorf("through a link it is another archive: %+v", done)
	}
	verifyClean(t, at, 2)
	restores(t, link, want, db.version)
}

// TestHostilePrefixes are prefixes in a bucket: they work, and so does the command
// that is printed, or the address is refused.
func TestHostilePrefixes(t *testing.T) {
	t.Parallel()
	bucketAddress := s3test.NewBucket(t)
	db := create(t, "0.6.0", "--kill", "--nodes", "20", "--commits", "3")
	want := db.state(t)
	for what, name := range hostileNames {
		if len(name) > 200 {
			continue
		}
		t.Run(what, func(t *testing.T) {
			for way, prefix := range map[string]string{"escaped": url.PathEscape(name), "raw": name} {
				address := strings.Replace(bucketAddress, "?", "/"+way+"/"+prefix+"?", 1)
				r := gbak(t, "backup", db.path, address, "--full")
				if no := !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return unicode.IsControl(r) || r == '\\' }); no || r.code == exitUsage && way == "raw" {
					if r.want(t, exitUsage); strings.Contains(r.stderr, "debug") || strings.Count(r.stderr, "\n") != 2 {
						t.Errorf("no usage error: %q", r.stderr)
					}
					continue
				}
				r.want(t, exitOK)
				must(t, "verify", address, "--deep")
				dir := t.TempDir()
				if err := errors.Join(os.Rename(filepath.Dir(db.path), filepath.Join(dir, "db"))); err != nil {
					t.Fatal(err)
				}
				cmd := exec.Command("sh", "-c", lastLine(t, r))
				cmd.Dir = t.TempDir()
				finish(t, cmd).want(t, exitOK)
				holds(t, want, db.version, db.path)
				if err := errors.Join(os.RemoveAll(filepath.Dir(db.path)), os.Rename(filepath.Join(dir, "db"), filepath.Dir(db.path))); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
