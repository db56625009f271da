package rebuild

import (
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// CheckCommits compares the log in a staging folder, before it is trimmed, with the commits with which
// the backups of the plan end: so that it is one history, although one of them may be put
// after another than the one that it continues. A commit that was cut off, or runs over the
// end of a file, is passed over. What differs is a [*manifest.ObjectError].
func CheckCommits(logDir string, plan *catalog.Plan) error {
	for _, m := range plan.Route.Chain {
		c := m.Position.Commit
		if c == nil || c.StartFile != c.EndFile {
			continue
		}
		path := filepath.Join(logDir, grafeo.LogName(grafeo.Generation(m.Database.Generation), c.EndFile))
		sum, err := sumOf(path, c.Start, c.End)
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, io.ErrUnexpectedEOF):
			continue
		case err != nil:
			return err
		case sum != c.CRC32C:
			return &manifest.ObjectError{Key: m.Key(), Problem: "the commit with which it ends is not in the log of those that follow"}
		}
	}
	return nil
}

// sumOf returns the CRC-32C of a part of a file. A file that ends before it is
// [io.ErrUnexpectedEOF].
func sumOf(path string, from, end int64) (uint32, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close() //nolint:errcheck // it is only read
	sum := crc32.New(castagnoli)
	n, err := io.Copy(sum, io.NewSectionReader(f, from, end-from))
	if err == nil && n < end-from {
		err = io.ErrUnexpectedEOF
	}
	return sum.Sum32(), err
}
