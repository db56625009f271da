package e2e

import (
	"path/filepath"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
)

// TestLimits: no command is faster than its limits allow. (That it is no slower is tested
// with a clock that nothing disturbs, in storage/throttle.)
func TestLimits(t *testing.T) {
	t.Parallel()
	const rate = 2 << 20
	path := filepath.Join(t.TempDir(), "people.grafeo")
	if err := grafeotest.Image06(path, grafeotest.Image06Options{Size: 3 << 20, Iteration: 1, Epoch: 1, Compressible: 0.2}); err != nil {
		t.Fatal(err)
	}
	slow := func(what string, bytes int64, a answer) {
		t.Helper()
		if least := bytes * 1000 / rate * 95 / 100; bytes < 2<<20 || a.ElapsedMS == nil || *a.ElapsedMS < least {
			t.Errorf("%s: %d bytes took %v ms, want %d at least", what, bytes, *a.ElapsedMS, least)
		}
	}
	for _, p := range places {
		t.Run(p.name, func(t *testing.T) {
			at := p.make(t)
			uploaded := must(t, "backup", path, at.address(), "--limit-upload", "2MiB/s", "--json").one(t, "backup")
			slow("upload", uploaded.StoredBytes, uploaded)
			target := filepath.Join(t.TempDir(), "people.grafeo")
			slow("download", uploaded.StoredBytes, must(t, "restore", at.address(), target, "--limit-download", "2MiB/s", "--json").one(t, "restore"))
			if digestFile(t, path) != digestFile(t, target) {
				t.Error("the restored image differs")
			}
			slow("verify", uploaded.StoredBytes, must(t, "verify", "--deep", at.address(), "--limit-download", "2MiB/s", "--json").one(t, "verify"))
			read := must(t, "backup", "--full", path, at.address(), "--limit-read", "2MiB/s", "--json").one(t, "backup")
			slow("read", read.RawBytes, read)
		})
	}
	f := gbak(t, "backup", path, t.TempDir(), "--limit-upload", "1KiB/s", "--json").want(t, exitUsage).failure(t)
	if f.Code != "usage" {
		t.Errorf("the error is %+v", f)
	}
}
