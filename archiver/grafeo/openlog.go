package grafeo

import (
	"io"
	"io/fs"
	"path/filepath"
)

// OpenLog is a log of 0.5 whose files are open. It can be read after the database has
// removed them, as it does when it is closed. (docs/grafeo-format.md, section 5.5)
type OpenLog struct {
	Dir   string // where the files are, or were
	Files []OpenLogFile
}

// OpenLogFile is a file of an [OpenLog].
type OpenLogFile struct {
	Name    string
	Content io.ReaderAt
	Size    int64 // what comes after it is not read
}

// Scan is [ScanLog] for the log that is open.
func (l *OpenLog) Scan(opts ScanOptions) (*Log, error) { return scan05(l, opts) }

// UpTo returns the part of the log up to the end of the commit c, which a scan of it has
// found.
func (l *OpenLog) UpTo(log *Log, c Commit) *OpenLog {
	last := log.Files[c.File].Name
	part := &OpenLog{Dir: l.Dir}
	for _, f := range l.Files {
		if f.Name == last {
			f.Size = c.End
			part.Files = append(part.Files, f)
			break
		}
		part.Files = append(part.Files, f)
	}
	return part
}

func (l *OpenLog) list(gen Generation) ([]logName, error) {
	var names []logName
	for _, f := range l.Files {
		if number, ok := parseLogName(f.Name, gen); ok {
			names = append(names, logName{f.Name, number})
		}
	}
	sortLogs(names)
	return names, nil
}

func (l *OpenLog) open(name logName) (*logInput, error) {
	for _, f := range l.Files {
		if f.Name == name.name {
			return &logInput{keptOpen{f.Content}, l.path(f.Name), f.Size}, nil
		}
	}
	return nil, &fs.PathError{Op: "open", Path: l.path(name.name), Err: fs.ErrNotExist}
}

func (l *OpenLog) path(name string) string { return filepath.Join(l.Dir, name) }

// keptOpen is a file that a scan does not close.
type keptOpen struct{ io.ReaderAt }

func (keptOpen) Close() error { return nil }

// ListLogs05 returns the names of the log files of 0.5 in dir, in log order. A folder that
// does not exist has none.
func ListLogs05(dir string) ([]string, error) {
	logs, err := listLogs(dir, Gen05)
	names := make([]string, len(logs))
	for i, l := range logs {
		names[i] = l.name
	}
	return names, err
}
