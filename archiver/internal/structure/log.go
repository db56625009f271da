package structure

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/internal/ctxio"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// log is what the log of a restored database has.
type log struct {
	files   []logFile // in log order
	bytes   int64
	commits int64 // with an epoch

	last          *grafeo.Commit // nil if there is none; it may be a sync mark (0.6)
	lastWithEpoch *grafeo.Commit

	joined  bool           // a group begins or ends at the image's checkpoint (0.6)
	tooLate *grafeo.Commit // the first commit that the cut should have left out (0.6)
}

// logFile is a file of a log.
type logFile struct {
	name  string
	bytes int64
}

// readLog reads every frame of the log in dir. A restored log has whole commits only, but
// for what was trimmed: what an interrupted write has left was not backed up.
func readLog(ctx context.Context, dir string, want *Want) (*log, error) {
	l := &log{}
	generation := grafeo.Generation(want.Image.Generation)
	if err := l.list(dir, generation); err != nil {
		return l, err
	}
	if generation == grafeo.Gen05 {
		return l, l.read05(ctx, dir, want)
	}
	return l, l.read06(ctx, dir, want)
}

// list finds the files of the log. A database without a log folder has none.
func (l *log) list(dir string, generation grafeo.Generation) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if grafeo.LogGeneration(e.Name()) != generation || !e.Type().IsRegular() {
			return mismatch("%s is in the log folder, and is no file of a log", e.Name())
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		l.files = append(l.files, logFile{e.Name(), info.Size()})
		l.bytes += info.Size()
	}
	slices.SortFunc(l.files, func(a, b logFile) int {
		return cmp.Or(cmp.Compare(len(a.name), len(b.name)), cmp.Compare(a.name, b.name))
	})
	return nil
}

// read05 reads the files as one: a commit may run over the end of a file.
func (l *log) read05(ctx context.Context, dir string, want *Want) error {
	files := &logFiles{dir: dir, files: l.files}
	defer files.close()
	var borders []int64
	before := int64(0)
	for _, f := range l.files {
		for _, b := range want.borders {
			if f.name == grafeo.LogName(grafeo.Gen05, b.File) && !want.Trimmed {
				borders = append(borders, before+b.Offset)
			}
		}
		before += f.bytes
	}
	r := grafeo.NewReader05(ctxio.NewReader(ctx, files), dir, borders...)
	if err := l.readAll(r, l.bytes, want, !want.Trimmed); err != nil || l.last == nil {
		return err
	}
	for l.last.End > l.files[l.last.File].bytes {
		l.last.End -= l.files[l.last.File].bytes
		l.last.File++
	}
	return nil
}

// read06 reads the segments, each of which has to continue the one before.
func (l *log) read06(ctx context.Context, dir string, want *Want) error {
	next := uint64(0)
	for i, f := range l.files {
		end, err := l.segment(ctx, filepath.Join(dir, f.name), i, next, want)
		if err != nil {
			return err
		}
		next = end
	}
	return nil
}

// segment reads a segment, and returns the log position at its end.
func (l *log) segment(ctx context.Context, path string, number int, next uint64, want *Want) (end uint64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer disk.CloseRead(f)
	r, err := grafeo.NewReader06(ctxio.NewReader(ctx, f), path)
	if err != nil {
		return 0, err
	}
	header, checkpoint := r.Header(), want.Image.CheckpointLSN
	switch {
	case header.DatabaseID != want.Image.ID:
		return 0, &grafeo.WrongDatabaseError{Path: path, Want: want.Image.ID, Got: header.DatabaseID}
	case grafeo.LogName(grafeo.Gen06, header.FirstLSN) != l.files[number].name:
		return 0, mismatch("%s begins at log position %d", path, header.FirstLSN)
	case number > 0 && header.FirstLSN != next:
		return 0, &grafeo.GapError{Path: path, What: "it does not continue the segment before", Want: next, Got: header.FirstLSN}
	case number == 0 && header.FirstLSN > checkpoint:
		return 0, &grafeo.GapError{Path: path, What: "the log begins after the image's checkpoint", Want: checkpoint, Got: header.FirstLSN}
	}
	l.joined = l.joined || header.FirstLSN == checkpoint
	before := l.last
	if err := l.readAll(r, l.files[number].bytes, want, true); err != nil {
		return 0, err
	}
	if l.last == before { // it has no group yet
		return header.FirstLSN, nil
	}
	l.last.File = number
	return l.last.EndLSN, nil
}

// commitReader is what the readers of both generations can do.
type commitReader interface {
	Next() (grafeo.Commit, error)
	End() (offset int64, crc uint32)
}

// readAll reads all commits. If whole is true, the last one must end at bytes.
func (l *log) readAll(r commitReader, bytes int64, want *Want, whole bool) error {
	for {
		c, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		l.visit(&c, want)
	}
	if end, _ := r.End(); whole && end != bytes {
		return mismatch("its last commit ends at %d, and there are %d bytes", end, bytes)
	}
	return nil
}

// visit notes a commit.
func (l *log) visit(c *grafeo.Commit, want *Want) {
	l.last = c
	if checkpoint := want.Image.CheckpointLSN; c.LSN == checkpoint || c.EndLSN == checkpoint {
		l.joined = true
	}
	if !c.HasEpoch {
		return
	}
	l.commits++
	l.lastWithEpoch = c
	if want.Image.Generation == string(grafeo.Gen06) && l.tooLate == nil && want.CutsOff(c.Epoch, c.Time) {
		l.tooLate = c
	}
}

// logFiles reads the files of a log one after the other, of which one is open at a time.
type logFiles struct {
	dir   string
	files []logFile // that are still to be opened
	open  *os.File
}

func (r *logFiles) Read(p []byte) (int, error) {
	for {
		if r.open == nil {
			if len(r.files) == 0 {
				return 0, io.EOF
			}
			f, err := os.Open(filepath.Join(r.dir, r.files[0].name))
			if err != nil {
				return 0, err
			}
			r.open, r.files = f, r.files[1:]
		}
		n, err := r.open.Read(p)
		if n > 0 || !errors.Is(err, io.EOF) {
			return n, err
		}
		r.close()
	}
}

func (r *logFiles) close() {
	if r.open != nil {
		disk.CloseRead(r.open)
		r.open = nil
	}
}
