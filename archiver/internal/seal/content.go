package seal

import (
	"bytes"
	"context"
	"errors"
	"io"

	"filippo.io/age"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

const (
	chunk = 64 << 10 // of an age file, each with a tag
	tag   = 16
	// header is more than the header of an age file for one of our keys, with the nonce after
	// it: that has 184 bytes.
	header = 1 << 10
)

func overhead(n int64) int64 { return header + tag*(n/chunk+1) }

// SealedBytes returns how many bytes n bytes become when they are encrypted, at most.
func SealedBytes(n int64) int64 { return n + overhead(n) }

// Front returns how many bytes must be free before n bytes, in the same slice, so that
// [Ring.SealData] can encrypt them in place: 0 if the archive is not encrypted.
func (r *Ring) Front(n int) int {
	if !r.IsSealed() {
		return 0
	}
	return int(overhead(int64(n)))
}

// SealData appends plain to dst, encrypted with the newest data key: an age file of its own. If the
// archive is not encrypted, it returns plain.
//
// The two may share memory: SealData(b[:0], b[front:]) encrypts in place if front is what
// [Ring.Front] returns for the bytes behind it. age copies each chunk before it writes it, and what
// it has written never reaches what it has not copied yet.
func (r *Ring) SealData(dst, plain []byte) ([]byte, error) {
	k := r.current()
	if k == nil {
		return plain, nil
	}
	return encrypt(dst, plain, k.newest().data)
}

// OpenData decrypts what [Ring.SealData] has made, in place: the result shares memory with sealed. If
// the archive is not encrypted, it returns sealed. The caller has made sure that sealed is as it
// was stored. The error is a [*KeyError] if no key that is here opens it, a [*DamageError] if it
// does not authenticate, or that of [Given.Identities].
func (r *Ring) OpenData(ctx context.Context, sealed []byte) ([]byte, error) {
	if !r.IsSealed() {
		return sealed, nil
	}
	for {
		k := r.current()
		ids, isComplete := k.dataKeys()
		if len(ids) > 0 {
			plain, err := openTo(sealed[:0:len(sealed)], sealed, ids...)
			if _, isKey := errors.AsType[*KeyError](err); !isKey {
				return plain, err
			}
		}
		if isComplete {
			return nil, damagef("it is not encrypted with a data key of the archive")
		}
		if err := r.findMore(ctx, k, theData); err != nil {
			return nil, err
		}
	}
}

// dataKeys returns the private halves of the data keys that are here, and whether these are all.
func (k *keys) dataKeys() (ids []age.Identity, isComplete bool) {
	for i := len(k.generations) - 1; i >= 0; i-- {
		if id := k.generations[i].dataPrivate; id != nil {
			ids = append(ids, id)
		}
	}
	return ids, len(ids) == k.newest().number && k.hasNewestList()
}

// findMore looks for more keys than k has: it reads the newest key list that is left, and opens wraps.
// If there are none, the error is a [*KeyError] for what.
func (r *Ring) findMore(ctx context.Context, k *keys, what string) error {
	if _, _, err := r.ListLeft(ctx); err != nil {
		return err
	}
	found, err := r.unwrapMore(ctx)
	if err != nil || found || r.current() != k {
		return err
	}
	r.changing.Lock()
	defer r.changing.Unlock()
	return k.missing(what, len(r.secrets) > 0 || what == theList && r.writer != nil)
}

// unwrapMore opens wraps that were not tried yet. It reports whether that has brought keys.
func (r *Ring) unwrapMore(ctx context.Context) (bool, error) {
	r.changing.Lock()
	defer r.changing.Unlock()
	k := r.current().clone()
	found, err := r.unwrap(ctx, k)
	if err == nil && found {
		r.set(k)
	}
	return found, err
}

// SealCatalog encrypts a part of the catalog, such as an index, with the newest catalog key. If the
// archive is not encrypted, it returns plain.
func (r *Ring) SealCatalog(ctx context.Context, plain []byte) ([]byte, error) {
	if !r.IsSealed() {
		return plain, nil
	}
	return r.SealFor(ctx, r.Generation(), plain)
}

// SealFor is [Ring.SealCatalog] with the catalog key of a generation, in an encrypted archive.
func (r *Ring) SealFor(ctx context.Context, generation int, plain []byte) ([]byte, error) {
	g, err := r.withCatalogKey(ctx, generation)
	if err != nil {
		return nil, err
	}
	return encrypt(nil, plain, g.catalog.Recipient())
}

// OpenCatalog decrypts what [Ring.SealCatalog] has made, into memory of its own. If the archive is not
// encrypted, it returns sealed. Its errors are those of [Ring.OpenData].
func (r *Ring) OpenCatalog(ctx context.Context, sealed []byte) ([]byte, error) {
	if !r.IsSealed() {
		return sealed, nil
	}
	for {
		k := r.current()
		ids, isComplete := k.catalogKeys()
		plain, err := open(sealed, ids...)
		if _, isKey := errors.AsType[*KeyError](err); !isKey {
			return plain, err
		}
		if isComplete {
			return nil, damagef("it is not encrypted with a catalog key of the archive")
		}
		if err := r.findMore(ctx, k, theList); err != nil {
			return nil, err
		}
	}
}

// catalogKeys is dataKeys for catalog keys.
func (k *keys) catalogKeys() (ids []age.Identity, isComplete bool) {
	for i := len(k.generations) - 1; i >= 0; i-- {
		if id := k.generations[i].catalog; id != nil {
			ids = append(ids, id)
		}
	}
	return ids, len(ids) == k.newest().number
}

// MAC returns the MAC of the first line of a document by a generation of an encrypted archive. The
// error is a [*KeyError] if its catalog key is not here, and a [*DamageError] if there is no such
// generation.
func (r *Ring) MAC(ctx context.Context, generation int, line []byte) (manifest.Digest, error) {
	g, err := r.withCatalogKey(ctx, generation)
	if err != nil {
		return manifest.Digest{}, err
	}
	return g.authenticate(line), nil
}

// CheckMAC makes sure that a document has the MAC that its generation makes. Otherwise the error is a
// [*DamageError]; others are those of [Ring.MAC].
func (r *Ring) CheckMAC(ctx context.Context, generation int, line []byte, mac manifest.Digest) error {
	right, err := r.MAC(ctx, generation, line)
	if err == nil && !isEqual(right, mac) {
		return damagef(wrongMAC)
	}
	return err
}

const wrongMAC = "it was not written by somebody with the key of the archive: its MAC is wrong"

// CheckWriter returns a [*KeyError] if nothing can be committed to the archive with these keys:
// hosts may have been revoked.
func (r *Ring) CheckWriter(ctx context.Context) error {
	if !r.IsSealed() {
		return nil
	}
	_, err := r.withCatalogKey(ctx, r.Generation())
	return err
}

// CheckReader returns a [*KeyError] if none of the keys that are here opens any data of the archive.
func (r *Ring) CheckReader(ctx context.Context) error {
	for r.IsSealed() {
		k := r.current()
		if ids, _ := k.dataKeys(); len(ids) > 0 {
			break
		}
		if err := r.findMore(ctx, k, theData); err != nil {
			return err
		}
	}
	return nil
}

// What the keys open.
const (
	theList = "the list of backups" // the catalog keys
	theData = "the data"
)

// withCatalogKey returns a generation with its catalog key.
func (r *Ring) withCatalogKey(ctx context.Context, number int) (*generation, error) {
	for {
		k := r.current()
		g := k.find(number)
		if g != nil && g.catalog != nil {
			return g, nil
		}
		if g == nil && k.hasNewestList() {
			return nil, damagef("it is encrypted with generation %d of the keys, which there is not", number)
		}
		if err := r.findMore(ctx, k, theList); err != nil {
			return nil, err
		}
	}
}

// appender is a writer that appends to what it has.
type appender []byte

func (a *appender) Write(p []byte) (int, error) {
	*a = append(*a, p...)
	return len(p), nil
}

// encrypt appends an age file with plain to dst.
func encrypt(dst, plain []byte, recipients ...age.Recipient) ([]byte, error) {
	out := appender(dst)
	w, err := age.Encrypt(&out, recipients...)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out, nil
}

// open decrypts an age file. The error is a [*KeyError] if none of the identities opens it, else a
// [*DamageError].
func open(sealed []byte, ids ...age.Identity) ([]byte, error) {
	return openTo(make([]byte, 0, len(sealed)), sealed, ids...)
}

// openTo is open, into the memory of dst, which may be that of sealed: what was written never
// reaches what was not read yet.
func openTo(dst, sealed []byte, ids ...age.Identity) ([]byte, error) {
	if len(ids) == 0 {
		return nil, &KeyError{What: "it"}
	}
	// Of the two readers of age, this one takes memory for a chunk, and the other one for
	// each chunk: the garbage of a restore would be as large as what it restores.
	r, size, err := age.DecryptReaderAt(bytes.NewReader(sealed), int64(len(sealed)), ids...)
	if _, noMatch := errors.AsType[*age.NoIdentityMatchError](err); noMatch {
		return nil, &KeyError{What: "it", IsWrong: true}
	}
	if err != nil {
		return nil, damagef("it does not decrypt: %v", err)
	}
	plain := dst[:size] // for which there is room: it is shorter than sealed
	n, err := r.ReadAt(plain, 0)
	if int64(n) != size || err != nil && !errors.Is(err, io.EOF) {
		return nil, damagef("it does not decrypt: %v", err)
	}
	return plain, nil
}
