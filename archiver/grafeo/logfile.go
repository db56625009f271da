package grafeo

import (
	"fmt"
	"path/filepath"
)

// ScanLogFile is [ScanLog] for a single log file, as if that were the whole log. An
// interrupted write at its end is a torn tail; in 0.5 the first commit may have begun in
// an earlier file. The log position in the name of a 0.6 file is checked only if it is
// the name of a log file.
func ScanLogFile(path string, gen Generation, visit func(Commit) error) (*Log, error) {
	dir, name := filepath.Split(path)
	number, isName := parseLogName(name, gen)
	file := logName{name, number}
	switch gen {
	case Gen05:
		s := &scanner05{files: logDir(dir), opts: ScanOptions{Visit: visit}, log: &Log{Generation: Gen05}, lastFile: -1, fromFound: true}
		if err := s.scanFile(file); err != nil {
			return nil, err
		}
		return s.log, s.finish()
	case Gen06:
		s := &scanner06{dir: dir, opts: ScanOptions{Visit: visit}, log: &Log{Generation: Gen06}}
		names, err := s.dropUnfinished([]logName{file})
		if err != nil || len(names) == 0 {
			return s.log, err
		}
		if !isName {
			if file.number, err = firstLSN06(dir, file); err != nil {
				return nil, err
			}
		}
		if err := s.scanSegment(file, true); err != nil {
			return nil, err
		}
		return s.log, nil
	}
	return nil, fmt.Errorf("%s: no log of generation %q is known", path, gen)
}

// firstLSN06 returns the log position at which a segment with another name begins.
func firstLSN06(dir string, name logName) (uint64, error) {
	in, err := openLog(dir, name)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	r, err := newReader06(in.source())
	if err != nil {
		return 0, err
	}
	return r.Header().FirstLSN, nil
}
