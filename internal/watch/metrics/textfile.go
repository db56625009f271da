package metrics

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Write ends the run and writes what it knows to the file at path, beside what earlier runs
// on this archive knew and this one does not: a run that fails takes no success away.
// Counters go on from where they were. exit is the exit code of the run, and code that of
// its error, "" for none.
//
// The file is there as a whole or not at all, and everybody may read it, as node_exporter
// must. Of two runs that end at the same moment, one may not be counted. A file that
// cannot be understood is replaced, and the error says so.
func (r *Run) Write(path string, exit int, code string) error {
	r.end(exit, code)
	registry := prometheus.NewRegistry()
	if err := registry.Register(r.known); err != nil {
		return err
	}
	known, err := registry.Gather()
	if err != nil {
		return err
	}
	old, damage := readFamilies(path)
	if damage != nil && !errors.Is(damage, errNoMetrics) {
		return damage // it may hold the successes of earlier runs
	}
	all := r.merge(known, old)
	if err := prometheus.WriteToTextfile(path, prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) { return all, nil })); err != nil {
		return fmt.Errorf("writing the metrics: %w", err)
	}
	return damage
}

// Describe and Collect make samples a collector. It names no metrics in advance.
func (s samples) Describe(chan<- *prometheus.Desc) {}

// Collect sends the samples.
func (s samples) Collect(ch chan<- prometheus.Metric) {
	for _, m := range s {
		ch <- m
	}
}

// maxFile is more than any file that this package has written.
const maxFile = 1 << 20

// errNoMetrics is the error for a file that is there and cannot be understood.
var errNoMetrics = errors.New("the metrics file could not be understood, and was begun anew")

// readFamilies reads the metrics in the file at path, none if there is no file.
func readFamilies(path string) (map[string]*dto.MetricFamily, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("reading the metrics of earlier runs: %w", err)
	}
	defer func() { _ = f.Close() }()
	content, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading the metrics of earlier runs: %w", err)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(string(content)))
	if err != nil || len(content) > maxFile {
		return nil, errNoMetrics
	}
	return families, nil
}

// merge returns the families that this run knows, with the series of earlier runs that it
// does not know, and its counters added to theirs.
func (r *Run) merge(known []*dto.MetricFamily, old map[string]*dto.MetricFamily) []*dto.MetricFamily {
	for _, family := range known {
		before := old[family.GetName()]
		delete(old, family.GetName())
		if before == nil || before.GetType() != family.GetType() {
			continue
		}
		for _, series := range before.GetMetric() {
			i := slices.IndexFunc(family.Metric, func(m *dto.Metric) bool { return labelsOf(m) == labelsOf(series) })
			switch {
			case i < 0 && r.isAbout(series):
				family.Metric = append(family.Metric, series)
			case i >= 0 && family.GetType() == dto.MetricType_COUNTER:
				sum := family.Metric[i].GetCounter().GetValue() + series.GetCounter().GetValue()
				family.Metric[i].Counter.Value = &sum
			}
		}
	}
	for name, family := range old {
		family.Metric = slices.DeleteFunc(family.Metric, func(m *dto.Metric) bool { return !r.isAbout(m) })
		if strings.HasPrefix(name, prefix) && len(family.Metric) > 0 {
			known = append(known, family)
		}
	}
	slices.SortFunc(known, func(a, b *dto.MetricFamily) int { return cmp.Compare(a.GetName(), b.GetName()) })
	for _, family := range known {
		for _, series := range family.Metric {
			series.TimestampMs = nil
		}
		slices.SortFunc(family.Metric, func(a, b *dto.Metric) int { return cmp.Compare(labelsOf(a), labelsOf(b)) })
	}
	return known
}

// isAbout reports whether a series of an earlier run is about this run's archive and
// database. What is about others is of a file that was used for those, and would stand
// still from now on.
func (r *Run) isAbout(series *dto.Metric) bool {
	archive, database := "", ""
	for _, pair := range series.GetLabel() {
		switch pair.GetName() {
		case "archive":
			archive = pair.GetValue()
		case "database":
			database = pair.GetValue()
		}
	}
	own := valid([]string{r.archive, r.database})
	return archive == own[0] && (database == own[1] || database == "" || own[1] == "")
}

// labelsOf returns the labels of a series as a text that no other labels give.
func labelsOf(series *dto.Metric) string {
	var pairs []string
	for _, pair := range series.GetLabel() {
		pairs = append(pairs, fmt.Sprintf("%s=%q", pair.GetName(), pair.GetValue()))
	}
	slices.Sort(pairs)
	return strings.Join(pairs, ",")
}
