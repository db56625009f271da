package seal

import (
	"context"
	"errors"
	"sync"

	"filippo.io/age"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Given is what a process has been given for the keys of an archive.
type Given struct {
	// Recipients are who is to open the archive, if there is none yet. With none, it is made
	// without encryption.
	Recipients []Recipient

	// Required says that the archive must be encrypted, such as because identities were given for it.
	Required bool

	// WriterKey returns the writer key of an archive, nil if there is none. It is called when
	// archive.json was read, and the archive is encrypted; and again when it lacks a key that it
	// may have by now.
	WriterKey func(archiveID string) (*WriterKey, error)

	// Identities returns what may open wraps. It is called at most once, and only when
	// something must be opened for which the other keys do not do; nil stands for none.
	Identities func(ctx context.Context) ([]Identity, error)

	// Begun returns archive.json of a first backup of this host that was interrupted, as OnFirst was
	// given it, nil if there is none: the next attempt goes on with its keys. It is called when
	// there is no archive, and it is to be encrypted.
	Begun func() ([]byte, error)

	// OnFirst makes the writer key of a new archive durable, and its archive.json, which has the
	// only wraps, before anything is stored. If it fails, the backup does.
	OnFirst func(key *WriterKey, document []byte) error

	// OnChange is told of a writer key with newer generations. If it is lost, that costs the next run
	// a request, until hosts are revoked.
	OnChange func(*WriterKey)

	// Check is called when archive.json was read, or what stands in for it if it is damaged, before its keys are used and before anything
	// is stored: keys is nil if it is not encrypted. What it returns ends the run. A later list may
	// have replaced keys: who the recipients are now, [Ring.CheckRecipients] compares.
	Check func(archiveID string, keys *manifest.KeyList) error
}

// Ring is what this process has of the keys of one archive. It learns about them from the
// archive's documents: see [Ring.Learn]. The methods of a nil *Ring, and of the ring of an
// archive that is not encrypted, return their input, so callers need not distinguish. All
// methods may be called concurrently.
type Ring struct {
	given Given
	load  func(ctx context.Context, record manifest.Seq) error // see LoadListsBy

	changing sync.Mutex // held while identities are asked for, or something is learned
	asked    bool       // given.Identities was
	secrets  []Identity
	writer   *WriterKey // of the archive, as it was given, or as somebody was told of it

	mu   sync.Mutex           // for what follows; never held for long
	keys *keys                // nil if the archive is not encrypted, or before that is known
	seen map[int]manifest.Seq // the newest record that was read of each generation
	last manifest.Seq         // the newest record that was listed
	said manifest.Seq         // the newest record of kind keys of which a record says that there is one
}

// NewRing returns the ring of an archive of which nothing is known yet.
func NewRing(given Given) *Ring {
	given.Recipients = distinct(given.Recipients)
	return &Ring{given: given}
}

// LoadListsBy sets how the ring has a record of kind keys read, which then calls [Ring.Learn]. It
// is called before the ring is used.
func (r *Ring) LoadListsBy(load func(ctx context.Context, record manifest.Seq) error) { r.load = load }

// current returns the keys as they are known now; they do not change any more.
func (r *Ring) current() *keys {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.keys
}

// set makes k the keys that are known. The caller holds r.changing.
func (r *Ring) set(k *keys) {
	r.mu.Lock()
	r.keys = k
	r.mu.Unlock()
	if k != nil && k.hasMoreThan(r.writer) {
		r.writer = k.writerKey()
		if r.given.OnChange != nil {
			r.given.OnChange(r.writer)
		}
	}
}

// IsSealed reports whether the archive is encrypted, once archive.json was read or made.
func (r *Ring) IsSealed() bool { return r.current() != nil }

// CheckRecipients returns a [*RecipientsError] if the archive is encrypted for others than those who were
// given, if any were. It asks the newest key list, which may take a request.
func (r *Ring) CheckRecipients(ctx context.Context) error {
	if !r.IsSealed() || len(r.given.Recipients) == 0 {
		return nil
	}
	list, err := r.List(ctx)
	if err != nil {
		return err
	}
	return CheckRecipients(list, r.given.Recipients)
}

// Wanted reports whether an archive that does not exist yet is to be encrypted.
func (r *Ring) Wanted() bool { return r != nil && len(r.given.Recipients) > 0 }

// Suffix returns what the keys of encrypted objects end with.
func (r *Ring) Suffix() string {
	if !r.IsSealed() {
		return ""
	}
	return manifest.SealedSuffix
}

// ArchiveID returns the id of the archive, "" if it is not encrypted.
func (r *Ring) ArchiveID() string {
	k := r.current()
	if k == nil {
		return ""
	}
	return k.archiveID
}

// Has reports whether a generation of keys is known.
func (r *Ring) Has(generation int) bool {
	k := r.current()
	return k != nil && k.find(generation) != nil
}

// Generation returns the number of the newest generation of keys, 0 if the archive is not encrypted.
func (r *Ring) Generation() int {
	k := r.current()
	if k == nil {
		return 0
	}
	return k.newest().number
}

// At returns the number of the generation with which a record is encrypted, 0 if the archive is not
// encrypted.
func (r *Ring) At(record manifest.Seq) int {
	k := r.current()
	if k == nil {
		return 0
	}
	return k.at(record).number
}

// Keys returns the record that has the newest key list, 0 for archive.json.
func (r *Ring) Keys() manifest.Seq {
	k := r.current()
	if k == nil {
		return 0
	}
	return k.record
}

// WriterKey returns what a host needs to write to the archive, nil if that is not encrypted.
func (r *Ring) WriterKey() *WriterKey {
	k := r.current()
	if k == nil {
		return nil
	}
	return k.writerKey()
}

// List returns the newest key list, nil if the archive is not encrypted.
func (r *Ring) List(ctx context.Context) (*manifest.KeyList, error) {
	k := r.current()
	if k == nil {
		return nil, nil
	}
	if k.hasNewestList() {
		return k.lists[len(k.lists)-1].list, nil
	}
	if r.load == nil {
		return nil, k.missing("the list of keys", true)
	}
	if err := r.load(ctx, k.record); err != nil {
		return nil, err
	}
	k = r.current()
	if !k.hasNewestList() {
		return nil, damagef("record %d has no list of keys, although others say that it has", k.record)
	}
	return k.lists[len(k.lists)-1].list, nil
}

// ListLeft is [Ring.List] for somebody who reads: if the newest key list is missing or damaged, such
// as in an archive that was set back, it returns the newest one that is left, and its record. That
// proves nothing of who can open what comes.
func (r *Ring) ListLeft(ctx context.Context) (manifest.Seq, *manifest.KeyList, error) {
	list, err := r.List(ctx)
	if _, isLost := errors.AsType[*manifest.ObjectError](err); isLost {
		r.mu.Lock()
		said := r.said
		r.mu.Unlock()
		if k := r.current(); said < k.record && !k.hasList(said) {
			_ = r.load(ctx, said) // what it lacks is missed when it is needed
		}
		if lists := r.current().lists; len(lists) > 0 {
			newest := lists[len(lists)-1]
			return newest.record, newest.list, nil
		}
	}
	return r.Keys(), list, err
}

// identities returns what may open wraps. The caller holds r.changing.
func (r *Ring) identities(ctx context.Context) ([]age.Identity, error) {
	if !r.asked && r.given.Identities != nil {
		secrets, err := r.given.Identities(ctx)
		if err != nil {
			return nil, err
		}
		r.secrets = secrets
	}
	r.asked = true
	var all []age.Identity
	for _, s := range r.secrets {
		all = append(all, s.age)
	}
	return all, nil
}
