package segment_test

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"

	"github.com/minio/highwayhash"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
	"github.com/gbak-s3/gbak-s3/archiver/segment"
)

func rows(bytes int) []byte {
	p := make([]byte, bytes)
	grafeotest.Rows(p, 1)
	return p
}

func BenchmarkCompress(b *testing.B) {
	for _, level := range []string{"fastest", "default", "better"} {
		for _, size := range []int{64 << 10, 256 << 10, 1 << 20, segment.FrameBytes} {
			b.Run(fmt.Sprintf("%s/%dKiB", level, size>>10), func(b *testing.B) {
				l, err := segment.ParseLevel(level)
				if err != nil {
					b.Fatal(err)
				}
				e, err := segment.NewEncoder(l)
				if err != nil {
					b.Fatal(err)
				}
				raw := rows(size)
				var out []byte
				b.SetBytes(int64(size))
				for b.Loop() {
					if out, err = e.AppendFrame(out[:0], raw); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(size)/float64(len(out)), "ratio")
			})
		}
	}
}

func BenchmarkDecompress(b *testing.B) {
	e, err := segment.NewEncoder(segment.DefaultLevel)
	if err != nil {
		b.Fatal(err)
	}
	d, err := segment.NewDecoder(segment.FrameBytes)
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	raw := rows(segment.FrameBytes)
	stored, err := e.AppendFrame(nil, raw)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		if raw, err = d.Frame(raw, stored, int64(len(raw))); err != nil {
			b.Fatal(err)
		}
	}
}

// What a backup hashes: each segment as a whole, by SHA-256, and an image page by
// page, which was SHA-256 once.
func BenchmarkHash(b *testing.B) {
	raw := rows(segment.FrameBytes)
	for name, hash := range map[string]func([]byte){
		"segment-sha256": func(p []byte) { sha256.Sum256(p) },
		"pages-sha256":   pages(func(p []byte) { sha256.Sum256(p) }),
		"pages-highway":  pages(func(p []byte) { highwayhash.Sum64(p, make([]byte, highwayhash.Size)) }),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			for b.Loop() {
				hash(raw)
			}
		})
	}
}

func pages(hash func([]byte)) func([]byte) {
	return func(p []byte) {
		for page := range slices.Chunk(p, 4096) {
			hash(page)
		}
	}
}
