package resume

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// Notes is the file of that name in the staging folder. It says which segments of
// a way are in the staged files, and with which checksum, so that after a kill or a
// failure the next restore reads them back and fetches only the rest:
//
//	gbak-s3 restore 1
//	chain <SHA-256 of the manifest of the full backup> <of the next one> ...
//	<number of a segment in the way> <xxh64 of what it gives to the files, 16 hex digits>
//
// A line is written when the bytes that it is about are durable, so that a line is
// right even after a loss of power; and nobody relies on that, since what is read
// back is checked. A torn line at the end is none. The segment with the image's first
// page, which is held back, has no line.
//
// It is made when there is something to write: a restore that ends within
// journalEvery has none.
type Notes struct {
	disk   disk.Disk
	folder string
	chain  []manifest.Digest
	every  time.Duration

	Done map[int]uint64 // by segment, of earlier runs
	Same bool           // these had this very chain

	files  []disk.File // of the staged database; set by of
	fileOf []int       // for each file of the index
	held   HeldBack    // what is not in the files yet

	syncing sync.Mutex // held by who makes a batch durable
	mu      sync.Mutex
	last    time.Time // when the last batch began
	pending []*entry  // written, and perhaps not durable
	dirty   map[int]bool
	file    disk.File // nil before the first batch of this run
	broken  bool      // the journal cannot be written

	Resumed int64 // bytes that earlier runs had fetched
	Kept    int64 // these, and what this run has made durable
}

// entry is what the journal gets to know of a segment.
type entry struct {
	segment int
	digest  *xxhash.Digest // of its parts, in their order
	bytes   int64
	files   map[int]bool // of the index
	fileOf  []int
	held    HeldBack
	first   bool // something of it is held back
}

const (
	FileName      = "journal"
	journalTemp   = "journal.tmp"
	journalMagic  = "gbak-s3 restore 1"
	Every         = time.Second // how often written bytes are made durable; syncing costs less the more they are
	WorthKeeping  = 1 << 20     // less than that is fetched again sooner than it is explained
	journalChains = "chain "
)

// HeldBack is the beginning of one of the files, which is written last.
type HeldBack struct {
	File  int // in files; -1 for none
	Bytes int64
}

// Read returns the journal of a staging folder for a chain, with what earlier
// runs have noted for it. If that was for a chain that this one does not begin
// with, there is nothing of use. fresh says that there is nothing of use anyhow.
func Read(d disk.Disk, folder string, chain []manifest.Digest, every time.Duration, fresh bool) *Notes {
	j := &Notes{disk: d, folder: folder, chain: chain, every: every, last: time.Now(), Done: map[int]uint64{}, dirty: map[int]bool{}}
	b, err := os.ReadFile(filepath.Join(folder, FileName))
	if err != nil || fresh {
		return j
	}
	lines := strings.Split(string(b[:bytes.LastIndexByte(b, '\n')+1]), "\n")
	if len(lines) < 2 || lines[0] != journalMagic || !strings.HasPrefix(j.header()+" ", lines[1]+" ") {
		return j
	}
	j.Same = lines[1] == j.header()
	for _, line := range lines[2:] {
		number, sum, _ := strings.Cut(line, " ")
		n, err := strconv.Atoi(number)
		x, errX := strconv.ParseUint(sum, 16, 64)
		if err != nil || errX != nil || len(sum) != 16 {
			break
		}
		j.Done[n] = x
	}
	return j
}

func (j *Notes) header() string {
	names := make([]string, len(j.chain))
	for i, d := range j.chain {
		names[i] = d.String()
	}
	return journalChains + strings.Join(names, " ")
}

// Resumes reports whether earlier runs have left something for this one.
func (j *Notes) Resumes() bool { return j != nil && len(j.Done) > 0 }

// Begin returns what a segment will add to the journal, nil without a journal.
func (j *Notes) Begin(segment int) *entry {
	if j == nil {
		return nil
	}
	return &entry{segment: segment, digest: xxhash.New(), files: map[int]bool{}, held: j.held, fileOf: j.fileOf}
}

// Add takes the bytes at an offset of a file of the index, which were written.
func (e *entry) Add(file int, offset int64, b []byte) {
	if e == nil {
		return
	}
	_, _ = e.digest.Write(b) // never fails
	e.bytes += int64(len(b))
	e.files[file] = true
	e.first = e.first || offset < e.held.Bytes && e.fileOf[file] == e.held.File
}

// Add notes that all of a segment was written. Now and then it makes all of that
// durable first, while other workers go on.
func (j *Notes) Add(e *entry) {
	if j == nil {
		return
	}
	j.mu.Lock()
	for file := range e.files {
		j.dirty[j.fileOf[file]] = true
	}
	if !e.first {
		j.pending = append(j.pending, e)
	}
	due := time.Since(j.last) >= j.every
	j.mu.Unlock()
	if due && j.syncing.TryLock() {
		defer j.syncing.Unlock()
		j.Flush()
	}
}

// Again notes that a segment of an earlier run was read back.
func (j *Notes) Again(bytes int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.Resumed += bytes
	j.Kept += bytes
}

// Flush makes what was written durable, and notes it. If that does not work, the
// restore goes on without: whoever syncs the files at its end gets the error.
// Its caller holds j.syncing, or is alone.
func (j *Notes) Flush() {
	j.mu.Lock()
	j.last = time.Now()
	pending, dirty := j.pending, j.dirty
	j.pending, j.dirty = nil, map[int]bool{}
	broken := j.broken
	j.mu.Unlock()
	if broken || len(pending) == 0 {
		return
	}
	err := j.sync(dirty)
	if err == nil {
		err = j.write(pending)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.broken = err != nil
	for _, e := range pending {
		if err == nil {
			j.Kept += e.bytes
		}
	}
}

func (j *Notes) sync(dirty map[int]bool) error {
	for i, f := range j.files {
		if dirty[i] {
			if err := f.Sync(); err != nil {
				return err
			}
		}
	}
	return nil
}

// Synced says that all files were synced.
func (j *Notes) Synced() {
	if j != nil {
		clear(j.dirty)
	}
}

// write appends lines. The first ones of a run begin a new file, which replaces
// that of the run before.
func (j *Notes) write(entries []*entry) error {
	path := func(name string) string { return filepath.Join(j.folder, name) }
	var b bytes.Buffer
	first := j.file == nil
	if first {
		f, err := j.disk.OpenFile(path(journalTemp), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
		if err != nil {
			return err
		}
		j.file = f
		fmt.Fprintf(&b, "%s\n%s\n", journalMagic, j.header())
		for n, sum := range j.Done {
			fmt.Fprintf(&b, "%d %016x\n", n, sum)
		}
	}
	for _, e := range entries {
		fmt.Fprintf(&b, "%d %016x\n", e.segment, e.digest.Sum64())
	}
	if _, err := j.file.Write(b.Bytes()); err != nil {
		return err
	}
	if err := j.file.Sync(); err != nil || !first {
		return err
	}
	if err := j.disk.Rename(path(journalTemp), path(FileName)); err != nil {
		return err
	}
	folders := map[string]bool{j.folder: true}
	for _, f := range j.files {
		folders[filepath.Dir(f.Name())] = true
	}
	for _, folder := range slices.Sorted(maps.Keys(folders)) {
		if err := j.disk.Sync(folder); err != nil {
			return err
		}
	}
	return nil
}

// Of says which files the journal is about, and of which of them the beginning is
// written last.
func (j *Notes) Of(files []disk.File, fileOf []int, held HeldBack) {
	if j != nil {
		j.files, j.fileOf, j.held = files, fileOf, held
	}
}

// Fetched is how many bytes are there, durable or not.
func (j *Notes) Fetched() int64 {
	n := j.Kept
	for _, e := range j.pending {
		n += e.bytes
	}
	return n
}

// Close ends the journal's use of its file.
func (j *Notes) Close() {
	if j != nil && j.file != nil {
		_ = j.file.Close() // it was synced
		j.file = nil
	}
}

// ReadAt reads what is staged of a file of the index.
func (j *Notes) ReadAt(file int, p []byte, offset int64) bool {
	f, err := os.Open(j.files[j.fileOf[file]].Name())
	if err != nil {
		return false
	}
	defer disk.CloseRead(f)
	n, err := f.ReadAt(p, offset)
	return n == len(p) && (err == nil || n > 0)
}
