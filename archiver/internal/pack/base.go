package pack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sort"
	"sync"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/capture"
	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// The rules below decide what a full backup may refer to, so that a restore of it fetches
// at most one and a half times as much as that of a backup that refers to nothing
// (docs/decisions.md, "What a full backup shares").

// maxFolders is how many earlier runs a full backup may refer to segments of.
const maxFolders = 16

// isUsedEnough reports whether a segment may be referred to: of its raw bytes, four fifths
// are still in use.
func isUsedEnough(used, raw int64) bool { return used > 0 && used >= raw/5*4 }

// isMostlyNew reports whether all of a frame is stored anew: more than a fifth of its bytes
// is fresh, or more than a third is fresh or became zeros.
func isMostlyNew(fresh, zeros, bytes int64) bool { return fresh > bytes/5 || fresh+zeros > bytes/3 }

// base is the earlier full backup whose segments a new one refers to, where pages of the
// image are the same at the same offsets.
type base struct {
	store  *objects.Store
	log    *slog.Logger
	seq    manifest.Seq
	index  *manifest.Index
	image  *manifest.File
	usable []bool // a segment each

	mu    sync.Mutex
	spans map[int]func() ([]byte, error) // digests of pages, near those that are compared
}

// shares reports whether the image can have pages in common with an earlier one.
func shares(s *capture.Source) bool {
	return s.Kind == manifest.Full && s.Image.Generation == grafeo.Gen06 && s.Image.Size >= minSharedBytes
}

// findBase returns what a full backup of s can refer to, nil if there is nothing: images
// of 0.5 share nothing. A damaged base is not used, so that a new full backup heals an
// archive.
func (p *Packer) findBase(ctx context.Context, head *manifest.Committed, s *capture.Source) (*base, error) {
	if head == nil || !shares(s) || head.Database.Generation != string(grafeo.Gen06) || head.NewestFull() == nil {
		return nil, nil // nothing to refer to is a normal state
	}
	b, err := p.loadBase(ctx, head, *head.NewestFull())
	var object *manifest.ObjectError
	if errors.As(err, &object) {
		p.Log.Warn("everything is stored again, because an earlier full backup is damaged", "err", err)
		return nil, nil // as above
	}
	return b, err
}

func (p *Packer) loadBase(ctx context.Context, head *manifest.Committed, seq manifest.Seq) (*base, error) {
	m := head
	if m.Seq != seq {
		var err error
		if m, err = p.Head.Journal.Load(ctx, head.ArchiveID, seq); err != nil {
			return nil, err
		}
	}
	if m.Kind != manifest.Full || !m.Database.Is(&head.Database) || m.Database.Generation != head.Database.Generation {
		return nil, nil // as above
	}
	ix, err := p.Head.Journal.Index(ctx, m.Manifest)
	if err != nil {
		return nil, err
	}
	b := &base{store: p.Head.Store, log: p.Log, seq: seq, index: ix, image: ix.Image(), spans: map[int]func() ([]byte, error){}}
	if len(b.image.Pages) == 0 {
		return nil, nil // as above
	}
	b.choose()
	return b, nil
}

// choose decides which segments may be referred to.
func (b *base) choose() {
	used := make([]int64, len(b.index.Segments))
	for _, e := range b.image.Extents {
		used[b.index.Frames[e.Frame].Segment] += e.Bytes
	}
	b.usable = make([]bool, len(used))
	folders := map[string]int64{}
	for i, s := range b.index.Segments {
		if b.usable[i] = isUsedEnough(used[i], s.RawBytes); b.usable[i] {
			folders[manifest.SegmentFolderOf(s.Key)] += used[i]
		}
	}
	names := slices.SortedFunc(maps.Keys(folders), func(x, y string) int {
		return cmp.Or(cmp.Compare(folders[y], folders[x]), cmp.Compare(x, y))
	})
	if len(names) <= maxFolders {
		return
	}
	for i, s := range b.index.Segments {
		b.usable[i] = b.usable[i] && slices.Contains(names[:maxFolders], manifest.SegmentFolderOf(s.Key))
	}
}

// folders returns the folders of the segments that may be referred to.
func (b *base) folders() []string {
	if b == nil {
		return nil
	}
	folders := map[string]bool{}
	for i, s := range b.index.Segments {
		if b.usable[i] {
			folders[manifest.SegmentFolderOf(s.Key)] = true
		}
	}
	return slices.Sorted(maps.Keys(folders))
}

// confirm drops the segments that are not among those present with their sizes, which the
// store has listed.
func (b *base) confirm(present map[string]int64) {
	if b == nil {
		return
	}
	for i, s := range b.index.Segments {
		if b.usable[i] && present[s.Key] != s.StoredBytes {
			b.log.Warn("a segment of an earlier backup is missing or damaged; its content is stored again", "key", s.Key)
			b.usable[i] = false
		}
	}
}

// same reports whether the digests of span n are those of ref, and returns the object that
// has them.
func (b *base) same(ctx context.Context, n int, ref manifest.Pages) (manifest.Pages, bool) {
	if b == nil || n >= len(b.image.Pages) || b.image.Pages[n].SHA256 != ref.SHA256 {
		return ref, false
	}
	read, err := b.digests(ctx, n)
	return b.image.Pages[n], err == nil && read != nil
}

// digest returns the digest of a page, or one that no page has if it is not known.
func (b *base) digest(ctx context.Context, page int64) (pageDigest, error) {
	const perSpan = manifest.PagesSpan / manifest.PageBytes
	digests, err := b.digests(ctx, int(page/perSpan))
	at := page % perSpan * manifest.PageDigestBytes
	if err != nil || at >= int64(len(digests)) {
		return pageDigest{}, err
	}
	return pageDigest(digests[at:]), nil
}

// digests returns the digests of span n, none if there are none or they are damaged.
func (b *base) digests(ctx context.Context, n int) ([]byte, error) {
	if n >= len(b.image.Pages) {
		return nil, nil
	}
	b.mu.Lock()
	read, ok := b.spans[n]
	if !ok {
		read = sync.OnceValues(func() ([]byte, error) { return b.readSpan(ctx, n) })
		b.spans[n] = read
	}
	b.mu.Unlock()
	return read()
}

// forget frees the digests of a span that are no longer needed.
func (b *base) forget(n int) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.spans, n)
}

func (b *base) readSpan(ctx context.Context, n int) ([]byte, error) {
	ref := b.image.Pages[n]
	if ref.StoredBytes != manifest.PagesBytes(b.image.Bytes, n) {
		return nil, nil // an earlier build's
	}
	d, err := b.store.ReadSealed(ctx, ref.Key, ref.StoredBytes, ref.SHA256)
	var object *manifest.ObjectError
	switch {
	case errors.As(err, &object):
		b.log.Warn("pages whose digests are missing or damaged are stored again", "err", err)
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("reading what an earlier backup has: %w", err)
	}
	return d, nil
}

// place is where the bytes of a page of the base are.
type place struct {
	known       bool // else it cannot be referred to
	hole        bool
	frame       int // of base.index
	frameOffset int64
}

// finder finds pages of the base in ascending order.
type finder struct {
	*base
	at int // the first extent that ends after the page before
}

func (b *base) find(offset int64) *finder {
	x := b.image.Extents
	return &finder{b, sort.Search(len(x), func(i int) bool { return x[i].Offset+x[i].Bytes > offset })}
}

// page returns where the n bytes at offset are.
func (f *finder) page(offset, n int64) place {
	x := f.image.Extents
	for f.at < len(x) && x[f.at].Offset+x[f.at].Bytes <= offset {
		f.at++
	}
	switch {
	case offset+n > f.image.Bytes || n < manifest.PageBytes && offset+n != f.image.Bytes:
		return place{} // the pages are not of one size
	case f.at == len(x) || x[f.at].Offset >= offset+n:
		return place{known: f.at == 0 || x[f.at-1].Offset+x[f.at-1].Bytes <= offset, hole: true}
	case x[f.at].Offset > offset || x[f.at].Offset+x[f.at].Bytes < offset+n:
		return place{} // in two places
	}
	e := x[f.at]
	return place{known: f.usable[f.index.Frames[e.Frame].Segment], frame: e.Frame, frameOffset: e.FrameOffset + offset - e.Offset}
}
