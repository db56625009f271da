package watch

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// realDatabase is a database of 0.6 on the disk, to which commits are appended.
type realDatabase struct {
	t     *testing.T
	path  string
	log   *grafeotest.Log06
	epoch uint64
	w     *Watcher
}

func newRealDatabase(t *testing.T) *realDatabase {
	d := &realDatabase{t: t, path: filepath.Join(t.TempDir(), "people.grafeo")}
	d.check(grafeotest.Image06(d.path, grafeotest.Image06Options{Iteration: 1, Time: time.Now(), Size: 5000}))
	d.check(os.Mkdir(d.path+".wal", 0o700))
	var err error
	d.log, err = grafeotest.NewLog06(d.path+".wal", [16]byte{}, 0)
	d.check(err)
	t.Cleanup(func() { d.check(d.log.Close()) })
	return d
}

func (d *realDatabase) check(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *realDatabase) commit() {
	d.t.Helper()
	d.epoch++
	d.check(d.log.Append(grafeotest.Group06{Epoch: d.epoch, Time: time.Now(), Transaction: 2, Records: make([]byte, 200)}))
	d.w.Changed(d.path)
}

// An hour of commits, one each second, from a database on the disk into an archive: at most
// three requests in 10 s, an epoch is there soon after its commit, and all can be restored. The same
// for two watchers with three tenths more.
func TestAnHourOnDisk(t *testing.T) {
	seconds := 3600
	if testing.Short() {
		seconds = 600
	}
	for watchers, most := range map[int]int64{1: int64(seconds) * 3 / 10, 2: int64(seconds) * 3 / 10 * 13 / 10} {
		synctest.Test(t, func(t *testing.T) {
			store, d := storagetest.NewMemory(), newRealDatabase(t)
			var all []*Watcher
			var stopped []chan error
			ctx, cancel := context.WithCancel(t.Context())
			for range watchers {
				w := New(Options{Open: func(g Target) (Archive, error) {
					return Adapt(archiver.New(store, archiver.Options{Name: g.Archive}), g.Database, archiver.SessionOptions{}, nil), nil
				}})
				d.check(w.Set([]Target{target(d.path)}))
				end := make(chan error, 1)
				go func() { end <- w.Run(ctx) }()
				all, stopped = append(all, w), append(stopped, end)
				time.Sleep(time.Minute)
			}
			requests := func() (n int64) {
				for _, w := range all {
					n += w.State().Targets[0].Counts.Requests.Total()
				}
				return n
			}
			before := requests()
			worst := time.Duration(0)
			for i := range seconds {
				time.Sleep(time.Second)
				d.w = all[0]
				d.commit()
				for _, w := range all[1:] {
					w.Changed(d.path)
				}
				synctest.Wait()
				if s := newest(all); i > 60 {
					worst = max(worst, time.Since(*s.EndTime))
				}
			}
			if n := requests() - before; n > most || n < int64(seconds)/6 {
				t.Errorf("%d watchers: %d requests, and not %d at most", watchers, n, most)
			}
			if limit := time.Duration(watchers) * (DefaultLag + 2*time.Second); worst > limit {
				t.Errorf("%d watchers: the archive was %s behind", watchers, worst)
			}
			cancel()
			for _, end := range stopped {
				d.check(<-end)
			}
			a := archiver.New(store, archiver.Options{})
			list, err := a.List(t.Context())
			d.check(err)
			last := list.Backups[len(list.Backups)-1]
			if last.EndEpoch != d.epoch || list.Backups[0].Kind != archiver.KindFull || last.Timeline != 1 {
				t.Errorf("%+v", last)
			}
			for _, b := range list.Backups[1:] {
				if b.Kind != archiver.KindIncremental {
					t.Errorf("%d is %s", b.Seq, b.Kind)
				}
			}
			r, err := a.Verify(t.Context(), archiver.VerifyOptions{Deep: true})
			if d.check(err); !r.OK() {
				t.Errorf("%v", r.Findings)
			}
		})
	}
}

// newest returns the newest backup that any of the watchers knows.
func newest(all []*Watcher) (newest archiver.Backup) {
	for _, w := range all {
		if b := w.State().Targets[0].Newest; b.Seq > newest.Seq {
			newest = b
		}
	}
	return newest
}
