package commit

import (
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// CommitRequests returns what [Head.Commit] of a backup of this kind takes whose encoded index has
// so many bytes, without those of segments, with a store that proves what it has stored.
func (h *Head) CommitRequests(kind manifest.Kind, indexBytes int64) storage.RequestCounts {
	c := storage.RequestCounts{Put: 1}
	if indexBytes > manifest.MaxContentBytes {
		c.Put++
		c.Head++ // if an earlier backup has the same
		c.Get++
	}
	if h.Last == nil {
		c.Put++ // archive.json
	}
	if kind == manifest.Full {
		c.Put++ // RESTORE.md
	}
	if h.NewestKeep() != 0 {
		c.Head++ // for the fence
	}
	if h.Last != nil && h.Last.Keys != 0 {
		c.Get++ // for the newest key list, which a full backup repeats
	}
	return c
}
