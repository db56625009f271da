package shared

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/windows"
)

const (
	patience   = 2 * time.Second      // for a file that another process has open
	firstPause = 2 * time.Millisecond // between the first two attempts
)

func openFile(path string, flag int, _ fs.FileMode) (*os.File, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	access, attributes := uint32(windows.GENERIC_READ), uint32(windows.FILE_ATTRIBUTE_NORMAL)
	switch {
	case flag&os.O_RDWR != 0:
		access |= windows.GENERIC_WRITE
	case flag&os.O_WRONLY != 0:
		access = windows.GENERIC_WRITE
	default:
		attributes |= windows.FILE_FLAG_BACKUP_SEMANTICS // a folder can be opened, too
	}
	how := uint32(windows.OPEN_EXISTING)
	switch {
	case flag&os.O_CREATE != 0 && flag&os.O_EXCL != 0:
		how = windows.CREATE_NEW
	case flag&os.O_CREATE != 0:
		how = windows.OPEN_ALWAYS
	}
	const all = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE
	var handle windows.Handle
	err = Patiently(func() (err error) {
		handle, err = windows.CreateFile(name, access, all, nil, how, attributes, 0)
		return err
	})
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	f := os.NewFile(uintptr(handle), path)
	if flag&os.O_TRUNC != 0 {
		if err := f.Truncate(0); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	return f, nil
}

// Patiently calls do again, for two seconds at most, while another process has the file open and lets
// nobody do that: virus scanners and indexers open whatever was just written, for a moment.
func Patiently(do func() error) error {
	begin := time.Now()
	for pause := firstPause; ; pause *= 2 {
		err := do()
		if !errors.Is(err, windows.ERROR_SHARING_VIOLATION) || time.Since(begin)+pause > patience {
			return err
		}
		time.Sleep(pause)
	}
}
