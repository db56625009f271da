package e2e

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// step runs the command, and returns an error unless it succeeds.
func step(t *testing.T, args ...string) (result, error) {
	t.Helper()
	r := gbak(t, args...)
	if r.code != exitOK {
		return r, fmt.Errorf("%s: exit code %d: %s%s", strings.Join(args, " "), r.code, r.stdout, r.stderr)
	}
	return r, nil
}

// steps runs commands until one fails.
func steps(t *testing.T, all ...[]string) error {
	t.Helper()
	for _, args := range all {
		if _, err := step(t, args...); err != nil {
			return err
		}
	}
	return nil
}

// restoresTo requires that a restore gives the database that has a digest in Grafeo.
func restoresTo(t *testing.T, w *live, digest, address string, args ...string) error {
	t.Helper()
	target := filepath.Join(t.TempDir(), "people.grafeo")
	if _, err := step(t, append([]string{"restore", address, target}, args...)...); err != nil {
		return err
	}
	if got := inspect(t, w.version, target); got.Digest != digest {
		return fmt.Errorf("restored is %+v, want the digest %s", got, digest)
	}
	return nil
}

// newestDigest returns the digest of what was committed last.
func newestDigest(t *testing.T, w *live) string {
	t.Helper()
	all := momentsOf(t, w.log)
	return all[len(all)-1].Digest
}

// session stores a database that Grafeo has open, in a full backup and an incremental one,
// and restores both. The flags are those of the first backup.
func (at *examinedStore) session(t *testing.T, address string, first ...string) (*live, error) {
	t.Helper()
	w := newLive(t, "0.6.0")
	w.do(t, "commit", "5")
	before := newestDigest(t, w)
	if _, err := step(t, append([]string{"backup", w.path, address}, first...)...); err != nil {
		return nil, err
	}
	w.do(t, "commit", "3")
	r, err := step(t, "backup", w.path, address, "--json")
	if err != nil {
		return nil, err
	}
	if kind := r.one(t, "backup").Kind; kind != "incremental" {
		return nil, fmt.Errorf("the second backup is %q", kind)
	}
	if err := restoresTo(t, w, before, address, "--backup", "1"); err != nil {
		return nil, err
	}
	if err := restoresTo(t, w, newestDigest(t, w), address); err != nil {
		return nil, err
	}
	return w, steps(t, []string{"verify", "--deep", address}, []string{"list", address}, []string{"status", address})
}

// hasASingleWriter is what a user is offered where backups are refused.
func (at *examinedStore) hasASingleWriter(t *testing.T) error {
	_, err := at.session(t, at.address("single"), "--single-writer")
	return err
}

func (at *examinedStore) hasASession(t *testing.T) error {
	_, err := at.session(t, at.address("session"))
	return err
}

// expires requires that an expiry removes what nothing needs, and nothing else.
func (at *examinedStore) expires(t *testing.T) error {
	address := at.address("expire")
	w, err := at.session(t, address)
	if err != nil {
		return err
	}
	stored := func() map[string]bool {
		keys := map[string]bool{}
		for info, err := range at.store(t, address).List(context.Background(), "", "") {
			if err != nil {
				t.Error(err)
			}
			keys[info.Key] = true
		}
		return keys
	}
	had := stored()
	if err := steps(t,
		[]string{"backup", w.path, address, "--full"},
		[]string{"expire", address, "--keep-last", "1", "--grace", "0", "--apply"},
	); err != nil {
		return err
	}
	r, err := step(t, "list", address, "--json")
	if err != nil {
		return err
	}
	if n := len(r.answers(t)); n != 1 {
		return fmt.Errorf("%d backups are listed", n)
	}
	freed, has := 0, stored()
	for key := range had {
		if !has[key] {
			freed++
		}
	}
	if freed == 0 {
		return fmt.Errorf("nothing is gone of %v", had)
	}
	if err := restoresTo(t, w, newestDigest(t, w), address); err != nil {
		return err
	}
	return steps(t, []string{"verify", "--deep", address}, []string{"doctor", address}, []string{"backup", w.path, address})
}
