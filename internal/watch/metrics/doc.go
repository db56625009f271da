// Package metrics tells Prometheus how backups are doing: a watcher through /metrics, and
// runs of a command through a file that node_exporter reads.
//
// A sample is the value of one series; a series is a metric with its labels. Almost all
// have the labels database and archive: the name of the database, and the address of the
// archive without what says how to get there. A value is taken when it is asked for, from
// what the watcher last saw, so a loop that is stuck shows as a look that grows old, not as
// a number that stands still.
//
// This is the only package that knows the Prometheus client.
package metrics

import (
	"cmp"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// prefix is what the names of all metrics begin with.
const prefix = "gbak_"

// metric is a name with its meaning, and the labels of its series.
type metric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

func gauge(name, help string, labels ...string) metric {
	return metric{prometheus.NewDesc(prefix+name, help, labels, nil), prometheus.GaugeValue}
}

func counter(name, help string, labels ...string) metric {
	return metric{prometheus.NewDesc(prefix+name, help, labels, nil), prometheus.CounterValue}
}

// of returns the labels of a metric about one database and one archive.
func of(more ...string) []string { return append([]string{"database", "archive"}, more...) }

// samples are the values of one moment.
type samples []prometheus.Metric

// add adds a value for the labels of m, in their order. What is no UTF-8, as a file's name
// need not be, is replaced.
func (s *samples) add(m metric, value float64, labels ...string) {
	*s = append(*s, prometheus.MustNewConstMetric(m.desc, m.kind, value, valid(labels)...))
}

func valid(labels []string) []string {
	all := make([]string, len(labels))
	for i, label := range labels {
		all[i] = strings.ToValidUTF8(label, "\uFFFD")
	}
	return all
}

// seconds returns t as Prometheus counts time, 0 for none.
func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}

// Archive returns the label of the archive at an address: without what says how to get
// there, and without what nobody may read.
func Archive(address string) string {
	place, _, _ := strings.Cut(address, "?")
	return place
}

// Database returns the label of the database at a path, or of this name: its name without
// the ending that most have.
func Database(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	name := filepath.Base(path)
	return cmp.Or(strings.TrimSuffix(name, ".grafeo"), name)
}
