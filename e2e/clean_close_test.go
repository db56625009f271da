package e2e

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
)

// TestCleanCloseLosesNothing watches databases of the real 0.5.42 that are opened, written
// to, checkpointed, closed and killed, with a look after each event and backups at random
// moments: at least one while an image is there that no backup has. Every commit that was made
// while they were watched can be restored, and nothing else comes out.
func TestCleanCloseLosesNothing(t *testing.T) {
	t.Parallel()
	for _, p := range places {
		for seed := 1; seed <= seeds(t); seed++ {
			t.Run(fmt.Sprintf("%s/seed%d", p.name, seed), func(t *testing.T) { cleanClose(t, p.make(t), uint64(seed)) })
		}
	}
}

func cleanClose(t *testing.T, at place, seed uint64) {
	w := newLive(t, "0.5.42")
	a := archiver.New(storeAt(t, at), archiver.Options{Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
	s := a.Session(w.path, archiver.SessionOptions{})
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	random := rand.New(rand.NewPCG(seed, 17))
	look := func() {
		t.Helper()
		if _, err := s.Look(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	kinds := map[string]int{}
	backup := func() {
		t.Helper()
		r, err := s.Backup(t.Context(), archiver.SessionBackup{})
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range r.Before {
			kinds["before, "+string(b.Kind)]++
		}
		t.Logf("backup %d on timeline %d, epochs %d to %d: %s", r.Backup.Seq, r.Backup.Timeline, r.Backup.StartEpoch, r.Backup.EndEpoch, r.Why)
		kinds[string(r.Backup.Kind)]++
	}
	const runs = 8
	var model string
	isNewImage := true // that no backup has: the next one that is written takes its place
	for run := range runs {
		if run > 0 {
			w = w.again(t, model)
		}
		look() // as its log folder has come
		for range 1 + random.IntN(4) {
			w.do(t, "commit", fmt.Sprint(1+random.IntN(2)))
			t.Logf("run %d: committed", run+1)
			look()
			switch random.IntN(6) {
			case 0:
				backup()
				isNewImage = false
			case 1:
				if run > 0 && !isNewImage {
					w.do(t, "checkpoint")
					t.Log("checkpoint")
					look()
				}
			}
		}
		if isNewImage || random.IntN(4) == 0 {
			backup()
			isNewImage = false
		}
		if model = w.save(t); random.IntN(3) == 0 {
			w.kill(t)
			t.Log("killed")
			continue
		}
		w.quit(t)
		t.Log("closed")
		if isNewImage = random.IntN(2) == 0; !isNewImage {
			backup()
		}
	}
	backup()
	t.Log(kinds)
	compareRuns(t, w, a)
}

// compareRuns restores every epoch of every timeline, and compares with what was committed.
func compareRuns(t *testing.T, w *live, a *archiver.Archive) {
	t.Helper()
	list, err := a.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	timelines := map[int]bool{}
	for _, b := range list.Backups {
		timelines[b.Timeline] = true
	}
	byEpoch := map[int64][]moment{}
	for _, m := range momentsOf(t, w.log) {
		byEpoch[m.Epoch] = append(byEpoch[m.Epoch], m)
	}
	var paths []string
	var epochs []int64
	dir := t.TempDir()
	for timeline := range timelines {
		for epoch := range byEpoch {
			path := filepath.Join(dir, fmt.Sprintf("%d-%d.grafeo", timeline, epoch))
			target := archiver.AtEpoch(uint64(epoch)).OnTimeline(timeline)
			_, err := a.Restore(t.Context(), path, archiver.RestoreOptions{Target: target})
			if archiver.CodeOf(err) == archiver.CodeUnreachable {
				continue
			}
			if err != nil {
				t.Fatalf("timeline %d, epoch %d: %v", timeline, epoch, err)
			}
			paths, epochs = append(paths, path), append(epochs, epoch)
		}
	}
	found := map[string]bool{}
	for i, got := range openAll(t, w.version, paths) {
		is := func(m moment) bool { return m.Digest == got.Digest }
		if !slices.ContainsFunc(byEpoch[epochs[i]], is) {
			t.Errorf("%s: Grafeo finds something else than was ever committed as epoch %d %s", filepath.Base(paths[i]), epochs[i], got.Error)
		}
		found[got.Digest] = true
	}
	for _, m := range momentsOf(t, w.log) {
		if !found[m.Digest] {
			t.Errorf("run %d, epoch %d cannot be restored", m.Run, m.Epoch)
		}
	}
}

// TestWatchOutlivesCleanCloses is the same with the command: a 0.5 database that it watches is
// closed right after its last commits, and opened again at once.
func TestWatchOutlivesCleanCloses(t *testing.T) {
	t.Parallel()
	w, at := newLive(t, "0.5.42"), newDirectory(t)
	watch := startWatch(t, w.path, at.address(), "--lag", "300ms")
	watch.ready()
	for run := range 5 {
		if run > 0 {
			model := w.save(t)
			w.quit(t)
			w = w.again(t, model)
		}
		// Once it has the first commit of the run, it has the log open.
		seen, n := 0, len(watch.backups())
		w.do(t, "commit", "1")
		watch.until("the first commit", func(l line) bool {
			if l.Type == "backup" {
				seen++
			}
			return l.Type == "backup" && seen > n && l.EndEpoch == 1
		})
		w.do(t, "commit", "4")
	}
	w.quit(t)
	watch.stop().want(t, exitOK)
	compareRuns(t, w, archiver.New(storeAt(t, at), archiver.Options{}))
}

// TestCheckpointsWithOneNumber: 0.5 numbers its transactions anew in each run, so two runs of
// one log may have a checkpoint with the same number. Each epoch is still what was committed.
func TestCheckpointsWithOneNumber(t *testing.T) {
	t.Parallel()
	w, at := newLive(t, "0.5.42"), newDirectory(t)
	a := archiver.New(storeAt(t, at), archiver.Options{})
	s := a.Session(w.path, archiver.SessionOptions{})
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	do := func(c ...string) {
		t.Helper()
		w.do(t, c...)
		if _, err := s.Look(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	backup := func() {
		t.Helper()
		r, err := s.Backup(t.Context(), archiver.SessionBackup{})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("backup %d: %s", r.Backup.Seq, r.Why)
	}
	kill := func() {
		t.Helper()
		model := w.save(t)
		w.kill(t)
		w = w.again(t, model)
	}
	do("commit", "2")
	backup()
	do("checkpoint")
	do("commit", "1")
	backup()
	kill()
	do("commit", "3")
	backup()
	kill()
	do("commit", "2")
	do("checkpoint")
	do("commit", "1")
	backup()
	w.quit(t)
	compareRuns(t, w, a)
}
