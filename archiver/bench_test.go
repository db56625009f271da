package archiver_test

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/local"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// benchBytes is the size of the image that benchmarks work on. With
// GBAK_BENCH_SIZE it is another one.
func benchBytes(b *testing.B) int64 {
	b.Helper()
	if s := os.Getenv("GBAK_BENCH_SIZE"); s != "" {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		return n
	}
	return 64 << 20
}

// benchImage makes a 0.6 database with what databases store in it.
func benchImage(b *testing.B) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), "bench.grafeo")
	err := grafeotest.Image06(path, grafeotest.Image06Options{
		Iteration: 1, Epoch: 7, Size: benchBytes(b),
		Content: func(p []byte, chunk int) { grafeotest.Rows(p, uint64(chunk)) },
	})
	if err != nil {
		b.Fatal(err)
	}
	return path
}

func inMemory(b *testing.B, path string) (*storagetest.Memory, archiver.BackupReport) {
	b.Helper()
	store := storagetest.NewMemory()
	return store, backup(b, store, path)
}

func BenchmarkBackup(b *testing.B) {
	path := benchImage(b)
	b.SetBytes(benchBytes(b))
	for b.Loop() {
		_, r := inMemory(b, path)
		b.ReportMetric(float64(r.Backup.RawBytes)/float64(r.Backup.StoredBytes), "ratio")
	}
}

func BenchmarkSecondFull(b *testing.B) {
	path := benchImage(b)
	store, _ := inMemory(b, path)
	b.SetBytes(benchBytes(b))
	for b.Loop() {
		full(b, store, path)
	}
}

func BenchmarkRestore(b *testing.B) {
	path := benchImage(b)
	store, _ := inMemory(b, path)
	b.SetBytes(benchBytes(b))
	for b.Loop() {
		dir, err := os.MkdirTemp(b.TempDir(), "")
		if err != nil {
			b.Fatal(err)
		}
		// Synced, as it is for users.
		if _, err := newWith(store, archiver.Options{}).Restore(b.Context(), filepath.Join(dir, "db.grafeo"), archiver.RestoreOptions{}); err != nil {
			b.Fatal(err)
		}
		if err := os.RemoveAll(dir); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerifyDeep(b *testing.B) {
	path := benchImage(b)
	store, _ := inMemory(b, path)
	b.SetBytes(benchBytes(b))
	for b.Loop() {
		mustBeWhole(b, store)
	}
}

// An archive of 10,000 backups in a directory is listed.
func BenchmarkList(b *testing.B) {
	memory := storagetest.NewMemory()
	m := newModel(b)
	m.commit(100)
	backup(b, memory, m.path)
	m.commit(100)
	backup(b, memory, m.path)
	longArchive(b, memory, 10_000)
	dir := b.TempDir()
	for key, object := range memory.Objects() {
		path := filepath.Join(dir, filepath.FromSlash(key))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(path, object, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	store, err := local.Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("list", func(b *testing.B) {
		for b.Loop() {
			if _, err := newArchive(store).List(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("status", func(b *testing.B) {
		for b.Loop() {
			if _, err := newArchive(store).Status(b.Context(), archiver.StatusOptions{}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// An image is read and proved.
func BenchmarkProve(b *testing.B) {
	path := benchImage(b)
	raw, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	image, err := grafeo.ReadImage(f, int64(len(raw)), path)
	if err != nil {
		b.Fatal(err)
	}
	part := make([]byte, 4<<20)
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		proof := image.NewProof()
		for at := int64(0); at < int64(len(raw)); at += int64(len(part)) {
			n, err := f.ReadAt(part, at)
			if n == 0 {
				b.Fatal(err)
			}
			proof.Add(at, part[:n])
		}
		if err := proof.Check(); err != nil {
			b.Fatal(err)
		}
	}
}

// A log of a thousand small segments is scanned.
func BenchmarkScanLog(b *testing.B) {
	path := filepath.Join(b.TempDir(), "bench.grafeo")
	withLog(b, path, 1000)
	var bytes int64
	for b.Loop() {
		log, err := grafeo.ScanLog(path+".wal", grafeo.Gen06, grafeo.ScanOptions{})
		if err != nil {
			b.Fatal(err)
		}
		bytes = 0
		for i := range log.Files {
			bytes += log.Files[i].End
		}
	}
	b.SetBytes(bytes)
}

// The state after 10,000 small increments is restored from a directory, before they are merged
// and after (docs/speed.md, "Small increments").
func BenchmarkCompact(b *testing.B) {
	const increments = 10_000
	for b.Loop() {
		b.StopTimer()
		m := newModel(b)
		store, err := local.Open(b.TempDir())
		if err != nil {
			b.Fatal(err)
		}
		m.commit(100)
		backup(b, store, m.path)
		for n := range increments {
			m.commit(500)
			backup(b, store, m.path)
			if n%200 == 0 {
				m.checkpointHeld()
			}
		}
		b.StartTimer()
		restored := func(name string) time.Duration {
			began := time.Now()
			r, err := newWith(store, archiver.Options{}).Restore(b.Context(), filepath.Join(b.TempDir(), "db.grafeo"), archiver.RestoreOptions{})
			if err != nil {
				b.Fatal(err)
			}
			took := time.Since(began)
			b.ReportMetric(float64(took.Milliseconds()), "ms/restore-"+name)
			b.ReportMetric(float64(r.Requests.Total()), "requests-"+name)
			return took
		}
		before := restored("before")
		began := time.Now()
		r, err := newWith(store, archiver.Options{}).Compact(b.Context(), archiver.CompactOptions{Tail: 1, Apply: true})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(time.Since(began).Milliseconds()), "ms/compact")
		b.ReportMetric(float64(r.After.Objects), "objects-after")
		b.ReportMetric(float64(before)/float64(restored("after")), "times-as-fast")
	}
}

// A thousand small increments are backed up to a directory, one after the other, and
// restored (docs/speed.md, "Small increments"). usd/month is what one a second costs.
func BenchmarkIncrements(b *testing.B) {
	const increments = 1000
	const put, get = 5e-6, 0.4e-6 // at S3's list prices
	for b.Loop() {
		b.StopTimer()
		m := newModel(b)
		store, err := local.Open(b.TempDir())
		if err != nil {
			b.Fatal(err)
		}
		m.commit(100)
		backup(b, store, m.path)
		b.StartTimer()
		var r storage.RequestCounts
		began := time.Now()
		for range increments {
			m.commit(500)
			r = r.Plus(backup(b, store, m.path).Requests)
		}
		b.ReportMetric(float64(time.Since(began).Milliseconds())/increments, "ms/backup")
		b.ReportMetric(float64(r.Total())/increments, "requests/backup")
		b.ReportMetric((float64(r.Put+r.List)*put+float64(r.Get+r.Head)*get)/increments*86_400*30, "usd/month")

		began = time.Now()
		restored, err := newWith(store, archiver.Options{}).Restore(b.Context(), filepath.Join(b.TempDir(), "db.grafeo"), archiver.RestoreOptions{})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(time.Since(began).Milliseconds()), "ms/restore")
		b.ReportMetric(float64(restored.Requests.Get), "gets/restore")
	}
}
