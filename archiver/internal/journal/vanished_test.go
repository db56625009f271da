package journal_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver/internal/commit"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal/journaltest"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// What is known of an archive by its id counts before what was seen at the address, and a
// newer sighting before an older one.
func TestLost(t *testing.T) {
	t.Parallel()
	seen := func(id string, seq uint64) *journal.Sighting { return &journal.Sighting{ArchiveID: id, Seq: seq} }
	named := func(name, id string, seq uint64) journal.Sighting {
		return journal.Sighting{Name: name, ArchiveID: id, Seq: seq}
	}
	list := func(id string, last manifest.Seq) *journal.List {
		l := &journal.List{}
		if id != "" {
			l.Archive = &manifest.Archive{ArchiveID: id}
		}
		for seq := manifest.Seq(1); seq <= last; seq++ {
			l.Records = append(l.Records, seq)
		}
		return l
	}
	for name, c := range map[string]struct {
		known journal.Memory
		l     *journal.List
		words string // in the error, "" if nothing is lost
	}{
		"nothing known":       {journal.Memory{}, list("a", 3), ""},
		"nothing at all":      {journal.Memory{}, list("", 0), ""},
		"as it was":           {journal.Memory{Record: seen("a", 3)}, list("a", 3), ""},
		"newer":               {journal.Memory{Record: seen("a", 3)}, list("a", 5), ""},
		"gone back":           {journal.Memory{Record: seen("a", 3)}, list("a", 2), "the newest backup at this address is number 2"},
		"no backup":           {journal.Memory{Record: seen("a", 3)}, list("a", 0), "has no backup"},
		"no archive":          {journal.Memory{Record: seen("a", 3)}, list("", 0), "there is no archive"},
		"another archive":     {journal.Memory{Record: seen("a", 3)}, list("b", 3), "there is another archive"},
		"a hold knows more":   {journal.Memory{Record: seen("a", 3), Holds: []journal.Sighting{named("", "a", 7)}}, list("a", 5), "number 5"},
		"a record knows more": {journal.Memory{Record: seen("a", 7), Holds: []journal.Sighting{named("", "a", 3)}}, list("a", 5), "number 5"},
		"made elsewhere": {journal.Memory{Name: "x", Holds: []journal.Sighting{named("y", "a", 7)}}, list("a", 5),
			"but there was backup 7, with epoch 0, of 0001-01-01 00:00:00 UTC (this process has seen it); it was made at y, another address with this archive's id"},
		"held for another":          {journal.Memory{Holds: []journal.Sighting{named("x", "b", 7)}}, list("a", 5), ""},
		"a newer one is known here": {journal.Memory{Name: "x", Holds: []journal.Sighting{named("x", "a", 3), named("x", "a", 7), named("x", "b", 9), named("y", "a", 9)}}, list("", 0), "had backup 7"},
		"a record of here is newer": {journal.Memory{Name: "x", Holds: []journal.Sighting{named("x", "a", 3)}, Record: seen("a", 7)}, list("", 0), "had backup 7"},
		"a record of here is older": {journal.Memory{Name: "x", Holds: []journal.Sighting{named("x", "a", 7)}, Record: seen("a", 3)}, list("", 0), "had backup 7"},
		"held for this name":        {journal.Memory{Name: "x", Holds: []journal.Sighting{named("x", "b", 7)}}, list("a", 5), "there is another archive at x"},
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
	j := journaltest.Of(store)
	newest := add(t, j, 5)
	known := journal.Memory{Record: seenIn(newest)}

	late := journaltest.Open(t, j)
	late.Records = late.Records[:3]
	before, err := j.Newest(t.Context(), late)
	if err != nil {
		t.Fatal(err)
	}
	if m, err := j.CheckVanished(t.Context(), late, before, known); err != nil || m.Seq != 5 || late.Last() != 5 {
		t.Errorf("a late list: %+v, %v", m, err)
	}

	other := journal.Memory{Record: seenIn(newest)}
	other.Record.Seq, other.Record.CommitID = 4, "another"
	for what, lost := range map[string]journal.Memory{"another backup 4": other, "gone": {Record: &journal.Sighting{ArchiveID: newest.ArchiveID, Seq: 9}}} {
		_, err := j.CheckVanished(t.Context(), journaltest.Open(t, j), newest, lost)
		if _, ok := errors.AsType[*journal.VanishedError](err); !ok {
			t.Errorf("%s: %v", what, err)
		}
		w := options()
		w.Known = lost
		err = commit.Update(t.Context(), j, w, func(*commit.Head) error { return nil })
		if _, ok := errors.AsType[*journal.VanishedError](err); !ok {
			t.Errorf("%s, to append: %v", what, err)
		}
		w.BeginAnew = true
		err = commit.Update(t.Context(), j, w, func(h *commit.Head) error {
			if !h.Anew || h.Parent.Seq != 5 {
				t.Errorf("%s, anew: %+v", what, h)
			}
			return nil
		})
		if err != nil {
			t.Errorf("%s, anew: %v", what, err)
		}
	}

	journaltest.Put(t, store, manifest.Seq(4).Key(), "{}\n") // a verification finds that
	if _, err := j.CheckVanished(t.Context(), journaltest.Open(t, j), newest, other); err != nil {
		t.Errorf("damaged: %v", err)
	}
}
