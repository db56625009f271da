package archiver_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

func segmentKey(key string) bool { return strings.HasPrefix(key, manifest.SegmentPrefix) }

// bigDatabase makes a 0.6 database with an image of about this many bytes and
// no log.
func bigDatabase(t testing.TB, bytes int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "big.grafeo")
	if err := grafeotest.Image06(path, grafeotest.Image06Options{Iteration: 1, Epoch: 7, Size: bytes, Compressible: 0.5}); err != nil {
		t.Fatal(err)
	}
	return path
}

// withLog adds a log of so many segments to a database, with one group each.
func withLog(t testing.TB, path string, segments int) {
	t.Helper()
	dir := path + ".wal"
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	log, err := grafeotest.NewLog06(dir, [16]byte{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close() //nolint:errcheck // of a test's own file
	for i := range segments {
		err := log.Append(grafeotest.Group06{Epoch: uint64(8 + i), Transaction: 2, Records: make([]byte, 100+i*1000)})
		if err == nil && i < segments-1 {
			err = log.Rotate()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
