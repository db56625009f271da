package copying

import (
	"bytes"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/internal/pages"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/archiver/segment"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// Whatever extents an image has, and in how many parts it is read: each page that is wholly in one
// extent, or in none, gets its digest, and others get none.
func TestDigestsOfAnyExtents(t *testing.T) {
	const id = "0123456789abcdef0123456789abcdef"
	encoder, err := segment.NewEncoder(segment.DefaultLevel)
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 3))
		memory := storagetest.NewMemory()
		store := &objects.Store{Storage: memory, Patience: time.Second, Log: slog.New(slog.DiscardHandler)}
		size := int64(manifest.PageBytes*(20+random.IntN(40)) + random.IntN(2)*random.IntN(manifest.PageBytes))
		raw := make([]byte, size)
		for i := range raw {
			raw[i] = byte(random.Uint32()) | 1
		}
		body, err := encoder.AppendFrame(nil, raw)
		if err != nil {
			t.Fatal(err)
		}
		sum := manifest.Sum(body)
		key := manifest.SegmentKey(manifest.SegmentFolder(manifest.FolderName(0, id)), 0, sum)
		if _, err := memory.Put(t.Context(), key, bytes.NewReader(body), storage.PutOptions{}); err != nil {
			t.Fatal(err)
		}

		image := manifest.File{Name: manifest.ImageName, Bytes: size}
		content, of := make([]byte, size), make([]int, size) // in which extent each byte is, 0 for none
		for at := int64(0); at < size; {
			length := int64(1 + random.IntN(3*manifest.PageBytes))
			if random.IntN(2) == 0 {
				at = at / manifest.PageBytes * manifest.PageBytes // often aligned
				length = length/manifest.PageBytes*manifest.PageBytes + manifest.PageBytes
			}
			if n := len(image.Extents); n > 0 {
				at = max(at, image.Extents[n-1].Offset+image.Extents[n-1].Bytes)
			}
			length = min(length, size-at)
			if length > 0 && random.IntN(3) > 0 {
				e := manifest.Extent{Offset: at, Bytes: length, FrameOffset: random.Int64N(size - length + 1)}
				image.Extents = append(image.Extents, e)
				copy(content[at:], raw[e.FrameOffset:e.FrameOffset+length])
				for i := at; i < at+length; i++ {
					of[i] = len(image.Extents)
				}
			}
			at += max(length, 1)
		}
		index := &manifest.Index{
			Segments: []manifest.Segment{{Key: key, StoredBytes: int64(len(body)), RawBytes: size, SHA256: sum}},
			Frames:   []manifest.Frame{{StoredBytes: int64(len(body)), RawBytes: size}}, Files: []manifest.File{image},
		}
		r := &run{Options: Options{Source: journal.New(store, "source"), Workers: 2}}
		m := &original{Committed: &manifest.Committed{Manifest: &manifest.Manifest{Seq: 1}}, index: index}
		digests := pages.New(store, manifest.FolderName(0, id), id, size, nil)
		part := int64(manifest.PageBytes * (1 + random.IntN(30)))
		for from := int64(0); from < size; from += part {
			if err := r.digest(t.Context(), &replica{original: m}, digests, partOf(&index.Files[0], from, min(from+part, size))); err != nil {
				t.Fatal(err)
			}
		}
		if len(digests.Refs) != 1 || digests.Refs[0].Key == "" {
			t.Fatalf("seed %d: there are %+v", seed, digests.Refs)
		}
		got := memory.Objects()[digests.Refs[0].Key]
		for n := int64(0); n*manifest.PageBytes < size; n++ {
			from, to := n*manifest.PageBytes, min((n+1)*manifest.PageBytes, size)
			want := pages.Digest(pages.DigestOf(id, content[from:to]))
			for _, x := range of[from:to] {
				if x != of[from] {
					want = pages.Digest{}
				}
			}
			if !bytes.Equal(got[n*manifest.PageDigestBytes:][:manifest.PageDigestBytes], want[:]) {
				t.Fatalf("seed %d: page %d of %d has another digest", seed, n, size/manifest.PageBytes)
			}
		}
	}
}
