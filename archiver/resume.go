package archiver

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/cespare/xxhash/v2"

	"github.com/gbak-s3/gbak-s3/internal/crc32combine"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// This file is about what a restore that was killed, or has failed, had fetched: what
// the next one makes of it, by its journal, and what is left for it.

// readBack reports whether an earlier run has fetched a segment, and its bytes are
// where they belong: then they are counted, and need not be fetched.
func (r *reader) readBack(segment int, frames []int, partsOf [][]part) bool {
	want, ok := r.journal.done[segment]
	if !ok {
		return false
	}
	digest := xxhash.New()
	var read []crc32combine.Part
	var bytes int64
	for _, i := range frames {
		for _, p := range partsOf[i] {
			if int64(cap(r.raw)) < p.Bytes {
				r.raw = disk.AlignedBuffer(int(p.Bytes))
			}
			b := r.raw[:p.Bytes]
			if !r.journal.readAt(p.file, b, p.Offset) {
				return false
			}
			_, _ = digest.Write(b) // never fails
			read = append(read, crc32combine.PartOf(p.Offset, b))
			bytes += p.Bytes
		}
	}
	if digest.Sum64() != want {
		return false
	}
	for _, i := range frames {
		for _, p := range partsOf[i] {
			r.sums[p.file].Add(read[0])
			read = read[1:]
		}
	}
	r.journal.again(bytes)
	r.tracker.add(bytes)
	return true
}

// readAt reads what is staged of a file of the index.
func (j *journal) readAt(file int, p []byte, offset int64) bool {
	f, err := os.Open(j.files[j.fileOf[file]].Name())
	if err != nil {
		return false
	}
	defer f.Close() //nolint:errcheck // it was only read
	n, err := f.ReadAt(p, offset)
	return n == len(p) && (err == nil || n > 0)
}

// keeps reports whether what was fetched is left for the next restore after err:
// not if the disk is what is at fault, whose room others need, nor once publishing
// has begun.
func (s *staging) keeps(err error) bool {
	if s.journal == nil || s.spoiled || disk.Exists(s.path(publishingName)) {
		return false
	}
	var room *RoomError
	if errors.As(err, &room) { // nothing was written
		return s.journal.goesOn()
	}
	for _, local := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG, syscall.EROFS, syscall.EIO} {
		if errors.Is(err, local) && !isStorage(err) {
			return false
		}
	}
	return s.journal.fetched() >= worthKeeping || s.journal.goesOn()
}

// leave gives up the lock, and leaves what was fetched with its journal. It returns
// err, and what that means for whoever gets it.
func (s *staging) leave(err error, total int64) error {
	s.journal.close()
	what := "what an earlier run had fetched"
	if s.journal.kept > 0 {
		what = fmt.Sprintf("of %d bytes %d were fetched and checked, which", total, s.journal.kept)
	}
	if s.lock != nil {
		_ = s.lock.Close() // it was only locked
	}
	return fmt.Errorf("%w; %s is kept in %s, and the next restore of this state to this path goes on from there. To give it up, remove that folder", err, what, s.folder)
}
