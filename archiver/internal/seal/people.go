package seal

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Recipient is somebody who is to open an archive.
type Recipient struct {
	text string // "" for a passphrase
	kind manifest.RecipientKind
	age  age.Recipient          // nil as long as its passphrase was not asked for
	ask  func() (string, error) // returns that; nil if it need not be asked for
}

// Kind returns how the recipient opens a wrap.
func (r Recipient) Kind() manifest.RecipientKind { return r.kind }

// String returns the public key, "" for a passphrase.
func (r Recipient) String() string { return r.text }

// distinct returns recipients without public keys that came before: who is named twice is one.
func distinct(recipients []Recipient) []Recipient {
	var all []Recipient
	for _, r := range recipients {
		if r.text == "" || !slices.ContainsFunc(all, func(other Recipient) bool { return other.text == r.text }) {
			all = append(all, r)
		}
	}
	return all
}

// ParseRecipient returns the recipient with an age public key: age1… or age1pq1….
func ParseRecipient(text string) (Recipient, error) {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "AGE-SECRET-KEY-") { // not to be repeated in a message
		return Recipient{}, errors.New("this is an identity, which is secret, and no recipient: a recipient begins with age1")
	}
	if r, err := age.ParseX25519Recipient(text); err == nil {
		return Recipient{text: r.String(), kind: manifest.X25519, age: r}, nil
	}
	r, err := age.ParseHybridRecipient(text)
	if err != nil {
		return Recipient{}, fmt.Errorf("%q is no age recipient: these begin with age1", text)
	}
	return Recipient{text: r.String(), kind: manifest.Hybrid, age: r}, nil
}

// ParseRecipients returns the recipients in a file of them: one a line, with comments after #.
func ParseRecipients(file []byte) ([]Recipient, error) {
	var all []Recipient
	lines := bufio.NewScanner(bytes.NewReader(file))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		r, err := ParseRecipient(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		all = append(all, r)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, errors.New("it names no recipient")
	}
	return all, nil
}

// PassphraseRecipient returns the recipient that is whoever knows a passphrase.
func PassphraseRecipient(text string) (Recipient, error) {
	r, err := age.NewScryptRecipient(text)
	if err != nil {
		return Recipient{}, err
	}
	return Recipient{kind: manifest.Passphrase, age: r}, nil
}

// AskedPassphrase returns the recipient that is whoever knows a passphrase, which is asked for when
// something is encrypted for it, and only then.
func AskedPassphrase(ask func() (string, error)) Recipient {
	return Recipient{kind: manifest.Passphrase, ask: ask}
}

// asked returns the recipient, with the passphrase that it was asked for.
func (r Recipient) asked() (Recipient, error) {
	if r.ask == nil {
		return r, nil
	}
	text, err := r.ask()
	if err != nil {
		return Recipient{}, err
	}
	return PassphraseRecipient(text)
}

// Identity is a secret that may open wraps.
type Identity struct{ age age.Identity }

// Recipient returns the public half of an identity, and whether it is known: that of a
// passphrase is none.
func (i Identity) Recipient() (Recipient, bool) {
	switch id := i.age.(type) {
	case *age.X25519Identity:
		return Recipient{text: id.Recipient().String(), kind: manifest.X25519, age: id.Recipient()}, true
	case *age.HybridIdentity:
		return Recipient{text: id.Recipient().String(), kind: manifest.Hybrid, age: id.Recipient()}, true
	}
	return Recipient{}, false
}

// maxWorkFactor is the logarithm of how much work a passphrase may take: 1 GiB of memory and a
// few seconds. age uses 18.
const maxWorkFactor = 20

// passphrase is the identity that is a passphrase. The text is kept because the keys of a new
// generation are wrapped for it again.
type passphrase struct {
	*age.ScryptIdentity
	text string
}

// PassphraseIdentity returns the identity that is a passphrase.
func PassphraseIdentity(text string) (Identity, error) {
	id, err := age.NewScryptIdentity(text)
	if err != nil {
		return Identity{}, err
	}
	id.SetMaxWorkFactor(maxWorkFactor)
	return Identity{&passphrase{id, text}}, nil
}

// ageMagic is what each age file begins with.
const ageMagic = "age-encryption.org/v1\n"

// maxIdentityFile is more than any file of identities has.
const maxIdentityFile = 1 << 20

// ParseIdentities returns the identities in a file of them, as age-keygen writes it. If it is
// encrypted with a passphrase, as by age -p, that is asked for.
func ParseIdentities(file []byte, ask func() (string, error)) ([]Identity, error) {
	var sealed io.Reader
	switch trimmed := bytes.TrimSpace(file); {
	case bytes.HasPrefix(trimmed, []byte(armor.Header)):
		sealed = armor.NewReader(bytes.NewReader(trimmed))
	case bytes.HasPrefix(file, []byte(ageMagic)):
		sealed = bytes.NewReader(file)
	}
	if sealed != nil {
		var err error
		if file, err = openIdentities(sealed, ask); err != nil {
			return nil, err
		}
	}
	parsed, err := age.ParseIdentities(bytes.NewReader(trimLines(file)))
	if err != nil {
		return nil, notIdentities(trimLines(file))
	}
	all := make([]Identity, len(parsed))
	for i, id := range parsed {
		all[i] = Identity{id}
	}
	return all, nil
}

// notIdentities says what is wrong with a file of identities. age's own error may repeat a line of it.
func notIdentities(file []byte) error {
	for _, line := range bytes.Split(file, []byte("\n")) {
		if !bytes.HasPrefix(bytes.ToUpper(line), []byte("AGE-SECRET-KEY-")) {
			continue
		}
		_, err := age.ParseIdentities(bytes.NewReader(line))
		_, inCapitals := age.ParseIdentities(bytes.NewReader(bytes.ToUpper(line)))
		switch {
		case err != nil && inCapitals == nil:
			return errors.New("its line AGE-SECRET-KEY-... has small letters: write all of it in capital letters")
		case err != nil:
			return errors.New("in its line AGE-SECRET-KEY-... a letter is wrong, missing or too many: compare it with where it is kept")
		}
	}
	return errors.New("it is no file of age identities")
}

// trimLines returns a text without what editors and people put before and after its lines, and
// without a byte order mark.
func trimLines(text []byte) []byte {
	lines := bytes.Split(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")), []byte("\n"))
	for i := range lines {
		lines[i] = bytes.TrimSpace(lines[i])
	}
	return bytes.Join(lines, []byte("\n"))
}

// ErrPassphrase: a file of identities is encrypted with another passphrase.
var ErrPassphrase = errors.New("the passphrase does not open it")

// openIdentities decrypts a file of identities.
func openIdentities(sealed io.Reader, ask func() (string, error)) ([]byte, error) {
	if ask == nil {
		return nil, errors.New("it is encrypted with a passphrase")
	}
	text, err := ask()
	if err != nil {
		return nil, err
	}
	id, err := PassphraseIdentity(text)
	if err != nil {
		return nil, err
	}
	plain, err := age.Decrypt(sealed, id.age)
	if _, isWrong := errors.AsType[*age.NoIdentityMatchError](err); isWrong {
		return nil, ErrPassphrase
	}
	if err != nil {
		return nil, fmt.Errorf("decrypting it: %w", err)
	}
	return io.ReadAll(io.LimitReader(plain, maxIdentityFile))
}

// NewIdentity makes an identity, as age-keygen does: its secret text, and the recipient. With
// isHybrid, it withstands quantum computers, too.
func NewIdentity(isHybrid bool) (secret string, recipient Recipient, err error) {
	if isHybrid {
		id, err := age.GenerateHybridIdentity()
		if err != nil {
			return "", Recipient{}, err
		}
		recipient, _ = Identity{id}.Recipient()
		return id.String(), recipient, nil
	}
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return "", Recipient{}, err
	}
	recipient, _ = Identity{id}.Recipient()
	return id.String(), recipient, nil
}
