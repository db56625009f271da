package seal

import (
	"slices"
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// An identity that was typed in, or went through an editor, is read.
func TestIdentityWithBlanks(t *testing.T) {
	t.Parallel()
	secret, recipient, err := NewIdentity(false)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{" " + secret + " \n", "\xef\xbb\xbf" + secret, "\xef\xbb\xbf# mine\r\n\t" + secret + "\t\r\n \r\n"} {
		ids, err := ParseIdentities([]byte(text), nil)
		if err != nil || len(ids) != 1 {
			t.Errorf("%d identities, %v", len(ids), err)
			continue
		}
		if r, _ := ids[0].Recipient(); r.String() != recipient.String() {
			t.Errorf("it is that of %s", r)
		}
	}
}

// Somebody who has typed an identity wrong is told that, and the identity is not repeated.
func TestIdentityTypedWrong(t *testing.T) {
	t.Parallel()
	secret, _, err := NewIdentity(false)
	if err != nil {
		t.Fatal(err)
	}
	last := "Q"
	if strings.HasSuffix(secret, last) {
		last = "P"
	}
	for text, want := range map[string]string{
		secret[:len(secret)-1]:                              "a letter is wrong",
		"# mine\n" + secret + "X\n":                         "a letter is wrong",
		secret[:len(secret)-1] + last:                       "a letter is wrong",
		secret + "\n" + strings.ToLower(secret[:30]) + "\n": "a letter is wrong",
		"# mine\n" + strings.ToLower(secret) + "\n":         "small letters",
		secret + "\nhello\n":                                "no file of age identities",
		"GRAF\x03":                                          "no file of age identities",
	} {
		_, err := ParseIdentities([]byte(text), nil)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(strings.ToLower(err.Error()), strings.ToLower(secret[len(secret)-20:len(secret)-1])) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// A recipient who is named twice is one; each passphrase is another.
func TestRecipientNamedTwice(t *testing.T) {
	t.Parallel()
	_, a, err := NewIdentity(false)
	if err != nil {
		t.Fatal(err)
	}
	one, _ := PassphraseRecipient("one")
	two, _ := PassphraseRecipient("two")
	list, err := NewRing(Given{Recipients: []Recipient{a, one, a, two}}).Begin(manifest.NewID())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range list.Recipients {
		got = append(got, r.Recipient)
	}
	if want := []string{a.String(), "passphrase-1", "passphrase-2"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
