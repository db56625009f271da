package pages

import (
	"crypto/sha256"
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestVectorsOfFormat holds the test vectors of FORMAT.md true.
func TestVectorsOfFormat(t *testing.T) {
	const archiveID = "000102030405060708090a0b0c0d0e0f"
	format, err := os.ReadFile("../../../FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	pages := map[string][]byte{
		"4,096 zero bytes":                             make([]byte, 4096),
		"4,096 bytes `00 01 … ff`, over and over":      make([]byte, 4096),
		"the first 100 bytes of those, as a last page": make([]byte, 100),
	}
	for name, page := range pages {
		if !strings.Contains(name, "zero") {
			for i := range page {
				page[i] = byte(i)
			}
		}
		row := fmt.Sprintf("| %s | `%x` |", name, DigestOf(archiveID, page))
		if !strings.Contains(string(format), row) {
			t.Errorf("FORMAT.md lacks %q", row)
		}
	}
	if key := fmt.Sprintf("`%x`", sha256.Sum256([]byte("gbak pages "+archiveID))); !strings.Contains(string(format), key) {
		t.Errorf("FORMAT.md lacks the key %s", key)
	}
}
