package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// copyAnswer is what copy prints.
type copyAnswer struct {
	UpTo     int64 `json:"up_to"`
	Newest   int64 `json:"newest"`
	Backups  int   `json:"backups"`
	Compared int   `json:"compared"`
	Gone     int   `json:"gone"`
}

func copied(t testing.TB, old, address string) (a copyAnswer) {
	t.Helper()
	r := must(t, "copy", old, address, "--json")
	if err := json.Unmarshal([]byte(r.stdout), &a); err != nil {
		t.Fatalf("%v: %s", err, r.stdout)
	}
	return a
}

// TestCopyEveryEpoch: every epoch of a random history, merged in part, can be restored from the
// copy of a copy, which was made in pieces, and the real Grafeo reads from it what was committed.
// The next backup into the copy goes on.
func TestCopyEveryEpoch(t *testing.T) {
	t.Parallel()
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			needGrafeo(t)
			t.Parallel()
			dir := t.TempDir()
			db := &database{version, filepath.Join(dir, "db", "people.grafeo"), filepath.Join(dir, "model"), filepath.Join(dir, "log")}
			if err := os.Mkdir(filepath.Dir(db.path), 0o755); err != nil {
				t.Fatal(err)
			}
			old, between, latest := newDirectory(t), newBucket(t), newDirectory(t)
			h := &randomHistory{t: t, db: db, at: old, runs: map[int64]int{}}
			h.run(1, "")
			first := copied(t, old.address(), between.address())
			h.run(1, "--kill")
			must(t, "compact", old.address(), "--min", "2", "--tail", "1", "--apply")
			second := copied(t, old.address(), between.address())
			if first.Backups == 0 || second.Backups == 0 || second.Compared+second.Gone != first.Backups+second.Backups {
				t.Errorf("%+v, then %+v", first, second)
			}
			all := copied(t, between.address(), latest.address())
			if all.UpTo != second.Newest || all.Compared != all.Backups {
				t.Errorf("%+v, and the copy of that %+v", second, all)
			}
			h.at, h.backups, h.isMerged = latest, nil, true
			h.compare()

			db.write(t, "--kill", "--seed", "9", "--commits", "3")
			b := must(t, "backup", db.path, latest.address(), "--json").one(t, "backup")
			if generation(version) == "0.6" && b.Kind != "incremental" {
				t.Errorf("the next backup is %+v", b)
			}
			target := filepath.Join(t.TempDir(), "people.grafeo")
			must(t, "restore", latest.address(), target)
			if got, want := inspect(t, version, target), db.last(t); got.Digest != want.Digest {
				t.Errorf("it holds %+v, committed was %+v", got, want)
			}
			r := gbak(t, "copy", between.address(), latest.address()).want(t, exitTargetIs)
			if !strings.Contains(r.stderr, "is in use") {
				t.Errorf("%s", r.stderr)
			}
		})
	}
}

// TestCopySealedArchives: from plain to encrypted, to other recipients, and back to plain. Each copy
// restores with its own key to what the real Grafeo has committed, and opens with no other one.
func TestCopySealedArchives(t *testing.T) {
	t.Parallel()
	db := create(t, versions[0], "--kill", "--seed", "3", "--commits", "6")
	dir := t.TempDir()
	key := func(name string) (file, recipient string) {
		file = filepath.Join(dir, name)
		must(t, "keys", "new", "-o", file)
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(b), "public key: ")
		recipient, _, _ = strings.Cut(rest, "\n")
		return file, recipient
	}
	ada, toAda := key("ada.txt")
	ben, toBen := key("ben.txt")
	plain, sealed, others, again := newDirectory(t), newBucket(t), newDirectory(t), newDirectory(t)
	must(t, "backup", db.path, plain.address(), "--no-hold")
	first := db.last(t)
	db.write(t, "--kill", "--seed", "4", "--commits", "5")
	must(t, "backup", db.path, plain.address(), "--no-hold")

	must(t, "copy", plain.address(), sealed.address(), "-r", toAda)
	for _, args := range [][]string{{}, {"-n"}} {
		r := gbak(t, append([]string{"copy", sealed.address(), others.address()}, args...)...).want(t, exitUsage)
		if !strings.Contains(r.stderr, "--plain") {
			t.Errorf("%s", r.stderr)
		}
	}
	gbak(t, "copy", sealed.address(), others.address(), "--plain", "-r", toBen).want(t, exitUsage)
	gbak(t, "copy", sealed.address(), others.address(), "-r", toBen, "-i", ben).want(t, exitKeys)
	if keys := others.keys(t); len(keys) > 0 {
		t.Errorf("there are %v", keys)
	}
	must(t, "copy", sealed.address(), others.address(), "-r", toBen, "-i", ada)
	must(t, "copy", others.address(), again.address(), "--plain", "-i", ben)

	for _, c := range []struct {
		at           place
		right, wrong []string
	}{
		{plain, nil, nil}, {sealed, []string{"-i", ada}, []string{"-i", ben}}, {others, []string{"-i", ben}, []string{"-i", ada}}, {again, nil, nil},
	} {
		restore := func(args ...string) state {
			target := filepath.Join(t.TempDir(), "people.grafeo")
			must(t, append(append([]string{"restore", c.at.address(), target}, c.right...), args...)...)
			return inspect(t, db.version, target)
		}
		if got, want := restore(), db.last(t); got.Digest != want.Digest {
			t.Errorf("%s: it holds %+v, committed was %+v", c.at.address(), got, want)
		}
		if got := restore("--backup", "1"); got.Digest != first.Digest {
			t.Errorf("%s: backup 1 holds %+v, committed was %+v", c.at.address(), got, first)
		}
		if c.wrong != nil {
			gbak(t, append([]string{"restore", c.at.address(), filepath.Join(t.TempDir(), "x.grafeo")}, c.wrong...)...).want(t, exitKeys)
		}
		must(t, append([]string{"verify", "--deep", c.at.address()}, c.right...)...)
	}
	db.write(t, "--kill", "--seed", "5", "--commits", "2")
	must(t, "backup", db.path, others.address(), "--no-hold") // by the writer key that copy has left on this host
}

// TestCopyUsage: what cannot be copied is said, with what to do.
func TestCopyUsage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, c := range []struct {
		args []string
		code int
		word string
	}{
		{[]string{"copy", "a"}, exitUsage, "NEW is missing"},
		{[]string{"copy", "a", "b", "c"}, exitUsage, "too many"},
		{[]string{"copy", dir, filepath.Join(dir, "inside")}, exitUsage, "one is inside the other"},
		{[]string{"copy", filepath.Join(dir, "nothing"), filepath.Join(dir, "new")}, exitNoArchive, "no archive"},
	} {
		if r := gbak(t, c.args...).want(t, c.code); !strings.Contains(r.stderr, c.word) {
			t.Errorf("%s: %s", strings.Join(c.args, " "), r.stderr)
		}
	}
	if names := names(t, dir); len(names) > 1 {
		t.Errorf("there are %v", names)
	}
}
