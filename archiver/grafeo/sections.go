package grafeo

import "strconv"

// The sections whose content is read.
const (
	lpgStoreSection     = 2
	compactStoreSection = 4
	overlaySection      = 5
)

// sectionName returns the name of a section type. Both generations use the same numbers.
// (docs/grafeo-format.md, section 3.1)
func sectionName(number uint32) string {
	switch number {
	case 1:
		return "Catalog"
	case 2:
		return "LpgStore"
	case 3:
		return "RdfStore"
	case 4:
		return "CompactStore"
	case 5:
		return "OverlayDeletions"
	case 6:
		return "TimeIndex"
	case 10:
		return "VectorStore"
	case 11:
		return "TextIndex"
	case 12:
		return "RdfRing"
	case 20:
		return "PropertyIndex"
	}
	return strconv.FormatUint(uint64(number), 10)
}
