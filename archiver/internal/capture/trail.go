package capture

import (
	"path/filepath"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// trail watches a log being scanned. It looks for the commit that an earlier
// backup ends with, mark, and remembers what comes behind it.
type trail struct {
	mark       *manifest.Commit // nil: everything is behind it
	generation grafeo.Generation
	dir        string // of the log

	found bool           // mark was met, with the same content
	at    *grafeo.Commit // as it was met; nil if there is no mark

	last      *grafeo.Commit // of all kinds
	lastEpoch *grafeo.Commit // with an epoch
	firstNew  *grafeo.Commit // with an epoch, behind mark
	lastNew   *grafeo.Commit
	commits   int64 // with an epoch, behind mark

	// keepAll makes listed hold all commits with an epoch, not only those behind
	// mark. It is nil if there are more than [manifest.MaxCommits].
	keepAll bool
	seen    int64
	perFile []int64 // commits with an epoch that end in each log file
	listed  []listedCommit
	newRun  bool // commits of another run are behind mark (0.5)
}

// listedCommit is a commit and the log file that it ends in.
type listedCommit struct {
	manifest.CommitTime
	file int
}

// commitsFrom lists the commits that end in the log file of this index or in
// later ones.
func (t *trail) commitsFrom(file int) []manifest.CommitTime {
	var list []manifest.CommitTime
	for _, c := range t.listed {
		if c.file >= file {
			list = append(list, c.CommitTime)
		}
	}
	return list
}

// commitsIn counts the commits that end in the log file of this index or in
// later ones.
func (t *trail) commitsIn(file int) int64 {
	var n int64
	for i := file; i < len(t.perFile); i++ {
		n += t.perFile[i]
	}
	return n
}

// end is the log position where the log ends (0.6), 0 if it is empty.
func (t *trail) end() uint64 {
	if t.last == nil {
		return 0
	}
	return t.last.EndLSN
}

func newTrail(dir string, mark *manifest.Commit, generation grafeo.Generation) *trail {
	return &trail{dir: dir, mark: mark, generation: generation, found: mark == nil}
}

// visit is a [grafeo.ScanOptions.Visit]. The scan may start anywhere.
func (t *trail) visit(c grafeo.Commit) error {
	t.last = &c
	if c.HasEpoch {
		t.lastEpoch = &c
		if int(c.File) == len(t.perFile)-1 {
			t.perFile[c.File]++
		} else {
			t.perFile = append(t.perFile, make([]int64, c.File-len(t.perFile)+1)...)
			t.perFile[c.File] = 1
		}
	}
	if c.HasEpoch && (t.found || t.keepAll) {
		if t.seen++; t.seen <= manifest.MaxCommits {
			t.listed = append(t.listed, listedCommit{CommitTime(&c), c.File})
		} else {
			t.listed = nil
		}
	}
	if t.found {
		t.behind(&c)
		return nil
	}
	if c.CRC32C == t.mark.CRC32C && t.inPlace(&c) {
		t.found, t.at = true, &c
	}
	return nil
}

// inPlace tells whether c is where mark was. In 0.5 the number of a file and
// the offset in it are all there is, and they may come again after a clean
// close; the checksum decides then.
func (t *trail) inPlace(c *grafeo.Commit) bool {
	if t.generation == grafeo.Gen06 {
		return c.LSN == t.mark.LSN
	}
	return c.Start == t.mark.Start && c.End == t.mark.End
}

func (t *trail) behind(c *grafeo.Commit) {
	if !c.HasEpoch {
		return
	}
	if t.firstNew == nil {
		t.firstNew = c
	}
	t.lastNew = c
	t.commits++
	if t.at != nil && c.Run != t.at.Run {
		t.newRun = true
	}
}

// position is where the log ends that was scanned.
func (t *trail) position(log *grafeo.Log, firstRun int) manifest.Position {
	c := t.last
	p := manifest.Position{Commit: &manifest.Commit{
		StartFile: fileNumber(log, c.StartFile), Start: c.Start,
		EndFile: fileNumber(log, c.File), End: c.End,
		Run: firstRun + c.Run, CRC32C: c.CRC32C,
	}}
	if log.Generation == grafeo.Gen06 {
		p.LSN, p.Commit.LSN = c.EndLSN, c.LSN
	} else {
		p.Commit.FileID = disk.Identity(filepath.Join(t.dir, log.Files[c.File].Name))
	}
	return p
}

// leftOut counts the bytes behind the last whole commit of a log.
func leftOut(log *grafeo.Log) int64 {
	n := log.Uncommitted
	if log.Torn != nil {
		n += log.Torn.Length
	}
	return n
}

// fileNumber is what the name of a log file counts: LSNs in 0.6, files in 0.5.
func fileNumber(log *grafeo.Log, index int) uint64 {
	if log.Generation == grafeo.Gen06 {
		return log.Files[index].FirstLSN
	}
	return log.Files[index].Number
}

func CommitTime(c *grafeo.Commit) manifest.CommitTime {
	if c.Time.IsZero() {
		return manifest.CommitTime{c.Epoch, 0}
	}
	return manifest.CommitTime{c.Epoch, uint64(c.Time.UnixMilli())}
}
