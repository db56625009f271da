package archiver_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk/disktest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// Writers, expirers, pinners and compactors on one archive, each on connections that are
// slow, lose requests and answers, deliver some much later, and list what is new late. Then: the log is a sequence;
// who was told "committed" is in it, and of the others only those who were told that nobody
// knows; backups only ever went; nothing that one needed was ever deleted; all that are there
// restore; and two more expiries leave exactly what they need.
func TestHistoriesOfRemovals(t *testing.T) {
	t.Parallel()
	histories := few(200)
	base := newHistoryBase(t)
	var total [numberOfTolds]atomic.Int64
	var remembered atomic.Int64
	for seed := range uint64(histories) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			h := base.newHistory(t, seed)
			synctest.Test(t, func(t *testing.T) { h.play(t) })
			h.check(t)
			remembered.Add(h.remembered.Load())
			for i, n := range h.tolds() {
				total[i].Add(int64(n))
			}
		})
	}
	t.Logf("%d histories: %d times committed, %d nothing to do, %d failures, %d of unknown outcome, %d manifests that do not count, %d deleted",
		histories, total[0].Load(), total[1].Load(), total[2].Load(), total[3].Load(), total[4].Load(), total[5].Load())
	t.Logf("%d commits on what a session remembered", remembered.Load())
	if remembered.Load() == 0 {
		t.Error("no session has committed on what it remembered")
	}
	for i := range total {
		if total[i].Load() == 0 && i != strayManifests {
			t.Error("the faults are too few or too many to show something")
		}
	}
}

// What the runs of a history were told, and what else there was.
const (
	toldCommitted = iota
	toldNothing
	toldFailure
	toldUnknown
	strayManifests
	deletedManifests
	numberOfTolds
)

// historyBase is an archive whose next numbers are in the middle of the second group, and
// the database.
type historyBase struct {
	model   *model
	state   snapshot
	records map[manifest.Digest]*manifest.Manifest
}

func newHistoryBase(t *testing.T) *historyBase {
	t.Helper()
	m, store := newModel(t), storagetest.NewMemory()
	m.commit(50)
	backup(t, store, m.path)
	if _, err := newArchive(store).SetPolicy(t.Context(), &archiver.Rules{Last: 2}); err != nil { // 2
		t.Fatal(err)
	}
	for i := range 57 {
		if m.commit(50); i%8 == 0 {
			m.checkpointHeld()
		}
		if _, err := newArchive(store).Backup(t.Context(), m.path, archiver.BackupOptions{Full: i%8 == 0}); err != nil {
			t.Fatal(err)
		}
	}
	mustExpire(t, "the base", store, archiver.Rules{Last: 3})
	b := &historyBase{m, snapshotOf(t, store), map[manifest.Digest]*manifest.Manifest{}}
	for key, object := range b.state.objects {
		if strings.HasPrefix(key, manifest.ManifestPrefix) {
			b.records[manifest.Sum(object)], _ = decodeManifest(object) // it was written just now
		}
	}
	return b
}

// history is one history, on a copy of the base.
type history struct {
	seed  uint64
	model *model
	store *storagetest.Memory

	remembered atomic.Int64 // commits on what a session remembered

	mu      sync.Mutex // of the model, and of what follows
	told    []toldOf
	records map[manifest.Digest]*manifest.Manifest // every manifest that was ever there
	lists   int
	deleted int // manifests
	harm    []string
}

// toldOf is what a run was told.
type toldOf struct {
	host   string
	record uint64 // that it committed, 0 if none
	err    error
}

func (b *historyBase) newHistory(t *testing.T, seed uint64) *history {
	t.Helper()
	m := *b.model
	m.t, m.path = t, filepath.Join(t.TempDir(), "db", filepath.Base(m.path))
	m.all, m.times = slices.Clone(m.all), maps.Clone(m.times)
	m.check(os.CopyFS(filepath.Dir(m.path), os.DirFS(filepath.Dir(b.model.path))))
	m.reopen()
	h := &history{seed: seed, model: &m, store: b.state.store(t, 0), records: maps.Clone(b.records)}
	h.store.SetClock(time.Now)
	return h
}

// note remembers a manifest. It is for one goroutine at a time.
func (h *history) note(object []byte) {
	if m, err := decodeManifest(object); err == nil {
		h.records[manifest.Sum(object)] = m
	}
}

// known decodes a manifest that was remembered.
func (h *history) known(object []byte) (*manifest.Manifest, error) {
	if m := h.records[manifest.Sum(object)]; m != nil {
		return m, nil
	}
	return decodeManifest(object)
}

// play lets everybody loose.
func (h *history) play(t *testing.T) {
	random := rand.New(rand.NewPCG(h.seed, 1))
	var all sync.WaitGroup
	actors := []func(context.Context, *rand.Rand, *actor) (uint64, error){h.backup, h.session, h.backup, h.expire, h.session, h.expire, h.pin, h.compact}
	for i := range 3 + random.IntN(5) {
		act := actors[random.IntN(len(actors))]
		if i < 3 {
			act = []func(context.Context, *rand.Rand, *actor) (uint64, error){h.backup, h.expire, h.session}[i] // there is one of each of these
		}
		own := rand.New(rand.NewPCG(h.seed, uint64(i)+2))
		store := storagetest.NewFaulty(&watched{h.store, h}, h.faults(own))
		all.Go(func() {
			who := &actor{}
			for run := range 1 + own.IntN(8) {
				host := fmt.Sprintf("%d, run %d", i, run)
				who.Archive = newWith(store, archiver.Options{Host: host, Concurrency: 1, Tool: "test"}).On(disktest.Unsynced{})
				record, err := act(t.Context(), own, who)
				h.mu.Lock()
				h.told = append(h.told, toldOf{host, record, err})
				h.mu.Unlock()
			}
		})
	}
	all.Wait()
	time.Sleep(time.Hour) // for what is late
}

// actor is somebody who works on the archive, with another name each time.
type actor struct {
	*archiver.Archive
	own *archiver.Session // nil before it begins
}

func (h *history) commit(random *rand.Rand) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for range 1 + random.IntN(3) {
		h.model.commit(50 + random.IntN(2)*manifest.MaxInlineBytes)
	}
}

func (h *history) backup(ctx context.Context, random *rand.Rand, a *actor) (uint64, error) {
	h.commit(random)
	r, err := a.Backup(ctx, h.model.path, archiver.BackupOptions{Full: random.IntN(3) == 0, NoHold: true})
	return committedOf(r), err
}

// session backs up from what the actor remembers, perhaps long after.
func (h *history) session(ctx context.Context, random *rand.Rand, a *actor) (uint64, error) {
	if a.own == nil {
		a.own = a.Session(h.model.path, archiver.SessionOptions{})
	}
	if random.IntN(4) == 0 {
		_ = pause(ctx, time.Duration(random.Int64N(int64(90*time.Minute)))) // it does not end
	}
	h.commit(random)
	r, err := a.own.By(a.Archive).Backup(ctx, archiver.SessionBackup{Full: random.IntN(12) == 0, NoHold: true})
	if err == nil && r.Requests.List == 0 && committedOf(r) != 0 {
		h.remembered.Add(1)
	}
	return committedOf(r), err
}

// committedOf returns the number of the record that was committed, 0 if there is none.
func committedOf(r archiver.BackupReport) uint64 {
	if r.Backup.Kind == archiver.KindNone {
		return 0
	}
	return r.Backup.Seq
}

func (h *history) expire(ctx context.Context, random *rand.Rand, a *actor) (uint64, error) {
	o := archiver.ExpireOptions{Rules: &archiver.Rules{Last: random.IntN(3), Full: random.IntN(2)}, Apply: true, Grace: archiver.NoGrace}
	if o.Rules.Last+o.Rules.Full == 0 {
		o.Rules = nil // those that are stored
	}
	if random.IntN(4) == 0 {
		o.Grace = time.Duration(1+random.IntN(300)) * time.Second
	}
	o.MarkOnly = random.IntN(8) == 0
	r, err := a.Expire(ctx, o)
	if err != nil && r.Applied && archiver.CodeOf(err) != archiver.CodeUnknownOutcome {
		err = nil // of the sweep
	}
	return r.Keep, err
}

func (h *history) pin(ctx context.Context, random *rand.Rand, a *actor) (uint64, error) {
	l, err := a.List(ctx)
	if err != nil || len(l.Backups) == 0 {
		return 0, err
	}
	seq := l.Backups[random.IntN(len(l.Backups))].Seq
	var r archiver.KeepReport
	if random.IntN(2) == 0 {
		r, err = a.Unpin(ctx, seq)
	} else {
		r, err = a.Pin(ctx, seq, fmt.Sprint(random.IntN(100)))
	}
	return r.Keep, err
}

func (h *history) compact(ctx context.Context, _ *rand.Rand, a *actor) (uint64, error) {
	r, err := a.Compact(ctx, archiver.CompactOptions{Min: 2, Tail: 1, Apply: true})
	return r.Keep, err
}

// faults delays requests, loses some and their answers, more of those that change
// something, and delivers some later.
func (h *history) faults(random *rand.Rand) storagetest.Hook {
	var mu sync.Mutex
	var down time.Time // until then nothing is answered
	return func(op storage.Op, key string, n int) (f storagetest.Fault) {
		mu.Lock()
		defer mu.Unlock()
		if wait := time.Until(down); wait > 0 {
			return storagetest.Fault{Err: errLost, Wait: func(ctx context.Context) error { return pause(ctx, wait) }}
		}
		delay := time.Duration(1 + random.Int64N(int64(time.Second)))
		if random.IntN(40) == 0 {
			delay *= 60 // asleep
		}
		f.Wait = func(ctx context.Context) error { return pause(ctx, delay) }
		rate := 0.01
		if op == storage.OpPut && strings.HasPrefix(key, manifest.ManifestPrefix) || op == storage.OpDelete {
			rate = 0.15
		}
		switch x := random.Float64() / rate; {
		case x < 0.3:
			f.Err = errLost
		case x < 0.6:
			f.Err, f.Apply, f.Part = errLost, true, random.IntN(4)
		case x < 0.8 && (op == storage.OpPut || op == storage.OpDelete):
			late := time.Duration(random.Int64N(int64(20 * time.Minute)))
			f.Err, f.Later = errLost, func(letGo func()) { time.AfterFunc(late, letGo) }
			if op == storage.OpPut && random.IntN(2) == 0 {
				down = time.Now().Add(2 * time.Minute)
			}
		case x < 1 && op == storage.OpPut && strings.HasPrefix(key, manifest.ManifestPrefix):
			f.Hang = true
		}
		return f
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// tolds counts what the runs were told, and what else there was.
func (h *history) tolds() (n [numberOfTolds]int) {
	for _, e := range h.told {
		switch {
		case e.err == nil && e.record != 0:
			n[toldCommitted]++
		case e.err == nil:
			n[toldNothing]++
		case archiver.CodeOf(e.err) == archiver.CodeUnknownOutcome:
			n[toldUnknown]++
		default:
			n[toldFailure]++
		}
	}
	n[strayManifests] = len(h.records) - len(h.log())
	n[deletedManifests] = h.deleted
	return n
}

// log returns the log, by following what each record says of the one before.
func (h *history) log() map[manifest.Seq]*manifest.Manifest {
	log := map[manifest.Seq]*manifest.Manifest{}
	var last *manifest.Manifest
	for _, object := range h.store.Objects() {
		if m := h.records[manifest.Sum(object)]; m != nil && (last == nil || m.Seq > last.Seq) {
			last = m
		}
	}
	for m := last; m != nil; m = h.records[*m.Previous] {
		if log[m.Seq] = m; m.Previous == nil {
			break
		}
	}
	return log
}
