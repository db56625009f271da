package manifest

import (
	"encoding/json"
	"testing"
	"time"
)

// A place is what a segment's key has of its hash, and is written like that.
func TestPlace(t *testing.T) {
	sum := Sum([]byte("frames"))
	key := SegmentKey(SegmentFolder("f"), 7, sum)
	if p := PlaceOf(sum); SegmentPrefix+"f/000007-"+p.String()+".zst" != key {
		t.Errorf("%s, and the key is %s", p, key)
	}
	for _, p := range []Place{0, 1, 0x0123456789abcdef, 1<<64 - 1} {
		b, err := json.Marshal(p)
		var back Place
		if err != nil || json.Unmarshal(b, &back) != nil || back != p || len(b) != 18 {
			t.Errorf("%s: %s, %v", p, b, err)
		}
	}
	for _, wrong := range []string{`""`, `"0"`, `"0123456789ABCDEF"`, `"00123456789abcdef"`, `"+123456789abcdef"`, `"0123456789abcdeg"`, `7`} {
		var p Place
		if err := json.Unmarshal([]byte(wrong), &p); err == nil {
			t.Errorf("%s is %s", wrong, p)
		}
	}
}

func TestContains(t *testing.T) {
	const last = Place(1<<64 - 1)
	for _, c := range []struct {
		from, to Place
		in, out  []Place
	}{
		{10, 20, []Place{10, 11, 19}, []Place{9, 20, 21, 0, last}},
		{20, 10, []Place{20, last, 0, 9}, []Place{10, 19}},
		{20, 0, []Place{20, last}, []Place{0, 19}},
		{0, 20, []Place{0, 19}, []Place{20, last}},
		{last, 0, []Place{last}, []Place{0, last - 1}},
		{7, 7, []Place{0, 6, 7, 8, last}, nil},
		{0, 0, []Place{0, last}, nil},
	} {
		a := Arc{From: c.from, To: c.to}
		for _, p := range c.in {
			if !a.Contains(p) {
				t.Errorf("%s is not in [%s, %s)", p, c.from, c.to)
			}
		}
		for _, p := range c.out {
			if a.Contains(p) {
				t.Errorf("%s is in [%s, %s)", p, c.from, c.to)
			}
		}
	}
}

func TestArcsThatCannotBe(t *testing.T) {
	right := Arc{From: 1, To: 2, BegunAt: time.Unix(1, 0), UpTo: 3}
	if err := validateArcs([]Arc{right, right}); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Arc){
		"no time":           func(a *Arc) { a.BegunAt = time.Time{} },
		"no record":         func(a *Arc) { a.UpTo = 0 },
		"no such record":    func(a *Arc) { a.UpTo = MaxSeq + 1 },
		"negative findings": func(a *Arc) { a.Findings = -1 },
	} {
		a := right
		change(&a)
		if err := validateArcs([]Arc{right, a}); err == nil {
			t.Errorf("%s passes", name)
		}
	}
	if err := validateArcs(make([]Arc, MaxArcs+1)); err == nil {
		t.Error("too many pass")
	}
}
