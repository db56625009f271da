package certificates

import (
	"fmt"
	"sync"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// Of certificates that are put at the same time, the newest says what all of them say.
func TestPutTogether(t *testing.T) {
	t.Parallel()
	for n := range 50 {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			m := storagetest.NewMemory()
			builds := []func(*manifest.Certificate) manifest.Certificate{
				func(*manifest.Certificate) manifest.Certificate { return drilled(moment(5), "") },
				func(n *manifest.Certificate) manifest.Certificate { return sampled(n, arc(1, 2)) },
				func(n *manifest.Certificate) manifest.Certificate { return sampled(n, arc(5, 6)) },
			}
			var wg sync.WaitGroup
			for _, build := range builds {
				wg.Go(func() {
					if _, err := Put(t.Context(), storeOf(m, nil), archiveID, build); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			c := mustNewest(t, storeOf(m, nil))
			if c.Proven == nil || !c.Proven.At.Equal(moment(5)) || c.LastDrill == nil || len(c.Arcs) != 2 {
				t.Errorf("the newest one says %+v", c)
			}
		})
	}
}

// One that arrives between the look at the newest and the put is not forgotten, in whichever order
// their keys are.
func TestPutMeetsAnother(t *testing.T) {
	t.Parallel()
	for _, when := range []string{"before", "after"} {
		t.Run(when, func(t *testing.T) {
			t.Parallel()
			m := storagetest.NewMemory()
			met := false
			other := func() {
				mustPut(t, storeOf(m, nil), func(*manifest.Certificate) manifest.Certificate { return drilled(moment(5), "") })
			}
			f := storagetest.NewFaulty(m, func(op storage.Op, _ string, _ int) storagetest.Fault {
				if op == storage.OpPut && !met {
					met = true
					other()
				}
				return storagetest.Fault{}
			})
			s := storeOf(f, nil)
			if when == "after" { // the one that was first sees the second one, which knows of it
				mustPut(t, s, func(n *manifest.Certificate) manifest.Certificate { return sampled(n, arc(1, 2)) })
			}
			mustPut(t, s, func(n *manifest.Certificate) manifest.Certificate { return sampled(n, arc(5, 6)) })
			if c := mustNewest(t, s); c.Proven == nil || len(c.Arcs) == 0 || c.Kind != manifest.VerifyCertificate {
				t.Errorf("the newest one says %+v", c)
			}
		})
	}
}

// A lost answer makes no second certificate, and one that is refused none at all.
func TestPutFails(t *testing.T) {
	t.Parallel()
	m := storagetest.NewMemory()
	puts := 0
	lost := storagetest.NewFaulty(m, func(op storage.Op, _ string, _ int) storagetest.Fault {
		if op == storage.OpPut {
			if puts++; puts == 1 {
				return storagetest.Fault{Err: storage.ErrUnavailable, Apply: true}
			}
		}
		return storagetest.Fault{}
	})
	mustPut(t, storeOf(lost, nil), func(*manifest.Certificate) manifest.Certificate { return drilled(moment(1), "") })
	if len(m.Objects()) != 1 {
		t.Errorf("%d certificates", len(m.Objects()))
	}
	refused := storagetest.NewFaulty(m, func(op storage.Op, _ string, _ int) storagetest.Fault {
		if op == storage.OpPut {
			return storagetest.Fault{Err: storage.ErrPermission}
		}
		return storagetest.Fault{}
	})
	_, err := Put(t.Context(), storeOf(refused, nil), archiveID, func(*manifest.Certificate) manifest.Certificate { return drilled(moment(2), "") })
	if err == nil || !objects.IsPermanent(err) || len(m.Objects()) != 1 {
		t.Errorf("%v, %d certificates", err, len(m.Objects()))
	}
}
