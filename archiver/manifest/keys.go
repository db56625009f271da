package manifest

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// The keys of an archive's objects, and what those of one sort begin with (FORMAT.md, "Objects").
const (
	ArchiveKey        = "archive.json"
	ManifestPrefix    = "manifests/"
	SegmentPrefix     = "segments/"
	IndexPrefix       = "indexes/"
	PagesPrefix       = "pages/"
	FencePrefix       = "fences/"
	CertificatePrefix = "certificates/" // of what drills and verifications have proved
	DigestPrefix      = "digests/"      // of digests that are pinned
	ProbePrefix       = "probe/"        // of what a probe of the store writes; no backup names it

	// InstructionsKey, MirrorKey and DetachedKey are plain text in every archive.
	InstructionsKey = "RESTORE.md"           // see [Instructions]
	MirrorKey       = "mirror.json"          // of which archive this is a mirror
	DetachedKey     = "mirror.detached.json" // and that it is none any more
)

// SealedSuffix ends the keys of segments, indexes and digests of pages that are encrypted.
const SealedSuffix = ".age"

// keyPattern matches all keys.
var keyPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,254}(/[a-z0-9][a-z0-9._-]{0,254})+$`)

// isKey reports whether s can be the key of an object with this prefix.
func isKey(s, prefix string) bool {
	return strings.HasPrefix(s, prefix) && len(s) <= 512 && keyPattern.MatchString(s)
}

// Seq is the number of a record in its archive, from 1. No number is used twice, even if
// its manifest was deleted.
type Seq uint64

// MaxSeq is the largest number: with more than ten digits, keys would not sort as
// numbers do.
const MaxSeq Seq = 9_999_999_999

// Key returns the key of the manifest of record s. Keys sort as numbers do.
func (s Seq) Key() string { return fmt.Sprintf("%s%010d.json", ManifestPrefix, uint64(s)) }

// GroupEnd returns the last number of the group that s belongs to.
func (s Seq) GroupEnd() Seq { return (s + GroupBackups - 1) / GroupBackups * GroupBackups }

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

// FolderName returns the name of the folder of one run, below each of [SegmentPrefix],
// [IndexPrefix] and [PagesPrefix]. The generation is the number of the newest keep that the
// run has seen, so that a key whose object was deleted never comes back. hash, 32 hex
// digits, is made from what is backed up, so that a backup that was interrupted finds its
// segments again.
func FolderName(generation Seq, hash string) string { return fmt.Sprintf("%010d-%s", generation, hash) }

var folderName = regexp.MustCompile(`^[0-9]{10}-[0-9a-f]{32}$`)

// GenerationOf returns the generation of a folder, as [FolderName] makes it. It is not ok
// if the folder has another name.
func GenerationOf(folder string) (generation Seq, ok bool) {
	if !folderName.MatchString(folder) {
		return 0, false
	}
	n, err := strconv.ParseUint(folder[:10], 10, 64)
	return Seq(n), err == nil
}

// ownKey matches the keys that runs give to the objects of their folders.
var ownKey = regexp.MustCompile(`^(segments/[0-9]{10}-[0-9a-f]{32}/[0-9]{6,}-[0-9a-f]{16}(-[0-9a-f]{8})?\.zst` +
	`|indexes/[0-9]{10}-[0-9a-f]{32}/[0-9a-f]{32}(-[0-9a-f]{8})?\.json\.zst` +
	`|pages/[0-9]{10}-[0-9a-f]{32}/[0-9a-f]{32}(-[0-9a-f]{8})?\.bin)(\.age)?$`)

// ParseGeneration returns the generation of an object, by its key. It is not ok if no run
// gives its objects such a key.
func ParseGeneration(key string) (generation Seq, ok bool) {
	if !ownKey.MatchString(key) {
		return 0, false
	}
	_, rest, _ := strings.Cut(key, "/")
	return GenerationOf(rest[:strings.IndexByte(rest, '/')])
}

// probeKey matches the keys that probes give to their objects.
var probeKey = regexp.MustCompile(`^probe/[0-9a-f]{32}/[0-9]{2,}-[a-z0-9-]+$`)

// IsProbeKey reports whether key is that of an object of a probe. What else is below
// [ProbePrefix] belongs to something else, such as another archive.
func IsProbeKey(key string) bool { return probeKey.MatchString(key) }

// HashInKey returns the hex digits of the SHA-256 of an object's bytes that are in its key. It is
// not ok if no run gives its objects such a key.
func HashInKey(key string) (digits string, ok bool) {
	if !ownKey.MatchString(key) {
		return "", false
	}
	name, _, _ := strings.Cut(key[strings.LastIndexByte(key, '/')+1:], ".")
	parts := strings.Split(name, "-")
	if strings.HasPrefix(key, SegmentPrefix) {
		return parts[1], true
	}
	return parts[0], true
}

// IsSealedKey reports whether an object is an encrypted one, by its key.
func IsSealedKey(key string) bool { return strings.HasSuffix(key, SealedSuffix) }

// SegmentFolder returns the prefix of the segments in a folder.
func SegmentFolder(folder string) string { return SegmentPrefix + folder + "/" }

// SegmentKey returns the key of the n-th segment below a [SegmentFolder]. It contains the
// start of the stored bytes' digest: equal keys have equal bytes.
func SegmentKey(prefix string, n int, sum Digest) string {
	return fmt.Sprintf("%s%06d-%s.zst", prefix, n, sum.String()[:16])
}

// AnotherKey returns another key for the same bytes, for when the object at key is
// damaged. id is random.
func AnotherKey(key, id string) string {
	base, end, _ := strings.Cut(key, ".")
	return base + "-" + id[:8] + "." + end
}

// IndexKey returns the key of an index object in a folder, with these stored bytes.
func IndexKey(folder string, sum Digest) string {
	return IndexPrefix + folder + "/" + sum.String()[:32] + ".json.zst"
}

// PagesKey returns the key of an object of page digests in a folder, with these stored
// bytes.
func PagesKey(folder string, sum Digest) string {
	return PagesPrefix + folder + "/" + sum.String()[:32] + ".bin"
}

// SegmentFolderOf returns the prefix of the segments of the run that wrote key.
func SegmentFolderOf(key string) string { return key[:strings.LastIndexByte(key, '/')+1] }
