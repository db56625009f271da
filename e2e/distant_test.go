package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
	"github.com/gbak-s3/gbak-s3/storage/s3/s3test"
)

// BenchmarkDistantStore runs the command against the real MinIO, each answer of
// which comes later by 0, 20 or 100 ms: docs/scale.md, "Latency". A run is one
// command, with all that it starts with.
//
//	go test -run - -bench DistantStore -benchtime 3x ./e2e
func BenchmarkDistantStore(b *testing.B) {
	const increments = 300
	path := filepath.Join(b.TempDir(), "db.grafeo")
	err := grafeotest.Image06(path, grafeotest.Image06Options{
		Size: 512 << 20, ChunkSize: 1 << 20, Iteration: 1, Epoch: 1,
		Content: func(p []byte, chunk int) { grafeotest.Rows(p, uint64(chunk)) },
	})
	if err != nil {
		b.Fatal(err)
	}
	var latency time.Duration
	p, at := behindProxy(b, func(*s3test.Request) s3test.Fault {
		time.Sleep(latency)
		return s3test.Fault{}
	})
	must(b, "backup", path, at.address())
	log, err := grafeotest.NewLog06(path+".wal", [16]byte{}, 0)
	if err != nil {
		b.Fatal(err)
	}
	epoch := uint64(1)
	commit := func() {
		epoch++
		if err := log.Append(grafeotest.Group06{Epoch: epoch, Transaction: 2, Records: make([]byte, 1000)}); err != nil {
			b.Fatal(err)
		}
	}
	for range increments {
		commit()
		must(b, "backup", path, at.address())
	}
	n := 0 // of full backups
	full := func() []string {
		n++ // segments of another size: else it finds those that are there
		return []string{"backup", path, p.Address, "--full", "--fresh", "--no-hold", "--segment-size", fmt.Sprintf("%dKiB", 32<<10+4*n)}
	}
	target := filepath.Join(b.TempDir(), "restored.grafeo")
	restore := func(backup int) func() []string {
		return func() []string {
			for _, path := range []string{target, target + ".wal"} {
				if err := os.RemoveAll(path); err != nil {
					b.Fatal(err)
				}
			}
			return []string{"restore", p.Address, target, "--backup", fmt.Sprint(backup)}
		}
	}
	for _, c := range []struct {
		name    string
		prepare func() []string
	}{
		{"nothing-new", func() []string { return []string{"backup", path, p.Address} }},
		{"incremental", func() []string { commit(); return []string{"backup", path, p.Address} }},
		{"full-512MiB", full},
		{"full-512MiB-concurrency-8", func() []string { return append(full(), "--concurrency", "8") }},
		{"restore-512MiB", restore(1)},
		{"restore-512MiB-concurrency-8", func() []string { return append(restore(1)(), "--concurrency", "8") }},
		{fmt.Sprintf("restore-%d-increments", increments), restore(increments + 1)},
	} {
		for _, latency = range []time.Duration{0, 20 * time.Millisecond, 100 * time.Millisecond} {
			b.Run(fmt.Sprintf("%s/%v", c.name, latency), func(b *testing.B) {
				for b.Loop() {
					b.StopTimer()
					args := c.prepare()
					b.StartTimer()
					must(b, args...)
				}
			})
		}
	}
}
