package e2e

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// TestFutureBackup: a backup by a host whose clock was two hours ahead. status says that it
// is in the future, in text and in JSON, and it is within no --max-lag; once the next one
// is taken with the right clock, all is well.
func TestFutureBackup(t *testing.T) {
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			at, w := newDirectory(t), newLive(t, version)
			w.do(t, "commit", "2")
			must(t, "backup", w.path, at.address())
			const key = "manifests/0000000001.json"
			m, err := manifest.DecodeManifest(at.read(t, key))
			if err != nil {
				t.Fatal(err)
			}
			m.CreatedAt, m.ReadUntil = m.CreatedAt.Add(2*time.Hour), m.ReadUntil.Add(2*time.Hour)
			at.write(t, key, m.Encode())

			for _, args := range [][]string{{at.address()}, {at.address(), w.path}} {
				args = append([]string{"status", "--max-lag", "15m"}, args...)
				r := gbak(t, args...).want(t, exitError)
				if !strings.Contains(r.stdout, "2 hours in the future by this host's clock") && !strings.Contains(r.stdout, "1 hour in the future by this host's clock") || strings.Contains(r.stdout, "less than 1ms") {
					t.Errorf("%s", r.stdout)
				}
				if !strings.Contains(r.stderr, "in the future") || !strings.Contains(r.stderr, "clock") {
					t.Errorf("%s", r.stderr)
				}
				r = gbak(t, append(args, "--json")...).want(t, exitError)
				var s struct {
					AgeMS  int64 `json:"age_ms"`
					Behind *struct {
						Commits, Seconds int64
					}
				}
				if err := json.Unmarshal([]byte(r.stdout), &s); err != nil || s.AgeMS > -int64(time.Hour/time.Millisecond) || s.Behind != nil && (s.Behind.Commits != 0 || s.Behind.Seconds != 0) {
					t.Errorf("%+v, %v: %s", s, err, r.stdout)
				}
				if f := r.failure(t); f.Code != "lagging" || !strings.Contains(f.Hint, "clock") {
					t.Errorf("%+v", f)
				}
			}
			if out := must(t, "doctor", at.address()).stdout; !strings.Contains(out, "warning  the newest backup was taken") || !strings.Contains(out, "in the future") {
				t.Errorf("%s", out)
			}
			w.do(t, "commit", "1")
			must(t, "backup", w.path, at.address())
			must(t, "status", at.address(), w.path, "--max-lag", "15m")
			if out := must(t, "doctor", at.address()).stdout; strings.Contains(out, "in the future") {
				t.Errorf("%s", out)
			}
			w.quit(t)
			verifyNewest(t, w, at)
		})
	}
}
