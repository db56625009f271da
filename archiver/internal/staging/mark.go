package staging

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"

	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// mark is the content of the file "publishing" in the staging folder. It is durable before
// anything changes at the target, so that a crash at any moment finds it there: until the
// last step of publishing is durable, the next restore to the target takes back what the
// killed one has put there, and puts back what it has moved aside.
type mark struct {
	Log   bool   `json:"log"`   // the staged database has a log
	Spill bool   `json:"spill"` // and spilled vectors
	Block bool   `json:"block"` // a log of 0.5 is moved: it is never at the target without an image
	Aside string `json:"aside"` // the name that what was at the target gets; "" if nothing is moved

	Directory bool `json:"directory,omitempty"` // the staged database is one, with its log in it
}

// staged returns the name in the staging folder of what gets the target's name.
func (m mark) staged() string {
	if m.Directory {
		return DatabaseFolder
	}
	return ImageFile
}

// aside returns the path of the image that was at target once it is moved, "" if nothing
// is.
func (m mark) aside(target string) string {
	if m.Aside == "" {
		return ""
	}
	return filepath.Join(filepath.Dir(target), m.Aside)
}

// readMark reads the mark in the staging folder dir.
func readMark(dir string) (mark, error) {
	b, err := os.ReadFile(filepath.Join(dir, publishingName))
	m := mark{}
	if json.Unmarshal(b, &m) != nil {
		m = mark{Log: true} // of a version that moved aside before it wrote the mark
	}
	return m, err
}

// writeMark makes the mark durable, and before it the names in the staging folder and its
// own.
func writeMark(s *Folder, m mark) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if err := writeNew(s.Disk, s.Path(publishingTemp), b); err != nil {
		return err
	}
	for _, step := range []func() error{
		func() error { return s.Disk.Sync(s.Dir) },
		func() error { return s.Disk.Sync(filepath.Dir(s.Dir)) },
		func() error { return s.Disk.Rename(s.Path(publishingTemp), s.Path(publishingName)) },
		func() error { return s.Disk.Sync(s.Dir) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// writeNew writes a file, whose bytes are durable then, but not its name.
func writeNew(d disk.Disk, path string, b []byte) error {
	f, err := d.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
