package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/storage/s3/s3test"
)

// life is a database at several moments of its life, each of which is available as often
// as wanted.
type life struct {
	version string
	folders []string
	states  []state
}

// newLife lets the real Grafeo write it: an image with a log, and then more log.
func newLife(t testing.TB) *life {
	t.Helper()
	db := create(t, "0.6.0", "--kill", "--seed", "5", "--commits", "4")
	l := &life{version: db.version}
	for i := range 3 {
		if i > 0 {
			db.write(t, "--kill", "--seed", fmt.Sprint(5+i), "--commits", "3")
		}
		folder := filepath.Join(t.TempDir(), "moment")
		if err := os.CopyFS(folder, os.DirFS(filepath.Dir(db.path))); err != nil {
			t.Fatal(err)
		}
		l.folders, l.states = append(l.folders, folder), append(l.states, db.state(t))
	}
	return l
}

// at makes the database at path be that of a moment.
func (l *life) at(t testing.TB, path string, moment int) {
	t.Helper()
	if err := os.RemoveAll(filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Dir(path), os.DirFS(l.folders[moment])); err != nil {
		t.Fatal(err)
	}
}

// lead leads the whole life through an archive, all commands by address: every
// one must succeed.
func (l *life) lead(t testing.TB, address string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "db", "people.grafeo")
	for i, kind := range []string{"full", "incremental", "incremental"} {
		l.at(t, path, i)
		if b := must(t, "backup", path, address, "--no-hold", "--json").one(t, "backup"); b.Kind != kind || b.Seq != int64(i+1) {
			t.Fatalf("backup %d: %+v, want kind %s", i+1, b, kind)
		}
	}
	for range 2 { // also over what is already there
		must(t, "backup", path, address, "--no-hold", "--full")
	}
	target := filepath.Join(t.TempDir(), "people.grafeo")
	must(t, "restore", address, target)
	if diff := cmp.Diff(l.states[2], inspect(t, l.version, target)); diff != "" {
		t.Errorf("the restored database differs (-original +restored):\n%s", diff)
	}
	if v := must(t, "verify", address, "--deep", "--json").one(t, "verify"); !v.OK || v.Backups != 5 {
		t.Errorf("verify: %+v", v)
	}
}

// TestProviders leads a life on stores with the habits of providers that cannot
// be reached from here. So nothing is sent that one of them refuses: aws-chunked
// bodies, trailers, bodies of unknown length or without a signature, Content-MD5,
// checksum headers nobody has asked for.
func TestProviders(t *testing.T) {
	t.Parallel()
	l := newLife(t)
	strict := func(r *s3test.Request) s3test.Fault {
		for _, habit := range []string{"no aws-chunked", "no trailers", "length required", "no Content-MD5", "signed payload required", "no checksums"} {
			if f := s3test.Providers[habit](r); f.Status != 0 {
				t.Errorf("%s: %s %s", habit, r.Op, r.Key)
				return f
			}
		}
		return s3test.Fault{}
	}
	for name, c := range map[string]struct {
		hook   s3test.Hook
		params string
	}{
		"strict":      {strict, ""},
		"object lock": {s3test.ObjectLock, "&checksum=sha256"},
		"409 for 412": {s3test.Providers["409 for 412"], ""},
		"no delete":   {s3test.Providers["no delete"], ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, _ := behindProxy(t, c.hook)
			l.lead(t, p.Address+c.params)
			nothingDeleted(t, p)
		})
	}
	t.Run("no conditions", func(t *testing.T) {
		p, at := behindProxy(t, s3test.NoCondition)
		path := filepath.Join(t.TempDir(), "db", "people.grafeo")
		l.at(t, path, 0)
		if f := gbak(t, "backup", path, p.Address, "--json").want(t, exitUnsafeStore).failure(t); f.Code != "unsafe_store" {
			t.Errorf("the error is %+v", f)
		}
		truth(t, at, path, 0)
	})
}

// proxied is a bucket that is reached through a proxy.
type proxied struct {
	bucket
	through string
}

func (p proxied) address() string { return p.through }

// TestNothingIsDeletedOrOverwritten leads a life with a fork in it, with every
// verb, where nothing can be deleted; and by the record of all requests nothing
// was to be, and no key ever got a second content.
func TestNothingIsDeletedOrOverwritten(t *testing.T) {
	t.Parallel()
	p, at := behindProxy(t, s3test.Providers["no delete"])
	fork(t, "0.6.0", proxied{at, p.Address})
	w := newLive(t, "0.6.0")
	w.do(t, "commit", "2")
	other, _ := behindProxy(t, s3test.Providers["no delete"])
	must(t, "backup", w.path, other.Address)
	must(t, "status", other.Address)
	must(t, "release", w.path, other.Address)
	nothingDeleted(t, p)
	nothingDeleted(t, other)
	if n := len(p.Log()); n < 100 {
		t.Errorf("%d requests are on record", n)
	}
}

// TestRandomLies lets a tenth of all requests of a life meet something, another
// thing for every seed. Commands may fail, and are run again then; but none says
// what is not true: after each, the journal is read around the proxy.
func TestRandomLies(t *testing.T) {
	t.Parallel()
	l := newLife(t)
	clean := newDirectory(t)
	path := filepath.Join(t.TempDir(), "db", "people.grafeo")
	for moment := range l.states {
		l.at(t, path, moment)
		must(t, "backup", path, clean.address(), "--no-hold")
	}
	restored := filepath.Join(t.TempDir(), "db", "people.grafeo")
	must(t, "restore", clean.address(), restored)
	if diff := cmp.Diff(l.states[2], inspect(t, l.version, restored)); diff != "" {
		t.Fatalf("the restored database differs (-original +restored):\n%s", diff)
	}
	want := contentsOf(t, restored)
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			p, at := behindProxy(t, s3test.Random(seed, 0.1))
			path := filepath.Join(t.TempDir(), "db", "people.grafeo")
			n := 0
			for moment, state := range l.states {
				l.at(t, path, moment)
				for try := 0; ; try++ {
					r := gbak(t, "backup", path, p.Address, "--no-hold", "--json", "--commit-timeout", "10s")
					listed := listedSeqs(t, at)
					switch {
					case r.code == exitOK:
						b := r.one(t, "backup")
						if b.Kind != "none" {
							n++
						}
						if b.Seq != int64(n) || b.EndEpoch != *state.Epoch {
							t.Fatalf("it says %+v, and it is backup %d, up to epoch %d", b, n, *state.Epoch)
						}
					case r.code == exitUnknown:
						n = listed // whatever that is
					case r.code != exitError || try == 5:
						t.Fatalf("try %d ended with %d: %s", try, r.code, r.stderr)
					default:
						t.Logf("it failed: %s", r.stderr)
					}
					if listed != n {
						t.Fatalf("%d backups are there, want %d; it ended with %d: %s", listed, n, r.code, r.stderr)
					}
					if r.code == exitOK {
						break
					}
				}
			}
			if v := must(t, "verify", at.address(), "--deep", "--json").one(t, "verify"); !v.OK || v.Backups != int64(n) {
				t.Errorf("verify: %+v", v)
			}
			through := filepath.Join(t.TempDir(), "db", "people.grafeo")
			for try := 0; ; try++ {
				r := gbak(t, "restore", p.Address, through)
				if r.code == exitOK {
					break
				}
				if r.code != exitError || try == 5 || len(names(t, filepath.Dir(through))) > 1 {
					t.Fatalf("the restore ended with %d: %s", r.code, r.stderr)
				}
			}
			for try := 0; gbak(t, "verify", p.Address, "--deep").code != exitOK; try++ {
				if try == 5 {
					t.Fatal("a verification fails for ever")
				}
			}
			if diff := cmp.Diff(want, contentsOf(t, through)); diff != "" {
				t.Errorf("restored through the proxy it differs (-clean +through):\n%s", diff)
			}
			nothingDeleted(t, p)
		})
	}
}

// listedSeqs is how many backups there are, without a hole.
func listedSeqs(t testing.TB, at bucket) int {
	t.Helper()
	n := 0
	for _, key := range at.keys(t) {
		if strings.HasPrefix(key, "manifests/") {
			n++
			if want := fmt.Sprintf("%d.json", n); !strings.HasSuffix(key, want) {
				t.Fatalf("backup %d is %s", n, key)
			}
		}
	}
	return n
}

// contentsOf are the files of a database, by name.
func contentsOf(t testing.TB, path string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for name, f := range snapshot(t, filepath.Dir(path)) {
		all[name] = f.content
	}
	return all
}
