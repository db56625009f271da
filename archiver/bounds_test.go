package archiver_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"iter"
	"maps"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/klauspost/compress/zstd"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// bounded demands that f allocates no more than so many MiB, all in all.
func bounded(t *testing.T, mib uint64, f func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	if grown := (after.TotalAlloc - before.TotalAlloc) >> 20; grown > mib {
		t.Errorf("it took %d MiB of memory, want at most %d", grown, mib)
	}
}

// refuses demands that a deep verification finds something and a restore of
// the newest backup fails, naming the object, with so much memory.
func refuses(t *testing.T, objects map[string][]byte, key string, mib uint64) {
	t.Helper()
	bounded(t, mib, func() {
		if found := findings(t, objects); !names(found, key) {
			t.Errorf("verify found %v, and not %s", found, key)
		}
		dir := t.TempDir()
		_, err := newArchive(refill(t, objects)).Restore(t.Context(), filepath.Join(dir, "db.grafeo"), archiver.RestoreOptions{})
		if key == manifest.ArchiveKey { // which a restore does not need
			if err != nil {
				t.Error(err)
			}
			return
		}
		mustFail(t, err, archiver.CodeDamagedArchive, key)
		if left := contents(t, dir); len(left) > 0 {
			t.Errorf("the restore has left %d files", len(left))
		}
	})
}

// zeros is a frame of so many zero bytes.
func zeros(t *testing.T, n int, opts ...zstd.EOption) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b, append(opts, zstd.WithEncoderConcurrency(1))...)
	if err != nil {
		t.Fatal(err)
	}
	for part := make([]byte, 1<<20); n > 0; n -= len(part) {
		if _, err := w.Write(part[:min(n, len(part))]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// skippable is so many empty frames that decompress to nothing.
func skippable(n int) []byte {
	return bytes.Repeat(binary.LittleEndian.AppendUint32([]byte{0x50, 0x2a, 0x4d, 0x18}, 0), n)
}

// A segment with right digests whose frames are not what the index says takes
// no more memory than one that is.
func TestBombsInSegments(t *testing.T) {
	objects := chain06(t, 1).Objects()
	for name, bomb := range map[string][]byte{
		"a frame of 256 MiB":          zeros(t, 256<<20),
		"a window of 512 MiB":         zeros(t, 1<<20, zstd.WithWindowSize(512<<20), zstd.WithSingleSegment(false)),
		"a million skippable frames":  skippable(1 << 20),
		"many frames of a megabyte":   bytes.Repeat(zeros(t, 1<<20), 256),
		"skippable frames and a bomb": append(skippable(1000), zeros(t, 256<<20)...),
	} {
		t.Run(name, func(t *testing.T) {
			sum := manifest.Sum(bomb)
			var key string
			damaged := forged(t, objects, 5, func(m, ix document) {
				withObjects(t, map[string][]byte{}, m, ix)
				key = manifest.SegmentKey(manifest.SegmentFolder(m["folder"].(string)), 77, sum)
				s := ix["segments"].([]any)[0].(document)
				s["key"], s["stored_bytes"], s["sha256"] = key, len(bomb), sum.String()
				f := ix["frames"].([]any)[0].(document)
				f["offset"], f["stored_bytes"] = 0, len(bomb)
			})
			damaged[key] = bomb
			if len(bomb) > 2*manifest.MaxFrameBytes {
				key = manifest.Seq(5).Key()
			}
			refuses(t, damaged, key, 128)
		})
	}
}

// An index object is read as far as its manifest says it goes.
func TestBombsInIndexes(t *testing.T) {
	objects := chain06(t, 1).Objects()
	index := func(raw []byte) func(*testing.T) ([]byte, int) {
		return func(t *testing.T) ([]byte, int) { return packed(t, raw), len(raw) }
	}
	list := func(field, element string) []byte {
		elements := strings.TrimSuffix(strings.Repeat(element+",", 16<<20/len(element)), ",")
		line := `{"type":"index","format":1,"` + field + `":[` + elements + "]}\n"
		return fmt.Appendf([]byte(line), "{\"sha256\":\"%s\"}\n", manifest.Sum([]byte(line)))
	}
	for name, c := range map[string]struct {
		make func(*testing.T) ([]byte, int)
		mib  uint64
	}{
		"a small one that claims a gigabyte":  {func(*testing.T) ([]byte, int) { return []byte("tiny"), 1 << 30 }, 64},
		"a bomb that claims what it is":       {func(t *testing.T) ([]byte, int) { return zeros(t, 512<<20), 512 << 20 }, 64},
		"a bomb that claims less":             {func(t *testing.T) ([]byte, int) { return zeros(t, 512<<20), 1 << 20 }, 128},
		"millions of frames without fields":   {index(list("frames", "{}")), 400},
		"millions of segments that are null":  {index(list("segments", "null")), 400},
		"millions of commits without numbers": {index(list("commits", "[]")), 400},
		"a million commits":                   {index(list("commits", "[1,2]")), 800},
		"a million frames":                    {index(list("frames", `{"segment":0,"offset":0,"stored_bytes":1,"raw_bytes":1}`)), 800},
		"files in files":                      {index(list("files", `{"extents":[{"extents":[{}]}]}`)), 400},
		"brackets":                            {index([]byte(strings.Repeat("[", 1<<20))), 400},
	} {
		t.Run(name, func(t *testing.T) {
			b, raw := c.make(t)
			extra := map[string][]byte{}
			damaged := forged(t, objects, 5, func(m, _ document) { withIndex(extra, m, b, raw) })
			m := jsonOf(t, damaged[manifest.Seq(5).Key()])
			withIndex(extra, m, b, raw)
			damaged[manifest.Seq(5).Key()] = sealed(t, m)
			maps.Copy(damaged, extra)
			key := manifest.IndexKey(m["folder"].(string), manifest.Sum(b))
			if raw > 200*len(b)+1<<20 {
				key = manifest.Seq(5).Key()
			}
			refuses(t, damaged, key, c.mib)
		})
	}
}

// Objects that are much larger than they can be are not read.
func TestLargeObjects(t *testing.T) {
	objects := chain06(t, 1).Objects()
	for key, b := range objects {
		if strings.HasPrefix(key, manifest.ManifestPrefix) && key != manifest.Seq(5).Key() && key != manifest.Seq(4).Key() {
			continue
		}
		if needs(t, objects)[key] < 4 && key != manifest.ArchiveKey {
			continue
		}
		damaged := maps.Clone(objects)
		damaged[key] = append(bytes.Clone(b), make([]byte, 20<<20)...)
		refuses(t, damaged, key, 500) // most of it is the store's own copies
	}
}

// liar is a store that says that objects are as large as their kind may be.
type liar struct {
	*storagetest.Memory
	size int64
}

func (l liar) Get(ctx context.Context, key string, r storage.Range) (io.ReadCloser, storage.ObjectInfo, error) {
	body, info, err := l.Memory.Get(ctx, key, r)
	info.Size = l.size
	return body, info, err
}

// Memory is made for what arrives, and not for what the store or an index says.
func TestClaimsTakeNoMemory(t *testing.T) {
	objects := chain06(t, 1).Objects()
	own := map[string][]byte{}
	huge := forged(t, objects, 5, func(m, ix document) {
		withObjects(t, own, m, ix)
		s := ix["segments"].([]any)[0].(document)
		s["stored_bytes"] = manifest.MaxSegmentBytes
	})
	maps.Copy(huge, own)
	key := manifestOf(t, huge, 5).Content.Segments[0].Key
	refuses(t, huge, key, 64)

	synctest.Test(t, func(t *testing.T) {
		for name, store := range map[string]storage.Storage{
			"of manifests": liar{refill(t, objects), manifest.MaxManifestBytes},
			"of segments":  liar{refill(t, huge), manifest.MaxSegmentBytes},
		} {
			bounded(t, 64, func() {
				_, err := newArchive(store).Restore(t.Context(), filepath.Join(t.TempDir(), "db.grafeo"), archiver.RestoreOptions{})
				if code := archiver.CodeOf(err); code != archiver.CodeStore && code != archiver.CodeDamagedArchive {
					t.Errorf("%s: %s %v", name, code, err)
				}
			})
		}
	})
}

// lister is a store whose lists are whatever a test wants, without an end.
type lister struct {
	*storagetest.Memory
	key func(prefix string, n int) string
}

func (l lister) List(_ context.Context, prefix, _ string) iter.Seq2[storage.ObjectInfo, error] {
	return func(yield func(storage.ObjectInfo, error) bool) {
		for n := 1; yield(storage.ObjectInfo{Key: l.key(prefix, n), Size: 1}, nil); n++ {
		}
	}
}

// A list without an end, or without an order, ends every verb with an error
// that says so.
func TestListsWithoutEnd(t *testing.T) {
	memory := chain06(t, 1)
	path := copyVector(t, "v0.6.0/closed")
	for name, c := range map[string]struct {
		key  func(prefix string, n int) string
		says string
	}{
		"manifests":           {func(_ string, n int) string { return manifest.Seq(n).Key() }, "more than 1048576 objects"},
		"what is none":        {func(_ string, n int) string { return fmt.Sprintf("%sx%010d", manifest.ManifestPrefix, n) }, "more than 1048576 objects"},
		"one and the same":    {func(string, int) string { return manifest.Seq(1).Key() }, "not list in order"},
		"in descending order": {func(_ string, n int) string { return manifest.Seq(1e9 - n).Key() }, "not list in order"},
		"of another prefix":   {func(_ string, n int) string { return fmt.Sprint("segments/", n) }, "does not begin with it"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newArchive(lister{memory, c.key})
			bounded(t, 1000, func() {
				_, err := a.List(t.Context())
				mustFail(t, err, archiver.CodeStore, c.says)
			})
			if strings.HasPrefix(c.says, "more") {
				return // the others would say the same, after as long
			}
			_, err := a.Verify(t.Context(), archiver.VerifyOptions{})
			mustFail(t, err, archiver.CodeStore, c.says)
			_, err = a.Restore(t.Context(), filepath.Join(t.TempDir(), "db.grafeo"), archiver.RestoreOptions{})
			mustFail(t, err, archiver.CodeStore, c.says)
			_, err = a.Backup(t.Context(), path, archiver.BackupOptions{})
			mustFail(t, err, archiver.CodeStore, c.says)
		})
	}
}
