package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
)

// Scheme is how everything in an encrypted archive is encrypted: as age files of version 1.
const Scheme = "age-encryption.org/v1"

// Encryption says that an archive is encrypted, and with which keys it began.
type Encryption struct {
	Scheme string  `json:"scheme"` // [Scheme]
	Keys   KeyList `json:"keys"`
}

// KeyList says who can open an archive, and what is encrypted with which keys. archive.json
// has the first one, and each record of kind keys has one that replaces those before it.
type KeyList struct {
	Generations []KeyGeneration `json:"generations"` // number 1 first; a later list has those of the earlier ones
	Recipients  []Recipient     `json:"recipients"`

	// Wraps are age files, each for some of the recipients. Each holds the private halves of
	// the data keys and the catalog keys of all generations, as an age identity file.
	Wraps [][]byte `json:"wraps"`
}

// KeyGeneration is the two keys that encrypt everything from a record on.
type KeyGeneration struct {
	Number  int    `json:"number"`
	From    Seq    `json:"from"`    // the first record that is encrypted with these keys
	Data    string `json:"data"`    // public half of the data key; only recipients have the private half
	Catalog string `json:"catalog"` // public half of the catalog key; writers have the private half, too

	// Handover is an age file for the catalog key of the generation before, and holds
	// the private half of this one, so that writers find it by themselves. It is left
	// out in the first generation, and after hosts were revoked.
	Handover []byte `json:"handover,omitempty"`

	// MAC shows that this generation was made by somebody who had the catalog key of the one
	// before. It is left out in the first generation.
	MAC *Digest `json:"mac,omitempty"`
}

// Recipient is somebody who can open the archive.
type Recipient struct {
	Recipient string        `json:"recipient"` // an age public key, or a name for a passphrase
	Kind      RecipientKind `json:"kind"`
}

// longKey is how much of a public key is shown: hybrid ones have 2000 characters.
const longKey = 70

// Short names a recipient for people; a hybrid public key is cut off.
func (r Recipient) Short() string {
	if len(r.Recipient) > longKey {
		return r.Recipient[:longKey/2] + "..."
	}
	return r.Recipient
}

// recipientName matches all of them. They are shown to people who have no key by which to know that
// a list is right, so nothing else may be in them.
var recipientName = regexp.MustCompile(`^[0-9a-z-]+$`)

// RecipientKind is how a recipient opens a wrap.
type RecipientKind string

// The kinds of recipients.
const (
	X25519     RecipientKind = "x25519"     // age1…
	Hybrid     RecipientKind = "hybrid"     // age1pq1…: X25519 and ML-KEM
	Passphrase RecipientKind = "passphrase" // its name is "passphrase-1" and so on
)

// What a key list may have, at most.
const (
	MaxKeyGenerations = 1000
	MaxRecipients     = 200
	MaxPassphrases    = 8       // of these: each that is tried takes memory and a second, also if somebody forged it
	maxKeyText        = 4096    // bytes of a public key
	maxWrap           = 1 << 20 // bytes of a wrap, or of a handover
)

// Newest returns the newest generation.
func (l *KeyList) Newest() *KeyGeneration { return &l.Generations[len(l.Generations)-1] }

// At returns the number of the generation with which a record is encrypted. It depends only on
// the generations that l has.
func (l *KeyList) At(seq Seq) int {
	for i := len(l.Generations) - 1; i > 0; i-- {
		if l.Generations[i].From <= seq {
			return l.Generations[i].Number
		}
	}
	return 1
}

// HasTooMany reports whether there are more recipients, passphrases or generations than a list may
// have.
func (l *KeyList) HasTooMany() bool {
	passphrases := 0
	for _, r := range l.Recipients {
		if r.Kind == Passphrase {
			passphrases++
		}
	}
	return len(l.Recipients) > MaxRecipients || passphrases > MaxPassphrases || len(l.Generations) > MaxKeyGenerations
}

// scryptWraps counts the wraps that a passphrase opens, by how age files begin.
func (l *KeyList) scryptWraps() (n int) {
	for _, w := range l.Wraps {
		if bytes.HasPrefix(w, []byte("age-encryption.org/v1\n-> scrypt ")) {
			n++
		}
	}
	return n
}

// validate checks a key list that record seq has, 0 for that of archive.json.
func (l *KeyList) validate(seq Seq) error {
	switch {
	case len(l.Generations) == 0 || len(l.Generations) > MaxKeyGenerations:
		return fmt.Errorf("%d generations of keys", len(l.Generations))
	case len(l.Recipients) == 0 || len(l.Recipients) > MaxRecipients:
		return fmt.Errorf("%d recipients", len(l.Recipients))
	case len(l.Wraps) == 0 || len(l.Wraps) > len(l.Recipients):
		return fmt.Errorf("%d wraps for %d recipients", len(l.Wraps), len(l.Recipients))
	case seq == 0 && len(l.Generations) != 1:
		return errors.New("an archive that begins with more than one generation of keys")
	}
	for i := range l.Generations {
		if err := l.Generations[i].validate(i, seq); err != nil {
			return err
		}
		if i > 0 && l.Generations[i].From <= l.Generations[i-1].From {
			return fmt.Errorf("generation %d of keys is not after the one before", i+1)
		}
	}
	if l.HasTooMany() || l.scryptWraps() > MaxPassphrases {
		return fmt.Errorf("more than %d passphrases", MaxPassphrases)
	}
	for _, r := range l.Recipients {
		isKnown := r.Kind == X25519 || r.Kind == Hybrid || r.Kind == Passphrase
		if !isKnown || len(r.Recipient) > maxKeyText || !recipientName.MatchString(r.Recipient) {
			return fmt.Errorf("a recipient of kind %q", r.Kind)
		}
	}
	for _, w := range l.Wraps {
		if len(w) == 0 || len(w) > maxWrap {
			return fmt.Errorf("a wrap of %d bytes", len(w))
		}
	}
	return nil
}

func (g *KeyGeneration) validate(i int, seq Seq) error {
	isFirst := i == 0
	switch {
	case g.Number != i+1 || g.From == 0 || g.From > seq+1 || isFirst != (g.From == 1):
		return fmt.Errorf("generation %d of keys, from record %d", g.Number, g.From)
	case g.Data == "" || g.Catalog == "" || len(g.Data) > maxKeyText || len(g.Catalog) > maxKeyText:
		return fmt.Errorf("the public keys of generation %d", g.Number)
	case isFirst != (g.MAC == nil) || isFirst && g.Handover != nil || len(g.Handover) > maxWrap:
		return fmt.Errorf("what hands over to generation %d of keys", g.Number)
	}
	return nil
}
