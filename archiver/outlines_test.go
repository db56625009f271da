package archiver_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// randomArchive backs a database up so many times, while it is written, put back to
// an earlier state, and checkpointed.
func randomArchive(t *testing.T, backups int, random *rand.Rand) map[string][]byte {
	t.Helper()
	store := storagetest.NewMemory()
	m := newModel(t)
	past := m.save()
	for n := 0; n < backups; {
		opts := archiver.BackupOptions{Full: random.IntN(12) == 0}
		switch random.IntN(25) {
		case 0: // another timeline
			m.check(os.RemoveAll(m.path + ".wal"))
			later := m.now.Add(time.Hour)
			m = m.putBack(past, true)
			m.reopen()
			m.now = later
		case 1, 2:
			m.checkpointHeld()
		}
		m.commit(1 + random.IntN(40))
		a := newWith(store, archiver.Options{Host: fmt.Sprint("db", random.IntN(3)), Tool: "test"})
		r, err := a.Backup(t.Context(), m.path, opts)
		if err != nil {
			t.Fatal(err)
		}
		n = int(r.Backup.Seq)
	}
	return store.Objects()
}

// withoutSummaries are the same objects, as if an earlier version had written the
// manifests for which bare is true.
func withoutSummaries(t *testing.T, objects map[string][]byte, bare func(manifest.Seq) bool) map[string][]byte {
	t.Helper()
	plain := maps.Clone(objects)
	for key := range objects {
		if seq, ok := manifest.ParseKey(key); ok && bare(seq) {
			m := manifestOf(t, objects, uint64(seq))
			m.Earlier = nil
			plain[key] = m.Encode()
		}
	}
	return plain
}

func everyone(manifest.Seq) bool { return true }

// listed is what list and status say of an archive.
func listed(t *testing.T, objects map[string][]byte) (list []archiver.Backup, status archiver.StatusReport, errs [2]string) {
	t.Helper()
	a := newArchive(refill(t, objects))
	listed, err := a.List(t.Context())
	if err != nil {
		errs[0] = err.Error()
	}
	list = listed.Backups
	if status, err = a.Status(t.Context(), archiver.StatusOptions{}); err != nil {
		errs[1] = err.Error()
	}
	return list, status, errs
}

// Lists say what the manifests say, whether they have read all of them or not, and
// whatever is missing or damaged.
func TestListsBySummaries(t *testing.T) {
	const backups = 110
	for seed := range uint64(few(3)) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 2))
			objects := randomArchive(t, backups, random)
			damage := func(seq manifest.Seq) func(map[string][]byte) {
				return func(o map[string][]byte) { o[seq.Key()] = []byte("{}\n") }
			}
			remove := func(seqs ...manifest.Seq) func(map[string][]byte) {
				return func(o map[string][]byte) {
					for _, seq := range seqs {
						delete(o, seq.Key())
					}
				}
			}
			for what, c := range map[string]struct {
				change func(map[string][]byte)
				bare   func(manifest.Seq) bool
			}{
				"whole":                         {func(map[string][]byte) {}, nil},
				"some of an earlier version":    {func(map[string][]byte) {}, func(seq manifest.Seq) bool { return seq > 40 && seq < 70 }},
				"newest of earlier version":     {func(map[string][]byte) {}, func(seq manifest.Seq) bool { return seq == backups }},
				"missing in the middle":         {remove(45), nil},
				"missing at the end of a group": {remove(64), nil},
				"missing at its beginning":      {remove(1, 2, 65), nil},
				"a group is missing":            {remove(groupOf(40)...), nil},
				"damaged at the end of a group": {damage(32), nil},
				"newest damaged":                {damage(backups), nil},
			} {
				summed := maps.Clone(objects)
				if c.bare != nil {
					summed = withoutSummaries(t, summed, c.bare)
				}
				c.change(summed)
				plain := withoutSummaries(t, objects, everyone)
				c.change(plain)
				gotList, gotStatus, gotErr := listed(t, summed)
				list, status, err := listed(t, plain)
				if diff := cmp.Diff([]any{list, status, err}, []any{gotList, gotStatus, gotErr}, cmpopts.IgnoreFields(archiver.StatusReport{}, "Age", "Requests", "Elapsed")); diff != "" {
					t.Errorf("%s: -from all manifests +from groups: %s", what, diff)
				}
				if len(list) == 0 && err == [2]string{} {
					t.Errorf("%s: there is nothing to compare", what)
				}
			}
		})
	}
}

// targetsOf are epochs and times of all timelines, and their ends.
func targetsOf(list []archiver.Backup) (targets []archiver.Target) {
	for _, b := range list {
		targets = append(targets, archiver.Target{}.OnTimeline(b.Timeline), archiver.AtBackup(b.Seq).OnTimeline(b.Timeline))
		for _, epoch := range []uint64{b.StartEpoch, b.EndEpoch, b.EndEpoch + 1} {
			targets = append(targets, archiver.AtEpoch(epoch), archiver.AtEpoch(epoch).OnTimeline(b.Timeline))
		}
		for _, at := range []time.Time{b.CreatedAt, b.EndTime.Add(-time.Millisecond), *b.EndTime, b.EndTime.Add(time.Hour)} {
			targets = append(targets, archiver.AtTime(at))
		}
	}
	return targets
}

// The way to a target is the same by summaries and by manifests, whatever is missing
// or damaged.
func TestRoutesBySummaries(t *testing.T) {
	const backups = 75
	for seed := range uint64(few(3)) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 3))
			objects := randomArchive(t, backups, random)
			listed, err := newArchive(refill(t, objects)).List(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			list := listed.Backups
			damaged := func(seq manifest.Seq) map[string][]byte {
				o := maps.Clone(objects)
				o[seq.Key()] = []byte("{}\n")
				return o
			}
			missing := maps.Clone(objects)
			delete(missing, manifest.Seq(45).Key())
			forged := maps.Clone(objects) // summaries that say that backup 20 has epochs that it has not
			m := manifestOf(t, objects, 32)
			m.Earlier[19].EndEpoch += 1000
			forged[manifest.Seq(32).Key()] = m.Encode()
			for what, summed := range map[string]map[string][]byte{
				"whole": objects, "missing": missing, "forged": forged,
				"damaged in a group": damaged(40), "damaged at its end": damaged(32), "the first is damaged": damaged(1), "the newest is damaged": damaged(backups),
			} {
				bySummaries := newArchive(refill(t, summed))
				byManifests := newArchive(refill(t, withoutSummaries(t, summed, func(seq manifest.Seq) bool { return len(summed[seq.Key()]) > 3 })))
				routes := 0
				targets := targetsOf(list)
				random.Shuffle(len(targets), func(i, j int) { targets[i], targets[j] = targets[j], targets[i] })
				for _, target := range append(targetsOf(list[19:20]), targets[:few(40)]...) {
					got, gotErr := bySummaries.Plan(t.Context(), target)
					want, err := byManifests.Plan(t.Context(), target)
					got.Requests, want.Requests = storage.RequestCounts{}, storage.RequestCounts{}
					got.RestoreRequests, want.RestoreRequests = storage.RequestCounts{}, storage.RequestCounts{}
					got.RestoreReceives, want.RestoreReceives = 0, 0
					if what != "whole" && err != nil {
						continue // what is damaged there need not be read here, and what is lost there is known here
					}
					if what != "whole" && what != "missing" {
						got.OtherTimelines, want.OtherTimelines = nil, nil // whether these are whole is not looked at
					}
					if diff := cmp.Diff([]string{fmt.Sprintf("%+v", want), fmt.Sprint(err)}, []string{fmt.Sprintf("%+v", got), fmt.Sprint(gotErr)}); diff != "" {
						t.Errorf("%s: %+v: -by manifests +by summaries: %s", what, target, diff)
					}
					if err == nil {
						routes++
					}
				}
				if routes == 0 {
					t.Errorf("%s: there is nothing to compare", what)
				}
			}
		})
	}
}

// To restore an epoch in the middle of an old archive takes a manifest a group, those
// of the chain, and what they need.
func TestRequestsToEpoch(t *testing.T) {
	const backups = 300
	store := storagetest.NewMemory()
	m := newModel(t)
	for range backups {
		m.commit(1)
		if m.epoch%20 == 0 {
			m.checkpointHeld()
		}
		a := newArchive(store)
		if _, err := a.Backup(t.Context(), m.path, archiver.BackupOptions{Full: m.epoch%20 == 0}); err != nil {
			t.Fatal(err)
		}
	}
	epoch := m.epoch - 150
	plan, err := newArchive(store).Plan(t.Context(), archiver.AtEpoch(epoch))
	requests := plan.Requests
	if err != nil {
		t.Fatal(err)
	}
	groups := (backups + manifest.GroupBackups - 1) / manifest.GroupBackups
	if limit := int64(groups + 2*(1+len(plan.Incrementals)) + 1); requests.Get > limit {
		t.Errorf("%d GET for %d groups and a chain of %d, at most %d expected", requests.Get, groups, 1+len(plan.Incrementals), limit)
	}
}

func groupOf(seq manifest.Seq) (seqs []manifest.Seq) {
	first := (seq-1)/manifest.GroupBackups*manifest.GroupBackups + 1
	for i := range manifest.Seq(manifest.GroupBackups) {
		seqs = append(seqs, first+i)
	}
	return seqs
}

// A list reads archive.json, asks for what comes after the list, and reads a manifest
// a group.
func TestRequestsOfLists(t *testing.T) {
	const backups = 1000
	store := storagetest.NewMemory()
	m := newModel(t)
	m.commit(100)
	backup(t, store, m.path)
	longArchive(t, store, backups)
	var gets atomic.Int64
	counted := storagetest.NewFaulty(store, func(op storage.Op, _ string, _ int) storagetest.Fault {
		if op == storage.OpGet {
			gets.Add(1)
		}
		return storagetest.Fault{}
	})
	const want = 1 + (backups+manifest.GroupBackups-1)/manifest.GroupBackups
	listed, err := newArchive(counted).List(t.Context())
	list := listed.Backups
	if err != nil || len(list) != backups || gets.Load() != want {
		t.Errorf("a list of %d backups: %d GETs, want %d; %v", len(list), gets.Load(), want, err)
	}
	gets.Store(0)
	status, err := newArchive(counted).Status(t.Context(), archiver.StatusOptions{})
	if err != nil || status.Backups != backups || gets.Load() != want {
		t.Errorf("the status of %d backups: %d GETs, want %d; %v", status.Backups, gets.Load(), want, err)
	}
}

// A verification finds a summary that is not what the manifest says.
func TestWrongSummary(t *testing.T) {
	objects := randomArchive(t, 40, rand.New(rand.NewPCG(9, 9)))
	m := manifestOf(t, objects, 40)
	m.Earlier[3].StoredBytes++
	objects[m.Seq.Key()] = m.Encode()
	r, err := newArchive(refill(t, objects)).Verify(t.Context(), archiver.VerifyOptions{})
	want := []archiver.Finding{{Key: m.Seq.Key(), Problem: "what it says about backup 36 is not what that manifest says"}}
	if diff := cmp.Diff(want, r.Findings); err != nil || diff != "" {
		t.Errorf("%v, -want +got: %s", err, diff)
	}
}

// A verification compares summaries with manifests that it has read long before, and
// where numbers are missing.
func TestWrongSummaryOfALongArchive(t *testing.T) {
	store := storagetest.NewMemory()
	m := newModel(t)
	m.commit(100)
	backup(t, store, m.path)
	m.commit(100)
	backup(t, store, m.path)
	longArchive(t, store, 1056) // more than are read at a time
	objects := store.Objects()
	last := manifestOf(t, objects, 1056)
	last.Earlier[0].StoredBytes++ // of backup 1025
	objects[last.Seq.Key()] = last.Encode()
	delete(objects, manifest.Seq(5).Key())
	r, err := newArchive(refill(t, objects)).Verify(t.Context(), archiver.VerifyOptions{})
	want := []archiver.Finding{
		{Key: manifest.Seq(5).Key(), Problem: "it is missing: backup 6 follows backup 4"},
		{Key: last.Seq.Key(), Problem: "what it says about backup 1025 is not what that manifest says"},
	}
	if diff := cmp.Diff(want, r.Findings); err != nil || diff != "" {
		t.Errorf("%v, -want +got: %s", err, diff)
	}
}
