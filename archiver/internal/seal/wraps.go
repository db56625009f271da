package seal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"filippo.io/age"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// wrapAll returns the wraps that hold the private halves of generations for recipients. age
// allows a passphrase only alone, and hybrid recipients only among themselves.
func wrapAll(archiveID string, generations []generation, recipients []Recipient) ([][]byte, error) {
	text := identityFile(archiveID, generations)
	var groups [][]age.Recipient
	for _, kind := range []manifest.RecipientKind{manifest.X25519, manifest.Hybrid} {
		var group []age.Recipient
		for _, r := range recipients {
			if r.kind == kind {
				group = append(group, r.age)
			}
		}
		if group != nil {
			groups = append(groups, group)
		}
	}
	for _, r := range recipients {
		if r.kind == manifest.Passphrase {
			asked, err := r.asked()
			if err != nil {
				return nil, err
			}
			groups = append(groups, []age.Recipient{asked.age})
		}
	}
	var wraps [][]byte
	for _, group := range groups {
		w, err := encrypt(nil, text, group...)
		if err != nil {
			return nil, err
		}
		wraps = append(wraps, w)
	}
	return wraps, nil
}

// identityFile returns the private halves of generations as an age identity file. The comments
// are for people.
func identityFile(archiveID string, generations []generation) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# gbak-s3 archive %s: the keys of everything that is in it\n", archiveID)
	for _, g := range generations {
		fmt.Fprintf(&b, "# generation %d, data key: what was backed up\n# public key: %s\n%s\n", g.number, g.data, g.dataPrivate)
		fmt.Fprintf(&b, "# generation %d, catalog key: the list of backups\n# public key: %s\n%s\n", g.number, g.catalog.Recipient(), g.catalog)
	}
	return b.Bytes()
}

// unwrap looks for more keys: in the writer key as it is by now, which may have been made anew after
// hosts were revoked, and then in wraps. These it opens with the identities, newest lists first, until
// one opens. It reports whether the keys have more than before. The caller holds r.changing, and k is
// a copy.
func (r *Ring) unwrap(ctx context.Context, k *keys) (bool, error) {
	if n, err := r.rereadWriter(k); n > 0 || err != nil {
		return n > 0, err
	}
	ids, err := r.identities(ctx)
	if err != nil || len(ids) == 0 {
		return false, err
	}
	var damaged error
	for i := len(k.lists) - 1; i >= 0; i-- {
		if k.lists[i].tried {
			continue
		}
		k.lists[i].tried = true
		for _, w := range k.lists[i].list.Wraps {
			b, err := open(w, ids...)
			if _, isKey := errors.AsType[*KeyError](err); isKey {
				continue
			}
			if err != nil {
				damaged = err
				continue
			}
			if k.take(b) > 0 {
				return true, k.handOver()
			}
		}
	}
	return false, damaged
}

// rereadWriter takes the catalog keys that the writer key has by now, and returns how many these are.
func (r *Ring) rereadWriter(k *keys) (int, error) {
	if r.writer == nil || r.given.WriterKey == nil || !k.lacksCatalogKey() {
		return 0, nil
	}
	w, err := r.given.WriterKey(k.archiveID)
	if err != nil || w == nil || w.ArchiveID != k.archiveID {
		return 0, err
	}
	n := k.take(w.Encode())
	if n == 0 {
		return 0, nil
	}
	r.writer = w
	return n, k.handOver()
}

func (k *keys) lacksCatalogKey() bool {
	return slices.ContainsFunc(k.generations, func(g generation) bool { return g.catalog == nil })
}

// take takes the private halves that an identity file has of the generations, and returns how
// many these are.
func (k *keys) take(file []byte) (n int) {
	ids, err := age.ParseIdentities(bytes.NewReader(file))
	if err != nil {
		return 0
	}
	for _, id := range ids {
		id, ok := id.(*age.X25519Identity)
		if !ok {
			continue
		}
		public := id.Recipient().String()
		for i := range k.generations {
			g := &k.generations[i]
			switch {
			case g.data.String() == public && g.dataPrivate == nil:
				g.dataPrivate = id
				n++
			case g.entry != nil && g.entry.Catalog == public && g.catalog == nil:
				g.setCatalog(k.archiveID, id)
				n++
			}
		}
	}
	return n
}
