package gc

import (
	"context"
	"strings"

	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// folder is what is known of the folder of an incremental or a merged record, which names
// objects in its own folder only. As long as the list of the folder agrees with the outline,
// all of it counts as named. If it does not, because a killed run has left something there
// or because something is missing, the record's index is read, and then only that counts.
type folder struct {
	use     use
	records []manifest.Seq // hardly ever more than one
	isExact bool           // what counts is the keys in Names.keys

	want, listed tally // what the outline says, and what the census has seen
	hasReused    bool  // some segments were there before: the outline does not count them
}

// tally is how many objects there are.
type tally struct {
	segments, indexes, pages int
	segmentBytes             int64
}

// addFolder adds the folder of a record, by its outline.
func (n *Names) addFolder(h uint64, m *manifest.Manifest, u use) {
	f := n.folders[h]
	if f == nil {
		f = &folder{}
		n.folders[h] = f
	}
	f.records = append(f.records, m.Seq)
	f.use |= u
	if m.SegmentsNew > 0 { // else what was stored stands in the manifest
		f.want.segments += m.SegmentsNew
		f.want.segmentBytes += m.StoredBytes
	}
	if m.Index != nil {
		f.want.indexes++
	}
	f.hasReused = f.hasReused || m.ReusedBytes != 0
}

// add counts an object in the folder.
func (f *folder) add(key string, size int64) {
	switch {
	case strings.HasPrefix(key, manifest.SegmentPrefix):
		f.listed.segments++
		f.listed.segmentBytes += size
	case strings.HasPrefix(key, manifest.IndexPrefix):
		f.listed.indexes++
	default:
		f.listed.pages++
	}
}

// isUnclear reports whether the folder has something else than its records name, or lacks
// something, as far as the outlines show.
func (f *folder) isUnclear() bool {
	return f.use&byLiving != 0 && !f.isExact &&
		(f.listed != f.want || f.hasReused || len(f.records) > 1)
}

// readExactly reads what the records of a folder name. If one that is not living cannot be
// read, all of the folder still counts as named.
func (n *Names) readExactly(ctx context.Context, f *folder) (name string, err error) {
	for _, seq := range f.records {
		u := n.useOf(seq)
		m, err := n.journal.Load(ctx, n.archive.ArchiveID, seq)
		if err == nil {
			name = m.Folder
			err = n.addKeys(ctx, m, u)
		}
		if err != nil {
			return "", n.withhold(u, err)
		}
	}
	f.isExact = true
	return name, nil
}

// settleFolders reads exactly what is named in the unclear folders, and counts the rest of
// what they have.
func (c *counting) settleFolders(ctx context.Context, s *objects.Store) error {
	unknown := c.Unknown // these were counted already
	for _, f := range c.names.folders {
		if !f.isUnclear() {
			continue
		}
		name, err := c.names.readExactly(ctx, f)
		if err != nil {
			return err
		}
		if !f.isExact {
			continue
		}
		for _, seq := range f.records {
			if c.names.useOf(seq) == byLiving {
				c.settled = append(c.settled, seq)
			}
		}
		for _, prefix := range dataPrefixes {
			if prefix == manifest.PagesPrefix && f.listed.pages == 0 {
				continue
			}
			if err := c.list(ctx, s, prefix+name+"/"); err != nil {
				return err
			}
		}
	}
	c.Unknown = unknown
	return nil
}
