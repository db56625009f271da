package archiver_test

import (
	"path/filepath"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk/disktest"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// noise makes a database that does not compress; pages for which again is true have
// another content in each iteration.
func noise(t *testing.T, path string, iteration uint64, size int64, again func(page int64) bool) {
	t.Helper()
	const chunk = 1 << 20
	err := grafeotest.Image06(path, grafeotest.Image06Options{
		Iteration: iteration, Epoch: 7, Size: size, ChunkSize: chunk,
		Content: func(p []byte, n int) {
			for at := 0; at < len(p); at += manifest.PageBytes {
				page := (int64(n)*chunk + int64(at)) / manifest.PageBytes
				seed := uint64(page) << 32
				if again(page) {
					seed += iteration
				}
				grafeotest.Fill(p[at:min(at+manifest.PageBytes, len(p))], seed, 0)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What does not compress goes into smaller segments, as memory is made for those; also where a part of it is gathered, as little of it is new.
func TestSegmentsOfWhatDoesNotCompress(t *testing.T) {
	const (
		size  = 70 << 20
		limit = 20 << 20
		frame = 4 << 20
	)
	store := storagetest.NewMemory()
	path := filepath.Join(t.TempDir(), "db.grafeo")
	opts := archiver.BackupOptions{Full: true, SegmentBytes: 32 << 20}
	a := newWith(store, archiver.Options{State: t.TempDir()}).On(disktest.Unsynced{})
	for seq, c := range []struct {
		again    func(page int64) bool
		segments int
	}{
		// Stripes of 32, 32 and 6 MiB.
		{func(int64) bool { return false }, 5},
		// A tenth of the first frame of each stripe, and all of the others, is new.
		{func(page int64) bool { return page*manifest.PageBytes%(32<<20) >= frame || page%10 == 0 }, 5},
	} {
		noise(t, path, uint64(seq+1), size, c.again)
		r, err := a.Backup(t.Context(), path, opts)
		if err != nil {
			t.Fatal(err)
		}
		ix := indexOf(t, store, r.Backup.Seq)
		for _, s := range ix.Segments {
			if s.StoredBytes > limit+limit/64 {
				t.Errorf("backup %d has a segment of %d bytes", r.Backup.Seq, s.StoredBytes)
			}
			if s.RawBytes < s.StoredBytes-s.StoredBytes/64 {
				t.Errorf("backup %d has a segment of %d bytes, of which %d raw", r.Backup.Seq, s.StoredBytes, s.RawBytes)
			}
		}
		if r.Backup.Segments != c.segments {
			t.Errorf("backup %d has made %d segments, want %d", r.Backup.Seq, r.Backup.Segments, c.segments)
		}
		if got := restore(t, store, r.Backup.Seq)["db.grafeo"]; got != readFile(t, path) {
			t.Errorf("backup %d restores to something else", r.Backup.Seq)
		}
		if seq == 0 { // the same image is cut in the same way
			opts.Fresh = true
			if r, err = a.Backup(t.Context(), path, opts); err != nil || r.Backup.Segments != 0 || r.Backup.ReusedBytes != r.Backup.RawBytes {
				t.Fatalf("%+v, %v", r, err)
			}
			opts.Fresh = false
		}
		if v, err := newArchive(store).Verify(t.Context(), archiver.VerifyOptions{Deep: true}); err != nil || len(v.Findings) > 0 {
			t.Errorf("%+v, %v", v, err)
		}
	}
}

// Any size that is allowed works: 25MB is no multiple of anything.
func TestOddSegmentSizes(t *testing.T) {
	im := newPagedImage(t, 1500)
	for _, bytes := range []int64{archiver.MinSegmentBytes + 1, 1_500_000, 25_000_000, archiver.MaxSegmentBytes - 1} {
		store := storagetest.NewMemory()
		for range 2 {
			r, err := newArchive(store).Backup(t.Context(), im.path, archiver.BackupOptions{Full: true, SegmentBytes: bytes, NoHold: true})
			if err != nil {
				t.Fatalf("segments of %d bytes: %v", bytes, err)
			}
			if got := restore(t, store, r.Backup.Seq)["db.grafeo"]; got != readFile(t, im.path) {
				t.Errorf("segments of %d bytes: backup %d restores to something else", bytes, r.Backup.Seq)
			}
		}
	}
}

// The default makes larger segments of larger databases.
func TestDefaultSegmentSize(t *testing.T) {
	for total, want := range map[int64]int64{
		1:                                  archiver.DefaultSegmentBytes / 2,
		8*archiver.DefaultSegmentBytes - 1: archiver.DefaultSegmentBytes / 2,
		8 * archiver.DefaultSegmentBytes:   archiver.DefaultSegmentBytes,
		1 << 40:                            archiver.DefaultSegmentBytes,
	} {
		if got := archiver.SegmentBytesOf(archiver.BackupOptions{}, total); got != want {
			t.Errorf("of %d bytes: %d, want %d", total, got, want)
		}
	}
	if got := archiver.SegmentBytesOf(archiver.BackupOptions{SegmentBytes: 5 << 20}, 1<<40); got != 5<<20 {
		t.Errorf("what was asked for became %d", got)
	}
}
