package seal

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	"filippo.io/age"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Announced is a document that has a key list, or is archive.json.
type Announced struct {
	ArchiveID string
	Record    manifest.Seq      // whose list it is: of a record of kind keys, 0 for archive.json
	List      *manifest.KeyList // nil: the archive is not encrypted

	// The document itself: the generation that has made its MAC, its first line, and the MAC.
	Generation int
	Line       []byte
	MAC        manifest.Digest
}

// Learn is told what a document says of the keys. Nothing is learned unless the document
// authenticates: by the writer key, by what other generations hand over, or by what the identities
// open. The error is a [*KeyError] if there is no such key here, a [*DamageError] if the document
// was not written by somebody with the keys, or one of the callbacks of [Given].
func (r *Ring) Learn(ctx context.Context, a Announced) error {
	if r == nil {
		if a.List == nil {
			return nil
		}
		r = &Ring{} // the error names the recipients
	}
	r.changing.Lock()
	defer r.changing.Unlock()
	k := r.current().clone()
	isNew := k == nil || k.archiveID != a.ArchiveID // also if archive.json is damaged
	if r.given.Check != nil && (a.Record == 0 || isNew) {
		if err := r.given.Check(a.ArchiveID, a.List); err != nil {
			return err
		}
	}
	if a.List == nil {
		if !isNew {
			return damagef("it says that the archive is not encrypted, and it is")
		}
		if k != nil || len(r.given.Recipients) > 0 || r.given.Required {
			return ErrNotEncrypted
		}
		r.set(nil)
		return nil
	}
	if isNew {
		var err error
		if k, err = r.givenKeys(a.ArchiveID); err != nil {
			return err
		}
		r.forget()
	}
	if err := k.add(a.Record, a.List); err != nil {
		return err
	}
	if g := k.find(a.Generation); g == nil || g.catalog == nil {
		if _, err := r.unwrap(ctx, k); err != nil {
			return err
		}
	}
	g := k.find(a.Generation)
	switch {
	case g == nil:
		return damagef("it is encrypted with generation %d of the keys, which there is not", a.Generation)
	case g.catalog == nil:
		return k.missing(theList, len(r.secrets) > 0 || r.writer != nil)
	case !isEqual(g.authenticate(a.Line), a.MAC):
		return damagef(wrongMAC)
	}
	if err := r.checkSeen(k); err != nil {
		return err
	}
	r.set(k)
	return nil
}

// forget forgets what was seen of another archive.
func (r *Ring) forget() {
	r.mu.Lock()
	r.seen, r.last, r.said = nil, 0, 0
	r.mu.Unlock()
}

// givenKeys returns the keys of the writer key.
func (r *Ring) givenKeys(archiveID string) (*keys, error) {
	if r.given.WriterKey != nil {
		w, err := r.given.WriterKey(archiveID)
		if err != nil {
			return nil, err
		}
		r.writer = w
	}
	return keysOf(r.writer, archiveID)
}

// Saw is told what an authenticated record says: the generation with which it is encrypted, and the
// number of the newest record of kind keys. The error is a [*DamageError] if a record of that number
// is encrypted with another generation.
func (r *Ring) Saw(record manifest.Seq, generation int, keys manifest.Seq) error {
	k := r.current()
	if k == nil {
		return nil
	}
	if want := k.at(record).number; generation != want {
		return &DamageError{Problem: wrongGeneration(generation, want)}
	}
	r.mu.Lock()
	if r.seen == nil {
		r.seen = map[int]manifest.Seq{}
	}
	r.seen[generation] = max(r.seen[generation], record)
	r.said = max(r.said, keys)
	r.mu.Unlock()
	if k.record >= keys {
		return nil
	}
	r.changing.Lock()
	defer r.changing.Unlock()
	if k := r.current().clone(); k.archiveID == r.ArchiveID() && k.record < keys {
		k.record = keys
		r.set(k)
	}
	return nil
}

// Listed is told the number of the newest record in a list of the store.
func (r *Ring) Listed(last manifest.Seq) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = max(r.last, last)
}

// IsNewest reports whether no record with a higher number was listed or read.
func (r *Ring) IsNewest(record manifest.Seq) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	newest := r.last
	for _, seen := range r.seen {
		newest = max(newest, seen)
	}
	return record >= newest
}

func wrongGeneration(is, should int) string {
	return fmt.Sprintf("it is encrypted with generation %d of the keys, and should be with %d", is, should)
}

// checkSeen makes sure that no record was read before that is encrypted with keys that had been
// replaced already.
func (r *Ring) checkSeen(k *keys) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for generation, record := range r.seen {
		if want := k.at(record).number; generation < want {
			return &DamageError{Problem: wrongGeneration(generation, want), Record: record}
		}
	}
	return nil
}

// add adds a key list to the keys, and what its generations hand over. It must not contradict
// what is known.
func (k *keys) add(record manifest.Seq, list *manifest.KeyList) error {
	i, isKnown := slices.BinarySearchFunc(k.lists, record, func(l learned, record manifest.Seq) int { return int(int64(l.record) - int64(record)) })
	if isKnown { // a document that was read again, or a full backup's copy
		if !reflect.DeepEqual(k.lists[i].list, list) {
			return damagef("its list of keys is not the one that record %d has", record)
		}
		return nil
	}
	k.lists = slices.Insert(k.lists, i, learned{record: record, list: list})
	k.record = max(k.record, record)
	for i := range list.Generations {
		if err := k.addGeneration(&list.Generations[i]); err != nil {
			return err
		}
	}
	if last := list.Newest().Number; record >= k.record && k.newest().number > last {
		return damagef("its newest generation of keys is %d, and there is one more already", last)
	}
	return k.handOver()
}

func (k *keys) addGeneration(e *manifest.KeyGeneration) error {
	if g := k.find(e.Number); g != nil {
		isSame := g.from == e.From && g.data.String() == e.Data && (g.catalog == nil || g.catalog.Recipient().String() == e.Catalog)
		if !isSame || g.entry != nil && !isSameEntry(g.entry, e) {
			return damagef("its generation %d of keys is not the one that is known", e.Number)
		}
		g.entry = e
		return nil
	}
	data, err := age.ParseX25519Recipient(e.Data)
	if err != nil {
		return damagef("the data key of its generation %d", e.Number)
	}
	if _, err := age.ParseX25519Recipient(e.Catalog); err != nil {
		return damagef("the catalog key of its generation %d", e.Number)
	}
	i := slices.IndexFunc(k.generations, func(g generation) bool { return g.number > e.Number })
	if i < 0 {
		i = len(k.generations)
	}
	k.generations = slices.Insert(k.generations, i, generation{number: e.Number, from: e.From, data: data, entry: e})
	return nil
}

func isSameEntry(a, b *manifest.KeyGeneration) bool {
	return a.Catalog == b.Catalog && (a.MAC == nil) == (b.MAC == nil) && (a.MAC == nil || *a.MAC == *b.MAC)
}

// handOver makes sure that each generation was made by somebody with the keys of the one before,
// as far as these are here, and takes the keys that it is handed.
func (k *keys) handOver() error {
	for i := 1; i < len(k.generations); i++ {
		g, before := &k.generations[i], &k.generations[i-1]
		if g.entry == nil || before.number != g.number-1 || before.catalog == nil {
			continue
		}
		if g.entry.MAC == nil || !isEqual(before.authenticateEntry(g.entry), *g.entry.MAC) {
			return damagef("its generation %d of keys was not made by somebody with the keys before", g.number)
		}
		if g.catalog != nil || g.entry.Handover == nil {
			continue
		}
		b, err := open(g.entry.Handover, before.catalog)
		if err != nil {
			return damagef("what hands over to its generation %d of keys does not open", g.number)
		}
		if n := k.take(b); n == 0 {
			return damagef("what hands over to its generation %d of keys has another key", g.number)
		}
	}
	return nil
}
