package copying

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"github.com/gbak-s3/gbak-s3/archiver/internal/commit"
	"github.com/gbak-s3/gbak-s3/archiver/internal/progress"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// replica is a backup that is being copied into the target.
type replica struct {
	*original
	folder   string
	segments []manifest.Segment // of the target
	isShared []bool             // which of them an earlier backup of the target has
}

// copy stores the content of a batch, and commits its backups.
func (r *run) copy(ctx context.Context, h *commit.Head, batch []*original) error {
	progress.Tell(ctx, progress.Phase("store"))
	var replicas []*replica
	for _, m := range batch {
		c, err := r.begin(ctx, h, m)
		if err != nil {
			return err
		}
		replicas = append(replicas, c)
	}
	if err := r.store(ctx, h.Store, replicas); err != nil {
		return err
	}
	for _, c := range replicas {
		if err := r.commit(ctx, h, c); err != nil {
			return err
		}
	}
	return nil
}

// begin finds what the target has already of a backup.
func (r *run) begin(ctx context.Context, h *commit.Head, m *original) (*replica, error) {
	c := &replica{
		original: m, folder: folderOf(h.Generation, r.list.Archive.ArchiveID, m.Digest),
		segments: slices.Clone(m.index.Segments), isShared: make([]bool, len(m.index.Segments)),
	}
	if m.Kind != manifest.Full || len(c.segments) == 0 {
		return c, nil
	}
	shared, err := r.sharedWith(ctx, h)
	if err != nil {
		return nil, err
	}
	for i, s := range m.index.Segments {
		if to, ok := shared[s.SHA256]; ok && to.RawBytes == s.RawBytes {
			c.segments[i], c.isShared[i] = to, true
		}
	}
	return c, nil
}

// folderOf returns the name of the folder for the copy of a manifest, so that a later run finds
// what an interrupted one has stored.
func folderOf(generation manifest.Seq, archiveID string, digest manifest.Digest) string {
	sum := sha256.Sum256([]byte("gbak copy " + archiveID + " " + digest.String()))
	return manifest.FolderName(generation, hex.EncodeToString(sum[:16]))
}

// sharedWith returns the segments of the newest full backup of the target, by the digests that
// they have in the source. Whatever a full backup of the source shares with earlier ones, it
// shares with the newest of them.
func (r *run) sharedWith(ctx context.Context, h *commit.Head) (map[manifest.Digest]manifest.Segment, error) {
	newest := h.NewestFull()
	if newest == nil {
		return nil, nil
	}
	if r.sharedBy == *newest {
		return r.shared, nil
	}
	full, err := h.Load(ctx, *newest)
	if err != nil {
		return nil, err
	}
	ix, err := h.Index(ctx, full)
	if err != nil {
		return nil, err
	}
	r.share(full.Seq, ix.Segments, ix.Segments)
	return r.shared, nil
}

// share notes the segments of a full backup of the target, and which they are in the source.
func (r *run) share(seq manifest.Seq, source, target []manifest.Segment) {
	r.sharedBy, r.shared = seq, make(map[manifest.Digest]manifest.Segment, len(source))
	for i, s := range source {
		r.shared[s.SHA256] = target[i]
	}
}

// commit commits the copy of a backup whose content is stored.
func (r *run) commit(ctx context.Context, h *commit.Head, c *replica) error {
	continues, err := r.continues(ctx, h, c.original)
	if err != nil {
		return err
	}
	m := c.manifest(continues, r.list.Archive.ArchiveID)
	if err := h.Commit(ctx, m, c.indexOfCopy(), r.Timeout); err != nil {
		return err
	}
	r.seen(h, c.Seq)
	r.report.Backups++
	r.report.Segments += m.SegmentsNew
	r.report.Bytes += m.StoredBytes
	r.told(c.original, c.left)
	if m.Kind == manifest.Full {
		r.share(h.Last.Seq, c.index.Segments, c.segments)
	}
	if r.Committed != nil {
		r.Committed(h.Last)
	}
	return nil
}

// indexOfCopy returns where the content is in the target. Digests of pages are keyed by the
// archive, so those of the source are of no use there.
func (c *replica) indexOfCopy() *manifest.Index {
	ix := *c.index
	ix.Segments, ix.Files = c.segments, slices.Clone(c.index.Files)
	for i := range ix.Files {
		ix.Files[i].Pages = nil
	}
	return &ix
}

// manifest describes the copy. What it says of the journal is for the commit to fill in.
func (c *replica) manifest(continues *manifest.Seq, archiveID string) *manifest.Manifest {
	m := *c.Manifest
	m.CommitID, m.Folder, m.Continues = manifest.NewID(), c.folder, continues
	m.CopiedFrom = &manifest.CopiedFrom{ArchiveID: archiveID, Seq: c.Seq, SHA256: c.Digest}
	m.Replaces, m.Content, m.Index = nil, nil, nil
	m.StoredBytes, m.SegmentsNew, m.ReusedBytes = 0, 0, 0
	for i, s := range c.segments {
		if c.isShared[i] {
			continue
		}
		m.StoredBytes += s.StoredBytes
		if !s.IsInline() {
			m.SegmentsNew++
		}
	}
	for _, f := range c.index.Files {
		for _, e := range f.Extents {
			if c.isShared[c.index.Frames[e.Frame].Segment] {
				m.ReusedBytes += e.Bytes
			}
		}
	}
	return &m
}
