package capture

import (
	"context"
	"errors"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
)

// A read that may be torn is repeated, until twice nothing has changed.
func TestUntilStable(t *testing.T) {
	d := newDatabase(t, grafeo.Gen06)
	torn := &grafeo.DamageError{Path: d.path, What: "torn"}
	for _, c := range []struct {
		name  string
		read  func(n int) error
		reads int
		err   error
	}{
		{"whole", func(int) error { return nil }, 1, nil},
		{"not torn", func(int) error { return os.ErrPermission }, 1, os.ErrPermission},
		{"torn once", func(n int) error {
			if n == 1 {
				return torn
			}
			return nil
		}, 2, nil},
		{"damaged", func(int) error { return torn }, 2, torn},
	} {
		reads := 0
		err := UntilStable(t.Context(), d.path, grafeo.IsTorn, func() error { reads++; return c.read(reads) })
		if !errors.Is(err, c.err) || reads != c.reads {
			t.Errorf("%s: %v after %d reads", c.name, err, reads)
		}
	}
}

// A database that changes each time is not read forever.
func TestUnsteady(t *testing.T) {
	d := newDatabase(t, grafeo.Gen06)
	synctest.Test(t, func(t *testing.T) {
		err := UntilStable(t.Context(), d.path, grafeo.IsTorn, func() error {
			d.commit()
			return &grafeo.DamageError{Path: d.path, What: "torn"}
		})
		if e, ok := errors.AsType[*UnsteadyError](err); !ok || e.Times != maxReads || !errors.Is(err, grafeo.ErrDamaged) {
			t.Errorf("the error is %v", err)
		}
	})
}

func TestUntilStableIsCancelled(t *testing.T) {
	d := newDatabase(t, grafeo.Gen06)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	err := UntilStable(ctx, d.path, grafeo.IsTorn, func() error {
		d.commit()
		return &grafeo.DamageError{Path: d.path, What: "torn"}
	})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the error is %v", err)
	}
}
