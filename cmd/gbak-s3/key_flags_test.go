package main

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
)

// noTerminal is who asks where nobody is at a terminal.
func noTerminal(t *testing.T, input string) *asker {
	t.Helper()
	path := filepath.Join(t.TempDir(), "stdin")
	if err := os.WriteFile(path, []byte(input), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return &asker{stdin: f, prompts: io.Discard}
}

// newIdentity returns an identity and its public key, and the path of a file with it.
func newIdentity(t *testing.T) (secret, public, path string) {
	t.Helper()
	secret, recipient, err := archiver.NewIdentity(false)
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "identity")
	if err := os.WriteFile(path, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return secret, recipient.String(), path
}

func clearKeys(t *testing.T) {
	t.Helper()
	for _, name := range []string{recipientsVariable, identityVariable, writerKeyVariable} {
		t.Setenv(name, "")
	}
}

// Recipients come from flags and files or, without any, from the environment, which has public
// keys and files of them.
func TestGivenRecipients(t *testing.T) {
	clearKeys(t)
	_, one, _ := newIdentity(t)
	_, two, _ := newIdentity(t)
	t.Chdir(t.TempDir()) // the variable takes no path with spaces
	const file = "recipients"
	if err := os.WriteFile(file, []byte("# people\n"+two+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		flags    keyFlags
		variable string
		want     []string
	}{
		"nothing":               {keyFlags{}, "", nil},
		"flags":                 {keyFlags{recipients: []string{one}, recipientsFiles: []string{file}}, "", []string{one, two}},
		"the environment":       {keyFlags{}, one + ", " + file, []string{one, two}},
		"flags before that":     {keyFlags{recipients: []string{one}}, two, []string{one}},
		"a passphrase, unasked": {keyFlags{passphrase: true}, two, []string{""}},
	} {
		t.Setenv(recipientsVariable, c.variable)
		c.flags.asker = noTerminal(t, "")
		keys, err := c.flags.given(t.Context(), slog.Default())
		var got []string
		for _, r := range keys.Recipients {
			got = append(got, r.String())
		}
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// What opens an archive comes from files, stdin or a command, and no error has a secret.
func TestGivenIdentities(t *testing.T) {
	clearKeys(t)
	secret, public, file := newIdentity(t)
	junk := filepath.Join(t.TempDir(), "junk")
	if err := os.WriteFile(junk, []byte(secret+"x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		flags    keyFlags
		variable string
		count    int
		code     archiver.Code // of the error
		is       string        // the public key of the first one
	}{
		"nothing":               {keyFlags{}, "", 0, "", ""},
		"a file":                {keyFlags{identities: []string{file}}, "", 1, "", public},
		"stdin":                 {keyFlags{identities: []string{"-"}}, "", 1, "", public},
		"the environment":       {keyFlags{}, file, 1, "", public},
		"two in that":           {keyFlags{}, file + string(filepath.ListSeparator) + file, 2, "", public},
		"a command":             {keyFlags{passphraseCommand: "echo pass"}, "", 1, "", ""},
		"a command with a file": {keyFlags{passphraseCommand: "echo pass", identities: []string{file}}, "", 2, "", public},
		"a command that fails":  {keyFlags{passphraseCommand: "echo " + secret + "; exit 1"}, "", 0, archiver.CodeKeyMissing, ""},
		"one that says nothing": {keyFlags{passphraseCommand: "exit 0"}, "", 0, archiver.CodeKeyMissing, ""},
		"no identity":           {keyFlags{identities: []string{junk}}, "", 0, archiver.CodeKeyWrong, ""},
		"no file":               {keyFlags{}, junk + "x", 0, archiver.CodeKeyMissing, ""},
	} {
		t.Setenv(identityVariable, c.variable)
		c.flags.asker = noTerminal(t, "# an identity\n"+secret+"\n")
		keys, err := c.flags.given(t.Context(), slog.Default())
		if err != nil || keys.Required != (name != "nothing") {
			t.Errorf("%s: required %t, %v", name, keys.Required, err)
			continue
		}
		got, err := keys.Identities(t.Context())
		if archiver.CodeOf(err) != c.code || err == nil && len(got) != c.count || err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %d, %v", name, len(got), err)
			continue
		}
		if c.is != "" {
			if r, ok := got[0].Recipient(); !ok || r.String() != c.is {
				t.Errorf("%s: it is that of %s", name, r)
			}
		}
	}
}

// What is wrong with flags and variables is said before anything is done, and no secret is
// repeated: it may have been given where a file belongs.
func TestBadKeyFlags(t *testing.T) {
	clearKeys(t)
	secret, _, _ := newIdentity(t)
	for name, c := range map[string]struct {
		flags      keyFlags
		variable   string
		recipients string
	}{
		"no public key":             {keyFlags{recipients: []string{"age1nonsense"}}, "", ""},
		"an identity for one":       {keyFlags{recipients: []string{secret}}, "", ""},
		"no file of recipients":     {keyFlags{recipientsFiles: []string{"/does/not/exist"}}, "", ""},
		"an identity in the place":  {keyFlags{identities: []string{secret}}, "", ""},
		"an identity in a variable": {keyFlags{}, secret, ""},
		"no identity file":          {keyFlags{identities: []string{"/does/not/exist"}}, "", ""},
		"a variable of nonsense":    {keyFlags{}, "", "age1nonsense"},
		"a secret in it":            {keyFlags{}, "", secret},
		"a file that is not there":  {keyFlags{}, "", "/does/not/exist"},
		"a variable of nothing":     {keyFlags{}, "", " , "},
		"stdin twice":               {keyFlags{identities: []string{"-", "-"}}, "", ""},
	} {
		t.Setenv(identityVariable, c.variable)
		t.Setenv(recipientsVariable, c.recipients)
		c.flags.asker = noTerminal(t, "")
		_, err := c.flags.given(t.Context(), slog.Default())
		if err == nil || strings.Contains(err.Error(), secret) || strings.Contains(describe(err, "backup").Hint, secret) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A passphrase is never read from what is no terminal.
func TestNoTerminal(t *testing.T) {
	a := noTerminal(t, "a passphrase\n")
	if text, err := a.passphrase(t.Context(), "the passphrase", true); archiver.CodeOf(err) != archiver.CodeKeyMissing || text != "" {
		t.Errorf("%q, %v", text, err)
	}
	k := keyFlags{passphraseCommand: "printf 'one two\\r\\nthree\\n'", asker: a}
	if text, err := k.askPassphrase(t.Context(), "the passphrase", true); text != "one two" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
}
