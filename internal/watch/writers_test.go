package watch

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// two watches one database with two watchers, for so long, with a commit each second. It
// returns how many requests that took.
func two(t *testing.T, over time.Duration) (requests int64, d *fakeDatabase, a *fakeArchive) {
	d, a, f := newFake("people")
	g := &fakeSession{d: d, a: a}
	one := watch(t, Options{}, []Target{target("people")}, f)
	rest(30 * time.Second)
	other := watch(t, Options{}, []Target{target("people")}, g)
	rest(30 * time.Second)
	before := a.total()
	for range over / time.Second {
		rest(time.Second)
		d.commit()
	}
	requests = a.total() - before
	if one.count(EventWriter)+other.count(EventWriter) == 0 {
		t.Error("neither says that there is another one")
	}
	for _, s := range []*scene{one, other} {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	}
	return requests, d, a
}

// Two watchers share an archive: everything is there, for little more than one of them costs,
// and without a full backup.
func TestTwoWatchers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		requests, d, a := two(t, time.Hour)
		if most := int64(1080) * 13 / 10; requests > most {
			t.Errorf("%d requests, and not %d at most", requests, most)
		}
		if a.saved != len(d.commits) || a.kinds()[archiver.KindFull] != 1 {
			t.Errorf("%d of %d, %v", a.saved, len(d.commits), a.kinds())
		}
		if a.worst > 20*time.Second {
			t.Errorf("a commit was %s old", a.worst)
		}
	})
}

// When the watcher that leads stops, the other one takes over.
func TestSecondWatcherTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, a, f := newFake("people")
		g := &fakeSession{d: d, a: a}
		one := watch(t, Options{}, []Target{target("people")}, f)
		rest(30 * time.Second)
		other := watch(t, Options{}, []Target{target("people")}, g)
		for range 600 {
			rest(time.Second)
			d.commit()
		}
		if err := one.stop(); err != nil {
			t.Fatal(err)
		}
		a.worst = 0
		for range 600 {
			rest(time.Second)
			d.commit()
		}
		if limit := (mostYield + 2) * DefaultLag; a.worst > limit {
			t.Errorf("a commit was %s old", a.worst)
		}
		rest(time.Minute)
		if a.saved != len(d.commits) {
			t.Errorf("%d of %d", a.saved, len(d.commits))
		}
		if err := other.stop(); err != nil {
			t.Error(err)
		}
	})
}

// A backup by hand beside the watcher costs it one round.
func TestBackupByHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, a, f := newFake("people")
		hand := &fakeSession{d: d, a: a}
		s := watch(t, Options{}, []Target{target("people")}, f)
		rest(30 * time.Second)
		for i := range 600 {
			rest(time.Second)
			d.commit()
			if i%60 == 30 {
				hand.fresh = false
				if _, err := hand.Backup(t.Context(), archiver.SessionBackup{}); err != nil {
					t.Fatal(err)
				}
			}
		}
		if limit := 2*DefaultLag + time.Second; a.worst > limit {
			t.Errorf("a commit was %s old", a.worst)
		}
		if err := s.stop(); err != nil {
			t.Error(err)
		}
		if a.saved != len(d.commits) || a.kinds()[archiver.KindFull] != 1 {
			t.Errorf("%d of %d, %v", a.saved, len(d.commits), a.kinds())
		}
	})
}

// That the end of the archive could not be read is over when it can be read again.
func TestRereadIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, a, f := newFake("people")
		hand := &fakeSession{d: d, a: a}
		s := watch(t, Options{}, []Target{target("people")}, f)
		rest(30 * time.Second)
		for s.count(EventWriter) == 0 {
			rest(time.Second)
			d.commit()
			hand.fresh = false
			if _, err := hand.Backup(t.Context(), archiver.SessionBackup{}); err != nil {
				t.Fatal(err)
			}
		}
		a.setAway(&archiver.Error{Code: archiver.CodePermission, Err: errors.New("403")})
		d.commit()
		rest(time.Minute)
		s.is(PhaseRefused)
		a.setAway(nil)
		before := a.total()
		rest(10 * time.Minute)
		s.is(PhaseClean)
		if n := a.total() - before; n > 20 {
			t.Errorf("%d requests", n)
		}
		if err := s.stop(); err != nil || a.saved != len(d.commits) {
			t.Errorf("%v, %d of %d are saved", err, a.saved, len(d.commits))
		}
	})
}

// Of two watchers, one takes the planned full backup.
func TestOneOfTwoTakesTheFullBackup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, a, f := newFake("people")
		g := target("people")
		g.Full.Every = day
		one := watch(t, Options{}, []Target{g}, f)
		time.Sleep(30 * time.Second)
		other := watch(t, Options{}, []Target{g}, &fakeSession{d: d, a: a})
		for range 4 * day / (5 * time.Second) {
			time.Sleep(5 * time.Second)
			d.commit()
		}
		if n := a.kinds()[archiver.KindFull]; n < 4 || n > 5 { // the first one, and one a day
			t.Errorf("%d full backups in 4 days", n)
		}
		for _, s := range []*scene{one, other} {
			if err := s.stop(); err != nil {
				t.Error(err)
			}
		}
	})
}

// Who is named as the other writer is the other one, with its backup, and not this one with its own.
// What removes backups is a conflict, too, but no other writer.
func TestOtherWriterIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, d := storagetest.NewMemory(), newRealDatabase(t)
		var mu sync.Mutex
		var writers []Event
		w := New(Options{
			Open: func(g Target) (Archive, error) {
				return Adapt(archiver.New(store, archiver.Options{Name: g.Archive, Host: "here"}), g.Database, archiver.SessionOptions{}, nil), nil
			},
			Event: func(e Event) {
				mu.Lock()
				defer mu.Unlock()
				if e.Kind == EventWriter {
					writers = append(writers, e)
				}
			},
		})
		d.check(w.Set([]Target{target(d.path)}))
		d.w = w
		ctx, cancel := context.WithCancel(t.Context())
		stopped := make(chan error, 1)
		go func() { stopped <- w.Run(ctx) }()
		saves := func() archiver.Backup {
			d.commit()
			time.Sleep(3 * DefaultLag)
			synctest.Wait()
			return w.State().Targets[0].Newest
		}
		if b := saves(); b.Seq != 1 && b.Seq != 2 {
			t.Fatalf("%+v", b)
		}
		last := saves()
		there := archiver.New(store, archiver.Options{Host: "there", Tool: "their tool"})
		_, err := there.Pin(t.Context(), last.Seq, "kept")
		d.check(err)
		if b := saves(); b.Seq != last.Seq+2 || len(writers) != 0 || w.State().Targets[0].Counts.Conflicts != 0 {
			t.Errorf("after a pin: %+v, %v", b, writers)
		}
		d.commit()
		r, err := there.Backup(t.Context(), d.path, archiver.BackupOptions{})
		d.check(err)
		if b := saves(); b.Seq != r.Backup.Seq+1 || b.Host != "here" {
			t.Errorf("%+v", b)
		}
		want := fmt.Sprintf("their tool on there, backup %d", r.Backup.Seq)
		if len(writers) != 1 || writers[0].Who != want || w.State().Targets[0].Counts.Conflicts != 1 {
			t.Errorf("%+v, and not %s", writers, want)
		}
		cancel()
		d.check(<-stopped)
	})
}

// If the others were faster until this one gave up, who they are is said when the archive was read.
func TestOthersThatAreFasterEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _, f := newFake("people")
		hand := &fakeSession{d: d, a: f.a, host: "there"}
		s := watch(t, Options{}, []Target{target("people")}, f)
		rest(30 * time.Second)
		f.isBeaten = true
		d.commit()
		if _, err := hand.Backup(t.Context(), archiver.SessionBackup{}); err != nil {
			t.Fatal(err)
		}
		rest(2 * DefaultLag)
		f.isBeaten = false
		rest(time.Minute)
		if s.count(EventWriter) != 1 {
			t.Fatalf("said %d times", s.count(EventWriter))
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, e := range s.events {
			if e.Kind == EventWriter && e.Who != " on there, backup 2" {
				t.Errorf("it is %q", e.Who)
			}
		}
		s.cancel()
	})
}
