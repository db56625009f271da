package grafeo

import (
	"bytes"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
)

// small are containers of which every byte can be tried.
func smallImages(t testing.TB) map[string][]byte {
	t.Helper()
	live06 := readFile(t, vector("v0.6.0/live/tiny.grafeo"))
	return map[string][]byte{
		"0.5 sections": readFile(t, vector("v0.5.42/live/tiny.grafeo")),
		"0.5 new":      readFile(t, vector("v0.5.42/reopened/tiny.grafeo")),
		"0.5 snapshot": image05(t, grafeotest.Image05Options{Iteration: 2, Snapshot: 5001, Created: created, Time: created}),
		"0.6 live":     live06,
		"0.6 new":      readFile(t, vector("v0.6.0/reopened/tiny.grafeo")),
		"0.6 blocks":   image06(t, grafeotest.Image06Options{Iteration: 3, Size: 9000, ChunkSize: 2000, EntriesPerBlock: 2}),
	}
}

var created = fromMillis(1_800_000_000_000)

// proved reports, for each byte of an image, whether it is in a range of its proof.
func proved(im *Image) []bool {
	list := make([]bool, im.Size)
	for _, r := range im.Proof {
		for i := range r.Length {
			list[r.Offset+i] = true
		}
	}
	return list
}

// A flip of any byte in a range of the proof is noticed, compared with the image as it was
// read before; and no other byte matters: what is not covered is padding after chunks,
// sections and directory blocks, and free pages.
func TestEveryFlipInAnImageIsSeen(t *testing.T) {
	t.Parallel()
	for name, clean := range smallImages(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			im := mustRead(t, clean)
			b := bytes.Clone(clean)
			r := bytes.NewReader(b)
			for at, covered := range proved(im) {
				bit := byte(1) << (at % 8)
				b[at] ^= bit
				if seen := im.Check(t.Context(), r) != nil; seen != covered {
					t.Errorf("byte %d: seen %v, covered %v", at, seen, covered)
				}
				b[at] ^= bit
			}
		})
	}
}

// A flip in a container that was not read before is noticed, too, with these exceptions,
// which no reader can notice: bytes outside of the proof; the padding of the header pages;
// the 0.5 header pages, which have no checksums, except for the directory's checksum and
// what chooses the active slot (a flip there may make another time, epoch or count); and a
// 0.6 database header, of which the other one is used if that is of a whole image.
func TestEveryFlipInANewContainer(t *testing.T) {
	t.Parallel()
	for name, clean := range smallImages(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			im := mustRead(t, clean)
			b := bytes.Clone(clean)
			for at, covered := range proved(im) {
				if !covered {
					continue
				}
				bit := byte(1) << (at % 8)
				b[at] ^= bit
				got, err := readBytes(t, b)
				b[at] ^= bit
				switch {
				case err != nil:
				case at >= headersLength:
					t.Errorf("byte %d is not seen", at)
				case im.Generation == Gen06 && at < 76:
					t.Errorf("byte %d of the file header is not seen", at)
				case im.Generation == Gen06 && at >= pageSize && at%pageSize < 84 && !got.DamagedSlot:
					t.Errorf("byte %d of a database header is not seen", at)
				case got.DatabaseID != im.DatabaseID && (im.Generation == Gen06 || at >= pageSize):
					t.Errorf("byte %d makes another database", at)
				}
			}
		})
	}
}

// A container that ends early is refused if anything that matters is missing.
func TestEveryTruncationOfAnImage(t *testing.T) {
	t.Parallel()
	for name, clean := range smallImages(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			im := mustRead(t, clean)
			end := int64(0)
			for _, r := range im.Proof {
				end = max(end, r.Offset+r.Length)
			}
			for size := range int64(len(clean)) {
				r := bytes.NewReader(clean[:size])
				if _, err := ReadImage(r, size, "x"); (err == nil) != (size >= end) {
					t.Errorf("%d of %d bytes, %d needed: %v", size, len(clean), end, err)
				}
				if size%11 != 0 && size < end-1 {
					continue // Check reads much to come to the same end
				}
				if err := im.Check(t.Context(), r); (err == nil) != (size >= end) {
					t.Errorf("check of %d of %d bytes, %d needed: %v", size, len(clean), end, err)
				}
			}
		})
	}
}

// smallLogs are logs of which every byte can be tried: the folder's files.
func smallLogs(t testing.TB) map[string]map[string][]byte {
	t.Helper()
	logs := make(map[string]map[string][]byte)
	for _, path := range []string{"v0.5.42/live", "v0.5.42/backup", "v0.5.42/reopened", "v0.6.0/live", "v0.6.0/backup"} {
		files := make(map[string][]byte)
		names, err := filepath.Glob(vector(path, "tiny.grafeo.wal/wal_*.log"))
		if err != nil || len(names) == 0 {
			t.Fatal(names, err)
		}
		for _, name := range names {
			files[filepath.Base(name)] = readFile(t, name)
		}
		logs[path] = files
	}
	synced := newSegment06(0)
	for epoch := range uint64(4) {
		g := group06(epoch, "some records of a commit")
		g.Frames, g.Synced = 1+int(epoch)%2, synced.lsn()
		synced.add(g).mark()
	}
	logs["v0.6.0 synced"] = map[string][]byte{synced.name(): synced.b}
	return logs
}

// A flip of any byte of a log is an error, or the log ends before the commit with that
// byte, as it would with a torn tail. It is always an error in a file with commits after
// it, and before a group that says that the log was synced. What is kept is what was
// written.
func TestEveryFlipInALogIsSeen(t *testing.T) {
	t.Parallel()
	for name, clean := range smallLogs(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gen := Generation(name[1:4])
			dir := logFolder(t, clean)
			_, commits := mustScan(t, dir, gen, ScanOptions{})
			names := sortedNames(clean)
			for i, name := range names {
				newest := i == len(names)-1
				// Of a chain a third is enough: its segments are alike.
				for at, step := 0, min(len(names), 3); at < len(clean[name]); at += step {
					b := bytes.Clone(clean[name])
					b[at] ^= 1 << (at % 8)
					writeFile(t, filepath.Join(dir, name), b)
					l, kept, err := scanAll(dir, gen, ScanOptions{})
					if err != nil {
						continue
					}
					if !newest {
						t.Fatalf("%s, byte %d: not seen", name, at)
					}
					if len(l.Files) != len(names) || l.Torn == nil || l.Files[i].End > int64(at) {
						t.Fatalf("%s, byte %d: kept up to %+v, torn %+v", name, at, l.Files, l.Torn)
					}
					kept = withoutClosing(kept)
					if !slices.Equal(kept, commits[:len(kept)]) {
						t.Fatalf("%s, byte %d: other commits", name, at)
					}
					if gen == Gen05 && commits[len(kept)].End != commits[len(commits)-1].End {
						t.Fatalf("%s, byte %d: %d of %d commits are left, and no error", name, at, len(kept), len(commits))
					}
					if name := names[0]; name == newSegment06(0).name() && len(names) == 1 && len(kept) < len(commits)-2 {
						t.Fatalf("byte %d: synced groups are left out, and no error", at)
					}
				}
				writeFile(t, filepath.Join(dir, name), clean[name])
			}
		})
	}
}

// In a newest log file that ends early, the commits that are whole are found.
func TestEveryTruncationOfALog(t *testing.T) {
	t.Parallel()
	for name, clean := range smallLogs(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gen := Generation(name[1:4])
			dir := logFolder(t, clean)
			_, commits := mustScan(t, dir, gen, ScanOptions{})
			names := sortedNames(clean)
			newest := names[len(names)-1]
			for size := range clean[newest] {
				writeFile(t, filepath.Join(dir, newest), clean[newest][:size])
				_, kept := mustScan(t, dir, gen, ScanOptions{})
				kept = withoutClosing(kept)
				want := 0
				for _, c := range commits {
					if c.File < len(names)-1 || c.End <= int64(size) {
						want++
					}
				}
				if !slices.Equal(kept, commits[:want]) {
					t.Fatalf("%d bytes: %d commits, want %d", size, len(kept), want)
				}
			}
		})
	}
}

// withoutClosing leaves out a last commit without an EpochAdvance.
func withoutClosing(commits []Commit) []Commit {
	if n := len(commits); n > 0 && commits[n-1].Kind == Closing {
		return commits[:n-1]
	}
	return commits
}

func sortedNames(files map[string][]byte) []string {
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
