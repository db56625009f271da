package capture

import (
	"path/filepath"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// continuityScan scans a log for the commit that the parent ends with, the mark, and
// remembers what comes after it.
type continuityScan struct {
	dir        string                   // of the log
	open       *grafeo.OpenLog          // read instead of the folder, if not nil
	identity   func(name string) string // of a file of the log, see [disk.Identity]
	generation grafeo.Generation
	mark       *manifest.Commit // nil: everything comes after it
	listAll    bool             // list the commits before the mark as well

	log   *grafeo.Log    // that was scanned
	found bool           // the mark was met, with the same content
	at    *grafeo.Commit // the mark as it was met, nil if there is none
	up    *grafeo.Commit // the last commit with an epoch up to there, nil if none was met

	last          *grafeo.Commit // of all commits
	lastWithEpoch *grafeo.Commit

	firstNew, lastNew *grafeo.Commit // after the mark, with an epoch
	newCommits        int64          // how many these are
	newRun            bool           // some of them are of another run than the mark (0.5)
	lastOfRun         *grafeo.Commit // the last one of the mark's run, or of the log's first if there is no mark; nil for none
	lastOfNext        *grafeo.Commit // the last one of the run after that, or of that if it is the last

	perFile []int64        // how many commits with an epoch end in each log file
	listed  []listedCommit // nil if there are more than [manifest.MaxCommits]
	seen    int64          // how many were to be listed
}

// listedCommit is a commit with an epoch, and the log file that it ends in.
type listedCommit struct {
	manifest.CommitTime
	file int
}

// newScan returns a scan of the log of the database at path.
func newScan(path string, generation grafeo.Generation, mark *manifest.Commit) *continuityScan {
	dir := grafeo.LogDir(path)
	identity := func(name string) string { return disk.Identity(filepath.Join(dir, name)) }
	return &continuityScan{dir: dir, identity: identity, generation: generation, mark: mark, found: mark == nil}
}

// run scans the log. A scan runs once, and may start anywhere in the log.
func (s *continuityScan) run(opts grafeo.ScanOptions) (err error) {
	opts.Visit = s.visit
	if s.open != nil {
		s.log, err = s.open.Scan(opts)
		return err
	}
	s.log, err = grafeo.ScanLog(s.dir, s.generation, opts)
	return err
}

func (s *continuityScan) visit(c grafeo.Commit) error {
	s.last = &c
	if c.HasEpoch {
		s.lastWithEpoch = &c
		s.count(&c)
		if s.found || s.listAll {
			s.list(&c)
		}
	}
	switch {
	case !s.found:
		if c.CRC32C == s.mark.CRC32C && s.isInPlace(&c) {
			s.found, s.at, s.up = true, &c, s.lastWithEpoch
		}
	case c.HasEpoch:
		s.addNew(&c)
	}
	return nil
}

func (s *continuityScan) count(c *grafeo.Commit) {
	if n := c.File + 1 - len(s.perFile); n > 0 {
		s.perFile = append(s.perFile, make([]int64, n)...)
	}
	s.perFile[c.File]++
}

func (s *continuityScan) list(c *grafeo.Commit) {
	if s.seen++; s.seen <= manifest.MaxCommits {
		s.listed = append(s.listed, listedCommit{CommitTime(c), c.File})
	} else {
		s.listed = nil
	}
}

// addNew takes note of a commit after the mark.
func (s *continuityScan) addNew(c *grafeo.Commit) {
	if s.firstNew == nil {
		s.firstNew = c
	}
	s.lastNew = c
	s.newCommits++
	run := 0 // of the mark, or the log's first one
	if s.at != nil {
		run = s.at.Run
	}
	switch {
	case c.Run == run && !s.newRun:
		s.lastOfRun = c
	case s.at != nil:
		s.newRun = true
	}
	if c.Run <= run+1 {
		s.lastOfNext = c
	}
}

// isInPlace reports whether c is where the mark was. In 0.5 that is the number of a file
// and the offset in it, which may come again after a clean close; then the checksum
// decides.
func (s *continuityScan) isInPlace(c *grafeo.Commit) bool {
	if s.generation == grafeo.Gen06 {
		return c.LSN == s.mark.LSN
	}
	return c.Start == s.mark.Start && c.End == s.mark.End
}

// commitsFrom returns the listed commits that end in the log file with this index or in
// later ones.
func (s *continuityScan) commitsFrom(file int) []manifest.CommitTime {
	var list []manifest.CommitTime
	for _, c := range s.listed {
		if c.file >= file {
			list = append(list, c.CommitTime)
		}
	}
	return list
}

// countFrom counts the commits with an epoch that end in the log file with this index or
// in later ones.
func (s *continuityScan) countFrom(file int) int64 {
	var n int64
	for i := file; i < len(s.perFile); i++ {
		n += s.perFile[i]
	}
	return n
}

// end returns the log position where the log ends (0.6), 0 if it is empty.
func (s *continuityScan) end() uint64 {
	if s.last == nil {
		return 0
	}
	return s.last.EndLSN
}

// position returns where the log ends, which must have a commit. firstRun is the number of
// the run that it begins with.
func (s *continuityScan) position(firstRun int) manifest.Position {
	c := s.last
	p := manifest.Position{Commit: &manifest.Commit{
		StartFile: s.fileNumber(c.StartFile), Start: c.Start,
		EndFile: s.fileNumber(c.File), End: c.End,
		Run: firstRun + c.Run, CRC32C: c.CRC32C,
	}}
	if s.generation == grafeo.Gen06 {
		p.LSN, p.Commit.LSN = c.EndLSN, c.LSN
	} else {
		p.Commit.FileID = s.identity(s.log.Files[c.File].Name)
	}
	return p
}

// isBeforeEnd reports whether the log up to its last commit has this file. An empty one
// counts as well, such as two native backups of 0.5 in a row leave: without it, the numbers
// of the files would have a gap.
func (s *continuityScan) isBeforeEnd(file int) bool { return s.last != nil && file <= s.last.File }

// leftOut counts the bytes after the last whole commit.
func (s *continuityScan) leftOut() int64 {
	n := s.log.Uncommitted
	if s.log.Torn != nil {
		n += s.log.Torn.Length
	}
	return n
}

// fileNumber returns the number in the name of the log file with this index: its first
// position in 0.6.
func (s *continuityScan) fileNumber(index int) uint64 {
	if s.generation == grafeo.Gen06 {
		return s.log.Files[index].FirstLSN
	}
	return s.log.Files[index].Number
}
