package pages

import "testing"

func TestIsMostlyUsed(t *testing.T) {
	for _, c := range []struct {
		bytes, used int64
		want        bool
	}{{100, 80, true}, {100, 79, false}, {100, 0, false}, {0, 0, false}, {3, 1, true}} {
		if got := isMostlyUsed(c.bytes, c.used); got != c.want {
			t.Errorf("of %d bytes, %d are used: %v", c.bytes, c.used, got)
		}
	}
}
