package seal

import (
	"fmt"

	"filippo.io/age"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Begin makes the keys of an archive that does not exist yet, for the recipients that were given,
// and returns its first key list. The private half of its data key is in the wraps, and nowhere
// else once it returns. Before anything is stored, [Ring.Announce] must succeed.
func (r *Ring) Begin(archiveID string) (*manifest.KeyList, error) {
	list := &manifest.KeyList{Recipients: describe(nil, r.given.Recipients)}
	if list.HasTooMany() {
		return nil, ErrTooManyKeys
	}
	g, err := newGeneration(archiveID, 1, 1)
	if err != nil {
		return nil, err
	}
	if list.Wraps, err = wrapAll(archiveID, []generation{g}, r.given.Recipients); err != nil {
		return nil, err
	}
	list.Generations = []manifest.KeyGeneration{*g.entry}
	g.dataPrivate = nil
	r.changing.Lock()
	defer r.changing.Unlock()
	r.set(&keys{archiveID: archiveID, generations: []generation{g}, lists: []learned{{list: list}}})
	return list, nil
}

// Begun returns archive.json of a first backup that was interrupted, nil if there is none.
func (r *Ring) Begun() ([]byte, error) {
	if r.given.Begun == nil {
		return nil, nil
	}
	return r.given.Begun()
}

// Announce makes the keys of a new archive durable; document is its archive.json.
func (r *Ring) Announce(document []byte) error {
	r.changing.Lock()
	defer r.changing.Unlock()
	r.writer = r.WriterKey()
	if r.given.OnFirst == nil {
		return nil
	}
	return r.given.OnFirst(r.writer, document)
}

// newGeneration makes the keys of a generation.
func newGeneration(archiveID string, number int, from manifest.Seq) (generation, error) {
	data, err := age.GenerateX25519Identity()
	if err != nil {
		return generation{}, err
	}
	catalog, err := age.GenerateX25519Identity()
	if err != nil {
		return generation{}, err
	}
	g := generation{number: number, from: from, data: data.Recipient(), dataPrivate: data}
	g.setCatalog(archiveID, catalog)
	g.entry = &manifest.KeyGeneration{Number: number, From: from, Data: data.Recipient().String(), Catalog: catalog.Recipient().String()}
	return g, nil
}

// describe returns what a key list says of recipients that come to those it has. Passphrases are
// numbered, and no number comes back as long as a later one is there.
func describe(have []manifest.Recipient, more []Recipient) []manifest.Recipient {
	n := 0
	for _, r := range have {
		var i int
		if _, err := fmt.Sscanf(r.Recipient, passphraseName, &i); err == nil && r.Kind == manifest.Passphrase {
			n = max(n, i)
		}
	}
	for _, r := range more {
		name := r.text
		if r.kind == manifest.Passphrase {
			n++
			name = fmt.Sprintf(passphraseName, n)
		}
		have = append(have, manifest.Recipient{Recipient: name, Kind: r.kind})
	}
	return have
}

const passphraseName = "passphrase-%d"
