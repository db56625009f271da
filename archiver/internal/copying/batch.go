package copying

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"github.com/gbak-s3/gbak-s3/archiver/internal/commit"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/progress"
	"github.com/gbak-s3/gbak-s3/archiver/internal/sent"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// replica is a backup that is being copied into the target.
type replica struct {
	*original
	folder   string
	segments []manifest.Segment // of the target
	isShared []bool             // which of them an earlier backup of the target has
	pages    []manifest.Pages   // digests of the image's pages, nil for none
	sent     *sent.Notes        // what was encrypted and sent before, nil for nothing
}

// listFrom is how many segments a backup must have to be worth a request, or a file on this host,
// which shows what an interrupted run has stored of them.
const listFrom = 4

// copy stores the content of a batch, and commits its backups.
func (r *run) copy(ctx context.Context, h *commit.Head, batch []*original) error {
	progress.Tell(ctx, progress.Phase("store"))
	var replicas []*replica
	for _, m := range batch {
		c, err := r.begin(ctx, h, m)
		if err != nil {
			return err
		}
		defer c.sent.Close()
		replicas = append(replicas, c)
	}
	if err := r.store(ctx, h.Store, replicas); err != nil {
		return err
	}
	for _, c := range replicas {
		if err := r.storeDigests(ctx, h, c); err != nil {
			return err
		}
		if err := r.commit(ctx, h, c); err != nil {
			return err
		}
	}
	return nil
}

// begin finds what the target has already of a backup.
func (r *run) begin(ctx context.Context, h *commit.Head, m *original) (*replica, error) {
	c := &replica{original: m, segments: slices.Clone(m.index.Segments), isShared: make([]bool, len(m.index.Segments))}
	if m.Kind == manifest.Full && len(c.segments) > 0 {
		shared, err := r.sharedWith(ctx, h)
		if err != nil {
			return nil, err
		}
		for i, s := range m.index.Segments {
			if to, ok := shared[s.SHA256]; ok && to.RawBytes == s.RawBytes {
				c.segments[i], c.isShared[i] = to, true
			}
		}
	}
	return c, r.nameFolder(ctx, h, c)
}

// lacks returns how many objects the target lacks of a backup.
func (c *replica) lacks() (n int) {
	for i, s := range c.index.Segments {
		if !c.isShared[i] && !s.IsInline() {
			n++
		}
	}
	return n
}

// nameFolder names the folder of a copy after the manifest that is copied, so that a later run finds
// what an interrupted one has stored. In an encrypted archive nobody without its keys can tell of
// which manifest it is.
func (r *run) nameFolder(ctx context.Context, h *commit.Head, c *replica) error {
	name := sha256.Sum256([]byte("gbak copy " + r.list.Archive.ArchiveID + " " + c.Digest.String()))
	ring := h.Store.Ring
	if !ring.IsSealed() {
		c.folder = manifest.FolderName(h.Generation, hex.EncodeToString(name[:16]))
		return nil
	}
	mac := func(what string) (manifest.Digest, error) {
		return ring.MAC(ctx, ring.Generation(), []byte("gbak-s3 "+what))
	}
	named, err := mac("folder " + hex.EncodeToString(name[:]))
	if err != nil {
		return err
	}
	c.folder = manifest.FolderName(h.Generation, hex.EncodeToString(named[:16]))
	key, err := mac("sent")
	if err == nil {
		c.sent = r.Sent.Notes()
		c.sent.Open(sent.Key(key), h.Archive.ArchiveID, c.folder, c.lacks() >= listFrom)
	}
	return err
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
	source, target, err := r.segmentsOf(ctx, r.list, h, *newest)
	if err != nil {
		return nil, err
	}
	r.share(*newest, source, target)
	return r.shared, nil
}

// segmentsOf returns the segments of a full backup of the target, as they are in the source and in
// the target. If the source has that backup no more, only bytes that are the same in both will do.
func (o *Options) segmentsOf(ctx context.Context, l *journal.List, h *commit.Head, seq manifest.Seq) (source, target []manifest.Segment, err error) {
	full, err := h.Load(ctx, seq)
	if err != nil {
		return nil, nil, err
	}
	ix, err := h.Index(ctx, full)
	if err != nil {
		return nil, nil, err
	}
	if _, ok := l.Find(full.CopiedFrom.Seq); !ok {
		return ix.Segments, ix.Segments, nil
	}
	m, err := o.Source.LoadBackup(ctx, l, full.CopiedFrom.Seq)
	if err != nil {
		return nil, nil, o.ofSource(err)
	}
	original, err := o.Source.Index(ctx, m)
	if err != nil {
		return nil, nil, o.ofSource(err)
	}
	if m.Digest != full.CopiedFrom.SHA256 || len(original.Segments) != len(ix.Segments) {
		return ix.Segments, ix.Segments, nil
	}
	return original.Segments, ix.Segments, nil
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
	c.sent.Committed()
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
	if c.pages != nil {
		ix.Image().Pages = c.pages
	}
	return &ix
}

// manifest describes the copy. What it says of the journal is for the commit to fill in.
func (c *replica) manifest(continues *manifest.Seq, archiveID string) *manifest.Manifest {
	m := said(c.Manifest)
	m.CommitID, m.Folder, m.Continues = manifest.NewID(), c.folder, continues
	m.CopiedFrom = &manifest.CopiedFrom{ArchiveID: archiveID, Seq: c.Seq, SHA256: c.Digest}
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
	return m
}

// said returns what a manifest says of the database and of its backup, which a copy says, too. What
// it says of its archive and of objects is left out.
func said(m *manifest.Manifest) *manifest.Manifest {
	return &manifest.Manifest{
		Kind: m.Kind, Tool: m.Tool, Host: m.Host, CreatedAt: m.CreatedAt, ReadUntil: m.ReadUntil, Database: m.Database, Labels: m.Labels,
		Timeline: m.Timeline, StartEpoch: m.StartEpoch, EndEpoch: m.EndEpoch, RestoreFrom: m.RestoreFrom,
		StartTime: m.StartTime, EndTime: m.EndTime, Commits: m.Commits, Position: m.Position, RawBytes: m.RawBytes,
		Imported: m.Imported, Spill: m.Spill,
	}
}
