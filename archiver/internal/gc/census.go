package gc

import (
	"context"
	"errors"

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

	// Manifests is how many manifests are dead, with those of keeps.
	Manifests int

	// Missing are the keys that a living record names and that are not there: neither in
	// a list nor for a request of their own. They are the first hundred at most.
	Missing []string
}

// maxMissing is how many missing objects a census tells.
const maxMissing = 100

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
	if err := c.findMissing(ctx, s); err != nil {
		return nil, err
	}
	for range n.deadManifests() {
		c.Manifests++
	}
	return &c.Census, nil
}

// forgetLists removes what an earlier census has seen.
func (n *Names) forgetLists() {
	for h, u := range n.keys {
		n.keys[h] = u &^ isListed
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
	if u, ok := n.keys[h]; ok {
		n.keys[h] = u | isListed
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
	case isWaiting:
		c.Waiting.add(info.Size)
		if generation, ok := manifest.ParseGeneration(info.Key); ok {
			c.Youngest = max(c.Youngest, generation)
		}
	case isLiving:
		if f := n.folders[n.hash(folderOf(info.Key))]; f != nil && !f.isExact {
			f.add(info.Key, info.Size)
		}
	}
}

// findMissing looks for the objects of full backups, and of the settled folders, that no
// list has shown. That a list lags is no damage.
func (c *counting) findMissing(ctx context.Context, s *objects.Store) error {
	n := c.names
	isComplete := true
	for _, u := range n.keys {
		isComplete = isComplete && (u&byLiving == 0 || u&isListed != 0)
	}
	if isComplete {
		return nil
	}
	for _, seq := range append(c.settled, n.fulls...) {
		m, err := n.journal.Load(ctx, n.archive.ArchiveID, seq)
		if err != nil {
			return err
		}
		var unlisted []string
		if err := n.journal.Keys(ctx, m, func(key string) {
			if h := n.hash(key); n.keys[h]&isListed == 0 {
				n.keys[h] |= isListed // look only once
				unlisted = append(unlisted, key)
			}
		}); err != nil {
			return err
		}
		for _, key := range unlisted {
			if len(c.Missing) == maxMissing {
				return nil
			}
			_, err := s.Storage.Head(ctx, key)
			switch {
			case errors.Is(err, storage.ErrNotExist):
				c.Missing = append(c.Missing, key)
			case err != nil:
				return err
			}
		}
	}
	return nil
}
