package grafeo

import (
	"os"
	"path/filepath"
)

// SegmentFile is a log file of 0.6, as far as its name and its size show.
type SegmentFile struct {
	FirstLSN, EndLSN uint64 // log positions; without any frame they are the same
	Bytes            int64
}

// ListSegments lists the log files of 0.6 in dir, in log order. A folder that is not
// there has none; a file that vanishes meanwhile is left out.
func ListSegments(dir string) ([]SegmentFile, error) {
	names, err := listLogs(dir, Gen06)
	if err != nil {
		return nil, err
	}
	var files []SegmentFile
	for _, name := range names {
		info, err := os.Stat(filepath.Join(dir, name.name))
		if err != nil {
			continue
		}
		f := SegmentFile{FirstLSN: name.number, EndLSN: name.number, Bytes: info.Size()}
		if frames := f.Bytes - segmentHeaderLength; frames > 0 {
			f.EndLSN += uint64(frames)
		}
		files = append(files, f)
	}
	return files, nil
}

// OldestLSN returns the log position that the log of 0.6 in dir begins at, or the
// checkpoint's, if there is no log or it begins later.
func OldestLSN(dir string, checkpoint uint64) (uint64, error) {
	names, err := listLogs(dir, Gen06)
	if err != nil || len(names) == 0 {
		return checkpoint, err
	}
	return min(names[0].number, checkpoint), nil
}
