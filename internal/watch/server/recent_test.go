package server

import (
	"fmt"
	"testing"

	"github.com/gbak-s3/gbak-s3/internal/watch"
)

// What is remembered does not grow with databases that come and go, whether or not anybody looks at
// the page.
func TestRecentForgets(t *testing.T) {
	t.Parallel()
	r := NewRecent()
	stays := watch.Target{Name: "people", Archive: "/nas/people"}
	for i := range 1000 {
		goes := watch.Target{Name: fmt.Sprint(i), Archive: "/nas/" + fmt.Sprint(i)}
		r.Keep([]watch.Target{stays, goes})
		for _, target := range []watch.Target{stays, goes} {
			r.Event(watch.Event{Kind: watch.EventFailed, Target: target, Work: "backup", Why: "the disk is full"})
		}
	}
	if len(r.of) != 2 {
		t.Errorf("%d targets are remembered", len(r.of))
	}
	if all := r.of[stays.Key()].errors; len(all) != 1 || all[0].Times != 1000 {
		t.Errorf("of the one that stays, these are: %+v", all)
	}
}
