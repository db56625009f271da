package local

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gbak-s3/gbak-s3/internal/disk"
	"github.com/gbak-s3/gbak-s3/internal/shared"
)

const (
	tempDir    = ".tmp"         // no element of a key begins with a dot
	tempNames  = "put-"         // in it, with a number
	tempMaxAge = 24 * time.Hour // longer than any Put takes
)

// createTemp makes an empty file with a new name in .tmp.
func (s *Store) createTemp() (disk.File, error) {
	dir := filepath.Join(s.root, tempDir)
	f, err := s.newFile(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	// Its name need not be durable: nothing in it is.
	if err := s.disk.Mkdir(dir, s.folderMode(dir)); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return s.newFile(dir)
}

// newFile makes an empty file in dir. (The files of [os.CreateTemp] are for their owner
// alone, whatever the umask.)
func (s *Store) newFile(dir string) (disk.File, error) {
	for {
		path := filepath.Join(dir, fmt.Sprintf("%s%d", tempNames, rand.Uint64()))
		f, err := s.disk.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, s.fileMode())
		if !errors.Is(err, fs.ErrExist) {
			return f, err
		}
	}
}

// sweepTemps removes what killed processes have left in .tmp. It does what it can:
// leftovers cost only space, and the next process tries again. What has another name is
// not the store's.
func (s *Store) sweepTemps() {
	dir := filepath.Join(s.root, tempDir)
	entries, _ := shared.ReadDir(dir)
	for _, entry := range entries {
		info, err := entry.Info()
		if err == nil && strings.HasPrefix(entry.Name(), tempNames) && info.Mode().IsRegular() && time.Since(info.ModTime()) > tempMaxAge {
			_ = s.disk.Remove(filepath.Join(dir, entry.Name()))
		}
	}
}
