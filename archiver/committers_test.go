package archiver_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// event is a backup that a writer has made, or tried to, as the writer saw it.
type event struct {
	host       string // names writer and run, and stands in the manifest
	began, end int64  // in the order of all events
	report     archiver.BackupReport
	err        error
}

// Many writers on one archive, over connections that lose requests and answers
// and hang: the journal has no gaps; everybody who was told "committed" is in it,
// once, under the number reported; of the others, only those are who were told that
// the outcome is unknown; and a run that began after another had ended has the higher
// number.
func TestHistoriesOfCommitters(t *testing.T) {
	t.Parallel()
	histories := few(100)
	m := newModel(t)
	for range 3 {
		m.commit(200)
	}
	var committed, conflicts, unknown atomic.Int64
	for seed := range uint64(histories) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			inner := storagetest.NewMemory()
			var events []event
			synctest.Test(t, func(t *testing.T) { events = writeTogether(t, inner, m.path, seed) })
			checkHistory(t, inner, events)
			for _, e := range events {
				switch code := archiver.CodeOf(e.err); {
				case e.err == nil && e.report.Backup.Kind != archiver.KindNone:
					committed.Add(1)
				case code == archiver.CodeConflict:
					conflicts.Add(1)
				case code == archiver.CodeUnknownOutcome:
					unknown.Add(1)
				}
			}
		})
	}
	t.Logf("%d histories: %d backups committed, %d conflicts, %d of unknown outcome", histories, committed.Load(), conflicts.Load(), unknown.Load())
	if committed.Load() == 0 || unknown.Load() == 0 {
		t.Error("the faults are too few or too many to show something")
	}
}

// writeTogether lets 2 to 16 writers make a few backups each at the same time.
func writeTogether(t *testing.T, inner *storagetest.Memory, path string, seed uint64) []event {
	random := rand.New(rand.NewPCG(seed, 1)) // the same history every time, as far as scheduling lets it
	var (
		clock  atomic.Int64
		mu     sync.Mutex
		events []event
		all    sync.WaitGroup
	)
	for w := range 2 + random.IntN(15) {
		var next storage.Storage = inner
		if seed%2 == 0 { // answers to puts show nothing
			next = storagetest.Silent{Storage: inner}
		}
		store := storagetest.NewFaulty(next, committerFaults(random))
		runs, full := 1+random.IntN(2), random.IntN(3)
		all.Go(func() {
			for run := range runs {
				e := event{host: fmt.Sprintf("writer %d, run %d", w, run), began: clock.Add(1)}
				a := newWith(store, archiver.Options{Host: e.host, Concurrency: 1})
				e.report, e.err = a.Backup(t.Context(), path, archiver.BackupOptions{Full: full > 0, NoHold: true})
				e.end = clock.Add(1)
				mu.Lock()
				events = append(events, e)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return events
}

// committerFaults loses requests and answers, those of commits more often. Only
// a commit may hang: other requests are the backend's to end.
func committerFaults(random *rand.Rand) storagetest.Hook {
	rare := storagetest.Random(random.Uint64(), storagetest.Rates{Before: 0.01, After: 0.01})
	often := storagetest.Random(random.Uint64(), storagetest.Rates{
		Before: 0.4 * random.Float64(), After: 0.4 * random.Float64(), Hang: 0.2 * random.Float64(),
	})
	var down atomic.Bool
	breaks := random.IntN(6) == 0 // with its first commit its connection is gone, applied or not
	return func(op storage.Op, key string, n int) storagetest.Fault {
		switch commit := op == storage.OpPut && strings.HasPrefix(key, manifest.ManifestPrefix); {
		case down.Load():
			return storagetest.Fault{Err: errLost}
		case commit && breaks:
			down.Store(true)
			return storagetest.Fault{Err: errLost, Apply: n%2 == 0}
		case commit:
			return often(op, key, n)
		}
		return rare(op, key, n)
	}
}

func checkHistory(t *testing.T, inner *storagetest.Memory, events []event) {
	t.Helper()
	hosts := map[string]uint64{} // who is in the log, and where
	for key, b := range inner.Objects() {
		if seq, ok := manifest.ParseKey(key); ok {
			m, err := decodeManifest(b)
			if err != nil {
				t.Fatal(err)
			}
			if other, twice := hosts[m.Host]; twice {
				t.Errorf("%s is in the log as backup %d and as %d", m.Host, other, seq)
			}
			hosts[m.Host] = uint64(seq)
		}
	}
	for _, e := range events {
		seq, there := hosts[e.host]
		switch committed := e.err == nil && e.report.Backup.Kind != archiver.KindNone; {
		case committed && (!there || seq != e.report.Backup.Seq):
			t.Errorf("%s was told that backup %d is committed; in the log: %v, as %d", e.host, e.report.Backup.Seq, there, seq)
		case !committed && there && archiver.CodeOf(e.err) != archiver.CodeUnknownOutcome:
			t.Errorf("%s is in the log as backup %d, and was told %v", e.host, seq, e.err)
		}
		for _, before := range events {
			if s, ok := hosts[before.host]; ok && there && before.err == nil && before.end < e.began && s >= seq {
				t.Errorf("%s has number %d, and began after %s with %d was done", e.host, seq, before.host, s)
			}
		}
	}
	if len(hosts) > 0 {
		if v := mustBeWhole(t, inner); v.Backups != len(hosts) {
			t.Errorf("verify sees %d backups, there are %d", v.Backups, len(hosts))
		}
	}
}
