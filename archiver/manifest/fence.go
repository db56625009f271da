package manifest

import (
	"fmt"
	"strconv"
	"strings"
)

// Fence is the document at [FenceKey]. It is created before the keep that follows the keep of
// its number, and before the manifests of the group that ends with its number are deleted. It
// is never deleted itself: a writer looks for it after a commit to learn whether the number was
// free because its manifest had been deleted.
type Fence struct {
	Type      string `json:"type"` // "fence"
	Format    int    `json:"format"`
	ArchiveID string `json:"archive_id"`
	Keep      Seq    `json:"keep"` // the number in its key

	// Generation is that of the keys with which its MAC was made, in an encrypted archive.
	Generation int `json:"generation,omitempty"`
}

// Encode returns the document's bytes. It sets Type and Format.
func (f *Fence) Encode() []byte {
	f.Type, f.Format = typeFence, Format
	return encode(f)
}

// DecodeFence decodes what [Fence.Encode] returned. Errors are [ErrDamaged] or an
// [*UnsupportedError].
func DecodeFence(b []byte) (*Fence, error) {
	var f Fence
	if err := decode(b, typeFence, &f); err != nil {
		return nil, err
	}
	if !isID(f.ArchiveID) || f.Keep == 0 || f.Keep > MaxSeq {
		return nil, fmt.Errorf("%w: the fence of keep %d", ErrDamaged, f.Keep)
	}
	return &f, nil
}

// FenceKey returns the key of the fence of a keep, or of the last number of a group.
func FenceKey(keep Seq) string { return fmt.Sprintf("%s%010d.json", FencePrefix, uint64(keep)) }

// ParseFenceKey is the reverse of [FenceKey].
func ParseFenceKey(key string) (Seq, bool) {
	digits := strings.TrimSuffix(strings.TrimPrefix(key, FencePrefix), ".json")
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || n == 0 || FenceKey(Seq(n)) != key {
		return 0, false
	}
	return Seq(n), true
}
