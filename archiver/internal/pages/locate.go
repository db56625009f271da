package pages

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sort"
	"sync"

	"github.com/gbak-s3/gbak-s3/archiver/internal/seal"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// perSpan is how many pages have their digests in one object.
const perSpan = manifest.PagesSpan / manifest.PageBytes

// sameSpan reports whether the digests of span n are the same, and returns the object that
// has them.
func (r *Reference) sameSpan(ctx context.Context, n int, digests []byte) (manifest.Pages, bool) {
	if r == nil || n >= len(r.image.Pages) {
		return manifest.Pages{}, false
	}
	ref := r.image.Pages[n]
	if !r.store.Ring.IsSealed() && ref.SHA256 != manifest.Sum(digests) {
		return ref, false // without a request
	}
	read, err := r.span(ctx, n)
	return ref, err == nil && bytes.Equal(read, digests)
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
	d, err := r.store.ReadSealed(ctx, ref.Key, ref.StoredBytes, ref.SHA256, nil)
	if err == nil {
		d, err = r.store.Ring.OpenCatalog(ctx, d)
	}
	_, isBroken := errors.AsType[*manifest.ObjectError](err)
	_, isForged := errors.AsType[*seal.DamageError](err)
	switch {
	case isBroken || isForged:
		r.log.Warn("pages whose digests are missing or damaged are stored again", "key", ref.Key, "err", err)
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("reading what an earlier backup has: %w", err)
	case int64(len(d)) != manifest.PagesBytes(r.image.Bytes, n):
		return nil, nil // an earlier build's
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
