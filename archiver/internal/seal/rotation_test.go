package seal

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// rotate returns what a record of kind keys announces that makes a second generation, for
// recipients, and a ring that writes with it.
func (a *archive) rotate(t *testing.T, owner person, record manifest.Seq, isRevoked bool, recipients ...Recipient) (Announced, *Ring) {
	t.Helper()
	r := a.open(t, Given{Identities: owner.identities})
	if _, err := r.unwrapMore(t.Context()); err != nil {
		t.Fatal(err)
	}
	k := r.current().clone()
	next, err := newGeneration(archiveID, 2, record+1)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.newest().succeed(&next, isRevoked); err != nil {
		t.Fatal(err)
	}
	list := &manifest.KeyList{Recipients: describe(nil, recipients), Generations: append(slices.Clone(a.first.List.Generations), *next.entry)}
	if list.Wraps, err = wrapAll(archiveID, append(k.generations, next), recipients); err != nil {
		t.Fatal(err)
	}
	x := Announced{ArchiveID: archiveID, Record: record, List: list, Generation: 1, Line: []byte("a record\n")}
	if x.MAC, err = r.MAC(t.Context(), 1, x.Line); err != nil {
		t.Fatal(err)
	}
	if err := r.Learn(t.Context(), x); err != nil {
		t.Fatal(err)
	}
	return x, r
}

// After a rotation, a writer goes on by itself, who was added opens everything, and who was
// removed opens what was stored before, and nothing after.
func TestRotation(t *testing.T) {
	t.Parallel()
	stays, leaves, comes := newPerson(t, false), newPerson(t, false), newPerson(t, false)
	a := newArchive(t, Given{Recipients: []Recipient{stays.recipient, leaves.recipient}})
	early, err := a.writer.SealData(nil, []byte("early"))
	if err != nil {
		t.Fatal(err)
	}
	record, _ := a.rotate(t, stays, 7, false, stays.recipient, comes.recipient)

	var changed *WriterKey
	writer := a.open(t, Given{WriterKey: always(a.writer.WriterKey()), OnChange: func(k *WriterKey) { changed = k }})
	if err := writer.Learn(t.Context(), record); err != nil {
		t.Fatal(err)
	}
	late, err := writer.SealData(nil, []byte("late"))
	if err != nil {
		t.Fatal(err)
	}
	if changed == nil || changed.Keys != 7 || len(changed.Generations) != 2 || writer.CheckWriter(t.Context()) != nil || writer.At(7) != 1 || writer.At(8) != 2 {
		t.Fatalf("the writer has %+v", changed)
	}

	// With the new writer key nothing has to be read before the list is, and only then.
	fresh := a.open(t, Given{WriterKey: always(changed), Identities: comes.identities})
	loads := 0
	fresh.LoadListsBy(func(ctx context.Context, seq manifest.Seq) error {
		if loads++; seq != 7 {
			t.Errorf("record %d is read", seq)
		}
		return fresh.Learn(ctx, record)
	})
	if fresh.Generation() != 2 || fresh.current().newest().data.String() != writer.current().newest().data.String() || loads != 0 {
		t.Errorf("generation %d after %d reads", fresh.Generation(), loads)
	}
	for want, sealed := range map[string][]byte{"early": early, "late": late} {
		if b, err := fresh.OpenData(t.Context(), bytes.Clone(sealed)); err != nil || string(b) != want || loads != 1 {
			t.Errorf("%q, %v after %d reads", b, err, loads)
		}
	}

	gone := a.open(t, Given{Identities: leaves.identities})
	if err := gone.Learn(t.Context(), record); err != nil { // by the handover: metadata of hosts
		t.Fatal(err)
	}
	if b, err := gone.OpenData(t.Context(), bytes.Clone(early)); err != nil || string(b) != "early" {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := gone.OpenData(t.Context(), bytes.Clone(late)); !isKeyError(err, true) {
		t.Error(err)
	}

	// Who is not in the first list begins with the newest one.
	added := NewRing(Given{Identities: comes.identities})
	if err := added.Learn(t.Context(), a.first); !isKeyError(err, true) {
		t.Error(err)
	}
	if err := errors.Join(added.Learn(t.Context(), record), added.Learn(t.Context(), a.first)); err != nil {
		t.Error(err)
	}
}

// A host that was revoked cannot write any more, and nobody hands over to keys of his own.
func TestRevocation(t *testing.T) {
	t.Parallel()
	owner := newPerson(t, false)
	a := newArchive(t, Given{Recipients: []Recipient{owner.recipient}})
	record, r := a.rotate(t, owner, 3, true, owner.recipient)
	host := a.open(t, Given{WriterKey: always(a.writer.WriterKey())})
	if err := host.Learn(t.Context(), record); err != nil {
		t.Fatal(err)
	}
	if err := host.CheckWriter(t.Context()); !isKeyError(err, true) {
		t.Error(err)
	}
	line := []byte("a record after it\n")
	sum, err := r.MAC(t.Context(), 2, line)
	if err != nil {
		t.Fatal(err)
	}
	later := Announced{ArchiveID: archiveID, Record: 3, List: record.List, Generation: 2, Line: line, MAC: sum}
	if err := host.Learn(t.Context(), later); !isKeyError(err, true) {
		t.Error(err)
	}

	forged := record
	list := *record.List
	list.Generations = slices.Clone(list.Generations)
	mine, err := newGeneration(archiveID, 2, 4)
	if err != nil {
		t.Fatal(err)
	}
	mine.entry.MAC = list.Generations[1].MAC
	list.Generations[1], forged.List = *mine.entry, &list
	if err := a.open(t, Given{WriterKey: always(a.writer.WriterKey())}).Learn(t.Context(), forged); !isDamage(err) {
		t.Error(err)
	}
	if err := host.Learn(t.Context(), Announced{ArchiveID: archiveID, Record: 9, List: a.first.List, Generation: 1, Line: a.first.Line, MAC: a.first.MAC}); !isDamage(err) {
		t.Errorf("a later list without a generation: %v", err)
	}
}
