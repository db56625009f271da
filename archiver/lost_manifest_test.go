package archiver_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// loseManifest calls check for an archive without each one of its manifests, and with each of
// them damaged. The newest one is only damaged: without it, nothing shows that it existed.
func loseManifest(objects map[string][]byte, check func(what string, seq manifest.Seq, lost map[string][]byte)) {
	newest := manifest.Seq(0)
	for key := range objects {
		seq, _ := manifest.ParseKey(key)
		newest = max(newest, seq)
	}
	for seq := range newest + 1 {
		b, ok := objects[seq.Key()]
		if !ok {
			continue
		}
		lost := maps.Clone(objects)
		lost[seq.Key()] = append([]byte{' '}, b...)
		check(fmt.Sprintf("%d is damaged", seq), seq, lost)
		if seq != newest {
			lost = maps.Clone(objects)
			delete(lost, seq.Key())
			check(fmt.Sprintf("%d is missing", seq), seq, lost)
		}
	}
}

// schemaAtABorder is an archive whose backup 2 ends at an epoch at which backup 3 changes the
// schema.
func schemaAtABorder(t *testing.T) *storagetest.Memory {
	store, m := storagetest.NewMemory(), newModel(t)
	for range 2 {
		m.commit(100)
		m.commit(50)
		backup(t, store, m.path)
	}
	m.now = m.now.Add(time.Second)
	m.group(grafeotest.Group06{Epoch: m.epoch, Time: m.now, Origin: 3, Transaction: 1, Records: []byte("CREATE INDEX")})
	backup(t, store, m.path)
	for range 2 {
		m.commit(100)
		backup(t, store, m.path)
	}
	return store
}

// forked is an archive of two timelines, 1 to 3 and 4 and 5; both have epochs 1 and 2.
func forked(t *testing.T) *storagetest.Memory {
	store, m, other := storagetest.NewMemory(), newModel(t), newModel(t)
	for range 3 {
		m.commit(100)
		m.commit(60)
		backup(t, store, m.path)
	}
	for range 2 {
		other.commit(80)
		backup(t, store, other.path)
	}
	return store
}

// Whatever manifest is lost, an epoch is restored as before, or the archive is damaged: no other
// state takes its place, and what exists is not called unreachable.
func TestEpochsWithoutAManifest(t *testing.T) {
	archives := map[string]func(*testing.T) *storagetest.Memory{"schema": schemaAtABorder, "forked": forked}
	for seed := range uint64(few(4)) {
		archives[fmt.Sprint(seed)] = func(t *testing.T) *storagetest.Memory {
			return random06(t, rand.New(rand.NewPCG(seed, 77)))
		}
	}
	archives["more than a group"] = func(t *testing.T) *storagetest.Memory {
		return refill(t, randomArchive(t, 35, rand.New(rand.NewPCG(5, 78))))
	}
	for name, archive := range archives {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			objects := archive(t).Objects()
			whole := newArchive(refill(t, objects))
			l, err := whole.List(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			targets := map[string]archiver.Target{}
			for _, b := range l.Backups {
				targets[fmt.Sprint("timeline ", b.Timeline)] = archiver.Target{}.OnTimeline(b.Timeline)
				for e := b.RestoreFrom; e <= b.EndEpoch; e++ {
					targets[fmt.Sprint("epoch ", e)] = archiver.AtEpoch(e)
					targets[fmt.Sprint("epoch ", e, " of ", b.Timeline)] = archiver.AtEpoch(e).OnTimeline(b.Timeline)
				}
				if b.EndTime != nil {
					targets[fmt.Sprint("time of ", b.Seq)] = archiver.AtTime(*b.EndTime)
					targets[fmt.Sprint("time before ", b.Seq)] = archiver.AtTime(b.EndTime.Add(-time.Second))
				}
			}
			plans := map[string]archiver.Plan{}
			for name, target := range targets {
				if plans[name], err = whole.Plan(t.Context(), target); err != nil && archiver.CodeOf(err) != archiver.CodeUnreachable {
					t.Fatalf("%s: %v", name, err)
				}
			}
			names, random, restored := slices.Sorted(maps.Keys(targets)), rand.New(rand.NewPCG(1, 79)), 0
			loseManifest(objects, func(what string, seq manifest.Seq, lost map[string][]byte) {
				isKeep := manifestOf(t, objects, uint64(seq)).Kind == manifest.Keep // then nobody knows what was removed last
				a := newArchive(refill(t, lost))
				random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
				for _, name := range names[:min(len(names), 30)] {
					want, target := plans[name], targets[name]
					got, err := a.Plan(t.Context(), target)
					switch {
					case err != nil && want.Timeline != 0 && archiver.CodeOf(err) != archiver.CodeDamagedArchive:
						t.Errorf("%s: %s: %v", what, name, err)
					case err != nil || want.Timeline == 0 && isKeep:
					case got.Timeline != want.Timeline || got.Epoch != want.Epoch:
						t.Errorf("%s: %s is epoch %d of timeline %d, and was %d of %d", what, name, got.Epoch, got.Timeline, want.Epoch, want.Timeline)
					case got.Backup.Seq != want.Backup.Seq || got.Full != want.Full:
						if diff := sameState(stateAt(t, whole, target), stateAt(t, a, target)); diff != "" {
							t.Errorf("%s: %s ends in backup %d, and did in %d: %s", what, name, got.Backup.Seq, want.Backup.Seq, diff)
						}
						restored++
					default:
						restored++
					}
				}
			})
			if restored == 0 {
				t.Error("nothing is restored any more")
			}
		})
	}
}

func stateAt(t *testing.T, a *archiver.Archive, target archiver.Target) map[string]string {
	t.Helper()
	dir := t.TempDir()
	if _, err := a.Restore(t.Context(), filepath.Join(dir, "db.grafeo"), archiver.RestoreOptions{Target: target}); err != nil {
		t.Fatal(err)
	}
	return contents(t, dir)
}

// What does not depend on a lost manifest is restored, and what does is not: by a restore, a
// plan, an export and a drill alike.
func TestNeighboursOfALostManifest(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		archive    func(*testing.T) *storagetest.Memory
		lose       manifest.Seq
		well, lost []archiver.Target
	}{
		"a change of the schema": {
			schemaAtABorder, 3,
			[]archiver.Target{archiver.AtEpoch(1), archiver.AtEpoch(3), archiver.AtBackup(2)},
			[]archiver.Target{archiver.AtEpoch(4), archiver.AtEpoch(5), archiver.AtEpoch(4).OnTimeline(1), archiver.AtBackup(4)},
		},
		"the beginning of a timeline": {
			forked, 4,
			[]archiver.Target{archiver.AtEpoch(1).OnTimeline(1), archiver.AtEpoch(5), archiver.AtBackup(3), archiver.Target{}.OnTimeline(1)},
			[]archiver.Target{archiver.AtEpoch(1), archiver.AtEpoch(2), archiver.AtEpoch(2).OnTimeline(2), {}},
		},
		"the end of a timeline": {
			forked, 3,
			[]archiver.Target{archiver.AtEpoch(2), {}, archiver.AtEpoch(3)},
			[]archiver.Target{archiver.Target{}.OnTimeline(1), archiver.AtEpoch(5), archiver.AtEpoch(6)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			objects := c.archive(t).Objects()
			delete(objects, c.lose.Key())
			a := newArchive(refill(t, objects))
			by := func(target archiver.Target) map[string]error {
				errs := map[string]error{}
				_, errs["restore"] = a.Restore(t.Context(), filepath.Join(t.TempDir(), "r.grafeo"), archiver.RestoreOptions{Target: target})
				_, errs["plan"] = a.Plan(t.Context(), target)
				_, errs["export"] = a.Export(t.Context(), filepath.Join(t.TempDir(), "native"), archiver.ExportOptions{Target: target})
				r, err := a.Drill(t.Context(), archiver.DrillOptions{Target: target, Scratch: t.TempDir()})
				if errs["drill"] = err; err == nil && r.Bytes.Result == archiver.DrillFailed {
					errs["drill"] = &archiver.Error{Code: archiver.CodeDamagedArchive, Err: errors.New(r.Bytes.Why)}
				}
				return errs
			}
			for i, target := range c.well {
				for way, err := range by(target) {
					if err != nil {
						t.Errorf("%s to well %d: %v", way, i, err)
					}
				}
			}
			for i, target := range c.lost {
				for way, err := range by(target) {
					if archiver.CodeOf(err) != archiver.CodeDamagedArchive {
						t.Errorf("%s to lost %d: %v", way, i, err)
					}
				}
			}
		})
	}
}
