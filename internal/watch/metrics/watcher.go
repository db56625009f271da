package metrics

import (
	"cmp"
	"maps"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/internal/watch"
)

// Source is what a watcher's metrics are made of. Each function is called for each scrape,
// and must wait for no I/O.
type Source struct {
	State func() watch.State

	// Reload says when the configuration was last taken over, and whether the last try to
	// read it succeeded; nil if there is no file.
	Reload func() (at time.Time, ok bool)

	// Heartbeats says how many were sent, by result; nil if nobody wants any.
	Heartbeats func() map[string]int64

	Version string // of the program
	Zstd    string // in which language it is written
}

// Handler answers with the metrics of a watcher, and of its process.
func Handler(source Source) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(source, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
}

// Describe names no metrics in advance.
func (s Source) Describe(chan<- *prometheus.Desc) {}

// Collect sends the values of this moment.
func (s Source) Collect(ch chan<- prometheus.Metric) {
	var all samples
	all.add(buildInfo, 1, s.Version, revision(), s.Zstd)
	if s.Reload != nil {
		at, ok := s.Reload()
		all.add(reloadOK, truth(ok))
		all.add(reloadAt, seconds(at))
	}
	if s.Heartbeats != nil {
		for result, n := range s.Heartbeats() {
			all.add(heartbeats, float64(n), result)
		}
	}
	state := s.State()
	for i := range state.Stores {
		store := &state.Stores[i]
		all.add(storeUp, truth(store.Up), store.Store)
		all.add(storeAnswer, seconds(store.LastAnswer), store.Store)
	}
	for i := range state.Targets {
		one := target{&all, []string{state.Targets[i].Target.Name, state.Targets[i].Target.Archive}}
		one.now(&state.Targets[i], state.At)
		one.counts(&state.Targets[i].Counts)
	}
	all.Collect(ch)
}

// target adds the samples of one database and archive.
type target struct {
	all    *samples
	labels []string
}

func (t target) tell(m metric, value float64, more ...string) {
	t.all.add(m, value, append(t.labels[:len(t.labels):len(t.labels)], more...)...)
}

// now tells how the target is.
func (t target) now(s *watch.TargetState, at time.Time) {
	for _, phase := range watch.Phases {
		t.tell(state, truth(s.Phase == phase), string(phase))
	}
	t.tell(lastTurn, seconds(s.Turned))
	t.tell(lastLook, seconds(s.LastLook))
	t.tell(lastSafe, seconds(s.LastSafe))

	age := time.Duration(0)
	if !s.UnsavedSince.IsZero() {
		age = max(0, at.Sub(s.UnsavedSince))
	}
	t.tell(lag, age.Seconds())
	t.tell(lagTarget, cmp.Or(s.Lag, s.Target.Lag, watch.DefaultLag).Seconds())
	t.tell(unsavedSince, seconds(s.UnsavedSince))
	t.tell(unsavedBytes, float64(s.UnsavedBytes))

	t.tell(fullEvery, s.Target.Full.Every.Seconds())
	if s.Newest.Seq > 0 { // before that nothing is known of the archive, or there is nothing in it
		t.tell(lastCommit, seconds(s.Newest.CreatedAt))
		t.tell(lastFull, seconds(s.LastFull))
		t.tell(restorable, seconds(s.NewestRestorable))
		t.tell(newestEpoch, float64(s.Newest.EndEpoch))
		t.tell(timeline, float64(s.Newest.Timeline))
		t.tell(sinceFull, float64(s.Increments))
	}

	t.tell(databaseBytes, float64(s.DatabaseBytes))
	t.tell(heldBytes, float64(s.HeldLogBytes))
	t.tell(givenUpNow, truth(s.Disk.GivenUp))
	if s.Disk.TotalBytes > 0 {
		t.tell(diskFree, float64(s.Disk.FreeBytes))
		t.tell(diskMinFree, float64(s.Disk.MinFreeBytes))
	}

	t.tell(drillEvery, s.Target.Drill.Every.Seconds())
	if !s.Proof.At.IsZero() { // else nobody knows whether there are any
		tellProof(t.tell, &s.Proof.Proofs)
	}
	t.tell(verifyEvery, s.Target.Verify.Seconds())
	if s.Target.Verify > 0 {
		t.tell(verified, seconds(s.Verify.LastGood), levelNames)
		t.tell(verifyFindings, float64(s.Verify.Findings), levelNames)
	}
}

// counts tells what happened so far. What counts from nothing is there from the beginning,
// as an increase from nothing at all is none to Prometheus.
func (t target) counts(c *watch.Counts) {
	for _, kind := range []archiver.Kind{archiver.KindFull, archiver.KindIncremental} {
		t.tell(backups, float64(c.Backups[kind]), string(kind))
		if d, ok := c.Durations[kind]; ok {
			t.duration(kind, d)
		}
	}
	failed := map[archiver.Code]int64{archiver.CodeStore: 0, archiver.CodeDamagedArchive: 0, archiver.CodeDamagedDatabase: 0}
	maps.Copy(failed, c.Failures)
	for code, n := range failed {
		t.tell(failures, float64(n), string(code))
	}
	fulls := map[string]int64{"gap": 0, "fork": 0}
	maps.Copy(fulls, c.UnplannedFulls)
	for reason, n := range fulls {
		t.tell(unplanned, float64(n), reason)
	}
	t.tell(conflicts, float64(c.Conflicts))
	t.tell(givenUp, float64(c.GivenUp))
	t.tell(readBytes, float64(c.ReadBytes))
	t.tell(storedBytes, float64(c.StoredBytes))
	t.tell(reusedBytes, float64(c.ReusedBytes))
	for op, n := range byOp(c.Requests) {
		t.tell(requests, float64(n), op)
	}
}

func (t target) duration(kind archiver.Kind, d watch.Durations) {
	buckets, sum := map[float64]uint64{}, uint64(0)
	for i, bound := range watch.Bounds {
		sum += uint64(d.Buckets[i])
		buckets[bound] = sum
	}
	labels := valid(append(t.labels[:len(t.labels):len(t.labels)], string(kind)))
	*t.all = append(*t.all, prometheus.MustNewConstHistogram(duration, uint64(d.Count), d.Sum.Seconds(), buckets, labels...))
}

func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// revision returns the commit that the program was built from, "" if it is not known.
func revision() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				return setting.Value
			}
		}
	}
	return ""
}
