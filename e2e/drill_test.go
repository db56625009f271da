package e2e

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// drilled is what a drill answers.
type drilled struct {
	Type, Why string
	OK        bool
	Backup    int64
	Timeline  int
	Epoch     uint64
	Checks    map[string]struct{ Result, Why string }
	Digest    string
	Pinned    *struct{ Digest, By string }

	Database      string
	Certificate   string
	NoCertificate string `json:"no_certificate"`

	stderr string
}

func drillOf(t testing.TB, r result) drilled {
	t.Helper()
	var d drilled
	if err := json.Unmarshal([]byte(r.stdout), &d); err != nil || d.Type != "drill" {
		t.Fatalf("%v\nexit code %d\nstdout: %s\nstderr: %s", err, r.code, r.stdout, r.stderr)
	}
	return d
}

// drill runs a drill that ends with an exit code, and demands that it leaves nothing in its
// scratch folder.
func drill(t testing.TB, code int, args ...string) drilled {
	t.Helper()
	scratch := t.TempDir()
	r := gbak(t, append([]string{"drill", "--json", "--scratch", scratch}, args...)...)
	if r.code != code {
		t.Fatalf("drill %v\nexit code %d, want %d\nstdout: %s\nstderr: %s", args, r.code, code, r.stdout, r.stderr)
	}
	if left := names(t, scratch); len(left) > 0 {
		t.Errorf("drill %v has left %v", args, left)
	}
	d := drillOf(t, r)
	d.stderr = r.stderr
	if d.OK != (code == exitOK) || d.OK != (d.Why == "") {
		t.Errorf("drill %v: exit code %d, and %+v", args, code, d)
	}
	return d
}

// is demands the results of the checks bytes, structure, exec and digest.
func (d drilled) is(t testing.TB, results ...string) {
	t.Helper()
	for i, name := range []string{"bytes", "structure", "exec", "digest"} {
		if got := d.Checks[name]; got.Result != results[i] {
			t.Errorf("%s is %+v, want %s: %+v", name, got, results[i], d)
		}
	}
}

// certificate returns what a certificate in an archive says.
func certificateIn(t testing.TB, at place, key string) (c struct {
	Kind, Why string
	OK        bool
	Drill     struct {
		Epoch  uint64
		Digest string
	}
},
) {
	t.Helper()
	line, _, _ := strings.Cut(string(at.read(t, key)), "\n")
	if err := json.Unmarshal([]byte(line), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// grafeoCheck is a command for --exec: check.js with the binding of a version.
func grafeoCheck(t testing.TB, version string, flags ...string) string {
	t.Helper()
	needGrafeo(t)
	program, err := filepath.Abs(filepath.Join("..", "tools", "check", "check.js"))
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("'%s' --binding '%s' %s {}", program, bindingOf(t, version), strings.Join(flags, " "))
}

// TestDrillsWithGrafeo: a drill opens each state with the real database, of either generation,
// and the digest that it reports is that of what was written; it is pinned, and stays the same
// after compact, in a copy, and when 0.6 has migrated a database of 0.5.
func TestDrillsWithGrafeo(t *testing.T) {
	t.Parallel()
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			db := create(t, version, "--kill", "--commits", "3")
			at, check := newDirectory(t), []string{"--exec", grafeoCheck(t, version)}
			drillAt := func(code int, archive string, args ...string) drilled {
				t.Helper()
				return drill(t, code, append(append([]string{archive}, check...), args...)...)
			}
			var states []string // of each backup
			for i := range 4 {
				if i > 0 {
					db.write(t, "--kill", "--commits", "2")
				}
				must(t, "backup", db.path, at.address())
				states = append(states, db.checkDigest(t))
			}
			d := drillAt(exitOK, at.address())
			d.is(t, "ok", "ok", "ok", "pinned")
			if want := states[3]; d.Digest != want || d.Pinned.Digest != want || d.Pinned.By != "drill" {
				t.Errorf("%+v, want %s", d, want)
			}
			if c := certificateIn(t, at, d.Certificate); !c.OK || c.Drill.Digest != d.Digest || c.Drill.Epoch != d.Epoch {
				t.Errorf("the certificate says %+v of %+v", c, d)
			}
			for i, want := range states[:3] {
				d := drillAt(exitOK, at.address(), "--backup", fmt.Sprint(i+1), "--expect", want)
				d.is(t, "ok", "ok", "ok", "pinned")
			}
			drillAt(exitDamage, at.address(), "--backup", "1", "--expect", states[1]).is(t, "ok", "ok", "ok", "failed")

			must(t, "compact", at.address(), "--min", "2", "--tail", "1", "--apply")
			copied := newDirectory(t)
			must(t, "copy", at.address(), copied.address())
			for _, archive := range []string{at.address(), copied.address()} {
				drillAt(exitOK, archive, "--expect", states[3]).is(t, "ok", "ok", "ok", "ok") // a copy has the digests, too
			}
			if version == "0.5.42" {
				d := drill(t, exitOK, at.address(), "--exec", grafeoCheck(t, "0.6.0", "--migrate"))
				d.is(t, "ok", "ok", "ok", "ok")
			}
			d = drillAt(exitOK, at.address(), "--random") // perhaps of a state that no drill has seen
			if result := d.Checks["digest"].Result; result != "ok" && result != "pinned" {
				t.Errorf("%+v", d)
			}
		})
	}
}

// TestDrillOfAttestedState: what an app says that its database holds is what a drill must find.
func TestDrillOfAttestedState(t *testing.T) {
	t.Parallel()
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			db := create(t, version, "", "--seed", "3", "--commits", "8")
			at, check := newDirectory(t), grafeoCheck(t, version)
			epoch := must(t, "backup", db.path, at.address(), "--json").one(t, "backup").EndEpoch
			must(t, "attest", at.address(), "--epoch", fmt.Sprint(epoch), "--digest", db.checkDigest(t))
			d := drill(t, exitOK, at.address(), "--exec", check)
			d.is(t, "ok", "ok", "ok", "ok")
			if d.Pinned.By != "app" || d.Digest != db.checkDigest(t) {
				t.Errorf("%+v", d)
			}

			wrong := newDirectory(t)
			must(t, "backup", db.path, wrong.address())
			must(t, "attest", wrong.address(), "--epoch", fmt.Sprint(epoch), "--digest", "grafeo-check-1:"+strings.Repeat("0", 64))
			d = drill(t, exitDamage, wrong.address(), "--exec", check)
			d.is(t, "ok", "ok", "ok", "failed")
			if c := certificateIn(t, wrong, d.Certificate); c.OK || !strings.Contains(c.Why, "digest") {
				t.Errorf("the certificate says %+v", c)
			}
		})
	}
}

// TestDrillOfWhatGrafeoRefuses: a command that does not get the database open fails the drill,
// and says why.
func TestDrillOfWhatGrafeoRefuses(t *testing.T) {
	t.Parallel()
	db := create(t, "0.6.0", "", "--commits", "1")
	at := newDirectory(t)
	must(t, "backup", db.path, at.address())
	d := drill(t, exitDamage, at.address(), "--exec", grafeoCheck(t, "0.5.42"))
	d.is(t, "ok", "ok", "failed", "not_done")
	if !strings.Contains(d.Why, "give another --binding") {
		t.Errorf("it says %q", d.Why)
	}
	if c := certificateIn(t, at, d.Certificate); c.OK || c.Why != d.Why {
		t.Errorf("the certificate says %+v", c)
	}
}
