package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// canaries are words that must not be told. rows are in the database alone, names are what
// people call it and its host.
type canaries struct{ rows, names []string }

func (c canaries) all() []string { return append(append([]string{}, c.rows...), c.names...) }

// named runs a command on a host of that name.
func named(name string, args ...string) []string {
	return append([]string{"unshare", "--user", "--map-root-user", "--uts", "sh", "-c", `hostname "$0" && exec "$@"`, name}, args...)
}

// canaryCage is a database of the real Grafeo with canaries in its rows, and the host that
// backs it up.
type canaryCage struct {
	canaries

	host          *host
	name          string // of the host
	version, path string
	labels        []string // flags
	rows          int
	said          bytes.Buffer // all that was printed
}

func newCanaryCage(t *testing.T, version string) *canaryCage {
	t.Helper()
	needGrafeo(t)
	c := &canaryCage{host: newHost(t), name: canary("host"), version: version}
	database, key, value := canary("database"), canary("key"), canary("value")
	c.labels = []string{"--label", key + "=" + value}
	c.names = []string{c.name, database, key, value, "wal_0000", `"end_epoch"`, `"created_at"`}
	c.path = filepath.Join(t.TempDir(), database+".grafeo")
	c.write(t)
	return c
}

// write commits rows with new canaries: in a label, a property's name and value, and what
// does not fit into one log record.
func (c *canaryCage) write(t testing.TB) {
	t.Helper()
	var steps []string
	for range 3 {
		c.rows++
		label, property, value := canary("L"), canary("p"), canary("v")
		c.canaries.rows = append(c.canaries.rows, label, property, value)
		steps = append(steps, fmt.Sprintf("q:INSERT (:%s {i: %d, %s: '%s', long: '%s'})", label, c.rows, property, value, strings.Repeat(value, 200)))
	}
	if _, err := node(t.Context(), c.version, "writes.js", append(append([]string{c.path}, steps...), "kill")...); err != nil {
		t.Fatal(err)
	}
}

// run runs the command on the host as loud as it can be, and keeps what it says.
func (c *canaryCage) run(t testing.TB, code int, args ...string) result {
	t.Helper()
	line := named(c.name, append([]string{binary}, append(args, "--log-level", "debug")...)...)
	cmd := exec.CommandContext(t.Context(), line[0], line[1:]...)
	r := finish(t, cmd, append([]string{"GBAK_STATE=" + c.host.state, "TMPDIR=" + c.host.temp}, c.host.env...)...)
	r.args = args
	fmt.Fprintf(&c.said, "%v\n%s%s", args[:1], r.stdout, r.stderr)
	return r.want(t, code)
}

// backup makes a backup with all names.
func (c *canaryCage) backup(t testing.TB, at place, args ...string) {
	t.Helper()
	c.run(t, exitOK, append(append([]string{"backup", c.path, at.address()}, c.labels...), args...)...)
}

// stored returns the canaries that are in an archive's objects and keys.
func (c *canaryCage) stored(t testing.TB, at place) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, key := range at.keys(t) {
		if told := found(append(at.read(t, key), "\n"+key...), c.all()...); told != nil {
			all[key] = told
		}
	}
	return all
}

// leftBehind fails for what the host has in its state folder and among temporary files.
func (c *canaryCage) leftBehind(t testing.TB, words ...string) {
	t.Helper()
	for _, dir := range []string{c.host.state, c.host.temp} {
		for name, f := range snapshot(t, dir) {
			if told := found([]byte(name+"\n"+f.content), words...); told != nil {
				t.Errorf("%s of the host tells %v", name, told)
			}
		}
	}
	if left := names(t, c.host.temp); len(left) > 0 {
		t.Errorf("temporary files: %v", left)
	}
}

// archiveOfAllKinds makes backups of all kinds in an archive.
func (c *canaryCage) archiveOfAllKinds(t testing.TB, at place, first []string, opens []string) {
	t.Helper()
	c.backup(t, at, first...)
	c.write(t)
	c.backup(t, at)
	c.write(t)
	c.backup(t, at)
	c.backup(t, at, "--full")
	c.write(t)
	c.backup(t, at, "--full")
	c.write(t)
	c.backup(t, at)
	c.run(t, exitOK, append([]string{"compact", at.address(), "--apply"}, opens...)...)
	c.run(t, exitOK, "pin", at.address(), "4", "--label", c.labels[1])
	c.run(t, exitOK, "expire", at.address(), "--keep-full", "1", "--apply")
}

// TestCanaries stores a database with canaries in its rows and in all names, and looks for
// them in each byte that is stored, said or left on the host. In a plain archive they are
// all found, so the search is one that finds.
func TestCanaries(t *testing.T) {
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			plain := newCanaryCage(t, version)
			open := newDirectory(t)
			plain.archiveOfAllKinds(t, open, nil, nil)
			told := map[string]bool{}
			for _, words := range plain.stored(t, open) {
				for _, word := range words {
					told[word] = true
				}
			}
			for _, word := range plain.all() {
				if !told[word] {
					t.Errorf("%s is not found even in a plain archive", word)
				}
			}

			for _, p := range places {
				t.Run(p.name, func(t *testing.T) {
					c, at, id := newCanaryCage(t, version), p.make(t), newIdentity(t)
					passphrase := canary("passphrase")
					file := filepath.Join(t.TempDir(), "passphrase")
					if err := os.WriteFile(file, []byte(passphrase), 0o600); err != nil {
						t.Fatal(err)
					}
					ask := []string{"--passphrase-command", "cat " + file}
					c.archiveOfAllKinds(t, at, append([]string{"-r", id.recipient, "--passphrase"}, ask...), []string{"-i", id.file})
					c.names = append(c.names, passphrase, "AGE-SECRET-KEY-1")
					for key, words := range c.stored(t, at) {
						t.Errorf("%s tells %v", key, words)
					}
					c.leftBehind(t, append(append([]string{passphrase}, c.canaries.rows...), c.names[:4]...)...)

					// All that can be asked, with success and without.
					target := func() string { return filepath.Join(t.TempDir(), "restored.grafeo") }
					for _, form := range [][]string{nil, {"--json"}, {"--log-format", "json"}} {
						do := func(code int, args ...string) { c.run(t, code, append(args, form...)...) }
						do(exitOK, "list", at.address())
						do(exitOK, "status", at.address(), c.path)
						do(exitOK, "doctor", at.address())
						do(exitOK, "inspect", c.path)
						do(exitOK, "verify", at.address())
						do(exitOK, append([]string{"verify", "--deep", at.address()}, "-i", id.file)...)
						do(exitOK, "restore", at.address(), target(), "-i", id.file)
						do(exitKeys, "restore", at.address(), target())
						do(exitKeys, "restore", at.address(), target(), "-i", newIdentity(t).file)
						do(exitKeys, "backup", c.path, at.address(), "-r", newIdentity(t).recipient)
					}
					c.run(t, exitOK, append([]string{"restore", at.address(), target()}, ask...)...)
					c.run(t, exitKeys, "restore", at.address(), target(), "--json", "--passphrase-command", "echo wrong "+passphrase)
					if told := found(c.said.Bytes(), append(c.canaries.rows, passphrase, "AGE-SECRET-KEY-1")...); told != nil {
						t.Errorf("the output tells %v", told)
					}
					c.leftBehind(t, append(append([]string{passphrase}, c.canaries.rows...), c.names[:4]...)...)
				})
			}
		})
	}
}
