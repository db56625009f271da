package catalog

import (
	"fmt"
	"slices"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// ChainTo returns the shortest chain to the end of m, which begins with the newest full
// backup that m continues, or is m. It is nil if a backup of it is missing.
func (c *Catalog) ChainTo(m *manifest.Committed) []*manifest.Committed {
	for base := m; base != nil; base = c.parent(base) {
		if base.Kind == manifest.Full {
			return c.chainFrom(base, m)
		}
	}
	return nil
}

// chainFrom returns the chain from the full backup base to m, nil if there is none.
func (c *Catalog) chainFrom(base, m *manifest.Committed) []*manifest.Committed {
	chain := []*manifest.Committed{m}
	for m.Seq != base.Seq {
		parent := c.parent(m)
		if parent == nil || parent.Seq < base.Seq || parent.Timeline != m.Timeline {
			return nil
		}
		m = parent
		chain = append(chain, m)
	}
	slices.Reverse(chain)
	return chain
}

// chainCovering returns the chain to a state of a timeline. It begins with the newest
// full backup that begins early enough, and ends with the backup that pick chooses among
// those from there on. A full backup that this one does not continue is passed over.
func (c *Catalog) chainCovering(
	timeline int, beginsEarlyEnough func(full *manifest.Committed) bool, pick func(fromFull []*manifest.Committed) *manifest.Committed,
) []*manifest.Committed {
	list := c.of(timeline)
	for i := len(list) - 1; i >= 0; i-- {
		base := list[i]
		if base.Kind != manifest.Full || !beginsEarlyEnough(base) {
			continue
		}
		if m := pick(list[i:]); m != nil {
			if chain := c.chainFrom(base, m); chain != nil {
				return chain
			}
		}
	}
	return nil
}

// broken says which backup is missing from the chain to the end of m, to which there is
// none.
func (c *Catalog) broken(m *manifest.Committed) error {
	for m.Kind == manifest.Incremental {
		parent := c.parent(m)
		if parent == nil {
			return &manifest.ObjectError{Key: m.Continues.Key(), Problem: fmt.Sprintf("it is missing or damaged, and backup %d continues it", m.Seq)}
		}
		m = parent
	}
	return &manifest.ObjectError{Key: m.Key(), Problem: "it is of another timeline than a backup that continues it"}
}
