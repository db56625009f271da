package spelling

import "testing"

func TestNearest(t *testing.T) {
	known := []string{"archive", "epoch", "lag", "pin", "time"}
	for name, want := range map[string]string{
		"epch": "epoch", "Epoch": "epoch", "eopch": "epoch", "archives": "archive", "lagg": "lag",
		"incremental": "", "": "", "xyz": "", "man": "", "find": "", "pni": "pin", "tme": "time", "arhcives": "archive",
	} {
		if got := Nearest(name, known); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
