// Package resume keeps the notes of a restore: which segments are in the staged files, so
// that after a kill or a failure the next restore of the same state reads these back and
// fetches only the rest.
//
// The notes are the file "journal" in the staging folder:
//
//	gbak-s3 restore 1
//	chain <SHA-256 of the manifest of the full backup> <of the next one> ...
//	<number of a segment> <xxh64 of what it gives to the files, 16 hex digits>
//
// Segments have the numbers of the plan's index. A line is written when the bytes that it
// is about are durable, so a line is right even after a loss of power; and nobody relies
// on that, because what is read back is checked. A torn last line does not count. The
// segment with the image's first page, which is held back until the end, has no line.
//
// The file is written when there is something to note: a restore that ends within [Every]
// has none.
//
// The package knows neither the store nor the layout of the staging folder.
package resume

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk"
	"github.com/gbak-s3/gbak-s3/internal/shared"
)

const (
	// FileName is the name of the notes in the staging folder.
	FileName = "journal"
	tempName = "journal.tmp"

	magic       = "gbak-s3 restore 1"
	chainPrefix = "chain "

	// Every is how often written bytes are made durable and noted. Syncing more of them
	// at a time costs less.
	Every = time.Second

	// WorthKeeping is how many bytes must be fetched for a failed restore to leave
	// anything: fewer are fetched again sooner than they are explained.
	WorthKeeping = 1 << 20
)

// Notes are the notes of one restore. A nil *Notes belongs to a restore that leaves
// nothing: of it, [Notes.Resumes], [Notes.About], [Notes.Begin], [Notes.Add],
// [Notes.MarkSynced] and [Notes.Close] may be called. Begin, Add, AddResumed, Digest and
// ReadAt may be called concurrently.
type Notes struct {
	disk   disk.Disk
	folder string
	chain  []manifest.Digest
	every  time.Duration

	earlier     map[int]uint64 // digests by segment, of earlier runs
	isSameChain bool           // that had this very chain

	files  []disk.File // of the staged database
	fileOf []int       // for each file of the index, the one in files
	held   HeldBack

	syncing sync.Mutex // held while a batch is made durable
	mu      sync.Mutex
	last    time.Time    // when the last batch began
	pending []*Note      // written, and perhaps not durable
	dirty   map[int]bool // files with something that is perhaps not durable
	file    disk.File    // nil before the first batch of this run
	broken  bool         // the file cannot be written

	resumed int64
	kept    int64
}

// HeldBack is the beginning of one of the files, which is written last.
type HeldBack struct {
	File  int // index into the files; -1 for none
	Bytes int64
}

// Read returns the notes in a staging folder for a restore of a chain, of which so many
// segments are of the backups up to each. They have what earlier runs noted of the segments
// that their chain and this one have in common: those of the backups with which both begin.
// With fresh, what earlier runs noted does not count. Bytes are noted after every at most,
// if something is added.
func Read(d disk.Disk, folder string, chain []manifest.Digest, segments []int, every time.Duration, fresh bool) *Notes {
	n := &Notes{
		disk: d, folder: folder, chain: chain, every: every, last: time.Now(),
		earlier: map[int]uint64{}, dirty: map[int]bool{},
	}
	b, err := os.ReadFile(filepath.Join(folder, FileName))
	if err != nil || fresh {
		return n
	}
	lines := strings.Split(string(b[:bytes.LastIndexByte(b, '\n')+1]), "\n")
	if len(lines) < 2 || lines[0] != magic {
		return n
	}
	common := n.segmentsInCommon(lines[1], segments)
	n.isSameChain = lines[1] == n.header()
	for _, line := range lines[2:] {
		number, sum, _ := strings.Cut(line, " ")
		segment, err := strconv.Atoi(number)
		digest, errX := strconv.ParseUint(sum, 16, 64)
		if err != nil || errX != nil || len(sum) != 16 {
			break
		}
		if segment < common {
			n.earlier[segment] = digest
		}
	}
	return n
}

// segmentsInCommon returns how many segments the chain of these notes has in common with
// that of a header: those of the backups with which both begin.
func (n *Notes) segmentsInCommon(header string, segments []int) int {
	ours, theirs := strings.Fields(n.header()), strings.Fields(header)
	same := 0
	for same < min(len(ours), len(theirs)) && ours[same] == theirs[same] {
		same++
	}
	switch backups := same - 1; { // the first field is no digest
	case backups < 1:
		return 0
	case same == len(theirs): // all that was noted
		return math.MaxInt
	case backups > len(segments):
		return 0
	default:
		return segments[backups-1]
	}
}

func (n *Notes) header() string {
	names := make([]string, len(n.chain))
	for i, d := range n.chain {
		names[i] = d.String()
	}
	return chainPrefix + strings.Join(names, " ")
}

// Resumes reports whether earlier runs have left something for this one.
func (n *Notes) Resumes() bool { return n != nil && len(n.earlier) > 0 }

// IsSameChain reports whether what earlier runs have left is of this very chain, and not
// of a shorter one.
func (n *Notes) IsSameChain() bool { return n.isSameChain }

// Digest returns the digest that earlier runs noted of what a segment gives to the files,
// and whether they noted one.
func (n *Notes) Digest(segment int) (uint64, bool) {
	digest, ok := n.earlier[segment]
	return digest, ok
}

// ReadAt fills p with what is staged at offset of a file of the index, and reports
// whether that is there.
func (n *Notes) ReadAt(file int, p []byte, offset int64) bool {
	f, err := shared.Open(n.files[n.fileOf[file]].Name())
	if err != nil {
		return false
	}
	defer disk.CloseRead(f)
	read, err := f.ReadAt(p, offset)
	return read == len(p) && (err == nil || read > 0)
}

// Resumed returns how many bytes earlier runs had fetched, of those that this run needs.
func (n *Notes) Resumed() int64 {
	if n == nil {
		return 0
	}
	return n.resumed
}

// Kept returns how many bytes the next run would find: those that were resumed, and those
// that this run has made durable.
func (n *Notes) Kept() int64 { return n.kept }

// Fetched returns how many bytes are written, durable or not.
func (n *Notes) Fetched() int64 {
	bytes := n.kept
	for _, note := range n.pending {
		bytes += note.bytes
	}
	return bytes
}
