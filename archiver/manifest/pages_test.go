package manifest

import "testing"

// Encrypted digests of pages have more bytes than the digests, and not many more.
func TestEncryptedDigests(t *testing.T) {
	for more, want := range map[int64]bool{0: false, 1: true, 200: true, 16 << 10: true, 16<<10 + 1: false, -1: false} {
		x := sharedIndex()
		x.Files[0].Pages[0].Key += SealedSuffix
		x.Files[0].Pages[0].StoredBytes += more
		if _, err := DecodeIndex(x.Encode()); (err == nil) != want {
			t.Errorf("%d bytes more: %v", more, err)
		}
	}
}
