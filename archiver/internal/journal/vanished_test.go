package journal

import (
	"errors"
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// What is known of an archive by its id counts before what was seen at the address, and a
// newer sighting before an older one.
func TestLost(t *testing.T) {
	t.Parallel()
	seen := func(id string, seq uint64) *Sighting { return &Sighting{ArchiveID: id, Seq: seq} }
	named := func(name, id string, seq uint64) Sighting { return Sighting{Name: name, ArchiveID: id, Seq: seq} }
	list := func(id string, last manifest.Seq) *List {
		l := &List{}
		if id != "" {
			l.Archive = &manifest.Archive{ArchiveID: id}
		}
		for seq := manifest.Seq(1); seq <= last; seq++ {
			l.Records = append(l.Records, seq)
		}
		return l
	}
	for name, c := range map[string]struct {
		known Memory
		l     *List
		words string // in the error, "" if nothing is lost
	}{
		"nothing known":       {Memory{}, list("a", 3), ""},
		"nothing at all":      {Memory{}, list("", 0), ""},
		"as it was":           {Memory{Record: seen("a", 3)}, list("a", 3), ""},
		"newer":               {Memory{Record: seen("a", 3)}, list("a", 5), ""},
		"gone back":           {Memory{Record: seen("a", 3)}, list("a", 2), "the newest backup at this address is number 2"},
		"no backup":           {Memory{Record: seen("a", 3)}, list("a", 0), "has no backup"},
		"no archive":          {Memory{Record: seen("a", 3)}, list("", 0), "there is no archive"},
		"another archive":     {Memory{Record: seen("a", 3)}, list("b", 3), "there is another archive"},
		"a hold knows more":   {Memory{Record: seen("a", 3), Holds: []Sighting{named("", "a", 7)}}, list("a", 5), "number 5"},
		"a record knows more": {Memory{Record: seen("a", 7), Holds: []Sighting{named("", "a", 3)}}, list("a", 5), "number 5"},
		"held for another":    {Memory{Holds: []Sighting{named("x", "b", 7)}}, list("a", 5), ""},
		"held for this name":  {Memory{Name: "x", Holds: []Sighting{named("x", "b", 7)}}, list("a", 5), "there is another archive at x"},
	} {
		lost := c.known.Lost(c.l)
		if (lost == nil) != (c.words == "") || lost != nil && !strings.Contains(lost.Error(), c.words) {
			t.Errorf("%s: %v, want %q", name, lost, c.words)
		}
	}
}

// A list that is late is completed; a backup that is really gone, or another one, has
// vanished; and a writer may accept that.
func TestCheckVanished(t *testing.T) {
	t.Parallel()
	store := storagetest.NewMemory()
	j := journalOf(store)
	newest := commit(t, j, 5)
	known := Memory{Record: seenIn(newest)}

	late := open(t, j)
	late.Records = late.Records[:3]
	before, err := j.Newest(t.Context(), late)
	if err != nil {
		t.Fatal(err)
	}
	if m, err := j.CheckVanished(t.Context(), late, before, known); err != nil || m.Seq != 5 || late.Last() != 5 {
		t.Errorf("a late list: %+v, %v", m, err)
	}

	other := Memory{Record: seenIn(newest)}
	other.Record.Seq, other.Record.CommitID = 4, "another"
	for what, lost := range map[string]Memory{"another backup 4": other, "gone": {Record: &Sighting{ArchiveID: newest.ArchiveID, Seq: 9}}} {
		_, err := j.CheckVanished(t.Context(), open(t, j), newest, lost)
		if _, ok := errors.AsType[*VanishedError](err); !ok {
			t.Errorf("%s: %v", what, err)
		}
		w := options()
		w.Known = lost
		err = j.Update(t.Context(), w, func(*Head) error { return nil })
		if _, ok := errors.AsType[*VanishedError](err); !ok {
			t.Errorf("%s, to append: %v", what, err)
		}
		w.BeginAnew = true
		err = j.Update(t.Context(), w, func(h *Head) error {
			if !h.Anew || h.Parent.Seq != 5 {
				t.Errorf("%s, anew: %+v", what, h)
			}
			return nil
		})
		if err != nil {
			t.Errorf("%s, anew: %v", what, err)
		}
	}

	put(t, store, manifest.Seq(4).Key(), "{}\n") // a verification finds that
	if _, err := j.CheckVanished(t.Context(), open(t, j), newest, other); err != nil {
		t.Errorf("damaged: %v", err)
	}
}
