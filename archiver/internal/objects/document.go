package objects

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/gbak-s3/gbak-s3/archiver/internal/seal"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// Document is a document as it was read.
type Document struct {
	Bytes  []byte          // as it is without encryption
	Stored manifest.Digest // of what is stored, which the next manifest names
}

// ReadDocument reads archive.json, a manifest, a fence, a certificate or a pinned digest: see [Store.Read]. In an encrypted archive it
// decrypts it, and what it says of the keys becomes known. If the document is not intact, it is
// returned as it is: decoding it will say so.
//
// The error is a [*manifest.ObjectError] if the document was not written by somebody with the keys of
// the archive, and a [*seal.KeyError] if nobody here has these.
func (s *Store) ReadDocument(ctx context.Context, key string) (Document, error) {
	b, err := s.ReadStored(ctx, key)
	if err != nil {
		return Document{}, err
	}
	return s.OpenDocument(ctx, key, b)
}

// ReadStored reads a document as it is stored.
func (s *Store) ReadStored(ctx context.Context, key string) ([]byte, error) {
	limit := int64(manifest.MaxManifestBytes)
	if s.Ring.IsSealed() {
		limit = manifest.MaxStoredDocument
	}
	return s.Read(ctx, key, limit, manifest.Intact)
}

// OpenDocument is [Store.ReadDocument] of what is stored under key.
func (s *Store) OpenDocument(ctx context.Context, key string, stored []byte) (Document, error) {
	d := Document{Bytes: stored, Stored: manifest.Sum(stored)}
	if !manifest.Intact(stored) {
		return d, nil
	}
	var err error
	switch {
	case key == manifest.ArchiveKey:
		d.Bytes, err = s.openArchive(ctx, stored)
	case !s.Ring.IsSealed():
	case strings.HasPrefix(key, manifest.FencePrefix):
		d.Bytes, err = s.openFence(ctx, stored)
	case manifest.IsNote(key):
		d.Bytes, err = s.openNote(ctx, key, stored)
	default:
		d.Bytes, err = s.openManifest(ctx, key, d, false)
	}
	if err != nil {
		return Document{}, about(key, err)
	}
	return d, nil
}

// about returns err, which is about what is stored under key, as a [*manifest.ObjectError] if that is
// damaged.
func about(key string, err error) error {
	if errors.Is(err, manifest.ErrDamaged) {
		return &manifest.ObjectError{Key: key, Problem: err.Error()}
	}
	if damage, ok := errors.AsType[*seal.DamageError](err); ok {
		if damage.Record != 0 {
			key = damage.Record.Key()
		}
		return &manifest.ObjectError{Key: key, Problem: damage.Problem}
	}
	if _, ok := errors.AsType[*manifest.UnsupportedError](err); ok {
		return fmt.Errorf("%s: %w", key, err)
	}
	return err
}

// openArchive opens archive.json, from which the ring learns whether the archive is encrypted.
func (s *Store) openArchive(ctx context.Context, stored []byte) ([]byte, error) {
	if !manifest.HasMAC(stored) {
		a, err := manifest.DecodeArchive(stored)
		switch {
		case err != nil:
			return nil, err
		case a.Encryption != nil:
			return nil, &seal.DamageError{Problem: "it has no MAC, and the archive is encrypted"}
		}
		return stored, s.Ring.Learn(ctx, seal.Announced{ArchiveID: a.ArchiveID})
	}
	a, err := manifest.DecodeSealedArchive(stored)
	if err != nil {
		return nil, err
	}
	if err := s.Ring.Learn(ctx, seal.Announced{ArchiveID: a.ArchiveID, List: &a.Encryption.Keys, Generation: 1, Line: a.Line, MAC: a.MAC}); err != nil {
		return nil, err
	}
	if err := a.CheckFormat(); err != nil {
		return nil, err
	}
	document, err := s.Ring.OpenCatalog(ctx, a.Sealed)
	if err != nil {
		return nil, err
	}
	return document, a.Agrees(document)
}

// openManifest opens a manifest of an encrypted archive. isNamed says that a later record names it as
// the one with the newest list of keys. What is in the clear may be of anybody: that a record names
// an earlier one, and that one none, is what ends the search for keys.
func (s *Store) openManifest(ctx context.Context, key string, d Document, isNamed bool) ([]byte, error) {
	m, err := manifest.DecodeSealedManifest(d.Bytes)
	if err != nil {
		return nil, err
	}
	switch {
	case m.Seq.Key() != key:
		return nil, &seal.DamageError{Problem: fmt.Sprintf("it is the manifest of backup %d", m.Seq)}
	case m.ArchiveID != s.Ring.ArchiveID():
		return nil, &seal.DamageError{Problem: "it belongs to another archive"}
	case isNamed && m.Keys != m.Seq:
		return nil, &seal.DamageError{Problem: "it has no list of keys, although others say that it has"}
	}
	if m.Keys == m.Seq && !isNamed {
		if isNamed, err = s.counts(ctx, m.Seq, d.Stored); err != nil {
			return nil, err
		}
	}
	if err := s.authenticate(ctx, m, isNamed); err != nil {
		return nil, err
	}
	if err := m.CheckFormat(); err != nil {
		return nil, err
	}
	document, err := s.Ring.OpenCatalog(ctx, m.Sealed)
	if err != nil {
		return nil, err
	}
	return document, m.Agrees(document)
}

// counts reports whether a record of kind keys, which no other one names here, is in the log: it is
// the newest one, or the next one was committed on it. Otherwise it may have been created under a
// number of old times.
func (s *Store) counts(ctx context.Context, record manifest.Seq, stored manifest.Digest) (bool, error) {
	if s.Ring.IsNewest(record) {
		return true, nil
	}
	b, err := s.ReadStored(ctx, (record + 1).Key())
	if errors.Is(err, storage.ErrNotExist) {
		return false, nil
	}
	if _, isDamaged := errors.AsType[*manifest.ObjectError](err); isDamaged {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	next, err := manifest.DecodeSealedManifest(b)
	return err == nil && next.Previous != nil && *next.Previous == stored, nil
}

// authenticate makes sure that m was written by somebody with the keys with which a record of its
// number is encrypted. Of a record of kind keys that does not count, nothing is learned: its keys were
// never used.
func (s *Store) authenticate(ctx context.Context, m *manifest.SealedManifest, counts bool) error {
	if m.Keys == m.Seq && !counts {
		if err := s.Ring.CheckMAC(ctx, m.Generation, m.Line, m.MAC); err != nil {
			return err
		}
		return s.Ring.Saw(m.Seq, m.Generation, 0)
	}
	if m.Keys < m.Seq && !s.Ring.Has(m.Generation) {
		if err := s.LoadKeys(ctx, m.Keys); err != nil {
			return err
		}
	}
	if m.KeyList != nil {
		if err := s.Ring.Learn(ctx, announced(m)); err != nil {
			return err
		}
	} else if err := s.Ring.CheckMAC(ctx, m.Generation, m.Line, m.MAC); err != nil {
		return err
	}
	return s.Ring.Saw(m.Seq, m.Generation, m.Keys)
}

// LoadKeys reads the record with a key list, so that the ring learns it; 0 stands for archive.json.
func (s *Store) LoadKeys(ctx context.Context, record manifest.Seq) error {
	if record == 0 {
		_, err := s.ReadDocument(ctx, manifest.ArchiveKey)
		return err
	}
	stored, err := s.ReadStored(ctx, record.Key())
	if err == nil {
		_, err = s.openManifest(ctx, record.Key(), Document{Bytes: stored, Stored: manifest.Sum(stored)}, true)
	}
	return about(record.Key(), err)
}

// LoadKnownKeys is [Store.LoadKeys] for a record that the ring knows, by the writer key or by a record
// that authenticates: if it is missing, that is damage.
func (s *Store) LoadKnownKeys(ctx context.Context, record manifest.Seq) error {
	err := s.LoadKeys(ctx, record)
	if errors.Is(err, storage.ErrNotExist) {
		return MissingKeys(record)
	}
	return err
}

// MissingKeys is the error for a record that is missing, although it is known here as the one with
// the newest list of keys.
func MissingKeys(record manifest.Seq) error {
	return &manifest.ObjectError{
		Key: record.Key(), Problem: "it is missing, and it has the newest list of keys that is known here: somebody may have set the archive back",
	}
}

// ErrPlain: a record is not encrypted.
var ErrPlain = errors.New("the record is not encrypted")

// LearnKeys reads a record as it is stored, and passes to the ring what it says of the keys, of
// which nothing is known yet. If it has no key list, it reads the record that has the newest one. It
// reports whether a list was found: the first one is only in archive.json and in full backups. If the
// record is not encrypted, the error is [ErrPlain]. A record of kind keys is passed over unless it is
// the newest record: see authenticate.
func (s *Store) LearnKeys(ctx context.Context, record manifest.Seq, isNewest bool) (isFound bool, err error) {
	stored, err := s.Read(ctx, record.Key(), manifest.MaxStoredDocument, manifest.Intact)
	if err != nil {
		return false, err
	}
	if manifest.Intact(stored) && !manifest.HasMAC(stored) {
		return false, ErrPlain
	}
	m, err := manifest.DecodeSealedManifest(stored)
	switch {
	case err != nil:
		return false, about(record.Key(), err)
	case m.KeyList != nil && m.Keys == m.Seq && !isNewest:
		return false, nil
	case m.KeyList != nil:
		return true, about(record.Key(), s.Ring.Learn(ctx, announced(m)))
	case m.Keys != 0 && m.Keys < record:
		return s.LearnKeys(ctx, m.Keys, true)
	}
	return false, nil
}

func announced(m *manifest.SealedManifest) seal.Announced {
	return seal.Announced{ArchiveID: m.ArchiveID, Record: m.Keys, List: m.KeyList, Generation: m.Generation, Line: m.Line, MAC: m.MAC}
}

// openFence opens the fence of an encrypted archive, which has nothing to decrypt.
func (s *Store) openFence(ctx context.Context, stored []byte) ([]byte, error) {
	f, line, mac, err := manifest.DecodeSealedFence(stored)
	if err != nil {
		return nil, err
	}
	return manifest.WithoutMAC(line), s.Ring.CheckMAC(ctx, f.Generation, line, mac)
}

// SealArchive returns archive.json as it is stored.
func (s *Store) SealArchive(ctx context.Context, a *manifest.Archive) ([]byte, error) {
	if a.Encryption == nil {
		return a.Encode(), nil
	}
	return a.Seal(s.sealFor(ctx, 1), s.mac(ctx, 1))
}

// SealManifest returns a manifest as it is stored.
func (s *Store) SealManifest(ctx context.Context, m *manifest.Manifest) ([]byte, error) {
	if m.Generation == 0 {
		return m.Encode(), nil
	}
	return m.Seal(s.sealFor(ctx, m.Generation), s.mac(ctx, m.Generation))
}

// SealFence returns a fence as it is stored.
func (s *Store) SealFence(ctx context.Context, f *manifest.Fence) ([]byte, error) {
	if f.Generation = s.Ring.Generation(); f.Generation == 0 {
		return f.Encode(), nil
	}
	return f.Seal(s.mac(ctx, f.Generation))
}

func (s *Store) sealFor(ctx context.Context, generation int) func([]byte) ([]byte, error) {
	return func(b []byte) ([]byte, error) { return s.Ring.SealFor(ctx, generation, b) }
}

func (s *Store) mac(ctx context.Context, generation int) func([]byte) (manifest.Digest, error) {
	return func(line []byte) (manifest.Digest, error) { return s.Ring.MAC(ctx, generation, line) }
}
