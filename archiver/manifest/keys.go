package manifest

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// The names of an archive's objects (FORMAT.md, "Objects").
const (
	ArchiveKey     = "archive.json"
	ManifestPrefix = "manifests/"
	SegmentPrefix  = "segments/"
	IndexPrefix    = "indexes/"
	PagesPrefix    = "pages/"
	ProbePrefix    = "probe/" // of what a store is tried with; no backup names it
)

// keyPattern is what all keys are like.
var keyPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,254}(/[a-z0-9][a-z0-9._-]{0,254})+$`)

// isKey tells whether s can be the key of an object with this prefix.
func isKey(s, prefix string) bool {
	return strings.HasPrefix(s, prefix) && len(s) <= 512 && keyPattern.MatchString(s)
}

// Seq numbers the backups of an archive from 1 without a hole.
type Seq uint64

// MaxSeq is the last number that keeps keys in order: ten digits.
const MaxSeq Seq = 9_999_999_999

// Key is where the manifest of backup s is stored. Keys sort as numbers do.
func (s Seq) Key() string { return fmt.Sprintf("%s%010d.json", ManifestPrefix, uint64(s)) }

// ParseKey is the reverse of [Seq.Key].
func ParseKey(key string) (Seq, bool) {
	digits, ok := strings.CutPrefix(key, ManifestPrefix)
	if !ok {
		return 0, false
	}
	digits, ok = strings.CutSuffix(digits, ".json")
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || n == 0 || Seq(n).Key() != key {
		return 0, false
	}
	return Seq(n), true
}

// SegmentFolder is the prefix of the segments of one backup in the making;
// name comes from what is backed up, so that an interrupted backup finds its
// own segments again.
func SegmentFolder(name string) string { return SegmentPrefix + name + "/" }

// SegmentKey is the key of the n-th segment in folder. It contains the start of the
// stored bytes' digest: equal keys have equal bytes.
func SegmentKey(folder string, n int, sum Digest) string {
	return fmt.Sprintf("%s%06d-%s.zst", folder, n, sum.String()[:16])
}

// AnotherKey is a key for the same bytes as key, for when the object that has
// that key is damaged. id is random.
func AnotherKey(key, id string) string {
	base, end, _ := strings.Cut(key, ".")
	return base + "-" + id[:8] + "." + end
}

// IndexKey is the key of an index object with these stored bytes.
func IndexKey(sum Digest) string { return IndexPrefix + sum.String()[:32] + ".json.zst" }

// PagesKey is the key of an object with digests of pages, these bytes.
func PagesKey(sum Digest) string { return PagesPrefix + sum.String()[:32] + ".bin" }

// SegmentFolderOf is the prefix of the segments of the run that has written key.
func SegmentFolderOf(key string) string { return key[:strings.LastIndexByte(key, '/')+1] }
