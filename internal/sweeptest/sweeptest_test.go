package sweeptest_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/internal/sweeptest"
)

// Without -short every step is tried; with it those that change something, the first,
// the last, and some of the others.
func TestSteps(t *testing.T) {
	got := slices.Collect(sweeptest.Steps(0, 20, func(k int) bool { return k == 3 || k == 4 }))
	var want []int
	for k := range 21 {
		if !testing.Short() || slices.Contains([]int{0, 3, 4, 7, 12, 17, 20}, k) {
			want = append(want, k)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
