package hold

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
)

// TestLogBytes measures the log of databases of both generations: its size is reported
// for 0.5 as well, where nothing can hold it.
func TestLogBytes(t *testing.T) {
	for _, c := range []struct {
		vector  string
		foreign bool
	}{
		{"v0.5.42/live", false},
		{"v0.5.42/backup", true},
		{"v0.5.42/closed", false},
		{"v0.6.0/live", false},
		{"v0.6.0/backup", true},
		{"v0.6.0/closed", false},
	} {
		path := filepath.Join("..", "..", "grafeo", "testdata", c.vector, "tiny.grafeo")
		logs, err := filepath.Glob(filepath.Join(grafeo.LogDir(path), "*.log"))
		if err != nil {
			t.Fatal(err)
		}
		want := int64(0)
		for _, log := range logs {
			info, err := os.Stat(log)
			if err != nil {
				t.Fatal(err)
			}
			want += info.Size()
		}
		r, err := Measure(path, time.Now())
		if err != nil || r.LogBytes != want || r.ForeignCursor != c.foreign {
			t.Errorf("%s: %d bytes of log, foreign cursor %t, %v; want %d, %t", c.vector, r.LogBytes, r.ForeignCursor, err, want, c.foreign)
		}
	}
}
