package native

import (
	"slices"

	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Known is what an archive already has of a native folder.
type Known struct {
	Has []*manifest.Committed // for each backup of the folder the one that it became, or nil

	// Gone says of each backup whether the one that it became was removed from the archive.
	Gone []bool

	folder    *Folder
	backups   *catalog.Catalog
	newest    map[int]manifest.Seq // of each timeline
	databases map[string]bool      // ids of those that the archive has backups of
	removed   []manifest.Digest
}

// KnownIn compares the folder with the backups of an archive, chain by chain: a full
// backup, and what continues it. removed are the digests of native files whose backups were
// removed from it.
func (n *Folder) KnownIn(c *catalog.Catalog, removed []manifest.Digest) *Known {
	k := &Known{
		Has: make([]*manifest.Committed, len(n.Backups)), Gone: make([]bool, len(n.Backups)), folder: n, backups: c, removed: removed,
		newest: map[int]manifest.Seq{}, databases: map[string]bool{},
	}
	for _, m := range c.All() {
		k.databases[m.Database.ID] = true
		k.newest[m.Timeline] = max(k.newest[m.Timeline], m.Seq)
	}
	var chain []int
	for i, b := range n.Backups {
		if b.Source == nil {
			continue
		}
		if b.Entry.Full {
			k.findChain(chain)
			chain = nil
		}
		chain = append(chain, i)
	}
	k.findChain(chain)
	return k
}

// Entries counts the backups of the folder that the archive has, or had.
func (k *Known) Entries() int {
	n := 0
	for i, m := range k.Has {
		if m != nil || k.Gone[i] {
			n++
		}
	}
	return n
}

// HasDatabase reports whether the archive has a backup of the database with this id.
func (k *Known) HasDatabase(id string) bool { return k.databases[id] }

// IsEnd reports whether m is the newest backup of its timeline.
func (k *Known) IsEnd(m *manifest.Committed) bool { return k.newest[m.Timeline] == m.Seq }

// Add records that m was committed since.
func (k *Known) Add(m *manifest.Committed) { k.newest[m.Timeline] = m.Seq }

// findChain looks for the backups that a chain of the folder became. A backup is known
// by the hash of its file, if the one that it continues is known as well. If the rest of
// the chain was removed from the archive, it stays so. If anything of it is new, the known
// part must end a timeline, so that the rest can continue it; else the whole chain is
// archived again, on a timeline of its own.
func (k *Known) findChain(chain []int) {
	var best []*manifest.Committed
	for _, m := range k.backups.All() {
		path := k.follow(chain, nil, m)
		if len(path) > len(best) || len(path) == len(best) && len(path) > 0 && !k.IsEnd(best[len(best)-1]) {
			best = path
		}
	}
	if rest := chain[len(best):]; len(rest) > 0 && k.areRemoved(rest) {
		for _, i := range rest {
			k.Gone[i] = true
		}
	} else if len(rest) > 0 && len(best) > 0 && !k.IsEnd(best[len(best)-1]) {
		return
	}
	for i, m := range best {
		k.Has[chain[i]] = m
	}
}

// areRemoved reports whether all these backups of the folder were removed from the archive.
func (k *Known) areRemoved(chain []int) bool {
	return !slices.ContainsFunc(chain, func(i int) bool { return !slices.Contains(k.removed, k.folder.Backups[i].Sum) })
}

// follow returns the longest path through the archive that continues before with m and has
// the files of chain.
func (k *Known) follow(chain []int, before, m *manifest.Committed) []*manifest.Committed {
	if len(chain) == 0 || m.Imported == nil {
		return nil
	}
	b := k.folder.Backups[chain[0]]
	if m.Imported.SHA256 != b.Sum || (m.Kind == manifest.Full) != b.Entry.Full ||
		before != nil && (m.Continues == nil || *m.Continues != before.Seq) {
		return nil
	}
	var best []*manifest.Committed
	for _, next := range k.backups.All() {
		if next.Seq <= m.Seq {
			continue
		}
		if path := k.follow(chain[1:], m, next); len(path) >= len(best) {
			best = path
		}
	}
	return append([]*manifest.Committed{m}, best...)
}
