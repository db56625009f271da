package pack

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"sync"

	"github.com/minio/highwayhash"

	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

var zeroPage [manifest.PageBytes]byte

type pageDigest [manifest.PageDigestBytes]byte

func isZero(page []byte) bool { return bytes.Equal(page, zeroPage[:len(page)]) }

// pages keeps the digests of an image's pages. Workers add them in any order. Those of a
// span, a fixed number of pages, are stored as one object once they are complete, so that
// only the spans that are being read are in memory.
type pages struct {
	objects   *objects.Store
	key       [32]byte   // of the digests, FORMAT.md, "Digests of pages"
	zeros     pageDigest // of a page of zeros
	bytes     int64      // of the image
	reference *reference // whose objects are named again where nothing has changed

	mu    sync.Mutex
	spans map[int]*span
	refs  []manifest.Pages // one for each span, once it is stored
}

// span is some of a span's digests.
type span struct {
	digests []byte
	missing int // bytes
}

func newPages(store *objects.Store, archiveID string, imageBytes int64, r *reference) *pages {
	n := (imageBytes + manifest.PagesSpan - 1) / manifest.PagesSpan
	d := &pages{
		objects: store, key: sha256.Sum256([]byte("gbak pages " + archiveID)),
		bytes: imageBytes, reference: r, spans: map[int]*span{}, refs: make([]manifest.Pages, n),
	}
	d.zeros = d.hash(zeroPage[:])
	return d
}

// DigestOfPage returns the digest of a page in the archive with this id.
func DigestOfPage(archiveID string, page []byte) [manifest.PageDigestBytes]byte {
	return newPages(nil, archiveID, 1, nil).digest(page)
}

func (p *pages) hash(page []byte) (d pageDigest) {
	binary.LittleEndian.PutUint64(d[:], highwayhash.Sum64(page, p.key[:]))
	return d
}

// digest returns the digest of a page. Only the last one may be shorter.
func (p *pages) digest(page []byte) pageDigest {
	if len(page) == manifest.PageBytes && isZero(page) {
		return p.zeros
	}
	return p.hash(page)
}

// add takes the digests of the pages from number first on, and stores the spans that are
// complete with them.
func (p *pages) add(ctx context.Context, first int64, digests []pageDigest) error {
	for len(digests) > 0 {
		n, at := int(first/perSpan), first%perSpan
		part := digests[:min(int64(len(digests)), perSpan-at)]
		if whole := p.collect(n, at, part); whole != nil {
			if err := p.store(ctx, n, whole); err != nil {
				return err
			}
		}
		first, digests = first+int64(len(part)), digests[len(part):]
	}
	return nil
}

// collect adds digests to span n, from the page at on. It returns all of the span when it
// is complete, and otherwise nil.
func (p *pages) collect(n int, at int64, digests []pageDigest) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.spans[n]
	if s == nil {
		size := manifest.PagesBytes(p.bytes, n)
		s = &span{make([]byte, size), int(size)}
		p.spans[n] = s
	}
	for i := range digests {
		s.missing -= copy(s.digests[(at+int64(i))*manifest.PageDigestBytes:], digests[i][:])
	}
	if s.missing > 0 {
		return nil
	}
	delete(p.spans, n)
	return s.digests
}

func (p *pages) store(ctx context.Context, n int, body []byte) error {
	ref := manifest.Pages{StoredBytes: int64(len(body)), SHA256: manifest.Sum(body)}
	if old, ok := p.reference.sameSpan(ctx, n, ref); ok {
		ref = old
	} else {
		key, err := p.objects.CreateProved(ctx, manifest.PagesKey(ref.SHA256), ref.SHA256, body)
		if err != nil {
			return err
		}
		ref.Key = key
	}
	p.reference.forget(n)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refs[n] = ref
	return nil
}
