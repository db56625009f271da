package seal

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"

	"filippo.io/age"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// generation is what a ring has of a generation of keys.
type generation struct {
	number      int
	from        manifest.Seq
	data        *age.X25519Recipient
	dataPrivate *age.X25519Identity // nil if it is not there
	catalog     *age.X25519Identity // nil if it is not there
	mac         []byte              // made from catalog

	entry *manifest.KeyGeneration // in a key list, nil if none was read that has it
}

// macPurpose is what the MAC key is made for.
const macPurpose = "gbak-s3 documents"

// setCatalog gives the generation the private half of its catalog key.
func (g *generation) setCatalog(archiveID string, id *age.X25519Identity) {
	key, err := hkdf.Key(sha256.New, []byte(id.String()), []byte(archiveID), macPurpose, sha256.Size)
	if err != nil { // only if the length were too large
		panic(err)
	}
	g.catalog, g.mac = id, key
}

// authenticate returns the MAC of b by the generation's MAC key.
func (g *generation) authenticate(b []byte) (sum manifest.Digest) {
	h := hmac.New(sha256.New, g.mac)
	h.Write(b)
	h.Sum(sum[:0])
	return sum
}

// entryPurpose distinguishes what is authenticated for a generation from a document.
const entryPurpose = "gbak-s3 generation of keys\n"

// authenticateEntry returns the MAC of the entry of the next generation, which the MAC key of
// g makes.
func (g *generation) authenticateEntry(next *manifest.KeyGeneration) manifest.Digest {
	entry := *next
	entry.MAC = nil
	b, err := json.Marshal(entry)
	if err != nil { // fields of these types always encode
		panic(err)
	}
	return g.authenticate(append([]byte(entryPurpose), b...))
}

// succeed makes next the generation after g: with the MAC that shows who has made it and, unless
// the hosts that have the catalog key of g are revoked, with the handover to them.
func (g *generation) succeed(next *generation, isRevoked bool) error {
	if !isRevoked {
		b, err := encrypt(nil, []byte(next.catalog.String()+"\n"), g.catalog.Recipient())
		if err != nil {
			return err
		}
		next.entry.Handover = b
	}
	sum := g.authenticateEntry(next.entry)
	next.entry.MAC = &sum
	return nil
}

func isEqual(a, b manifest.Digest) bool { return hmac.Equal(a[:], b[:]) }
