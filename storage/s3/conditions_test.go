package s3

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/s3/s3test"
)

// The careless stores of s3test are careless in the way they claim: tests of the probe
// rely on that.
func TestStoresThatDoNotKeepConditions(t *testing.T) {
	for name, c := range map[string]struct {
		condition     s3test.Condition
		first, second error
		stored        string
	}{
		"kept":     {s3test.Honoured, nil, storage.ErrPreconditionFailed, "first"},
		"ignored":  {s3test.Ignored, nil, nil, "second"},
		"inverted": {s3test.Inverted, storage.ErrPreconditionFailed, storage.ErrPreconditionFailed, ""},
		"lied":     {s3test.Lied, nil, storage.ErrPreconditionFailed, "second"},
		"raced":    {s3test.Raced, nil, storage.ErrPreconditionFailed, "first"},
	} {
		t.Run(name, func(t *testing.T) {
			_, s, around := openProxied(t, func(*s3test.Request) s3test.Fault { return s3test.Fault{Condition: c.condition} })
			if err := create(t.Context(), s, "key", "first"); !errors.Is(err, c.first) {
				t.Errorf("first: got %v, want %v", err, c.first)
			}
			if err := create(t.Context(), s, "key", "second"); !errors.Is(err, c.second) {
				t.Errorf("second: got %v, want %v", err, c.second)
			}
			if got := content(t, around, "key"); got != c.stored {
				t.Errorf("stored is %q, want %q", got, c.stored)
			}
		})
	}
	t.Run("raced at the same time", func(t *testing.T) {
		_, s, _ := openProxied(t, func(*s3test.Request) s3test.Fault {
			return s3test.Fault{Condition: s3test.Raced, Window: 200 * time.Millisecond}
		})
		var group sync.WaitGroup
		var errs [4]error
		for i := range errs {
			group.Go(func() { errs[i] = create(t.Context(), s, "key", fmt.Sprint(i)) })
		}
		group.Wait()
		winners := 0
		for _, err := range errs {
			if err == nil {
				winners++
			}
		}
		if winners < 2 {
			t.Errorf("%d winners, %v", winners, errs)
		}
	})
}
