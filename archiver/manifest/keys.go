package manifest

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// The keys of an archive's objects, and what those of one sort begin with (FORMAT.md, "Objects").
const (
	ArchiveKey     = "archive.json"
	ManifestPrefix = "manifests/"
	SegmentPrefix  = "segments/"
	IndexPrefix    = "indexes/"
	PagesPrefix    = "pages/"
	ProbePrefix    = "probe/" // of what a probe of the store writes; no backup names it
)

// keyPattern matches all keys.
var keyPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,254}(/[a-z0-9][a-z0-9._-]{0,254})+$`)

// isKey reports whether s can be the key of an object with this prefix.
func isKey(s, prefix string) bool {
	return strings.HasPrefix(s, prefix) && len(s) <= 512 && keyPattern.MatchString(s)
}

// Seq is the number of a backup in its archive: from 1, without a hole.
type Seq uint64

// MaxSeq is the largest number: with more than ten digits, keys would not sort as
// numbers do.
const MaxSeq Seq = 9_999_999_999

// Key returns the key of the manifest of backup s. Keys sort as numbers do.
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

// SegmentFolder returns the prefix of the segments of one run. The name is made from
// what is backed up, so that a backup that was interrupted finds its segments again.
func SegmentFolder(name string) string { return SegmentPrefix + name + "/" }

// SegmentKey returns the key of the n-th segment in folder. It contains the start of the
// stored bytes' digest: equal keys have equal bytes.
func SegmentKey(folder string, n int, sum Digest) string {
	return fmt.Sprintf("%s%06d-%s.zst", folder, n, sum.String()[:16])
}

// AnotherKey returns another key for the same bytes, for when the object at key is
// damaged. id is random.
func AnotherKey(key, id string) string {
	base, end, _ := strings.Cut(key, ".")
	return base + "-" + id[:8] + "." + end
}

// IndexKey returns the key of an index object with these stored bytes.
func IndexKey(sum Digest) string { return IndexPrefix + sum.String()[:32] + ".json.zst" }

// PagesKey returns the key of an object of page digests with these stored bytes.
func PagesKey(sum Digest) string { return PagesPrefix + sum.String()[:32] + ".bin" }

// SegmentFolderOf returns the prefix of the segments of the run that wrote key.
func SegmentFolderOf(key string) string { return key[:strings.LastIndexByte(key, '/')+1] }
