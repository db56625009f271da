package grafeo

import (
	"errors"
	"fmt"
	"io"
)

// scanner05 scans the files of a 0.5 log in the order of their numbers.
type scanner05 struct {
	files logFiles
	opts  ScanOptions
	log   *Log
	chain chain05

	whole      []uint32 // CRC-32C of each file that is good to its end
	lastFile   int      // index of the file with the last commit; -1 if there is none
	fromFound  bool     // From was seen between two commits, or is nil
	fromBefore int64    // the last border before From in its file
	torn       error    // why the log ends in a file; later files must be empty
}

// scan05 is [ScanLog] for generation 0.5. (docs/grafeo-format.md, section 5)
func scan05(files logFiles, opts ScanOptions) (*Log, error) {
	names, err := files.list(Gen05)
	if err != nil {
		return nil, err
	}
	s := &scanner05{files: files, opts: opts, log: &Log{Generation: Gen05}, lastFile: -1, fromFound: opts.From == nil}
	for len(names) > 0 && names[0].number < opts.FirstFile {
		names = names[1:]
	}
	if len(names) == 0 {
		return s.log, nil
	}
	names, err = s.choose(names)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if err := s.scanFile(name); err != nil {
			return nil, err
		}
	}
	if !s.fromFound {
		return nil, s.gap(names[0], "the border between two commits at an offset",
			uint64(opts.From.Offset), uint64(s.fromBefore))
	}
	return s.log, s.finish()
}

// choose leaves out the files before From and checks that no number is missing between
// the others: the database only removes the oldest files. An archive may lack empty ones.
func (s *scanner05) choose(names []logName) ([]logName, error) {
	const what = "the number of a log file"
	if from := s.opts.From; from != nil {
		for len(names) > 1 && names[0].number < from.File {
			names = names[1:]
		}
		if names[0].number != from.File {
			return nil, s.gap(names[0], what, from.File, names[0].number)
		}
	}
	if s.opts.WithoutEmpty {
		return names, nil
	}
	for i, name := range names[1:] {
		if want := names[i].number + 1; name.number != want {
			return nil, s.gap(name, what, want, name.number)
		}
	}
	return names, nil
}

func (s *scanner05) gap(name logName, what string, want, got uint64) error {
	return &GapError{Path: s.files.path(name.name), What: what, Want: want, Got: got}
}

// scanFile scans the next file.
func (s *scanner05) scanFile(name logName) error {
	in, err := s.files.open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	if s.torn != nil && in.size > 0 {
		return s.torn
	}
	index := len(s.log.Files)
	s.log.Files = append(s.log.Files, LogFile{Name: name.name, Number: name.number, Size: in.size})
	r := newReader05(in.source(), &s.chain, index)
	r.borders = s.borders(name.number)
	err = s.scanCommits(r, index)
	s.whole = append(s.whole, r.leave())
	if damage, ok := errors.AsType[*DamageError](err); ok {
		return s.endAt(damage, in, index)
	}
	return err
}

// borders are the offsets in a file at which a commit may end without an epoch.
func (s *scanner05) borders(file uint64) map[int64]bool {
	offsets := map[int64]bool{}
	for _, p := range s.opts.Borders {
		if p.File == file {
			offsets[p.Offset] = true
		}
	}
	if from := s.opts.From; from != nil && from.File == file {
		offsets[from.Offset] = true
	}
	return offsets
}

// scanCommits reads the file with this index to its end.
func (s *scanner05) scanCommits(r *Reader05, index int) error {
	file := &s.log.Files[index]
	for {
		s.lookForFrom(file.Number, r.end)
		c, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		file.End, file.CRC32C = r.End()
		if err := s.add(c); err != nil {
			return err
		}
	}
}

// add records a commit.
func (s *scanner05) add(c Commit) error {
	s.lastFile = c.File
	if !s.fromFound {
		return nil
	}
	return s.log.add(c, s.opts.Visit)
}

// finish completes the commit that the log ends with, if that has no EpochAdvance, and
// sets the ends of all files.
func (s *scanner05) finish() error {
	if c, ok := s.chain.close(); ok {
		file := &s.log.Files[c.File]
		file.End, file.CRC32C = c.End, c.upToEnd
		if err := s.add(c); err != nil {
			return err
		}
	}
	if s.chain.changed {
		s.log.Uncommitted = s.chain.pending
	}
	s.log.Reopened = s.chain.checkpointRun != nil && s.chain.run > *s.chain.checkpointRun
	s.setEnds()
	return nil
}

// lookForFrom is called with every border between two commits.
func (s *scanner05) lookForFrom(file uint64, offset int64) {
	from := s.opts.From
	if s.fromFound || file != from.File || s.chain.pending > 0 {
		return
	}
	if offset <= from.Offset {
		s.fromBefore = offset
		s.fromFound = offset == from.Offset
	}
}

// endAt decides what a bad frame means. (docs/grafeo-format.md, section 5.6)
func (s *scanner05) endAt(damage *DamageError, in *logInput, index int) error {
	if index == 0 && damage.Offset == 0 {
		encrypted, err := looksEncrypted05(in, in.size)
		if err != nil {
			return err
		}
		if encrypted {
			return fmt.Errorf("%s: %w", in.path, ErrEncrypted)
		}
	}
	later, err := laterCommit05(in, damage.Offset, in.size)
	if err != nil {
		return err
	}
	if later >= 0 {
		damage.What += fmt.Sprintf("; there are commits after it, at %d: the database stops reading here and loses them"+
			" when it is opened next, so close it cleanly if it is open", later)
		return damage
	}
	s.torn = damage
	s.log.Torn = &TornTail{File: s.log.Files[index].Name, Offset: damage.Offset, Length: in.size - damage.Offset,
		What: damage.What}
	return nil
}

// setEnds sets the ends of the files before the one with the last commit.
func (s *scanner05) setEnds() {
	for i := range s.log.Files {
		file := &s.log.Files[i]
		if i < s.lastFile {
			file.End, file.CRC32C = file.Size, s.whole[i]
		}
	}
}
