package archiver

import "github.com/gbak-s3/gbak-s3/archiver/internal/seal"

// Keys say who can open a new archive, and where to find the keys of an existing one.
type Keys = seal.Given

// Recipient is somebody who can open an archive: an age public key, or a passphrase.
type Recipient = seal.Recipient

// Identity is a secret that opens what is encrypted for a recipient.
type Identity = seal.Identity

// WriterKey is what a host needs to write to an encrypted archive: it opens the list of backups,
// but no data.
type WriterKey = seal.WriterKey

// ParseRecipient returns the recipient with an age public key: age1… or age1pq1….
func ParseRecipient(text string) (Recipient, error) { return seal.ParseRecipient(text) }

// ParseRecipients returns the recipients in a file that has one on each line, and comments
// after #.
func ParseRecipients(file []byte) ([]Recipient, error) { return seal.ParseRecipients(file) }

// PassphraseRecipient returns the recipient for anyone who knows the passphrase.
func PassphraseRecipient(passphrase string) (Recipient, error) {
	return seal.PassphraseRecipient(passphrase)
}

// AskedPassphrase returns the recipient that is whoever knows a passphrase, which is asked for when
// something is encrypted for it, and only then.
func AskedPassphrase(ask func() (string, error)) Recipient { return seal.AskedPassphrase(ask) }

// ParseIdentities returns the identities in a file such as age-keygen writes. If the file is
// encrypted with a passphrase, as by age -p, it calls passphrase.
func ParseIdentities(file []byte, passphrase func() (string, error)) ([]Identity, error) {
	return seal.ParseIdentities(file, passphrase)
}

// ErrPassphrase is the error for a file of identities that is encrypted with another
// passphrase.
var ErrPassphrase = seal.ErrPassphrase

// PassphraseIdentity returns the identity that is a passphrase.
func PassphraseIdentity(passphrase string) (Identity, error) {
	return seal.PassphraseIdentity(passphrase)
}

// NewIdentity makes an identity, as age-keygen does: its secret text, and the recipient. With
// isHybrid, it withstands quantum computers, too.
func NewIdentity(isHybrid bool) (secret string, recipient Recipient, err error) {
	return seal.NewIdentity(isHybrid)
}

// ParseWriterKey parses the file of a writer key, which its method Encode returns. Errors never
// repeat the content of the file.
func ParseWriterKey(file []byte) (*WriterKey, error) { return seal.ParseWriterKey(file) }
