package archiver_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk/disktest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// Whatever operation of a removal is the last one, or fails, or succeeds although its answer
// is lost: what stays can be restored, what was told is true, the same run works by itself
// afterwards, and the next ones leave nothing else behind.
func TestRemovalsStopAnywhere(t *testing.T) {
	t.Parallel()
	for _, c := range removalCases(t) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			whole := newRemoval(t, c)
			calls := whole.run(nil)
			if whole.err != nil || len(calls) < 8 {
				t.Fatalf("%d operations, %v", len(calls), whole.err)
			}
			whole.sound()
			whole.next()
			want := whole.restored()
			mustBeWhole(t, whole.store)
			onEachCall(t, calls, func(t *testing.T, k int) {
				for _, d := range disturbances(k, calls[k-1].Op) {
					r := newRemoval(t, c)
					r.at = fmt.Sprintf("%s at operation %d, %s", d.what, k, calls[k-1])
					mustReach(t, k, r.run(d.hook))
					r.sound()
					r.next()
					if diff := cmp.Diff(want, r.restored()); diff != "" {
						t.Fatalf("%s: it restores something else (-want +got)\n%s", r.at, diff)
					}
				}
			})
		})
	}
}

// disturbance is what happens to a run at one operation.
type disturbance struct {
	what string
	hook storagetest.Hook
}

func disturbances(k int, op storage.Op) []disturbance {
	all := []disturbance{
		{"stopped before", storagetest.StopAt(k, false, storagetest.Refuses)},
		{"failed", failAt(k, storagetest.Fault{Err: errLost})},
	}
	if op == storage.OpPut || op == storage.OpDelete {
		all = append(all,
			disturbance{"stopped after", storagetest.StopAt(k, true, storagetest.Refuses)},
			disturbance{"failed, and was done", failAt(k, storagetest.Fault{Err: errLost, Apply: true})})
	}
	if op == storage.OpDelete {
		all = append(all, disturbance{"was done in part", failAt(k, storagetest.Fault{Err: errLost, Apply: true, Part: 2})})
	}
	return all
}

// failAt returns the hook of a store on which only call k has a fault.
func failAt(k int, fault storagetest.Fault) storagetest.Hook {
	return func(_ storage.Op, _ string, n int) storagetest.Fault {
		if n == k {
			return fault
		}
		return storagetest.Fault{}
	}
}

// removal is a run of a removalCase.
type removal struct {
	removalCase
	t     *testing.T
	at    string
	store *storagetest.Memory

	keep    uint64
	applied bool
	err     error
}

func newRemoval(t *testing.T, c removalCase) *removal {
	t.Helper()
	return &removal{removalCase: c, t: t, at: "undisturbed", store: c.state.store(t, c.later)}
}

// run runs the verb on a store that does to calls what the hook says, and returns the calls.
func (r *removal) run(hook storagetest.Hook) []storagetest.Call {
	r.t.Helper()
	faulty := storagetest.NewFaulty(r.store, hook)
	a := newWith(faulty, archiver.Options{Concurrency: 1, Host: "test", Tool: "test"}).On(disktest.Unsynced{})
	synctest.Test(r.t, func(t *testing.T) { r.keep, r.applied, r.err = r.verb(t, a) })
	return faulty.Calls()
}

// sound demands what must hold whatever has happened.
func (r *removal) sound() {
	r.t.Helper()
	c := look(r.t, r.store.Objects())
	c.mustHaveAll(r.t, r.at, r.state.objects)
	c.mustBeListed(r.t, r.at, r.store)
	r.told(c)
	r.mustStay(c)
}

// mustStay demands that what the rules keep is there.
func (r *removal) mustStay(c *contentOf) {
	r.t.Helper()
	backups := c.backups()
	for _, seq := range r.stays {
		if !slices.Contains(backups, seq) {
			r.t.Fatalf("%s: backup %d is gone", r.at, seq)
		}
	}
}

// told demands that the run was told the truth about its keep.
func (r *removal) told(c *contentOf) {
	r.t.Helper()
	committed := c.keepSeq()
	if r.state.objects[manifest.Seq(committed).Key()] != nil {
		committed = 0 // before
	}
	isUnknown := archiver.CodeOf(r.err) == archiver.CodeUnknownOutcome
	switch {
	case r.keep != committed && !isUnknown:
		r.t.Fatalf("%s: it was told of keep %d and %v, and keep %d was committed", r.at, r.keep, r.err, committed)
	case r.err == nil && !r.applied:
		r.t.Fatalf("%s: a success without anything done", r.at)
	case (isUnknown || r.err != nil && !r.applied) && len(c.all) < len(r.state.objects):
		r.t.Fatalf("%s: something was deleted, and it was told %v", r.at, r.err)
	}
}

// restored returns what the backups that stay restore to.
func (r *removal) restored() (all []map[string]string) {
	r.t.Helper()
	for _, seq := range r.stays {
		all = append(all, restore(r.t, r.store, seq))
	}
	return all
}

// next runs the verb again, undisturbed, and then expiries, which must leave exactly what
// backups need.
func (r *removal) next() {
	r.t.Helper()
	if _, _, err := r.verb(r.t, newArchive(r.store)); err != nil {
		r.t.Fatalf("%s; the next run: %v", r.at, err)
	}
	look(r.t, r.store.Objects()).mustHaveAll(r.t, r.at, r.state.objects)
	r.mustStay(mustHeal(r.t, r.at, r.store, r.rules))
}
