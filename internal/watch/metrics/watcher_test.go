package metrics

import (
	"flag"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/common/expfmt"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/internal/watch"
	"github.com/gbak-s3/gbak-s3/storage"
)

var update = flag.Bool("update", false, "write the golden file")

func at(second int64) time.Time { return time.Unix(second, 0) }

// busy is a watcher of two databases: one of which everything is known, and a new one.
func busy() watch.State {
	full := watch.Durations{Count: 3, Sum: 1300 * time.Millisecond}
	full.Buckets[0], full.Buckets[4] = 2, 1
	return watch.State{
		At: at(2000), Started: at(100),
		Stores: []watch.StoreState{{Store: "s3://backups", Up: true, LastAnswer: at(1999)}, {Store: "/mnt/nas", Since: at(1500)}},
		Targets: []watch.TargetState{
			{
				Target: watch.Target{
					Name: "people", Archive: "s3://backups/people", Lag: 5 * time.Second,
					Full: watch.FullRules{Every: time.Hour}, Verify: 2 * time.Hour, Drill: watch.DrillRules{Every: 24 * time.Hour},
				},
				Phase: watch.PhaseDirty, Turned: at(1999), LastLook: at(1998), LastSafe: at(1990), Lag: 15 * time.Second,
				UnsavedSince: at(1993), UnsavedBytes: 77,
				Newest:   archiver.Backup{Seq: 9, CreatedAt: at(1989), EndEpoch: 40, Timeline: 2},
				LastFull: at(1000), NewestRestorable: at(1988), Increments: 8,
				DatabaseBytes: 4096, HeldLogBytes: 512,
				Disk:   watch.DiskState{FreeBytes: 1 << 30, TotalBytes: 1 << 31, MinFreeBytes: 1 << 20, GivenUp: true},
				Verify: watch.UpkeepState{LastGood: at(900), Findings: 2},
				Proof: watch.ProofState{At: at(1950), Proofs: archiver.Proofs{
					Proven:    &archiver.Proven{At: at(1200), Restore: 41 * time.Second},
					LastDrill: &archiver.Drilled{At: at(1800)},
					Coverage:  &archiver.Coverage{LastAt: at(1700), Findings: 1, Read: 0.25},
				}},
				Counts: watch.Counts{
					Backups:        map[archiver.Kind]int64{archiver.KindFull: 3},
					Failures:       map[archiver.Code]int64{archiver.CodeConflict: 4},
					UnplannedFulls: map[string]int64{"gap": 1}, Conflicts: 4, GivenUp: 1,
					ReadBytes: 11, StoredBytes: 12, ReusedBytes: 13,
					Requests:  storage.RequestCounts{Put: 1, Get: 2, Head: 3, List: 4, Delete: 5},
					Durations: map[archiver.Kind]watch.Durations{archiver.KindFull: full},
				},
			},
			{Target: watch.Target{Name: "new", Archive: "/mnt/nas/new"}, Phase: watch.PhaseNew},
		},
	}
}

func source(state func() watch.State) Source {
	return Source{
		State: state, Version: "v1.2.3", Zstd: "C",
		Reload:     func() (time.Time, bool) { return at(150), true },
		Heartbeats: func() map[string]int64 { return map[string]int64{"ok": 5, "failed": 1} },
	}
}

// text returns what a scrape shows of a source.
func text(t *testing.T, s Source) string {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(s)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, family := range families {
		if _, err := expfmt.MetricFamilyToText(&out, family); err != nil {
			t.Fatal(err)
		}
	}
	return regexp.MustCompile(`revision="[^"]*"`).ReplaceAllString(out.String(), `revision="R"`)
}

func TestExposition(t *testing.T) {
	t.Parallel()
	golden := filepath.Join("testdata", "watcher.txt")
	got := text(t, source(busy))
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s differs (-file +now; -update writes it):\n%s", golden, diff)
	}
}

func TestLint(t *testing.T) {
	t.Parallel()
	problems, err := promlint.New(strings.NewReader(text(t, source(busy)))).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v, %v", problems, err)
	}
}

// TestFrozenLoopShows: of a loop that does not turn any more, the last turn grows old and what is
// not saved grows older, from scrape to scrape. No number is as if all were well.
func TestFrozenLoopShows(t *testing.T) {
	t.Parallel()
	now := at(2000)
	frozen := func() watch.State {
		s := busy()
		s.At = now
		return s
	}
	find := func(name string) string {
		_, rest, _ := strings.Cut(text(t, source(frozen)), "\n"+prefix+name+`{archive="s3://backups/people",database="people"} `)
		value, _, _ := strings.Cut(rest, "\n")
		return value
	}
	if lag, turn := find("lag_seconds"), find("last_turn_timestamp_seconds"); lag != "7" || turn != "1999" {
		t.Fatalf("the lag is %q, the last turn %q", lag, turn)
	}
	now = at(5600)
	if lag, turn := find("lag_seconds"), find("last_turn_timestamp_seconds"); lag != "3607" || turn != "1999" {
		t.Errorf("an hour later, the lag is %q, the last turn %q", lag, turn)
	}
}

// TestMetricsAreDocumented: docs/operations.md has all metrics with their labels, and no others.
func TestMetricsAreDocumented(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("../../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "gbak.prom")
	if err := NewRun("backup", "people", address).Write(path, 0, ""); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for line := range strings.Lines(string(content)) {
		if cells := strings.Split(line, "|"); len(cells) > 1 {
			for _, name := range regexp.MustCompile("`(gbak_[^`]*)`").FindAllStringSubmatch(cells[1], -1) {
				documented[name[1]] = true
			}
		}
	}
	known := map[string]bool{}
	for _, sample := range regexp.MustCompile(`(?m)^(gbak_\w+?)(?:_bucket|_sum|_count)?(\{.*\})? \S+$`).FindAllStringSubmatch(text(t, source(busy))+string(file), -1) {
		var labels []string
		for _, label := range regexp.MustCompile(`(\w+)="`).FindAllStringSubmatch(sample[2], -1) {
			if !slices.Contains([]string{"database", "archive", "le"}, label[1]) {
				labels = append(labels, label[1])
			}
		}
		name := sample[1]
		if len(labels) > 0 {
			name += "{" + strings.Join(labels, ",") + "}"
		}
		known[name] = true
	}
	known["gbak_build_info{version,revision,zstd}"] = known["gbak_build_info{revision,version,zstd}"]
	delete(known, "gbak_build_info{revision,version,zstd}")
	if diff := cmp.Diff(documented, known); diff != "" {
		t.Errorf("docs/operations.md differs (-document +program):\n%s", diff)
	}
}

// TestScrape: a scrape gets all of it over HTTP, with what Go says about the process.
func TestScrape(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	Handler(source(busy)).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	body, err := io.ReadAll(w.Result().Body)
	if err != nil || w.Code != 200 {
		t.Fatalf("status %d, %v", w.Code, err)
	}
	for _, want := range []string{"\ngbak_lag_seconds{", "\ngo_goroutines "} {
		if !strings.Contains(string(body), want) {
			t.Errorf("there is no %q", want)
		}
	}
}

// TestOneOfASeriesIsEnough: two databases that look alike do not take the others away.
func TestOneOfASeriesIsEnough(t *testing.T) {
	t.Parallel()
	twins := func() watch.State {
		s := busy()
		s.Targets = append(s.Targets, s.Targets[1])
		return s
	}
	w := httptest.NewRecorder()
	Handler(source(twins)).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if body := w.Body.String(); w.Code != 200 || !strings.Contains(body, `gbak_newest_epoch{archive="s3://backups/people"`) {
		t.Errorf("status %d, %s", w.Code, body)
	}
}
