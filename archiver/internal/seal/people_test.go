package seal

import (
	"slices"
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
