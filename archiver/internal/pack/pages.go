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

// minSharedBytes is the size of the smallest image whose pages are compared with those of
// an earlier backup: for a smaller one, the requests cost more than the bytes.
const minSharedBytes = 1 << 20

var zeroPage [manifest.PageBytes]byte

type pageDigest [manifest.PageDigestBytes]byte

func isZero(page []byte) bool { return bytes.Equal(page, zeroPage[:len(page)]) }

// pages collects the digests of an image's pages, which workers add in any order. Those of
// a span are stored as soon as all of them are there, so that only the digests of spans
// that are being read are in memory.
type pages struct {
	objects *objects.Store
	key     [32]byte   // of the digests, FORMAT.md, "Digests of pages"
	zeros   pageDigest // of a page of zeros
	bytes   int64      // of the image
	base    *base      // whose objects are referred to where nothing changed

	mu    sync.Mutex
	spans map[int]*pagesSpan
	refs  []manifest.Pages
}

type pagesSpan struct {
	digests []byte
	missing int // bytes
}

func newPages(store *objects.Store, archiveID string, imageBytes int64, b *base) *pages {
	n := (imageBytes + manifest.PagesSpan - 1) / manifest.PagesSpan
	p := &pages{
		objects: store, key: sha256.Sum256([]byte("gbak pages " + archiveID)),
		bytes: imageBytes, base: b, spans: map[int]*pagesSpan{}, refs: make([]manifest.Pages, n),
	}
	p.zeros = p.hash(zeroPage[:])
	return p
}

// DigestOfPage returns the digest of a page in the archive with this id.
func DigestOfPage(archiveID string, page []byte) [manifest.PageDigestBytes]byte {
	return newPages(nil, archiveID, 1, nil).digest(page)
}

func (p *pages) hash(page []byte) (d pageDigest) {
	binary.LittleEndian.PutUint64(d[:], highwayhash.Sum64(page, p.key[:]))
	return d
}

// digest returns the digest of a page; the last page may be shorter.
func (p *pages) digest(page []byte) pageDigest {
	if len(page) == manifest.PageBytes && isZero(page) {
		return p.zeros
	}
	return p.hash(page)
}

// add adds the digests of the pages from number first on.
func (p *pages) add(ctx context.Context, first int64, digests []pageDigest) error {
	const perSpan = manifest.PagesSpan / manifest.PageBytes
	for len(digests) > 0 {
		n, at := int(first/perSpan), first%perSpan
		part := digests[:min(int64(len(digests)), perSpan-at)]
		if whole := p.put(n, at, part); whole != nil {
			if err := p.store(ctx, n, whole); err != nil {
				return err
			}
		}
		first, digests = first+int64(len(part)), digests[len(part):]
	}
	return nil
}

// put gives the digests of span n when they are all there.
func (p *pages) put(n int, at int64, digests []pageDigest) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.spans[n]
	if s == nil {
		size := manifest.PagesBytes(p.bytes, n)
		s = &pagesSpan{make([]byte, size), int(size)}
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
	old, there := p.base.same(ctx, n, ref)
	if there {
		ref = old
	} else {
		ref.Key = manifest.PagesKey(ref.SHA256)
		if err := p.objects.CreateProved(ctx, &ref.Key, ref.SHA256, body); err != nil {
			return err
		}
	}
	p.base.forget(n)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refs[n] = ref
	return nil
}
