package native

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
)

// log06 reads the segments in a native incremental. They are whole segments of the
// database, so they begin and end between groups.
func (r *chainReader) log06(f *os.File, b *Backup, h *grafeo.NativeHeader, parts []grafeo.NativePart, n *found) error {
	var groups, end uint64
	for i, p := range parts {
		segment, err := grafeo.NewReader06(io.NewSectionReader(f, p.Offset, p.Length), b.path)
		if err != nil {
			return p.In(err)
		}
		header, length := segment.Header(), uint64(p.Length-grafeo.SegmentHeaderLength)
		switch {
		case header.DatabaseID != r.image.DatabaseID:
			return &grafeo.WrongDatabaseError{Path: b.path, Want: r.image.DatabaseID, Got: header.DatabaseID}
		case i > 0 && header.FirstLSN != end, i == 0 && header.FirstLSN > r.end:
			want := r.end
			if i > 0 {
				want = end
			}
			return &grafeo.GapError{Path: b.path, What: "the log position of the next segment", Want: want, Got: header.FirstLSN}
		case length > math.MaxUint64-header.FirstLSN:
			return &grafeo.DamageError{Path: b.path, Offset: p.Offset, What: "segment header: log positions above 64 bits"}
		}
		end = header.FirstLSN + length
		if err := r.place06(f, b, p, header.FirstLSN, end); err != nil {
			return err
		}
		if err := r.groups06(segment, b, p, &groups, n); err != nil {
			return err
		}
		r.end = max(r.end, end)
	}
	if end < r.end {
		// A later backup has all that an earlier one has.
		return &grafeo.GapError{Path: b.path, What: "the log position where it ends", Want: r.end, Got: end}
	}
	r.epoch = max(r.epoch, b.Entry.EndEpoch)
	if groups != h.Count {
		return &grafeo.DamageError{
			Path: b.path, Offset: 24, What: fmt.Sprintf("it has %d groups, but %d in its header", groups, h.Count),
		}
	}
	return nil
}

// place06 adds a segment to the chain's log. What earlier entries have of it, as after a
// crash of the database between two steps of a backup, must be the same.
func (r *chainReader) place06(f *os.File, b *Backup, p grafeo.NativePart, first, end uint64) error {
	known := r.end
	for i := range r.files {
		old := &r.files[i]
		from := max(first, old.firstLSN)
		to := min(end, old.firstLSN+uint64(old.size-grafeo.SegmentHeaderLength))
		if from >= to {
			continue
		}
		length := int64(to - from)
		at := int64(from - first)
		inOld := int64(from-old.firstLSN) + grafeo.SegmentHeaderLength + old.start
		if err := sameBytes(f, p.Offset+grafeo.SegmentHeaderLength+at, old.path, inOld, length); err != nil {
			return notSame(err, b.path, old.path, from)
		}
	}
	file := chainFile{
		name: grafeo.LogName(grafeo.Gen06, first), path: b.path, start: p.Offset, size: p.Length, firstLSN: first,
	}
	switch {
	case end <= known:
	case first == known, known == r.image.CheckpointLSN:
		r.files = append(r.files, file)
	default: // the segment has grown since the entry before
		last := &r.files[len(r.files)-1]
		if last.firstLSN != first {
			return &grafeo.GapError{Path: b.path, What: "the log position of the next segment", Want: known, Got: first}
		}
		file.stored = last.stored
		*last = file
	}
	return nil
}

// groups06 reads the groups of a segment, and finds those that are new.
func (r *chainReader) groups06(segment *grafeo.Reader06, b *Backup, p grafeo.NativePart, groups *uint64, n *found) error {
	index := len(r.files) - 1
	for {
		c, err := segment.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return p.In(err)
		}
		if c.HasEpoch {
			*groups++
		}
		if c.EndLSN <= r.end {
			continue
		}
		if c.LSN < r.end {
			return &grafeo.GapError{Path: b.path, What: "a group that starts at log position", Want: r.end, Got: c.LSN}
		}
		c.StartFile, c.File = index, index
		n.add(c)
		if c.HasEpoch {
			r.when = c.Time
		}
	}
}

// notSame returns the error for two native backups that differ at the same log position.
func notSame(err error, path, other string, lsn uint64) error {
	if !errors.Is(err, errDiffer) {
		return err
	}
	return &grafeo.DamageError{
		Path: path,
		What: fmt.Sprintf("from log position %d on, it has a different history than %s", lsn, filepath.Base(other)),
	}
}
