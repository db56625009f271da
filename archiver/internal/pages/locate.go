package pages

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"sync"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// perSpan is how many pages have their digests in one object.
const perSpan = manifest.PagesSpan / manifest.PageBytes

// sameSpan reports whether the digests of span n are those of ref, and returns the object
// that has them.
func (r *Reference) sameSpan(ctx context.Context, n int, ref manifest.Pages) (manifest.Pages, bool) {
	if r == nil || n >= len(r.image.Pages) || r.image.Pages[n].SHA256 != ref.SHA256 {
		return ref, false
	}
	read, err := r.span(ctx, n)
	return r.image.Pages[n], err == nil && read != nil
}

// Digest returns the digest of a page. That of a page that is not known is the zero
// value, which no page has.
func (r *Reference) Digest(ctx context.Context, page int64) (Digest, error) {
	digests, err := r.span(ctx, int(page/perSpan))
	at := page % perSpan * manifest.PageDigestBytes
	if err != nil || at >= int64(len(digests)) {
		return Digest{}, err
	}
	return Digest(digests[at:]), nil
}

// span returns the digests of span n, or nothing if there are none or they are damaged.
// Concurrent calls read them once.
func (r *Reference) span(ctx context.Context, n int) ([]byte, error) {
	if n >= len(r.image.Pages) {
		return nil, nil
	}
	r.mu.Lock()
	read, ok := r.spans[n]
	if !ok {
		read = sync.OnceValues(func() ([]byte, error) { return r.readSpan(ctx, n) })
		r.spans[n] = read
	}
	r.mu.Unlock()
	return read()
}

// forget frees the digests of a span that is done with.
func (r *Reference) forget(n int) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.spans, n)
}

func (r *Reference) readSpan(ctx context.Context, n int) ([]byte, error) {
	ref := r.image.Pages[n]
	if ref.StoredBytes != manifest.PagesBytes(r.image.Bytes, n) {
		return nil, nil // an earlier build's
	}
	d, err := r.store.ReadSealed(ctx, ref.Key, ref.StoredBytes, ref.SHA256, nil)
	if _, ok := errors.AsType[*manifest.ObjectError](err); ok {
		r.log.Warn("pages whose digests are missing or damaged are stored again", "err", err)
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading what an earlier backup has: %w", err)
	}
	return d, nil
}

// Location is where the bytes of a page of the reference are.
type Location struct {
	IsKnown     bool // otherwise the page cannot be referred to
	IsHole      bool // they are zeros, in no frame
	Frame       int  // of the reference's index
	FrameOffset int64
}

// Finder finds pages of the reference, in ascending order.
type Finder struct {
	reference *Reference
	at        int // the first extent that ends after the previous page
}

// From returns a finder for pages from offset on.
func (r *Reference) From(offset int64) *Finder {
	x := r.image.Extents
	return &Finder{r, sort.Search(len(x), func(i int) bool { return x[i].Offset+x[i].Bytes > offset })}
}

// Page returns where the n bytes at offset are.
func (f *Finder) Page(offset, n int64) Location {
	r := f.reference
	x := r.image.Extents
	for f.at < len(x) && x[f.at].Offset+x[f.at].Bytes <= offset {
		f.at++
	}
	switch {
	case offset+n > r.image.Bytes || n < manifest.PageBytes && offset+n != r.image.Bytes:
		return Location{} // the pages are not of one size
	case f.at == len(x) || x[f.at].Offset >= offset+n:
		return Location{IsKnown: f.at == 0 || x[f.at-1].Offset+x[f.at-1].Bytes <= offset, IsHole: true}
	case x[f.at].Offset > offset || x[f.at].Offset+x[f.at].Bytes < offset+n:
		return Location{} // in two places
	}
	e := x[f.at]
	return Location{
		IsKnown: r.usable[r.Index.Frames[e.Frame].Segment], Frame: e.Frame, FrameOffset: e.FrameOffset + offset - e.Offset,
	}
}
