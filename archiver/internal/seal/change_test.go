package seal

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// given returns what somebody has who has these identities.
func given(people ...person) Given {
	return Given{Identities: func(context.Context) (all []Identity, err error) {
		for _, p := range people {
			all = append(all, p.identity)
		}
		return all, nil
	}}
}

// changed commits a change as a record, and returns its announcement.
func (a *archive) changed(t *testing.T, r *Ring, record manifest.Seq, c Change) Announced {
	t.Helper()
	list, err := r.Change(t.Context(), record, c)
	if err != nil || list == nil {
		t.Fatalf("%v, %v", list, err)
	}
	x := Announced{ArchiveID: archiveID, Record: record, List: list, Generation: r.At(record), Line: []byte("a record\n")}
	if x.MAC, err = r.MAC(t.Context(), x.Generation, x.Line); err != nil {
		t.Fatal(err)
	}
	if err := r.Learn(t.Context(), x); err != nil {
		t.Fatal(err)
	}
	return x
}

// opens reports whether somebody who has read these documents opens data.
func opens(t *testing.T, p person, sealed []byte, documents ...Announced) bool {
	t.Helper()
	r := NewRing(given(p))
	var err error
	for _, x := range slices.Backward(documents) {
		err = errors.Join(err, r.Learn(t.Context(), x))
	}
	if !r.IsSealed() {
		return false
	}
	_, err = r.OpenData(t.Context(), slices.Clone(sealed))
	return err == nil
}

func sealed(t *testing.T, r *Ring, text string) []byte {
	t.Helper()
	b, err := r.SealData(nil, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Who is added opens everything, who is removed nothing that comes after, and a passphrase is
// wrapped again only if there are new keys.
func TestChange(t *testing.T) {
	t.Parallel()
	ada, bob, eve, words := newPerson(t, false), newPerson(t, false), newPerson(t, true), withPassphrase(t, "correct horse")
	a := newArchive(t, Given{Recipients: []Recipient{ada.recipient, bob.recipient, words.recipient}})
	first := sealed(t, a.writer, "first")

	r := a.open(t, given(ada))
	added := a.changed(t, r, 2, Change{Add: []Recipient{eve.recipient, ada.recipient}})
	if n := len(added.List.Recipients); n != 4 || len(added.List.Generations) != 1 || !slices.Contains(texts(added.List.Wraps), texts(a.first.List.Wraps)[1]) {
		t.Fatalf("%d recipients, %d generations, or the wrap of the passphrase is another", n, len(added.List.Generations))
	}
	for i, p := range []person{ada, bob, eve, words} {
		if !opens(t, p, first, a.first, added) {
			t.Errorf("%d does not open it", i)
		}
	}

	asked := ""
	removed := a.changed(t, r, 5, Change{Remove: []string{bob.recipient.String()}, Passphrase: func(_ context.Context, name string) (string, error) {
		asked = name
		return "correct horse", nil
	}})
	second := sealed(t, r, "second")
	if asked != "passphrase-1" || len(removed.List.Recipients) != 3 || removed.List.Newest().From != 6 {
		t.Errorf("asked for %q; %+v", asked, removed.List)
	}
	for i, p := range []person{ada, eve, words} {
		if !opens(t, p, second, a.first, added, removed) || !opens(t, p, first, a.first, added, removed) {
			t.Errorf("%d does not open it", i)
		}
	}
	if opens(t, bob, second, a.first, added, removed) || !opens(t, bob, first, a.first, added, removed) {
		t.Error("who was removed does not open exactly what was stored before")
	}

	// Who opened the archive with the passphrase need not be asked for it.
	again := NewRing(given(words))
	for _, x := range []Announced{removed, a.first} {
		if err := again.Learn(t.Context(), x); err != nil {
			t.Fatal(err)
		}
	}
	if x := a.changed(t, again, 9, Change{Rotate: true}); len(x.List.Generations) != 3 || x.List.Newest().Handover == nil {
		t.Errorf("%+v", x.List)
	}
	if x := a.changed(t, again, 10, Change{Rotate: true, RevokeHosts: true}); x.List.Newest().Handover != nil {
		t.Error("revoked hosts are handed the new keys")
	}
}

func texts(all [][]byte) (list []string) {
	for _, b := range all {
		list = append(list, string(b))
	}
	return list
}

// What would leave nobody, or only others, is refused, and so is what nobody here can do.
func TestChangeRefused(t *testing.T) {
	t.Parallel()
	ada, bob, words := newPerson(t, false), newPerson(t, false), withPassphrase(t, "correct horse")
	a := newArchive(t, Given{Recipients: []Recipient{ada.recipient, bob.recipient, words.recipient}})
	two := newArchive(t, Given{Recipients: []Recipient{ada.recipient, bob.recipient}})
	wrong := func(context.Context, string) (string, error) { return "wrong horse", nil }
	all := []string{ada.recipient.String(), bob.recipient.String(), "passphrase-1"}
	for name, c := range map[string]struct {
		by     Given
		change Change
		is     func(error) bool
	}{
		"everybody": {given(ada), Change{Remove: all}, isNeeded(true)},
		"nobody that there is": {given(ada), Change{Remove: []string{newPerson(t, false).recipient.String()}}, func(err error) bool {
			_, ok := errors.AsType[*UnknownRecipientError](err)
			return ok
		}},
		"without the passphrase":   {given(ada), Change{Rotate: true}, isPassphrase(false)},
		"with a wrong passphrase":  {given(ada), Change{Rotate: true, Passphrase: wrong}, isPassphrase(true)},
		"without an identity":      {Given{WriterKey: always(a.writer.WriterKey())}, Change{Rotate: true}, func(err error) bool { return isKeyError(err, false) }},
		"with a stranger's":        {Given{WriterKey: always(a.writer.WriterKey()), Identities: newPerson(t, false).identities}, Change{Rotate: true}, func(err error) bool { return isKeyError(err, true) }},
		"too many recipients":      {given(ada), Change{Add: slices.Repeat([]Recipient{words.recipient}, manifest.MaxRecipients)}, func(err error) bool { return errors.Is(err, ErrTooManyKeys) }},
		"an error of the callback": {given(ada), Change{Rotate: true, Passphrase: func(context.Context, string) (string, error) { return "", context.Canceled }}, func(err error) bool { return errors.Is(err, context.Canceled) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if list, err := a.open(t, c.by).Change(t.Context(), 2, c.change); list != nil || !c.is(err) {
				t.Errorf("a list: %v, %v", list != nil, err)
			}
		})
	}

	// Who removes himself needs the identity of somebody who stays as well.
	if list, err := two.open(t, given(ada)).Change(t.Context(), 2, Change{Remove: all[:1]}); list != nil || !isNeeded(false)(err) {
		t.Errorf("a list: %v, %v", list != nil, err)
	}
	if list, err := two.open(t, given(ada, bob)).Change(t.Context(), 2, Change{Remove: all[:1]}); list == nil || err != nil {
		t.Errorf("a list: %v, %v", list != nil, err)
	}
	if list, err := a.open(t, given(ada)).Change(t.Context(), 2, Change{Add: []Recipient{ada.recipient}}); list != nil || err != nil {
		t.Errorf("nothing changes: %v, %v", list != nil, err)
	}
}

func isNeeded(isLast bool) func(error) bool {
	return func(err error) bool {
		e, ok := errors.AsType[*NeededRecipientError](err)
		return ok && e.IsLast == isLast
	}
}

func isPassphrase(isWrong bool) func(error) bool {
	return func(err error) bool {
		e, ok := errors.AsType[*PassphraseError](err)
		return ok && e.Name == "passphrase-1" && e.IsWrong == isWrong
	}
}

// An archive that nobody could read, because its key list has too many recipients, does not begin.
func TestTooManyRecipientsAtFirst(t *testing.T) {
	t.Parallel()
	for most, next := range map[int]func() person{
		manifest.MaxRecipients:  func() person { return newPerson(t, false) },
		manifest.MaxPassphrases: func() person { return withPassphrase(t, "word") },
	} {
		var all []Recipient
		for range most {
			all = append(all, next().recipient)
		}
		for more, want := range map[int]error{0: nil, 1: ErrTooManyKeys} {
			if _, err := NewRing(Given{Recipients: append(slices.Clip(all), slices.Repeat([]Recipient{next().recipient}, more)...)}).Begin(archiveID); !errors.Is(err, want) {
				t.Errorf("%d recipients: %v", most+more, err)
			}
		}
	}
}
