package seal

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"filippo.io/age"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Change is what is to be changed about who can open an archive, and with which keys.
type Change struct {
	Add    []Recipient // who open everything from then on, also what is stored already
	Remove []string    // names of recipients, as the key list has them; that makes a new generation

	// Rotate makes a new generation of keys, with which everything is encrypted from then on.
	Rotate bool

	// RevokeHosts hands a new generation over to nobody. So hosts need new writer keys.
	RevokeHosts bool

	// Passphrase returns the passphrase of a recipient who stays, for whom a new generation is
	// wrapped, if no identity tells it. nil stands for none.
	Passphrase func(ctx context.Context, recipient string) (string, error)
}

// IsRotation reports whether the change makes a new generation of keys.
func (c Change) IsRotation() bool { return c.Rotate || len(c.Remove) > 0 }

// UnknownRecipientError says that somebody who is to be removed is no recipient.
type UnknownRecipientError struct {
	Name       string
	Recipients []manifest.Recipient // those that there are
}

func (e *UnknownRecipientError) Error() string {
	return fmt.Sprintf("%s is no recipient of the archive; those are %s", e.Name, strings.Join(listed(e.Recipients), ", "))
}

// NeededRecipientError says that a recipient cannot be removed, because nobody, or nobody whose
// identity is here, could open what comes then.
type NeededRecipientError struct{ IsLast bool }

func (e *NeededRecipientError) Error() string {
	if e.IsLast {
		return "nobody would be left who can open the archive"
	}
	return "none of the identities that are given could open what is backed up then: all are of recipients that are to be removed"
}

// PassphraseError says that new keys cannot be encrypted for a recipient who is a passphrase,
// because that is not here.
type PassphraseError struct {
	Name    string
	IsWrong bool // another one is
}

func (e *PassphraseError) Error() string {
	if e.IsWrong {
		return fmt.Sprintf("new keys are to be encrypted for %s, too, and what was given is not that passphrase", e.Name)
	}
	return fmt.Sprintf("new keys are to be encrypted for %s, too, and that passphrase is not here", e.Name)
}

// ErrTooManyKeys: a key list has no room for more.
var ErrTooManyKeys = fmt.Errorf("an archive has at most %d recipients, with %d passphrases among them, and %d generations of keys",
	manifest.MaxRecipients, manifest.MaxPassphrases, manifest.MaxKeyGenerations)

// Change returns the key list of the next record, which replaces the newest one; nil if that says
// so already. It takes identities that open all that there is, and one of them opens the new
// list, too: that was tried. Nothing is stored, and the ring learns nothing.
//
// The error is a [*KeyError], a [*DamageError], an [*UnknownRecipientError], a
// [*NeededRecipientError], a [*PassphraseError], [ErrTooManyKeys], or one of the callbacks.
func (r *Ring) Change(ctx context.Context, record manifest.Seq, c Change) (*manifest.KeyList, error) {
	list, err := r.List(ctx)
	if err != nil {
		return nil, err
	}
	k, err := r.allKeys(ctx)
	if err != nil {
		return nil, err
	}
	stay, err := c.staying(list.Recipients)
	if err != nil {
		return nil, err
	}
	comes := c.coming(list.Recipients)
	if len(comes) == 0 && !c.IsRotation() {
		return nil, nil
	}
	next := &manifest.KeyList{Generations: slices.Clone(list.Generations), Recipients: describe(stay, comes)}
	generations := slices.Clone(k.generations)
	if c.IsRotation() {
		g, err := newGeneration(k.archiveID, len(generations)+1, record+1)
		if err == nil {
			err = k.newest().succeed(&g, c.RevokeHosts)
		}
		if err != nil {
			return nil, err
		}
		generations, next.Generations = append(generations, g), append(next.Generations, *g.entry)
	}
	switch {
	case len(next.Recipients) == 0:
		return nil, &NeededRecipientError{IsLast: true}
	case next.HasTooMany():
		return nil, ErrTooManyKeys
	}
	if next.Wraps, err = r.rewrap(ctx, c, list, stay, comes, k.archiveID, generations); err != nil {
		return nil, err
	}
	if err := r.prove(next, k.archiveID); err != nil {
		return nil, err
	}
	return next, nil
}

// staying returns who of the recipients stays.
func (c Change) staying(have []manifest.Recipient) ([]manifest.Recipient, error) {
	for _, name := range c.Remove {
		if !slices.Contains(listed(have), name) {
			return nil, &UnknownRecipientError{name, have}
		}
	}
	return slices.DeleteFunc(slices.Clone(have), func(x manifest.Recipient) bool { return slices.Contains(c.Remove, x.Recipient) }), nil
}

// coming returns who of those that are to be added is not there yet. A passphrase is always new.
func (c Change) coming(have []manifest.Recipient) (comes []Recipient) {
	seen := listed(have)
	for _, x := range c.Add {
		if x.kind == manifest.Passphrase || !slices.Contains(seen, x.text) || slices.Contains(c.Remove, x.text) {
			comes, seen = append(comes, x), append(seen, x.text)
		}
	}
	return comes
}

// allKeys returns the keys with the private halves of all generations.
func (r *Ring) allKeys(ctx context.Context) (*keys, error) {
	for {
		k := r.current()
		if !slices.ContainsFunc(k.generations, func(g generation) bool { return g.catalog == nil || g.dataPrivate == nil }) {
			return k, nil
		}
		found, err := r.unwrapMore(ctx)
		if err != nil {
			return nil, err
		}
		if !found {
			r.changing.Lock()
			defer r.changing.Unlock()
			return nil, k.missing("the data", len(r.secrets) > 0)
		}
	}
}

// rewrap returns the wraps of the next key list. A passphrase is wrapped in one of its own, and
// the i-th of these belongs to the i-th recipient who is a passphrase; it is kept as it is unless
// there is a new generation.
func (r *Ring) rewrap(
	ctx context.Context, c Change, list *manifest.KeyList, stay []manifest.Recipient, comes []Recipient, archiveID string, generations []generation,
) ([][]byte, error) {
	var public, phrases []Recipient
	for _, x := range stay {
		if x.Kind == manifest.Passphrase {
			continue
		}
		parsed, err := ParseRecipient(x.Recipient)
		if err != nil {
			return nil, damagef("the recipient %q in the list of keys", x.Recipient)
		}
		public = append(public, parsed)
	}
	for _, x := range comes {
		if x.kind == manifest.Passphrase {
			phrases = append(phrases, x)
		} else {
			public = append(public, x)
		}
	}
	wraps, err := wrapAll(archiveID, generations, public)
	if err != nil {
		return nil, err
	}
	old := passphraseWraps(list)
	for _, x := range stay {
		if x.Kind != manifest.Passphrase {
			continue
		}
		wrap := old[x.Recipient]
		if wrap == nil {
			return nil, damagef("the list of keys has no wrap for %s", x.Recipient)
		}
		if c.IsRotation() {
			if wrap, err = r.wrapAgain(ctx, c, x.Recipient, wrap, archiveID, generations); err != nil {
				return nil, err
			}
		}
		wraps = append(wraps, wrap)
	}
	more, err := wrapAll(archiveID, generations, phrases)
	return append(wraps, more...), err
}

// passphraseWraps returns the wraps of the recipients who are passphrases, by their names.
func passphraseWraps(list *manifest.KeyList) map[string][]byte {
	var names []string
	for _, x := range list.Recipients {
		if x.Kind == manifest.Passphrase {
			names = append(names, x.Recipient)
		}
	}
	wraps := map[string][]byte{}
	for _, w := range list.Wraps {
		if bytes.HasPrefix(w, []byte(ageMagic+"-> scrypt ")) && len(wraps) < len(names) {
			wraps[names[len(wraps)]] = w
		}
	}
	return wraps
}

// wrapAgain wraps generations for the passphrase of a wrap.
func (r *Ring) wrapAgain(ctx context.Context, c Change, name string, wrap []byte, archiveID string, generations []generation) ([]byte, error) {
	again := func(p *passphrase) ([]byte, error) {
		to, err := PassphraseRecipient(p.text)
		if err != nil {
			return nil, err
		}
		var salt string
		var work int
		if n, _ := fmt.Sscanf(string(wrap[len(ageMagic):]), "-> scrypt %s %d", &salt, &work); n == 2 {
			to.age.(*age.ScryptRecipient).SetWorkFactor(work) //nolint:errcheck,errorlint // it is one; and as before
		}
		wraps, err := wrapAll(archiveID, generations, []Recipient{to})
		if err != nil {
			return nil, err
		}
		return wraps[0], nil
	}
	isWrong := false
	for _, s := range r.secrets {
		if p, ok := s.age.(*passphrase); ok {
			isWrong = true
			if _, err := open(wrap, p); err == nil {
				return again(p)
			}
		}
	}
	if c.Passphrase == nil {
		return nil, &PassphraseError{Name: name, IsWrong: isWrong}
	}
	text, err := c.Passphrase(ctx, name)
	if err != nil {
		return nil, err
	}
	id, err := PassphraseIdentity(text)
	if err != nil {
		return nil, err
	}
	p := id.age.(*passphrase) //nolint:errcheck,errorlint // it is what it returns
	if _, err := open(wrap, p); err != nil {
		return nil, &PassphraseError{Name: name, IsWrong: true}
	}
	r.secrets = append(r.secrets, id) // for an attempt after a conflict
	return again(p)
}

// prove makes sure that one of the identities opens the list, and finds the private halves of all
// of its generations there.
func (r *Ring) prove(list *manifest.KeyList, archiveID string) error {
	r.changing.Lock()
	defer r.changing.Unlock()
	var ids []age.Identity
	for _, s := range r.secrets {
		ids = append(ids, s.age)
	}
	for _, w := range list.Wraps {
		b, err := open(w, ids...)
		if err != nil {
			continue
		}
		k := &keys{archiveID: archiveID}
		for i := range list.Generations {
			if err := k.addGeneration(&list.Generations[i]); err != nil {
				return err
			}
		}
		if k.take(b) != 2*len(list.Generations) {
			return damagef("the wrap that was made does not hold all keys")
		}
		return nil
	}
	return &NeededRecipientError{}
}

// listed returns the names of recipients, as a key list has them.
func listed(all []manifest.Recipient) (names []string) {
	for _, x := range all {
		names = append(names, x.Recipient)
	}
	return names
}

// OpenAll opens the keys of all generations with the identities, and returns the newest key list.
// The error is a [*KeyError] if they do not open all.
func (r *Ring) OpenAll(ctx context.Context) (*manifest.KeyList, error) {
	list, err := r.List(ctx)
	if err == nil {
		_, err = r.allKeys(ctx)
	}
	return list, err
}
