package e2e

import (
	"path/filepath"
	"strings"
	"testing"
)

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
