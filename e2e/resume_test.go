package e2e

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
)

// TestResume kills the first backup of a large database when nine tenths of its segments
// are stored: the second run sends the rest and nothing twice. One segment is damaged in
// between, to show that no existing segment is trusted unread.
func TestResume(t *testing.T) {
	t.Parallel()
	const segments = 160
	for _, p := range places {
		t.Run(p.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "large.grafeo")
			if err := grafeotest.Image06(path, grafeotest.Image06Options{Size: (segments - 1) << 20, Iteration: 1, Epoch: 1, Compressible: 0.3}); err != nil {
				t.Fatal(err)
			}
			at := p.make(t)
			args := []string{"backup", path, at.address(), "--segment-size", "1MiB", "--concurrency", "2", "--json"}
			run := start(t, args...)
			for len(storedSegments(t, at)) < segments*9/10 {
				select {
				case <-run.done:
					t.Fatalf("it ended by itself: %s", run.stderr)
				default:
				}
			}
			run.end(t, syscall.SIGKILL)
			left := storedSegments(t, at)
			gbak(t, "list", at.address()).want(t, exitNoArchive)
			damaged := left[len(left)/2]
			content := at.read(t, damaged)
			content[len(content)/2] ^= 1
			at.write(t, damaged, content)

			b := must(t, args...).one(t, "backup")
			// What the killed process had sent, a server may still have stored afterwards.
			missing, onTheWay := int64(segments-len(left)+1), int64(0)
			if p.name != "directory" {
				onTheWay = 2 // its concurrency
			}
			if b.Segments > missing || b.Segments < missing-onTheWay {
				t.Errorf("the second run sent %d segments; %d of %d were there, one of them damaged", b.Segments, len(left), segments)
			}
			var all int64
			for _, key := range storedSegments(t, at) {
				all += int64(len(at.read(t, key)))
			}
			t.Logf("the second run sent %d bytes of %d, and %v requests", b.StoredBytes, all, b.Requests)
			if b.StoredBytes > all*15/100 {
				t.Error("that is too much")
			}
			verifyClean(t, at, 1)
			target := filepath.Join(t.TempDir(), "large.grafeo")
			must(t, "restore", at.address(), target)
			if digestFile(t, path) != digestFile(t, target) {
				t.Error("the restored image differs")
			}
		})
	}
}

// storedSegments returns the keys of all stored segments.
func storedSegments(t testing.TB, at place) []string {
	t.Helper()
	var keys []string
	for _, key := range at.keys(t) {
		if strings.HasPrefix(key, "segments/") {
			keys = append(keys, key)
		}
	}
	return keys
}
