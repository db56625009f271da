package certificates

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gbak-s3/gbak-s3/archiver/internal/seal/sealtest"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// drilledState is the certificate of a drill of a state, drawn or not.
func drilledState(at time.Time, epoch uint64, isDrawn bool, why string) manifest.Certificate {
	c := drilled(at, why)
	c.Drill.Epoch, c.Drill.Random = epoch, isDrawn
	return c
}

// A drawn state and the newest one have failed. Neither is forgotten, whichever failed first and whichever
// is mended first; and samples between them change nothing.
func TestTwoFail(t *testing.T) {
	t.Parallel()
	const drawn, newest = 4, 40
	for name, ring := range sealtest.Rings(t) {
		for _, first := range []uint64{drawn, newest} {
			for _, mended := range []uint64{drawn, newest} {
				t.Run(fmt.Sprintf("%s, %d first, %d mended", name, first, mended), func(t *testing.T) {
					t.Parallel()
					s, n := storeOf(storagetest.NewMemory(), ring), 0
					drill := func(epoch uint64, why string) *manifest.DrillOutcome {
						n++
						mustPut(t, s, func(*manifest.Certificate) manifest.Certificate {
							return drilledState(moment(n), epoch, epoch == drawn, why)
						})
						mustPut(t, s, func(c *manifest.Certificate) manifest.Certificate { return sampled(c, arc(1, 2)) })
						return mustNewest(t, s).LastDrill
					}
					drill(newest, "")
					drill(first, "no")
					if last := drill(drawn+newest-first, "no"); last.OK || last.Epoch != drawn {
						t.Errorf("two have failed, and that is %+v", last)
					}
					if last := drill(mended, ""); last.OK || last.Epoch != drawn+newest-mended {
						t.Errorf("one is mended, and that is %+v", last)
					}
					if last := drill(drawn+newest-mended, ""); !last.OK {
						t.Errorf("both are mended, and that is %+v", last)
					}
				})
			}
		}
	}
}

// What failed at the same time is not forgotten either.
func TestTwoFailTogether(t *testing.T) {
	t.Parallel()
	for n := range 20 {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			m := storagetest.NewMemory()
			var wg sync.WaitGroup
			for i, epoch := range []uint64{4, 40} {
				wg.Go(func() {
					_, err := Put(t.Context(), storeOf(m, nil), archiveID, func(*manifest.Certificate) manifest.Certificate {
						return drilledState(moment(1+(i+n)%2), epoch, epoch == 4, "no")
					})
					if err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			for i, epoch := range []uint64{4, 40} {
				s := storeOf(m, nil)
				if last := mustNewest(t, s).LastDrill; last.OK || last.Epoch != epoch {
					t.Errorf("epoch %d has failed, and that is %+v", epoch, last)
				}
				mustPut(t, s, func(*manifest.Certificate) manifest.Certificate {
					return drilledState(moment(5+i), epoch, epoch == 4, "")
				})
			}
			if last := mustNewest(t, storeOf(m, nil)).LastDrill; !last.OK {
				t.Errorf("both are mended, and that is %+v", last)
			}
		})
	}
}

// One that failed is not forgotten because another drill, which did not know of it, succeeded at the same time.
func TestOneFailsTogether(t *testing.T) {
	t.Parallel()
	for _, first := range []bool{false, true} {
		s, met := storeOf(storagetest.NewMemory(), nil), false
		fails := func(*manifest.Certificate) manifest.Certificate { return drilledState(moment(1), 4, true, "no") }
		succeeds := func(*manifest.Certificate) manifest.Certificate { return drilledState(moment(2), 40, false, "") }
		one, other := succeeds, fails
		if first {
			one, other = fails, succeeds
		}
		mustPut(t, s, func(n *manifest.Certificate) manifest.Certificate {
			if !met {
				met = true
				mustPut(t, s, other)
			}
			return one(n)
		})
		if last := mustNewest(t, s).LastDrill; last.OK || last.Epoch != 4 {
			t.Errorf("it failed, and that is %+v", last)
		}
	}
}

// Whatever order drills come in, one is told of as failed as long as any is that was not mended.
func TestFailuresOfAnyOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		s := storeOf(storagetest.NewMemory(), nil)
		var failed []manifest.DrillOutcome // all of them
		newest := uint64(3)
		for n := range rapid.IntRange(1, 25).Draw(rt, "drills") {
			var last *manifest.DrillOutcome
			if n > 0 {
				last = mustNewest(t, s).LastDrill
			}
			d := manifest.DrillOutcome{At: moment(n), Timeline: 1, Epoch: newest, OK: rapid.Bool().Draw(rt, "ok")}
			switch rapid.IntRange(0, 3).Draw(rt, "what") {
			case 0:
				newest++
				d.Epoch = newest
			case 1:
				d.Epoch = rapid.Uint64Range(1, newest).Draw(rt, "asked")
			case 2:
				d.Epoch, d.Random = rapid.Uint64Range(1, newest).Draw(rt, "drawn"), true
				if isFailed(last) && last.Random {
					d.Epoch = last.Epoch
				}
			}
			if d.OK {
				var left []manifest.DrillOutcome
				for _, f := range failed {
					if !isMended(&f, &d) {
						left = append(left, f)
					}
				}
				failed = left
			} else {
				d.Why = "no"
				failed = append(failed, d)
			}
			mustPut(t, s, func(*manifest.Certificate) manifest.Certificate { return drilledState(d.At, d.Epoch, d.Random, d.Why) })
			if last = mustNewest(t, s).LastDrill; last.OK != (len(failed) == 0) {
				rt.Fatalf("after drill %d, %+v is told, and these have failed: %+v", n, last, failed)
			}
		}
	})
}

// Certificates are looked back through only where an alarm would end, and not beyond its beginning.
func TestLooksBackToTheBeginning(t *testing.T) {
	t.Parallel()
	m := storagetest.NewMemory()
	s := storeOf(m, nil)
	gets := func(why string) (n int) {
		before := len(m.Calls())
		mustPut(t, s, func(*manifest.Certificate) manifest.Certificate { return drilled(moment(1), why) })
		for _, call := range m.Calls()[before:] {
			if call.Op == storage.OpGet {
				n++
			}
		}
		return n
	}
	for range 20 {
		gets("")
	}
	usual := gets("")
	if got := gets("no"); got != usual {
		t.Errorf("%d reads where one fails, and %d otherwise", got, usual)
	}
	gets("no")
	if got := gets(""); got != usual+3 { // the two that failed, and the one before
		t.Errorf("%d reads where it is mended, and %d otherwise", got, usual)
	}
	if got := gets(""); got != usual {
		t.Errorf("%d reads afterwards, and %d before", got, usual)
	}
}
