// Package pages knows which pages of an image an earlier full backup has.
//
// A page is 4 KiB of the image, its [Digest] a keyed hash of it. [Digests] are those of a new
// image, which an archive keeps. A [Reference] is the earlier full backup whose segments a
// new one may refer to where digests are the same.
package pages

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

// Digest is the digest of a page, keyed by the archive (FORMAT.md, "Digests of pages").
type Digest [manifest.PageDigestBytes]byte

// IsZero reports whether a page, or a part of one, is all zeros.
func IsZero(page []byte) bool { return bytes.Equal(page, zeroPage[:len(page)]) }

// Digests keeps the digests of an image's pages. Workers add them in any order. Those of a
// span, a fixed number of pages, are stored as one object once they are complete, so that
// only the spans that are being read are in memory.
type Digests struct {
	objects   *objects.Store
	folder    string     // of the run
	key       [32]byte   // of the digests, FORMAT.md, "Digests of pages"
	Zeros     Digest     // of a page of zeros
	bytes     int64      // of the image
	reference *Reference // whose objects are named again where nothing has changed

	mu    sync.Mutex
	spans map[int]*span
	Refs  []manifest.Pages // one for each span; complete once all digests are added
}

// span is some of a span's digests.
type span struct {
	digests []byte
	missing int // bytes
}

// New returns the digests of an image of so many bytes, which are stored in the archive with
// this id, in the folder of a run. Where they are the same as those of the reference, which may be nil, its objects
// are named again.
func New(store *objects.Store, folder, archiveID string, imageBytes int64, r *Reference) *Digests {
	n := (imageBytes + manifest.PagesSpan - 1) / manifest.PagesSpan
	d := &Digests{
		objects: store, folder: folder, key: sha256.Sum256([]byte("gbak pages " + archiveID)),
		bytes: imageBytes, reference: r, spans: map[int]*span{}, Refs: make([]manifest.Pages, n),
	}
	d.Zeros = d.hash(zeroPage[:])
	return d
}

// DigestOf returns the digest of a page in the archive with this id.
func DigestOf(archiveID string, page []byte) [manifest.PageDigestBytes]byte {
	return New(nil, "", archiveID, 1, nil).Of(page)
}

func (p *Digests) hash(page []byte) (d Digest) {
	binary.LittleEndian.PutUint64(d[:], highwayhash.Sum64(page, p.key[:]))
	return d
}

// Of returns the digest of a page. Only the last one may be shorter.
func (p *Digests) Of(page []byte) Digest {
	if len(page) == manifest.PageBytes && IsZero(page) {
		return p.Zeros
	}
	return p.hash(page)
}

// Add takes the digests of the pages from number first on, and stores the spans that are
// complete with them.
func (p *Digests) Add(ctx context.Context, first int64, digests []Digest) error {
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
func (p *Digests) collect(n int, at int64, digests []Digest) []byte {
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

func (p *Digests) store(ctx context.Context, n int, digests []byte) error {
	ref, isStored := p.reference.sameSpan(ctx, n, digests)
	if !isStored {
		var err error
		if ref, err = p.create(ctx, digests); err != nil {
			return err
		}
	}
	p.reference.forget(n)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.Refs[n] = ref
	return nil
}

// create stores the digests of a span as an object.
func (p *Digests) create(ctx context.Context, digests []byte) (manifest.Pages, error) {
	ring := p.objects.Ring
	body, err := ring.SealCatalog(ctx, digests)
	if err != nil {
		return manifest.Pages{}, err
	}
	ref := manifest.Pages{StoredBytes: int64(len(body)), SHA256: manifest.Sum(body)}
	ref.Key, err = p.objects.CreateProved(ctx, manifest.PagesKey(p.folder, ref.SHA256)+ring.Suffix(), ref.SHA256, body)
	return ref, err
}
