package grafeo

import (
	"cmp"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/gbak-s3/gbak-s3/internal/shared"
)

// logName is the name of a log file and the number in it: a counter in 0.5,
// the LSN of the first frame in 0.6.
type logName struct {
	name   string
	number uint64
}

// listLogs lists the log files of a generation in dir, in log order. A folder that does
// not exist has none. Only regular files are log files.
func listLogs(dir string, gen Generation) ([]logName, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names []logName
	for _, e := range entries {
		if number, ok := parseLogName(e.Name(), gen); ok && e.Type().IsRegular() {
			names = append(names, logName{e.Name(), number})
		}
	}
	sortLogs(names)
	return names, nil
}

func sortLogs(names []logName) {
	slices.SortFunc(names, func(a, b logName) int { return cmp.Compare(a.number, b.number) })
}

// LogBytes returns how many bytes the log files in dir have, of either generation. A folder
// that does not exist has none; a file that vanishes meanwhile is left out.
func LogBytes(dir string) (int64, error) {
	n := int64(0)
	for _, gen := range []Generation{Gen05, Gen06} {
		names, err := listLogs(dir, gen)
		if err != nil {
			return 0, err
		}
		for _, name := range names {
			if info, err := os.Stat(filepath.Join(dir, name.name)); err == nil {
				n += info.Size()
			}
		}
	}
	return n, nil
}

// Follows reports whether, by its name, the log file next can be the one after file,
// which has size bytes. In 0.5 names only show the order, as empty files between two may
// be missing.
func Follows(gen Generation, file string, size int64, next string) bool {
	number, ok := parseLogName(file, gen)
	after, alsoOK := parseLogName(next, gen)
	if !ok || !alsoOK {
		return false
	}
	if gen == Gen05 {
		return after > number
	}
	return size >= segmentHeaderLength && after == number+uint64(size-segmentHeaderLength)
}

// IsEndOf reports whether p is the end of the log file name, of size bytes.
func (p Position) IsEndOf(gen Generation, name string, size int64) bool {
	number, ok := parseLogName(name, gen)
	if gen == Gen05 {
		return ok && number == p.File && size == p.Offset
	}
	return ok && size >= segmentHeaderLength && p.LSN == number+uint64(size-segmentHeaderLength)
}

// logFiles are the files of a log.
type logFiles interface {
	list(Generation) ([]logName, error) // in log order
	open(logName) (*logInput, error)
	path(name string) string // for messages
}

// logDir is a folder that has the files of a log.
type logDir string

func (dir logDir) list(gen Generation) ([]logName, error) { return listLogs(string(dir), gen) }
func (dir logDir) open(name logName) (*logInput, error)   { return openLog(string(dir), name) }
func (dir logDir) path(name string) string                { return filepath.Join(string(dir), name) }

// logInput is a log file that is open for a scan.
type logInput struct {
	readAtCloser
	path string
	size int64 // when it was opened; what is written later is not read
}

type readAtCloser interface {
	io.ReaderAt
	io.Closer
}

// source returns a source that reads the file from its beginning.
func (in *logInput) source() source {
	return newSource(io.NewSectionReader(in, 0, in.size), in.size, in.path)
}

func openLog(dir string, name logName) (*logInput, error) {
	path := filepath.Join(dir, name.name)
	f, err := shared.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return &logInput{f, path, info.Size()}, nil
}
