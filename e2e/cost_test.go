package e2e

import (
	"maps"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/s3/s3test"
)

// cost is what the command says of the cost of a run, in dollars.
type cost struct {
	USD      float64 `json:"usd"`
	Transfer float64 `json:"transfer_usd"`
	Monthly  float64 `json:"monthly_usd"`
}

// usd is what requests cost in dollars at S3's list prices.
func usd(requests map[string]int64) float64 {
	return float64((requests["put"]+requests["list"])*5000+(requests["get"]+requests["head"])*400) / 1e9
}

// Every run that asks a bucket for something says what its requests cost; in a directory
// nothing costs anything.
func TestRunsSayWhatTheyCost(t *testing.T) {
	for _, p := range places {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			at, dir := p.make(t), t.TempDir()
			db, native := filepath.Join(dir, "db.grafeo"), filepath.Join(dir, "native")
			copyFile(t, "../examples/social.grafeo", db)
			for _, run := range []struct {
				line string // its type in JSON
				args []string
			}{
				{"backup_plan", []string{"backup", "--dry-run", db, at.address()}},
				{"backup", []string{"backup", db, at.address()}},
				{"backup", []string{"backup", db, at.address()}},
				{"plan", []string{"restore", "--plan", at.address(), filepath.Join(dir, "copy.grafeo")}},
				{"restore", []string{"restore", at.address(), filepath.Join(dir, "copy.grafeo")}},
				{"verify", []string{"verify", "--deep", at.address()}},
				{"doctor", []string{"doctor", at.address()}},
				{"export", []string{"export", at.address(), native}},
				{"backup", []string{"import", native, p.make(t).address()}},
			} {
				got := must(t, append(run.args, "--json")...).one(t, run.line)
				switch {
				case p.name == "directory" && got.Cost != nil:
					t.Errorf("%v: %+v", run.args, *got.Cost)
				case p.name == "directory":
				case got.Cost == nil || got.Cost.USD == 0 || got.Cost.USD != usd(got.Requests):
					t.Errorf("%v: %+v for %v, want %v", run.args, got.Cost, got.Requests, usd(got.Requests))
				}
			}
			text := must(t, "backup", db, at.address()).stdout
			if n := strings.Count(text, "\ncost: $0.0000058 for requests, at S3's list prices\n"); (n == 1) != (p.name == "minio") {
				t.Error(text)
			}
		})
	}
}

// Who may only read is told what a backup and a restore would do and what these would
// cost, and so it is.
func TestPlansNeedNoPermissionToWrite(t *testing.T) {
	var readOnly atomic.Bool
	p, _ := behindProxy(t, func(r *s3test.Request) s3test.Fault {
		if readOnly.Load() && (r.Op == storage.OpPut || r.Op == storage.OpDelete) {
			t.Errorf("a plan asked for %s %s", r.Op, r.Key)
			return s3test.Fault{Status: 403, Code: "AccessDenied"}
		}
		return s3test.Fault{}
	})
	dir := t.TempDir()
	db := filepath.Join(dir, "db.grafeo")
	copyFile(t, "../examples/social.grafeo", db)
	plan := func(line string, args ...string) answer {
		t.Helper()
		readOnly.Store(true)
		defer readOnly.Store(false)
		return must(t, append(args, "--json")...).one(t, line)
	}
	for n, kind := range []string{"full", "none"} {
		planned := plan("backup_plan", "backup", "--dry-run", db, p.Address)
		made := must(t, "backup", db, p.Address, "--json").one(t, "backup")
		switch {
		case planned.Kind != kind || made.Kind != kind || planned.Seq != made.Seq || planned.RawBytes != made.RawBytes || planned.CreatesArchive != (n == 0):
			t.Errorf("planned %+v, but made %+v", planned, made)
		case made.StoredBytes > planned.MaxStoredBytes || planned.MaxCost.USD != usd(planned.MaxRequests) || planned.MaxCost.Monthly < made.Cost.Monthly:
			t.Errorf("planned %+v, %+v, but made %+v, %+v", planned, planned.MaxCost, made, made.Cost)
		case n > 0 && !maps.Equal(made.Requests, planned.MaxRequests): // the probe of a busy store may take more than one round
			t.Errorf("%v requests, and planned were %v", made.Requests, planned.MaxRequests)
		}
	}
	target := filepath.Join(dir, "copy.grafeo")
	planned := plan("plan", "restore", "--plan", p.Address, target)
	made := must(t, "restore", p.Address, target, "--json").one(t, "restore")
	if !maps.Equal(made.Requests, planned.RestoreRequests) || *planned.RestoreCost != *made.Cost {
		t.Errorf("%v requests, %+v, and planned were %v, %+v", made.Requests, made.Cost, planned.RestoreRequests, planned.RestoreCost)
	}
}
