package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// vanishes is how an archive disappears; it returns how it comes back.
type vanishes func(t *testing.T, at place) (back func())

// emptied takes the objects away, but those that stay wants.
func emptied(stay func(key string) bool) vanishes {
	return func(t *testing.T, at place) func() {
		kept := map[string][]byte{}
		for _, key := range at.keys(t) {
			if stay == nil || !stay(key) {
				kept[key] = at.read(t, key)
				at.remove(t, key)
			}
		}
		return func() {
			for key, content := range kept {
				at.write(t, key, content)
			}
		}
	}
}

// TestVanished takes an archive away, whole or its newest backups, as a disk that is not
// mounted does, an emptied prefix, or a snapshot of the store. The next backup ends with
// 4 and writes nothing, and so does status; what comes back continues as if nothing had
// been.
func TestVanished(t *testing.T) {
	ways := map[string]vanishes{
		"all": emptied(nil),
		"the newest backups": emptied(func(key string) bool {
			return !strings.HasPrefix(key, "manifests/") || key == "manifests/0000000001.json"
		}),
		"all backups": emptied(func(key string) bool { return !strings.HasPrefix(key, "manifests/") }),
	}
	for _, p := range places {
		for name, vanish := range ways {
			for _, c := range []struct {
				version string
				flags   []string
			}{{gen06, nil}, {gen06, []string{"--no-hold"}}, {"0.5.42", nil}} {
				t.Run(strings.Join(append([]string{p.name, name, c.version}, c.flags...), " "), func(t *testing.T) {
					t.Parallel()
					at, w := p.make(t), newLive(t, c.version)
					run := func(more ...string) result {
						return gbak(t, slices.Concat([]string{"backup", w.path, at.address(), "--json"}, c.flags, more)...)
					}
					var last answer
					for range 3 {
						w.do(t, "commit", "2")
						last = run().want(t, exitOK).one(t, "backup")
					}
					back := vanish(t, at)
					before := at.keys(t)
					for _, r := range []result{
						run(),
						gbak(t, "status", at.address(), w.path, "--json"),
						gbak(t, "status", at.address(), "--json", "--max-lag", "1h"),
					} {
						f := r.want(t, exitNoArchive).failure(t)
						if f.Code != "archive_vanished" || !strings.Contains(f.Message, "backup 3, with epoch") || !strings.Contains(f.Hint, "mounted") || !strings.Contains(f.Hint, "--begin-anew") {
							t.Errorf("%v: %+v", r.args, f)
						}
					}
					if r := gbak(t, "doctor", at.address(), "--json"); r.code != exitNoArchive || !strings.Contains(r.stdout, `"code":"archive_vanished"`) {
						t.Errorf("doctor: exit %d, %s", r.code, r.stdout)
					}
					if after := at.keys(t); !slices.Equal(before, after) {
						t.Errorf("there was %v, and is %v", before, after)
					}
					back()
					w.do(t, "commit", "2")
					if b := run().want(t, exitOK).one(t, "backup"); b.Seq != last.Seq+1 || b.Kind != "incremental" {
						t.Errorf("when it is back: %+v", b)
					}

					vanish(t, at)
					anew := run("--begin-anew").want(t, exitOK).one(t, "backup")
					w.do(t, "commit", "2")
					next := run().want(t, exitOK).one(t, "backup")
					if next.Seq != anew.Seq+1 || next.Kind != "incremental" {
						t.Errorf("begun anew: %+v, then %+v", anew, next)
					}
					must(t, "status", at.address(), w.path, "--max-lag", "1h")
					w.quit(t)
					verifyNewest(t, w, at)
				})
			}
		}
	}
}

// verifyNewest restores the newest backup and opens it: it has all commits.
func verifyNewest(t *testing.T, w *live, at place) {
	t.Helper()
	to := filepath.Join(t.TempDir(), "restored.grafeo")
	must(t, "restore", at.address(), to)
	all := momentsOf(t, w.log)
	if got := inspect(t, w.version, to); got.Digest != all[len(all)-1].Digest {
		t.Errorf("the restored database holds %+v, committed was %+v", got, all[len(all)-1])
	}
}

// TestVanishedImport: an import knows by the record of the host.
func TestVanishedImport(t *testing.T) {
	at, w, native := newDirectory(t), newLive(t, gen06), filepath.Join(t.TempDir(), "native")
	w.do(t, "commit", "2")
	w.do(t, "full", native)
	must(t, "import", native, at.address())
	if err := os.Rename(at.root, at.root+".unmounted"); err != nil {
		t.Fatal(err)
	}
	if f := gbak(t, "import", native, at.address(), "--json").want(t, exitNoArchive).failure(t); f.Code != "archive_vanished" {
		t.Errorf("%+v", f)
	}
	if _, err := os.Stat(at.root); !os.IsNotExist(err) {
		t.Errorf("it has made an archive: %v", err)
	}
	must(t, "import", native, at.address(), "--begin-anew")
	must(t, "import", native, at.address())
	must(t, "verify", at.address(), "--deep")
}

// TestNoStateFolder: where there can be no state folder, all works as without one.
func TestNoStateFolder(t *testing.T) {
	db := create(t, gen06, "", "--commits", "2")
	for _, env := range [][]string{
		{"GBAK_STATE=/dev/null"}, {"GBAK_STATE=/dev/null/below"}, {"GBAK_STATE=", "HOME="}, {"GBAK_STATE=", "HOME=/nonexistent"}, {"GBAK_STATE=", "HOME=relative"},
	} {
		at := newDirectory(t)
		for range 2 { // the second one would know of the first
			cmd := startCommand(t, command("backup", db.path, at.address(), "--no-hold"), env...)
			if code := cmd.wait(t); code != exitOK || cmd.stderr.Len() > 0 {
				t.Errorf("%v: exit %d, %s", env, code, cmd.stderr)
			}
			if err := os.RemoveAll(at.root); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := os.Stat("/nonexistent"); !os.IsNotExist(err) {
			t.Errorf("%v: it has made a home: %v", env, err)
		}
	}
	// The XDG folder, and a home that has no such folder yet.
	home := t.TempDir()
	for _, env := range [][]string{{"GBAK_STATE=", "HOME=" + home}, {"GBAK_STATE=", "XDG_STATE_HOME=" + filepath.Join(home, "xdg")}} {
		at := newDirectory(t)
		startCommand(t, command("backup", db.path, at.address(), "--no-hold"), env...).wait(t)
		if err := os.RemoveAll(at.root); err != nil {
			t.Fatal(err)
		}
		if code := startCommand(t, command("backup", db.path, at.address(), "--no-hold"), env...).wait(t); code != exitNoArchive {
			t.Errorf("%v: exit %d", env, code)
		}
	}
	for _, folder := range []string{filepath.Join(home, ".local", "state", "gbak-s3", "archives"), filepath.Join(home, "xdg", "gbak-s3", "archives")} {
		if files := names(t, folder); len(files) != 1 {
			t.Errorf("%s has %v", folder, files)
		}
	}
}
