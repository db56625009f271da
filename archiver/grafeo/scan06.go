package grafeo

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
)

// scanner06 scans the segments of a 0.6 log in the order of their positions.
type scanner06 struct {
	dir      string
	opts     ScanOptions
	log      *Log
	database string // id that all segments must have; empty until it is known
	from     uint64 // log position; 0 for all
	end      uint64 // log position after the last segment
}

// scan06 is [ScanLog] for generation 0.6. Its rules are those by which the database itself
// opens. (docs/grafeo-format.md, section 6.3)
func scan06(dir string, opts ScanOptions) (*Log, error) {
	names, err := listLogs(dir, Gen06)
	if err != nil {
		return nil, err
	}
	s := &scanner06{dir: dir, opts: opts, log: &Log{Generation: Gen06}, database: opts.DatabaseID}
	if opts.From != nil {
		s.from = opts.From.LSN
	}
	names, err = s.dropUnfinished(names)
	if err != nil {
		return nil, err
	}
	// What ends at or before From is not read. A segment ends where the name of the next
	// one says; of the newest, this is not known yet.
	for len(names) > 1 && names[1].number <= s.from {
		names = names[1:]
	}
	for i, name := range names {
		if err := s.scanSegment(name, i == len(names)-1); err != nil {
			return nil, err
		}
	}
	return s.log, nil
}

// dropUnfinished leaves out the newest segment if it has no header yet, or is a file of
// zeros: it was being created when the database stopped. It has no frame, as the header is
// synced before the first one.
func (s *scanner06) dropUnfinished(names []logName) ([]logName, error) {
	if len(names) == 0 {
		return names, nil
	}
	newest := names[len(names)-1]
	in, err := openLog(s.dir, newest)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	unfinished := in.size < segmentHeaderLength
	if !unfinished {
		if unfinished, err = isZeroFile(in, in.size); err != nil {
			return nil, err
		}
	}
	if !unfinished {
		return names, nil
	}
	s.log.Torn = &TornTail{File: newest.name, Length: in.size, What: "a segment without a header"}
	return names[:len(names)-1], nil
}

// isZeroFile reports whether all bytes of the file are zero. It reads as far as the first
// one that is not.
func isZeroFile(in *logInput, size int64) (bool, error) {
	buf := make([]byte, pageSize)
	for at := int64(0); at < size; at += int64(len(buf)) {
		buf = buf[:min(int64(len(buf)), size-at)]
		if err := readAt(in, buf, at, in.path, "log"); err != nil {
			return false, err
		}
		if !isZero(buf) {
			return false, nil
		}
	}
	return true, nil
}

// scanSegment scans one segment. Only the newest may have a torn tail.
func (s *scanner06) scanSegment(name logName, newest bool) error {
	in, err := openLog(s.dir, name)
	if err != nil {
		return err
	}
	defer in.Close()
	r, err := newReader06(in.source())
	if err != nil {
		return err
	}
	if err := s.checkHeader(r, name); err != nil {
		return err
	}
	if err := r.room(in.size); err != nil {
		return err
	}
	if r.lsn(in.size) <= s.from && r.header.FirstLSN < s.from {
		return nil // it ends at or before From
	}
	if err := s.checkChain(r); err != nil {
		return err
	}
	if s.opts.SkipBefore && len(s.log.Files) == 0 && s.from > r.header.FirstLSN {
		r = s.skipTo(in, r)
	}
	s.end = r.lsn(in.size)
	s.log.Files = append(s.log.Files, LogFile{Name: name.name, Size: in.size, FirstLSN: r.header.FirstLSN})
	err = s.scanGroups(r)
	if damage, ok := errors.AsType[*DamageError](err); ok && damage.mayBeTorn && newest {
		err = s.tail(r, in, damage)
	}
	return err
}

// skipTo returns a reader of the groups from From on, if one begins there, and otherwise r. From
// is in the segment.
func (s *scanner06) skipTo(in *logInput, r *Reader06) *Reader06 {
	offset := segmentHeaderLength + int64(s.from-r.header.FirstLSN)
	rest := func() *Reader06 {
		src := newSource(io.NewSectionReader(in, offset, in.size-offset), in.size-offset, in.path)
		src.offset = offset
		return &Reader06{src: src, header: r.header, end: offset}
	}
	if _, err := rest().Next(); err != nil {
		return r // which says what is wrong
	}
	return rest()
}

// checkHeader compares the header with the name of the file and the database.
func (s *scanner06) checkHeader(r *Reader06, name logName) error {
	h := r.Header()
	if h.FirstLSN != name.number {
		return &DamageError{Path: r.src.path, Offset: 32,
			What: fmt.Sprintf("segment header: first log position %d, which is not that of the name", h.FirstLSN)}
	}
	if s.database == "" {
		s.database = h.DatabaseID
	}
	if h.DatabaseID != s.database {
		return &WrongDatabaseError{Path: r.src.path, Want: s.database, Got: h.DatabaseID}
	}
	s.log.DatabaseID = h.DatabaseID
	return nil
}

// checkChain checks that the segment begins where the one before ends, or, if it is the
// first one, not after From.
func (s *scanner06) checkChain(r *Reader06) error {
	first := r.header.FirstLSN
	if len(s.log.Files) == 0 {
		if s.opts.From != nil && first > s.from {
			return &GapError{Path: r.src.path, What: "a segment with log position", Want: s.from, Got: first}
		}
		return nil
	}
	if first != s.end {
		return &GapError{Path: r.src.path, What: "the log position of the next segment", Want: s.end, Got: first}
	}
	return nil
}

// scanGroups reads a segment to its end.
func (s *scanner06) scanGroups(r *Reader06) error {
	index := len(s.log.Files) - 1
	file := &s.log.Files[index]
	for {
		file.End, file.CRC32C = r.End()
		file.EndLSN = r.lsn(file.End)
		c, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if c.EndLSN <= s.from {
			continue
		}
		if c.LSN < s.from {
			return &GapError{Path: r.src.path, What: "a group that starts at log position", Want: s.from, Got: c.LSN}
		}
		c.StartFile, c.File = index, index
		if err := s.log.add(c, s.opts.Visit); err != nil {
			return err
		}
	}
}

// tail decides what a bad frame in the newest segment means: an interrupted write, unless
// a later group says that those bytes were synced.
func (s *scanner06) tail(r *Reader06, in *logInput, damage *DamageError) error {
	later, err := laterSync06(in, r.header.FirstLSN, damage.Offset)
	if err != nil {
		return err
	}
	if later != "" {
		damage.What += "; " + later
		return damage
	}
	end, _ := r.End()
	s.log.Torn = &TornTail{File: filepath.Base(in.path), Offset: end, Length: in.size - end,
		What: fmt.Sprintf("at offset %d: %s", damage.Offset, damage.What)}
	return nil
}
