package e2e

import (
	"crypto/sha256"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
)

const (
	largeImage = 1 << 30
	// Of a backup, and of a restore or a verification.
	writerLimit = 160 << 20
	readerLimit = 128 << 20
)

// large are databases that are large each in a way of its own.
var large = []struct {
	name   string
	places int // how many of places it runs in
	make   func(path string) error
}{
	{"image", 2, func(path string) error {
		return grafeotest.Image06(path, grafeotest.Image06Options{Size: largeImage, Iteration: 1, Epoch: 1, Compressible: 0.3})
	}},
	{"one-section", 1, func(path string) error {
		return grafeotest.Image05(path, grafeotest.Image05Options{Sections: []int64{largeImage / 2}, Iteration: 1, Epoch: 1, Compressible: 0.3})
	}},
	{"log", 1, func(path string) error {
		if err := grafeotest.Image06(path, grafeotest.Image06Options{Iteration: 1, Epoch: 1}); err != nil {
			return err
		}
		log, err := grafeotest.NewLog06(path+".wal", [16]byte{}, 0)
		if err != nil {
			return err
		}
		// One value of 96 MiB in a frame of its own, then many of 4 MiB.
		for i := range 100 {
			records := make([]byte, 4<<20)
			if i == 0 {
				records = make([]byte, 96<<20)
			}
			grafeotest.Fill(records, uint64(i), 0.3)
			if err := log.Append(grafeotest.Group06{Transaction: 2, Epoch: uint64(i + 2), Time: time.Now(), Records: records}); err != nil {
				return err
			}
		}
		return log.Close()
	}},
}

// TestPeakMemory backs up and restores large databases with default settings:
// memory must not grow with the database.
func TestPeakMemory(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("memory is read from /proc")
	}
	for _, db := range large {
		t.Run(db.name, func(t *testing.T) {
			source := filepath.Join(t.TempDir(), "large.grafeo")
			if err := db.make(source); err != nil {
				t.Fatal(err)
			}
			want := digests(t, source)
			for _, p := range places[:db.places] {
				t.Run(p.name, func(t *testing.T) {
					at := p.make(t)
					target := filepath.Join(t.TempDir(), "restored.grafeo")
					checkPeak(t, writerLimit, "backup", source, at.address())
					checkPeak(t, writerLimit, "backup", "--full", source, at.address())
					checkPeak(t, readerLimit, "verify", "--deep", at.address())
					checkPeak(t, readerLimit, "restore", at.address(), target)
					if got := digests(t, target); !maps.Equal(got, want) {
						t.Errorf("restored are %x, want %x", got, want)
					}
				})
			}
		})
	}
}

// digests are the SHA-256 of all files of a database, by their names.
func digests(t testing.TB, path string) map[string][32]byte {
	t.Helper()
	all := map[string][32]byte{"image": digestFile(t, path)}
	for _, name := range names(t, path+".wal") {
		all[name] = digestFile(t, filepath.Join(path+".wal", name))
	}
	return all
}

// checkPeak runs the command and compares its peak memory with the limit. The peak
// is the high-water mark that the kernel keeps of the process's own memory. The
// maximum in the child's rusage would be no use: it begins with this process's,
// which it was forked from.
func checkPeak(t *testing.T, limit int64, args ...string) {
	t.Helper()
	p := start(t, args...)
	var peak int64
	begin := time.Now()
	for running := true; running; {
		select {
		case <-p.done:
			running = false
		case <-time.After(5 * time.Millisecond):
			peak = max(peak, highWater(p.cmd.Process.Pid))
		}
		if time.Since(begin) > 2*patience {
			t.Fatalf("%v does not end", args)
		}
	}
	if code := p.cmd.ProcessState.ExitCode(); code != exitOK {
		t.Fatalf("%v: exit code %d: %s", args, code, p.stderr)
	}
	t.Logf("%s: peak memory %d MiB in %v", args[0], peak>>20, time.Since(begin).Round(10*time.Millisecond))
	if peak == 0 || peak >= limit {
		t.Errorf("%s: peak memory is %d MiB, limit %d MiB", args[0], peak>>20, limit>>20)
	}
}

// highWater is the peak of a process's resident memory in bytes, 0 when it is gone.
func highWater(pid int) int64 {
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			if kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64); err == nil {
				return kib << 10
			}
		}
	}
	return 0
}

// digestFile is the SHA-256 of a file.
func digestFile(t testing.TB, path string) [32]byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}
	return [32]byte(h.Sum(nil))
}
