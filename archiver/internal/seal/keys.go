package seal

import (
	"cmp"
	"slices"

	"filippo.io/age"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// keys are the keys of an encrypted archive, as far as they are known. Once a ring has them they
// do not change: the ring changes a copy, and takes that.
type keys struct {
	archiveID   string
	record      manifest.Seq // that has the newest key list, of which the list may not have been read
	generations []generation // ascending; without a list, only those of the writer key
	lists       []learned    // ascending
}

// learned is a key list that was read.
type learned struct {
	record manifest.Seq // that it is of, 0 for archive.json
	list   *manifest.KeyList
	tried  bool // its wraps were tried with all identities that there are
}

// keysOf returns what a writer key has; nil if it is not that of the archive.
func keysOf(w *WriterKey, archiveID string) (*keys, error) {
	if w == nil || w.ArchiveID != archiveID {
		return &keys{archiveID: archiveID}, nil
	}
	k := &keys{archiveID: archiveID, record: w.Keys}
	for _, g := range w.Generations {
		data, err := age.ParseX25519Recipient(g.Data)
		if err != nil {
			return nil, err
		}
		catalog, err := age.ParseX25519Identity(g.Catalog)
		if err != nil {
			return nil, err
		}
		mine := generation{number: g.Number, from: g.From, data: data}
		mine.setCatalog(archiveID, catalog)
		k.generations = append(k.generations, mine)
	}
	return k, nil
}

func (k *keys) clone() *keys {
	if k == nil {
		return nil
	}
	c := *k
	c.generations, c.lists = slices.Clone(k.generations), slices.Clone(k.lists)
	return &c
}

func (k *keys) newest() *generation { return &k.generations[len(k.generations)-1] }

// at returns the generation with which a record is encrypted.
func (k *keys) at(record manifest.Seq) *generation {
	for i := len(k.generations) - 1; i > 0; i-- {
		if k.generations[i].from <= record {
			return &k.generations[i]
		}
	}
	return &k.generations[0]
}

// find returns the generation with a number, nil if it is not known.
func (k *keys) find(number int) *generation {
	i, ok := slices.BinarySearchFunc(k.generations, number, func(g generation, n int) int { return cmp.Compare(g.number, n) })
	if !ok {
		return nil
	}
	return &k.generations[i]
}

// hasNewestList reports whether the newest key list was read.
func (k *keys) hasNewestList() bool {
	return len(k.lists) > 0 && k.lists[len(k.lists)-1].record >= k.record
}

// hasList reports whether the key list of a record was read.
func (k *keys) hasList(record manifest.Seq) bool {
	return slices.ContainsFunc(k.lists, func(l learned) bool { return l.record == record })
}

// hasMoreThan reports whether the keys have what a writer key does not.
func (k *keys) hasMoreThan(w *WriterKey) bool {
	if w == nil || w.ArchiveID != k.archiveID {
		return false // who has no writer key is no writer
	}
	mine := k.writerKey()
	return mine.Keys > w.Keys || len(mine.Generations) > len(w.Generations)
}

// writerKey returns what of the keys a host may have.
func (k *keys) writerKey() *WriterKey {
	w := &WriterKey{ArchiveID: k.archiveID, Keys: k.record}
	for _, g := range k.generations {
		if g.catalog != nil {
			w.Generations = append(w.Generations, WriterGeneration{g.number, g.from, g.data.String(), g.catalog.String()})
		}
	}
	return w
}

// missing returns the error for what none of the keys opens.
func (k *keys) missing(what string, isWrong bool) *KeyError {
	e := &KeyError{What: what, IsWrong: isWrong}
	if len(k.lists) > 0 {
		e.Recipients = k.lists[len(k.lists)-1].list.Recipients
	}
	return e
}
