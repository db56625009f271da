package segment_test

import (
	"crypto/sha256"
	"fmt"
	"testing"

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
					out = e.AppendFrame(out[:0], raw)
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
	stored := e.AppendFrame(nil, raw)
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		if raw, err = d.Frame(raw, stored, int64(len(raw))); err != nil {
			b.Fatal(err)
		}
	}
}

// What a backup hashes: each segment as a whole, and an image page by page.
func BenchmarkHash(b *testing.B) {
	raw := rows(segment.FrameBytes)
	for _, part := range []int{4096, len(raw)} {
		b.Run(fmt.Sprint(part), func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			for b.Loop() {
				for at := 0; at < len(raw); at += part {
					sha256.Sum256(raw[at : at+part])
				}
			}
		})
	}
}
