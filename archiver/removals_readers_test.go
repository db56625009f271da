package archiver_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// Whoever only reads may sleep at any operation, too, while backups are removed and deleted.
// None of them then takes for damage what is gone.
func TestReadersBesideRemovals(t *testing.T) {
	t.Parallel()
	ages := newAges(t)
	for name, read := range map[string]func(t *testing.T, a *archiver.Archive) error{
		"verify": func(t *testing.T, a *archiver.Archive) error {
			r, err := a.Verify(t.Context(), archiver.VerifyOptions{Deep: true})
			if err == nil && !r.OK() {
				err = fmt.Errorf("it has found %v", r.Findings)
			}
			return err
		},
		"list": func(t *testing.T, a *archiver.Archive) error {
			r, err := a.List(t.Context())
			if err == nil && len(r.Backups) == 0 {
				err = fmt.Errorf("there is no backup")
			}
			return err
		},
		"list what is left": func(t *testing.T, a *archiver.Archive) error {
			_, err := a.ListRemoved(t.Context())
			return err
		},
		"status": func(t *testing.T, a *archiver.Archive) error {
			_, err := a.Status(t.Context(), archiver.StatusOptions{})
			return err
		},
		"plan": func(t *testing.T, a *archiver.Archive) error {
			_, err := a.Plan(t.Context(), archiver.Target{})
			return err
		},
		"policy": func(t *testing.T, a *archiver.Archive) error {
			r, err := a.Policy(t.Context())
			if err == nil && (r.Rules == nil || r.Rules.Last != 2) {
				err = fmt.Errorf("the policy is %+v", r.Rules)
			}
			return err
		},
		"a dry run of an expiry": func(t *testing.T, a *archiver.Archive) error {
			_, err := a.Expire(t.Context(), archiver.ExpireOptions{Grace: archiver.NoGrace})
			return err
		},
		"a dry run of a compaction": func(t *testing.T, a *archiver.Archive) error {
			_, err := a.Compact(t.Context(), archiver.CompactOptions{Min: 2, Tail: 1})
			return err
		},
	} {
		for _, long := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, ages: %v", name, long), func(t *testing.T) {
				t.Parallel()
				whole := storagetest.NewFaulty(ages.base.store(t, time.Hour), nil)
				if err := read(t, newArchive(whole)); err != nil {
					t.Fatal(err)
				}
				calls := whole.Calls()
				onEachCall(t, calls, func(t *testing.T, k int) {
					store := ages.base.store(t, time.Hour)
					faulty := storagetest.NewFaulty(store, func(_ storage.Op, _ string, n int) storagetest.Fault {
						if n == k {
							if long {
								ages.pass(t, store)
							}
							mustExpire(t, "meanwhile", store, archiver.Rules{Last: 2})
						}
						return storagetest.Fault{}
					})
					if err := read(t, newArchive(faulty)); err != nil {
						t.Fatalf("asleep before operation %d, %s: %v", k, calls[k-1], err)
					}
				})
			})
		}
	}
}
