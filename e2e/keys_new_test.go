package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"filippo.io/age"
)

// An identity that tests may give, and its public key. They protect nothing.
const (
	testIdentity  = "AGE-SECRET-KEY-1R9VM0S5XAFE046P6ETN03N4GWGJA4RWV9LVN54W7H4TMQSKSSKHSY25LSU\n"
	testRecipient = "age1gdxumlgz8ccz02va9qdm3smzzm9xvmm00pht5rx2z6ua0ecaguhqfmvdvu"
)

// opensWith reports whether an identity opens what was encrypted for a recipient.
func opensWith(t testing.TB, identity []byte, recipient string) bool {
	t.Helper()
	to, err := age.ParseRecipients(strings.NewReader(recipient))
	if err != nil {
		t.Fatal(err)
	}
	by, err := age.ParseIdentities(bytes.NewReader(identity))
	if err != nil {
		t.Fatal(err)
	}
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, to...)
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	_, err = age.Decrypt(&sealed, by...)
	return err == nil
}

// A new identity is one of age, in a file for its owner alone, and no file is overwritten.
func TestKeysNew(t *testing.T) {
	t.Parallel()
	for _, flag := range []string{"--pq=false", "--pq"} {
		path := filepath.Join(t.TempDir(), "key.txt")
		r := must(t, "keys", "new", flag, "-o", path)
		if r.stdout != "" {
			t.Errorf("%s: %q on stdout", flag, r.stdout)
		}
		recipient := strings.TrimSpace(strings.TrimPrefix(r.stderr, "Public key: "))
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		secret := map[string]string{"--pq=false": "AGE-SECRET-KEY-1", "--pq": "AGE-SECRET-KEY-PQ-1"}[flag]
		form := regexp.MustCompile(`^# created: \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)\n# public key: ` + recipient + `\n` + secret + `[0-9A-Z]+\n$`)
		if !form.Match(text) || !opensWith(t, text, recipient) {
			t.Errorf("%s: no identity of age for %s", flag, recipient)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", flag, info.Mode(), err)
		}
		gbak(t, "keys", "new", "-o", path).want(t, 2)
		if again, err := os.ReadFile(path); err != nil || !bytes.Equal(again, text) {
			t.Errorf("%s: the file was overwritten, %v", flag, err)
		}

		printed := must(t, "keys", "new", flag)
		if !opensWith(t, []byte(printed.stdout), strings.TrimPrefix(strings.TrimSpace(printed.stderr), "Public key: ")) {
			t.Errorf("%s: what is printed is no identity", flag)
		}
	}
}

// JSON has the public key, and never the secret.
func TestKeysNewInJSON(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key.txt")
	r := must(t, "keys", "new", "-o", path, "--json")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	line := r.one(t, "identity")
	if line.File != path || !opensWith(t, text, line.Recipient) || strings.Contains(r.stdout+r.stderr, "SECRET") {
		t.Errorf("%q, %q", r.stdout, r.stderr)
	}
	if refused := gbak(t, "keys", "new", "--json").want(t, 2); strings.Contains(refused.stdout+refused.stderr, "SECRET") {
		t.Errorf("%+v", refused)
	}
}

// Debian's age uses a new identity like one of its own, in both directions.
func TestAgeUsesKeysNew(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("age"); err != nil {
		missing(t, "age is not there")
	}
	path := filepath.Join(t.TempDir(), "key.txt")
	must(t, "keys", "new", "-o", path)
	shown, err := exec.Command("age-keygen", "-y", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	seal := exec.Command("age", "-r", strings.TrimSpace(string(shown)))
	seal.Stdin = strings.NewReader("what nobody else reads")
	sealed, err := seal.Output()
	if err != nil {
		t.Fatal(err)
	}
	open := exec.Command("age", "-d", "-i", path)
	open.Stdin = bytes.NewReader(sealed)
	if text, err := open.Output(); err != nil || string(text) != "what nobody else reads" {
		t.Errorf("%q, %v", text, err)
	}
}
