package grafeo

import (
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
)

// A scan of a log that is being written finds the commits up to some moment,
// whole and in order, and never fails.
func TestScanWhileWriting(t *testing.T) {
	t.Parallel()
	const commits, perFile = 3000, 400
	for gen, write := range map[Generation]func(dir string, n uint64) error{
		Gen05: func(dir string, n uint64) error {
			path := filepath.Join(dir, grafeotest.LogName05((n-1)/perFile))
			// In three writes, as the database does with long records.
			b := commit05(n, "\x00some record", "\x00another record")
			return appendTo(path, b[:7], b[7:20], b[20:])
		},
		Gen06: func(dir string, n uint64) error {
			g := group06(n, "some records of a commit")
			g.Epoch += 1 << 40 // so that all groups have the same length
			length := uint64(len(grafeotest.AppendGroup06(nil, 0, g)))
			lsn := (n - 1) * length
			first := (n - 1) / perFile * perFile * length
			path := filepath.Join(dir, grafeotest.SegmentName06(first))
			b := grafeotest.AppendGroup06(nil, lsn, g)
			if lsn == first {
				header := newSegment06(first).b
				return appendTo(path, header[:50], header[50:], b)
			}
			return appendTo(path, b[:30], b[30:])
		},
	} {
		t.Run(string(gen), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			var written atomic.Uint64
			done := make(chan error, 1)
			go func() {
				for n := uint64(1); n <= commits; n++ {
					if err := write(dir, n); err != nil {
						done <- err
						return
					}
					written.Store(n)
				}
				done <- nil
			}()
			for last := uint64(0); last < commits; {
				select {
				case err := <-done:
					if err != nil {
						t.Fatal(err)
					}
				default:
				}
				least := written.Load()
				l, list := mustScan(t, dir, gen, ScanOptions{})
				last = uint64(len(list))
				if last < least || last > commits {
					t.Fatalf("%d commits, %d are written; torn %+v", last, least, l.Torn)
				}
				if !slices.IsSortedFunc(list, func(a, b Commit) int { return int(a.Epoch) - int(b.Epoch) }) {
					t.Fatalf("epochs %v", epochs(list))
				}
			}
		})
	}
}

// appendTo appends to a file in several writes.
func appendTo(path string, parts ...[]byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	for _, p := range parts {
		if _, err := f.Write(p); err != nil {
			return err
		}
	}
	return f.Close()
}
