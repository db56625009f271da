package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const vectorsFile = "vectors_Item%3Aemb.bin"

// spilled puts small files of vectors into the spill folder of a database that has no
// index for them.
func spilled(t testing.TB, path string, names ...string) {
	t.Helper()
	header := append([]byte("GRAFVEC1\x02"), make([]byte, 55)...) // of two dimensions, and no vector
	for _, name := range names {
		at := filepath.Join(path+".spill", filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, append(header, name...), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// spilledDatabase is one of the real Grafeo whose vectors are in its spill folder only.
func spilledDatabase(t testing.TB, version string, more ...string) string {
	t.Helper()
	needGrafeo(t)
	path := filepath.Join(t.TempDir(), "db", "items.grafeo")
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := node(t.Context(), version, "vectors.js", append([]string{"make", path, "40"}, more...)...); err != nil {
		t.Fatal(err)
	}
	return path
}

// vectorsOf is what Grafeo 0.6.0 finds in a copy of a database, after it has migrated one
// of 0.5.
func vectorsOf(t testing.TB, path string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "copy")
	copyTree(t, filepath.Dir(path), dir)
	out, err := node(t.Context(), "0.6.0", "vectors.js", "show", filepath.Join(dir, filepath.Base(path)))
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// Vectors that are nowhere but in the spill folder come back with the database: the real
// Grafeo finds all of them, by their nodes and by the index.
func TestSpilledVectors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		version string
		more    []string
	}{
		"0.5, closed": {"0.5.42", nil},
		"0.5, killed": {"0.5.42", []string{"--kill"}},
		"0.6, closed": {"0.6.0", nil},
		"0.6, killed": {"0.6.0", []string{"--kill"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := spilledDatabase(t, c.version, c.more...)
			want := vectorsOf(t, path)
			if strings.Contains(want, "null") || !strings.Contains(want, `"nearest":"i39"`) {
				t.Fatalf("Grafeo itself finds %s", want)
			}
			at := newDirectory(t)
			must(t, "backup", path, at.address())
			s := must(t, "status", at.address(), path, "--json").one(t, "status")
			size := int64(64 + 40*24)
			if s.Spill == nil || s.Spill.Files != 1 || s.Spill.Bytes != size {
				t.Errorf("status counts %+v", s.Spill)
			}
			i := must(t, "inspect", path, "--json").one(t, "inspect")
			if i.Spill == nil || i.Spill.Files != 1 || i.Spill.Bytes != size {
				t.Errorf("inspect counts %+v", i.Spill)
			}
			for _, args := range [][]string{{"inspect", path}, {"status", at.address(), path}} {
				if out := must(t, args...).stdout; !strings.Contains(out, "vectors in 1 file") {
					t.Errorf("%s says nothing of them: %s", args[0], out)
				}
			}
			must(t, "verify", at.address(), "--deep")
			target := filepath.Join(t.TempDir(), "r", "items.grafeo")
			if out := must(t, "restore", at.address(), target).stdout; !strings.Contains(out, "are in "+target+".spill") {
				t.Errorf("the restore says nothing of them: %s", out)
			}
			if plan := must(t, "restore", "--plan", at.address(), target, "--json").one(t, "plan"); plan.Spill == nil || plan.Spill.Bytes != size {
				t.Errorf("the plan counts %+v", plan.Spill)
			}
			if diff := cmp.Diff(want, vectorsOf(t, target)); diff != "" {
				t.Errorf("restored (-want +got): %s", diff)
			}
			if err := os.RemoveAll(target + ".spill"); err != nil {
				t.Fatal(err)
			}
			if without := vectorsOf(t, target); !strings.Contains(without, "null") {
				t.Errorf("the vectors are elsewhere, too: %s", without)
			}
		})
	}
}

// A change of them makes the next backup a full one, and status says so beforehand; an
// unchanged one keeps an incremental what it is.
func TestSpilledVectorsChange(t *testing.T) {
	t.Parallel()
	path := spilledDatabase(t, "0.5.42")
	file := filepath.Join(path+".spill", vectorsFile)
	at := newDirectory(t)
	must(t, "backup", path, at.address())
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	copy(b[len(b)-16:], b[64+8:64+24]) // the last item gets the vector of the first
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if out := must(t, "status", at.address(), path).stdout; !strings.Contains(out, vectorsFile+" has different content; the next backup is a full one") || strings.Contains(out, "nothing: the archive has all") {
		t.Errorf("status says %s", out)
	}
	if r := must(t, "backup", path, at.address(), "--json").one(t, "backup"); r.Kind != "full" || !strings.Contains(r.Why, vectorsFile) {
		t.Errorf("the backup is %s: %s", r.Kind, r.Why)
	}
	if r := must(t, "backup", path, at.address(), "--json").one(t, "backup"); r.Kind != "none" {
		t.Errorf("the next one is %s: %s", r.Kind, r.Why)
	}
	target := filepath.Join(t.TempDir(), "r", "items.grafeo")
	must(t, "restore", at.address(), target)
	if got, want := vectorsOf(t, target), vectorsOf(t, path); got != want {
		t.Errorf("restored is %s, want %s", got, want)
	}

	db := create(t, "0.6.0", "--kill", "--seed", "8", "--commits", "3")
	spilled(t, db.path, "vectors_No%3Aindex.bin", "kept/vectors_Old%3Aone.bin")
	other := newDirectory(t)
	must(t, "backup", db.path, other.address())
	b, err = os.ReadFile(db.path + ".spill/vectors_No%3Aindex.bin")
	if err != nil {
		t.Fatal(err)
	}
	db.write(t, "--kill", "--seed", "9", "--commits", "2") // which removes the folder
	spilled(t, db.path, "vectors_No%3Aindex.bin", "kept/vectors_Old%3Aone.bin")
	if r := must(t, "backup", db.path, other.address(), "--json").one(t, "backup"); r.Kind != "incremental" {
		t.Errorf("with the same spilled vectors it is %s: %s", r.Kind, r.Why)
	}
	again := filepath.Join(t.TempDir(), "people.grafeo")
	must(t, "restore", other.address(), again)
	holds(t, db.state(t), "0.6.0", again)
	if got, err := os.ReadFile(again + ".spill/vectors_No%3Aindex.bin"); err != nil || !bytes.Equal(got, b) {
		t.Errorf("%v", err)
	}
}

// What Grafeo 0.6 sets aside in kept/ is data still.
func TestVectorsThatGrafeoSetAside(t *testing.T) {
	t.Parallel()
	path := spilledDatabase(t, "0.6.0")
	file := filepath.Join(path+".spill", vectorsFile)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	short := b[:len(b)-1]
	if err := os.WriteFile(file, short, 0o600); err != nil {
		t.Fatal(err)
	}
	at := newDirectory(t)
	// It is damaged, which inspect says, and a backup, which takes it as it is.
	if r := gbak(t, "inspect", path); r.code != exitDamage || !strings.Contains(r.stdout, file) {
		t.Errorf("inspect ends with %d and says %s", r.code, r.stdout)
	}
	r := must(t, "backup", path, at.address())
	if !strings.Contains(r.stderr, file) || !strings.Contains(r.stderr, "archived as it is") {
		t.Errorf("the backup says %q", r.stderr)
	}
	if n := must(t, "backup", path, at.address(), "--json").one(t, "backup"); n.Kind != "none" {
		t.Errorf("then it is %s: %s", n.Kind, n.Why)
	}
	if _, err := node(t.Context(), "0.6.0", "vectors.js", "show", path); err != nil {
		t.Fatal(err)
	}
	if got := names(t, path+".spill/kept"); !slices.Equal(got, []string{vectorsFile}) {
		t.Fatalf("Grafeo has kept %v", got)
	}
	must(t, "inspect", path)
	must(t, "backup", path, at.address())
	target := filepath.Join(t.TempDir(), "r", "items.grafeo")
	must(t, "restore", at.address(), target)
	if got, err := os.ReadFile(target + ".spill/kept/" + vectorsFile); err != nil || !bytes.Equal(got, short) {
		t.Errorf("what was kept: %v", err)
	}
	must(t, "restore", "--backup", "1", at.address(), target+"1")
	if got, err := os.ReadFile(target + "1.spill/" + vectorsFile); err != nil || !bytes.Equal(got, short) {
		t.Errorf("what was there at first: %v", err)
	}
}

// A spill folder at the target belongs to a database: it is not mixed with another one,
// and --force moves it aside with the rest. Grafeo's own backups cannot hold it.
func TestSpillFolderAtTheTarget(t *testing.T) {
	t.Parallel()
	path := spilledDatabase(t, "0.5.42")
	at := newDirectory(t)
	must(t, "backup", path, at.address())
	target := filepath.Join(t.TempDir(), "r", "items.grafeo")
	spilled(t, target, "vectors_Mine%3Ax.bin")
	if f := gbak(t, "restore", at.address(), target, "--json").want(t, 8).failure(t); f.Code != "target_exists" || !strings.Contains(f.Message, target+".spill") {
		t.Errorf("the refusal says %+v", f)
	}
	if n := names(t, filepath.Dir(target)); !slices.Equal(n, []string{"items.grafeo.spill"}) {
		t.Errorf("a refused restore leaves %v", n)
	}
	r := must(t, "restore", "--force", at.address(), target, "--json").one(t, "restore")
	if got := names(t, r.MovedTo); !slices.Equal(got, []string{"vectors_Mine%3Ax.bin"}) || !strings.HasSuffix(r.MovedTo, ".spill") {
		t.Errorf("%s has %v", r.MovedTo, got)
	}
	if got := names(t, target+".spill"); !slices.Equal(got, []string{vectorsFile}) {
		t.Errorf("the restored one has %v", got)
	}
	empty := filepath.Join(t.TempDir(), "items.grafeo")
	if err := os.Mkdir(empty+".spill", 0o700); err != nil {
		t.Fatal(err)
	}
	must(t, "restore", at.address(), empty)

	folder := filepath.Join(t.TempDir(), "native")
	gbak(t, "export", at.address(), folder, "--json").refused(t, "unsupported", "spilled vectors")
	if n := names(t, filepath.Dir(folder)); len(n) > 0 {
		t.Errorf("a refused export leaves %v", n)
	}
	if out := must(t, "export", at.address(), folder, "--without-spilled").stdout; !strings.Contains(out, "left out") {
		t.Errorf("the export says %s", out)
	}
	if i := must(t, "inspect", folder, "--json"); !strings.Contains(i.stdout, `"whole":true`) {
		t.Errorf("the export is %s", i.stdout)
	}
}

// A migration takes the vectors in and the folder away: the archive has both sides.
func TestSpilledVectorsAreMigrated(t *testing.T) {
	t.Parallel()
	path := spilledDatabase(t, "0.5.42")
	want := vectorsOf(t, path)
	at := newDirectory(t)
	must(t, "backup", path, at.address())
	if _, err := node(t.Context(), "0.6.0", "vectors.js", "show", path); err != nil {
		t.Fatal(err)
	}
	if got := names(t, path+".spill"); len(got) != 0 {
		t.Fatalf("the migrated database has %v", got)
	}
	must(t, "backup", path, at.address())
	for _, backup := range []string{"1", "2"} {
		target := filepath.Join(t.TempDir(), "r", "items.grafeo")
		must(t, "restore", "--backup", backup, at.address(), target)
		if _, err := os.Stat(target + ".spill"); (err == nil) != (backup == "1") {
			t.Errorf("backup %s has a spill folder: %v", backup, err)
		}
		if diff := cmp.Diff(want, vectorsOf(t, target)); diff != "" {
			t.Errorf("backup %s (-want +got): %s", backup, diff)
		}
	}
	must(t, "verify", "--deep", at.address())
}
