package manifest

import "fmt"

// The digests of an image's pages (FORMAT.md, "Digests of pages").
const (
	// PageBytes is the size of a page.
	PageBytes = 4096
	// PageDigestBytes is the size of a page's digest.
	PageDigestBytes = 8
	// PagesSpan is the part of an image whose digests are in one object.
	PagesSpan = 512 << 20
	// maxPagesOverhead is how many bytes encryption adds to them at most.
	maxPagesOverhead = 16 << 10
)

// Pages is an object of page digests. A restore does not need it.
type Pages struct {
	Key         string `json:"key"`
	StoredBytes int64  `json:"stored_bytes"`
	SHA256      Digest `json:"sha256"` // of the stored bytes
}

// PagesBytes returns the size of the digests of the n-th span of an image.
func PagesBytes(imageBytes int64, n int) int64 {
	span := min(imageBytes-int64(n)*PagesSpan, PagesSpan)
	return (span + PageBytes - 1) / PageBytes * PageDigestBytes
}

func (f *File) validatePages() error {
	if len(f.Pages) == 0 {
		return nil
	}
	if want := (f.Bytes + PagesSpan - 1) / PagesSpan; f.Name != ImageName || int64(len(f.Pages)) != want {
		return fmt.Errorf("%d objects with digests of pages", len(f.Pages))
	}
	for i, p := range f.Pages {
		bytes := PagesBytes(f.Bytes, i)
		isRight := p.StoredBytes == bytes
		if IsSealedKey(p.Key) {
			isRight = p.StoredBytes > bytes && p.StoredBytes <= bytes+maxPagesOverhead
		}
		if !isKey(p.Key, PagesPrefix) || !isRight {
			return fmt.Errorf("digests of pages %d, %q of %d bytes", i, p.Key, p.StoredBytes)
		}
	}
	return nil
}
