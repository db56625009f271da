package pack

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver/internal/capture"
	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/internal/seal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/seal/sealtest"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/archiver/segment"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// Every byte is in one piece, in order, and neither stripes nor frames are too large.
func TestCut(t *testing.T) {
	random := mathrand.New(mathrand.NewPCG(1, 2))
	for range 200 {
		var files []capture.File
		for range 1 + random.IntN(5) {
			from := random.Int64N(1 << 20)
			files = append(files, capture.File{From: from, Bytes: from + random.Int64N(20<<20)})
		}
		limit := int64(1+random.IntN(4096)) * manifest.PageBytes
		at := make([]int64, len(files))
		for i, f := range files {
			at[i] = f.From
		}
		for _, s := range cut(files, limit) {
			inStripe := int64(0)
			for _, f := range s {
				if f.bytes() > segment.FrameBytes || f.bytes() == 0 {
					t.Fatalf("a frame of %d bytes", f.bytes())
				}
				inStripe += f.bytes()
				for _, p := range f {
					if p.offset != at[p.file] {
						t.Fatalf("file %d: a piece at %d, want %d", p.file, p.offset, at[p.file])
					}
					at[p.file] += p.bytes
				}
			}
			if inStripe > limit {
				t.Fatalf("a stripe of %d bytes, of at most %d", inStripe, limit)
			}
		}
		for i, f := range files {
			if at[i] != f.Bytes {
				t.Fatalf("file %d ends at %d, not at %d", i, at[i], f.Bytes)
			}
		}
	}
}

func TestRulesOfSharing(t *testing.T) {
	for _, c := range []struct {
		bytes, changed, cleared int64
		want                    bool
	}{{150, 30, 0, false}, {150, 31, 0, true}, {150, 30, 20, false}, {150, 30, 21, true}, {150, 0, 51, true}} {
		if got := isMostlyChanged(c.bytes, c.changed, c.cleared); got != c.want {
			t.Errorf("of %d bytes, %d have changed and %d are zeros: %v", c.bytes, c.changed, c.cleared, got)
		}
	}
}

// Only long stretches of zeros are left out, and the parts cover everything.
func TestZerosAreLeftOut(t *testing.T) {
	random := mathrand.New(mathrand.NewPCG(3, 4))
	for range 300 {
		var b []byte
		for range 1 + random.IntN(6) {
			page := make([]byte, (1+random.IntN(2*manifest.HoleBytes/manifest.PageBytes))*manifest.PageBytes)
			if random.IntN(2) == 0 {
				for i := range page {
					page[i] = 1
				}
			}
			b = append(b, page...)
		}
		b = b[:len(b)-random.IntN(manifest.PageBytes)]
		const offset = 8 * manifest.PageBytes
		at := int64(offset)
		for _, p := range appendWithoutZeros(nil, 2, offset, b) {
			if p.offset != at || p.file != 2 || p.bytes <= 0 {
				t.Fatalf("a part %+v, want one at %d", p, at)
			}
			of := b[at-offset : at-offset+p.bytes]
			isAllZeros := bytes.Equal(of, make([]byte, len(of)))
			if p.kind == zeros && (!isAllZeros || p.bytes < manifest.HoleBytes) {
				t.Fatalf("%d bytes are left out", p.bytes)
			}
			if p.kind == fresh && isAllZeros && p.bytes >= manifest.HoleBytes {
				t.Fatalf("%d zeros are stored", p.bytes)
			}
			at += p.bytes
		}
		if at != offset+int64(len(b)) {
			t.Fatalf("the parts end at %d, not at %d", at, offset+len(b))
		}
	}
}

// In whatever order the stripes come, the same segments are made of them.
func TestJoin(t *testing.T) {
	const stripes = 30
	var want [][]byte
	for seed := range uint64(20) {
		j := newJoin(100, 0)
		var got [][]byte
		var of []*packed
		order := mathrand.New(mathrand.NewPCG(seed, 5)).Perm(stripes)
		if seed == 0 {
			slices.Sort(order)
		}
		results := make([]*packed, stripes)
		take := func(full []*joined) {
			for _, x := range full {
				got = append(got, x.body)
				of = append(of, x.stripes...)
				for _, p := range x.stripes {
					if f := p.frames[0]; !bytes.Equal(x.body[f.Offset:f.Offset+f.StoredBytes], bodyOf(slices.Index(results, p))) {
						t.Fatalf("stripe %d is at another place", slices.Index(results, p))
					}
				}
			}
		}
		for n := range results {
			results[n] = &packed{frames: []manifest.Frame{{StoredBytes: int64(len(bodyOf(n))), RawBytes: int64(n)}}}
		}
		for _, n := range order {
			take(j.add(n, leftover{results[n], bodyOf(n), int64(n % 7 * 5)}))
		}
		take(j.rest())
		if seed == 0 {
			want = got
		}
		if !slices.EqualFunc(got, want, bytes.Equal) || len(of) != stripes-(stripes+6)/7 {
			t.Fatalf("in the order %v: %d segments of %d stripes", order, len(got), len(of))
		}
	}
}

func bodyOf(n int) []byte { return fmt.Appendf(nil, "<%d>", n) }

// What is packed is fetched again, whatever the sizes of segments and how many workers
// there are; and packed again, it needs no other segments.
func TestPackedIsFetched(t *testing.T) {
	for name, ring := range sealtest.Rings(t) {
		for _, size := range []int64{0, 1, manifest.PageBytes + 1, 3<<20 + 5} {
			t.Run(fmt.Sprint(name, size), func(t *testing.T) {
				b := make([]byte, size)
				_, _ = rand.Read(b)
				clear(b[size/4 : size/2])
				path := filepath.Join(t.TempDir(), "image")
				mustWrite(t, path, b)
				store := storagetest.NewMemory()
				p := packerFor(store, ring, 3)
				first := mustPack(t, p, path, b)
				objects := segmentsIn(store)
				p.options.Workers = 1
				if again := mustPack(t, p, path, b); again.counts.sent != 0 || segmentsIn(store) != objects {
					t.Errorf("stored again: %+v", again.counts)
				}
				got := make([]byte, size)
				fill(t, store, ring, first.Index, got)
				if !bytes.Equal(got, b) {
					t.Error("other bytes are fetched")
				}
			})
		}
	}
}

// A full backup stores of an image of 0.6 what has changed since its reference, and refers to
// the reference for the rest, unless a segment of the reference is damaged.
func TestParentIsReferredTo(t *testing.T) {
	for name, ring := range sealtest.Rings(t) {
		for _, isDamaged := range []bool{false, true} {
			t.Run(fmt.Sprint(name, isDamaged), func(t *testing.T) { isReferredTo(t, ring, isDamaged) })
		}
	}
}

func isReferredTo(t *testing.T, ring *seal.Ring, isDamaged bool) {
	b := make([]byte, 4<<20+100)
	_, _ = rand.Read(b)
	path := filepath.Join(t.TempDir(), "image")
	mustWrite(t, path, b)
	store := storagetest.NewMemory()
	first := mustPack(t, packerFor(store, ring, 2), path, b)
	m := first.Manifest("test", "host", nil)
	m.Content = first.Index
	if m.SegmentsNew != 5 || m.ReusedBytes != 0 || m.Kind != manifest.Full {
		t.Fatalf("the first backup has %d segments, and reuses %d bytes", m.SegmentsNew, m.ReusedBytes)
	}
	if isDamaged {
		key := first.Index.Segments[0].Key
		if err := store.Delete(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	}

	_, _ = rand.Read(b[:manifest.PageBytes])
	clear(b[100*manifest.PageBytes : 120*manifest.PageBytes])
	mustWrite(t, path, b)
	s := sourceOf(path, b)
	s.Parent = &manifest.Committed{Manifest: m}
	p := packerFor(store, ring, 2)
	p.head.Last = s.Parent
	second, err := p.Store(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	m2 := second.Manifest("test", "host", nil)
	want := int64(len(b)) - 21*manifest.PageBytes
	if isDamaged {
		want -= 1<<20 - 21*manifest.PageBytes
	}
	if m2.SegmentsNew != 1 || m2.ReusedBytes != want {
		t.Errorf("damaged: %v: %d segments, %d bytes of %d are reused", isDamaged, m2.SegmentsNew, m2.ReusedBytes, want)
	}
	got := make([]byte, len(b))
	fill(t, store, ring, second.Index, got)
	if !bytes.Equal(got, b) {
		t.Error("other bytes are fetched")
	}
}

// A source whose bytes are not those of its proof is not packed.
func TestPackedIsProved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "image")
	mustWrite(t, path, []byte("what the file has"))
	s := sourceOf(path, []byte("what it should be"))
	_, err := packerFor(storagetest.NewMemory(), nil, 1).Store(t.Context(), s)
	if !IsTorn(err) {
		t.Errorf("the error is %v", err)
	}
}

// A segment that the store only pretends to have stored is not committed.
func TestLostSegment(t *testing.T) {
	path, b := filepath.Join(t.TempDir(), "image"), []byte("content")
	mustWrite(t, path, b)
	_, err := packerFor(forgetful{storagetest.NewMemory()}, nil, 1).Store(t.Context(), sourceOf(path, b))
	if !errors.Is(err, objects.ErrLost) {
		t.Errorf("the error is %v", err)
	}
}
