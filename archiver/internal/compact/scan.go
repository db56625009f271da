package compact

import (
	"errors"
	"fmt"
	"io"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/capture"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// closingError says that a part but the last ends with a commit that has no EpochAdvance
// (0.5, [grafeo.Closing]). It ends there only because the backup does, so the merged record
// has to end there, too.
type closingError struct{ parts int } // up to and with that one

func (e *closingError) Error() string {
	return fmt.Sprintf("part %d ends with a commit that has no epoch yet", e.parts)
}

// scan reads the joined log as the database would, frame by frame, and compares its commits
// with what the parts say of them: how many there are, the epoch and time of each, and the
// place and content of the last one.
type scan struct {
	merging *merging
	seen    int
	last    grafeo.Commit
}

// scan scans the joined log. What is wrong with it is about the last part, of which nobody
// knows that it is the culprit.
func (g *merging) scan(r io.Reader) error {
	s := &scan{merging: g}
	var err error
	if g.generation == grafeo.Gen06 {
		err = s.log06(r)
	} else {
		err = s.log05(r)
	}
	if err == nil {
		err = s.check()
	}
	if errors.Is(err, grafeo.ErrDamaged) {
		err = g.wrong(err.Error())
	}
	return err
}

// wrong is the error for a joined log that is not what its parts say.
func (g *merging) wrong(problem string) error {
	return &manifest.ObjectError{
		Key:     g.last.Seq.Key(),
		Problem: fmt.Sprintf("its log and that of the %d backups before it: %s", len(g.parts)-1, problem),
	}
}

// log05 reads the files as one: a commit may run over the end of a file.
func (s *scan) log05(r io.Reader) error {
	var borders []int64
	parts := map[int64]int{} // how many end up to a border
	at := int64(0)
	for i, p := range s.merging.parts[:len(s.merging.parts)-1] {
		at += p.bytes
		borders = append(borders, at)
		parts[at] = i + 1
	}
	reader := grafeo.NewReader05(r, "log", borders...)
	return s.commits(reader, s.merging.rawBytes, func(c *grafeo.Commit) error {
		if n := parts[c.End]; n > 0 && c.Kind == grafeo.Closing {
			return &closingError{n}
		}
		return nil
	})
}

// log06 reads the files one after the other. The first one may begin in its middle.
func (s *scan) log06(r io.Reader) error {
	for _, f := range s.merging.files {
		part := io.LimitReader(r, f.Bytes-f.From)
		var reader *grafeo.Reader06
		var err error
		if f.From > 0 {
			reader, err = grafeo.ContinueReader06(part, f.Name, f.From)
		} else {
			reader, err = grafeo.NewReader06(part, f.Name)
		}
		if err != nil {
			return err
		}
		h := reader.Header()
		if f.From == 0 && (h.DatabaseID != s.merging.last.Database.ID || f.Name != grafeo.LogName(grafeo.Gen06, h.FirstLSN)) {
			return s.merging.wrong(f.Name + " is of another database or another place")
		}
		if err := s.commits(reader, f.Bytes, func(*grafeo.Commit) error { return nil }); err != nil {
			return err
		}
	}
	return nil
}

// commits reads all commits, the last of which must end at bytes.
func (s *scan) commits(r interface {
	Next() (grafeo.Commit, error)
	End() (offset int64, crc uint32)
}, bytes int64, visit func(*grafeo.Commit) error) error {
	for {
		c, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := visit(&c); err != nil {
			return err
		}
		if err := s.count(&c); err != nil {
			return err
		}
	}
	if end, _ := r.End(); end != bytes {
		return s.merging.wrong(fmt.Sprintf("the last commit ends at %d and not at %d", end, bytes))
	}
	return nil
}

func (s *scan) count(c *grafeo.Commit) error {
	s.last = *c
	if !c.HasEpoch {
		return nil
	}
	list := s.merging.commits
	switch {
	case s.seen == len(list):
		return s.merging.wrong(fmt.Sprintf("there are more than %d commits", s.seen))
	case list[s.seen] != capture.CommitTime(c):
		return s.merging.wrong(fmt.Sprintf("commit %d has epoch %d, and should have %d", s.seen+1, c.Epoch, list[s.seen][0]))
	}
	s.seen++
	return nil
}

// check compares the end of the log, when all of it was read.
func (s *scan) check() error {
	end := s.merging.last.Position
	switch {
	case s.seen != len(s.merging.commits):
		return s.merging.wrong(fmt.Sprintf("there are %d commits instead of %d", s.seen, len(s.merging.commits)))
	case s.last.CRC32C != end.Commit.CRC32C || s.last.LSN != end.Commit.LSN || s.last.EndLSN != end.LSN:
		return s.merging.wrong("the commit that they say they end with is not the last one")
	}
	return nil
}
