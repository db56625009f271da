package grafeo_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
)

// A scan that skips what comes before any of the commits finds the same as one that reads it, and
// reads nothing of it; where no group begins, it says the same, too.
func TestScanSkipsWhatWasRead(t *testing.T) {
	dir := t.TempDir()
	log, err := grafeotest.NewLog06(dir, [16]byte{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 30 {
		g := grafeotest.Group06{Epoch: uint64(i + 1), Transaction: 2, Records: make([]byte, 1+i*997%5000)}
		if err := log.Append(g); err != nil {
			t.Fatal(err)
		}
		if i%12 == 11 {
			if err := log.Rotate(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	type found struct {
		LSN, EndLSN uint64
		CRC32C      uint32
		After       grafeo.Range
	}
	scan := func(dir string, from uint64, skips bool) (all []found, err error) {
		var commits []grafeo.Commit
		l, err := grafeo.ScanLog(dir, grafeo.Gen06, grafeo.ScanOptions{From: &grafeo.Position{LSN: from}, SkipBefore: skips, Visit: func(c grafeo.Commit) error {
			commits = append(commits, c)
			return nil
		}})
		if err != nil {
			return nil, err
		}
		for _, c := range commits {
			all = append(all, found{c.LSN, c.EndLSN, c.CRC32C, l.Files[c.File].RangeAfter(c)})
		}
		return all, nil
	}
	all, err := scan(dir, 0, false)
	if err != nil || len(all) != 30 {
		t.Fatal(len(all), err)
	}
	for i, c := range all {
		got, err := scan(dir, c.LSN, true)
		if diff := cmp.Diff(all[i:], got); err != nil || diff != "" {
			t.Fatalf("from commit %d: %v\n%s", i, err, diff)
		}
		_, want := scan(dir, c.LSN+1, false)
		_, err = scan(dir, c.LSN+1, true)
		if _, ok := errors.AsType[*grafeo.GapError](err); !ok || want == nil || err.Error() != want.Error() {
			t.Errorf("from inside commit %d: %v, want %v", i, err, want)
		}
	}
	// Of the first segment, what comes before commit 5 is damaged.
	copied := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	first := filepath.Join(copied, grafeotest.SegmentName06(0))
	b, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	b[128+all[3].LSN+20] ^= 1
	if err := os.WriteFile(first, b, 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := scan(copied, all[5].LSN, true)
	if diff := cmp.Diff(all[5:], got); err != nil || diff != "" {
		t.Errorf("beside damage that was skipped: %v\n%s", err, diff)
	}
	for _, from := range []uint64{all[3].LSN, all[5].LSN} {
		_, want := scan(copied, from, false)
		if !errors.Is(want, grafeo.ErrDamaged) {
			t.Fatal(want)
		}
	}
	if _, err := scan(copied, all[3].LSN, true); !errors.Is(err, grafeo.ErrDamaged) {
		t.Errorf("damage at the beginning: %v", err)
	}
}
