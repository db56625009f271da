package manifest

import "testing"

// Objects of a run are known by their keys, sealed or not, and so is one that was stored
// again under another key.
func TestParseGeneration(t *testing.T) {
	folder := FolderName(7, "00112233445566778899aabbccddeeff")
	sum := Sum(nil)
	for _, key := range []string{SegmentKey(SegmentFolder(folder), 3, sum), IndexKey(folder, sum), PagesKey(folder, sum)} {
		for _, own := range []string{key, key + ".age"} {
			for _, own := range []string{own, AnotherKey(own, NewID())} {
				if generation, ok := ParseGeneration(own); !ok || generation != 7 {
					t.Errorf("%s: generation %d, %v", own, generation, ok)
				}
			}
			for _, other := range []string{own + ".age.age", own + ".", own + "x", "x" + own, AnotherKey(AnotherKey(own, NewID()), NewID())} {
				if _, ok := ParseGeneration(other); ok {
					t.Errorf("%s is a key of ours", other)
				}
			}
		}
	}
}

// Another key for the same bytes keeps all that comes after the first dot.
func TestAnotherKey(t *testing.T) {
	if got := AnotherKey("pages/a/b.bin.age", "0123456789"); got != "pages/a/b-01234567.bin.age" {
		t.Error(got)
	}
}
