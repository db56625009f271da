package gc

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// dataPrefixes are what the keys begin with of the objects that records name.
var dataPrefixes = []string{manifest.SegmentPrefix, manifest.IndexPrefix, manifest.PagesPrefix}

// Amount is a number of objects, and their bytes.
type Amount struct {
	Objects int
	Bytes   int64
}

func (a *Amount) add(bytes int64) {
	a.Objects++
	a.Bytes += bytes
}

// Census is what an archive's objects are, as far as lists show: segments, indexes, and
// digests of pages.
type Census struct {
	Dead    Amount
	Waiting Amount
	Orphans int // among the dead and the waiting

	// Youngest is the highest generation among the waiting. Those of it and above die by
	// a keep that comes after the one of that number, and not by that one or before.
	Youngest manifest.Seq
	Unknown  int

	// NewestDead is the highest generation among the dead, or the highest number of a dead
	// manifest: whichever is higher.
	NewestDead manifest.Seq

	// Manifests is how many manifests are dead, with those of keeps.
	Manifests int

	// Damaged are objects that a living record names and that are not there, or have another
	// size, in a list and for a request of their own. They are the first hundred at most.
	Damaged []*manifest.ObjectError
}

// maxDamaged is how many damaged objects a census tells.
const maxDamaged = 100

// counting is a census that is being taken.
type counting struct {
	Census

	names   *Names
	settled []manifest.Seq // living records whose folders were unclear
}

// Census lists the objects and counts them. It changes nothing in the store. It must not be
// called concurrently.
//
// If the index of a living record is missing or damaged, the error is a
// [*manifest.ObjectError].
func (n *Names) Census(ctx context.Context, s *objects.Store) (*Census, error) {
	n.forgetLists()
	c := &counting{names: n}
	for _, prefix := range dataPrefixes {
		if err := c.list(ctx, s, prefix); err != nil {
			return nil, err
		}
	}
	if err := c.settleFolders(ctx, s); err != nil {
		return nil, err
	}
	if err := c.findDamaged(ctx, s); err != nil {
		return nil, err
	}
	for seq := range n.deadManifests() {
		c.Manifests++
		c.NewestDead = max(c.NewestDead, seq)
	}
	return &c.Census, nil
}

// forgetLists removes what an earlier census has seen.
func (n *Names) forgetLists() {
	for h, x := range n.keys {
		x.use &^= isListed
		n.keys[h] = x
	}
	for _, f := range n.folders {
		f.listed = tally{}
	}
}

// list counts the objects whose keys begin with prefix.
func (c *counting) list(ctx context.Context, s *objects.Store, prefix string) error {
	for info, err := range s.List(ctx, prefix, objects.MaxSegments) {
		if err != nil {
			return err
		}
		c.count(info)
	}
	return nil
}

func (c *counting) count(info storage.ObjectInfo) {
	n := c.names
	h := n.hash(info.Key)
	if x, ok := n.keys[h]; ok && x.bytes == uint32(info.Size) { //nolint:gosec // the lower half
		x.use |= isListed
		n.keys[h] = x
	}
	standing, isOrphan := n.judge(info.Key)
	if isOrphan {
		c.Orphans++
	}
	switch standing {
	case isUnknown:
		c.Unknown++
	case isDead:
		c.Dead.add(info.Size)
		c.NewestDead = max(c.NewestDead, generationOf(info.Key))
	case isWaiting:
		c.Waiting.add(info.Size)
		c.Youngest = max(c.Youngest, generationOf(info.Key))
	case isLiving:
		if f := n.folders[n.hash(folderOf(info.Key))]; f != nil && !f.isExact {
			f.add(info.Key, info.Size)
		}
	}
}

// generationOf returns the generation of an object, 0 if its key has none.
func generationOf(key string) manifest.Seq {
	generation, _ := manifest.ParseGeneration(key)
	return generation
}

// findDamaged looks for the objects of full and of needed backups, and of the settled
// folders, that no list has shown as they should be. That a list lags is no damage.
func (c *counting) findDamaged(ctx context.Context, s *objects.Store) error {
	n := c.names
	isComplete := true
	for _, x := range n.keys {
		isComplete = isComplete && (x.use&byLiving == 0 || x.use&isListed != 0)
	}
	if isComplete {
		return nil
	}
	for _, seq := range append(c.settled, n.exact...) {
		m, err := n.journal.Load(ctx, n.archive.ArchiveID, seq)
		if err != nil {
			return err
		}
		unlisted := map[string]int64{}
		if err := n.journal.Keys(ctx, m, func(key string, bytes int64) {
			h := n.hash(key)
			if x := n.keys[h]; x.use&isListed == 0 {
				x.use |= isListed // look only once
				n.keys[h] = x
				unlisted[key] = bytes
			}
		}); err != nil {
			return err
		}
		for _, key := range slices.Sorted(maps.Keys(unlisted)) {
			if len(c.Damaged) == maxDamaged {
				return nil
			}
			info, err := s.Storage.Head(ctx, key)
			switch {
			case errors.Is(err, storage.ErrNotExist):
				c.Damaged = append(c.Damaged, missing(key))
			case err != nil:
				return err
			case info.Size != unlisted[key]:
				c.Damaged = append(c.Damaged, &manifest.ObjectError{Key: key, Problem: fmt.Sprintf("it has %d bytes instead of %d", info.Size, unlisted[key])})
			}
		}
	}
	return nil
}
