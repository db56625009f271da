package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/internal/seal"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// DamagedDocumentError says that archive.json is damaged, or missing although there are
// backups.
type DamagedDocumentError struct{ Err error }

func (e *DamagedDocumentError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *DamagedDocumentError) Unwrap() error { return e.Err }

// readDocument returns a list with archive.json, if that exists, and without backups.
func (j *Journal) readDocument(ctx context.Context) (*List, error) {
	var l List
	d, err := j.store.ReadDocument(ctx, manifest.ArchiveKey)
	if _, isKey := errors.AsType[*seal.KeyError](err); isKey {
		d, err = j.readWithNewerKeys(ctx, err)
	}
	switch {
	case errors.Is(err, storage.ErrNotExist):
	case errors.Is(err, storage.ErrNoStore):
		return nil, fmt.Errorf("%s: %w", j.Address(), err)
	case IsDamaged(err):
		return nil, &DamagedDocumentError{err}
	case err != nil:
		return nil, err
	default:
		if l.Archive, err = manifest.DecodeArchive(d.Bytes); errors.Is(err, manifest.ErrDamaged) {
			return nil, &DamagedDocumentError{fmt.Errorf("%s: %w", manifest.ArchiveKey, err)}
		} else if err != nil {
			return nil, fmt.Errorf("%s: %w", manifest.ArchiveKey, err)
		}
	}
	return &l, nil
}

// readWithNewerKeys reads archive.json for whom its own key list does not know: the newest one may.
// If that does not help, the error says for whom the archive opens now; it is why if nothing does.
func (j *Journal) readWithNewerKeys(ctx context.Context, why error) (objects.Document, error) {
	last, err := searchEnd(ctx, j.store, nil, &marks{})
	if err != nil {
		return objects.Document{}, err
	}
	for i := len(last) - 1; i >= max(0, len(last)-maxDamagedEnd); i-- {
		isFound, err := j.store.LearnKeys(ctx, last[i], true)
		switch {
		case IsDamaged(err), errors.Is(err, storage.ErrNotExist):
			continue
		case errors.Is(err, objects.ErrPlain), err == nil && !isFound:
			return objects.Document{}, why
		case err != nil:
			return objects.Document{}, err
		}
		return j.store.ReadDocument(ctx, manifest.ArchiveKey)
	}
	return objects.Document{}, why
}

// checkDocument makes sure that there is archive.json if there are backups: it may have
// been created after it was read. In a mirror it is the last object of the first mirroring: without
// it, there is no archive yet, whatever there is of manifests.
func (j *Journal) checkDocument(ctx context.Context, l *List) error {
	if l.Archive != nil || len(l.Records) == 0 {
		return nil
	}
	again, err := j.readDocument(ctx)
	if err != nil {
		return err
	}
	l.Archive = again.Archive
	switch {
	case l.Archive != nil:
	case l.IsMirror():
		l.Records = nil
	default:
		return &DamagedDocumentError{&manifest.ObjectError{
			Key: manifest.ArchiveKey, Problem: "it is missing, although there are backups",
		}}
	}
	return nil
}

// listWithoutDocument is what readers can know of an archive whose archive.json is
// damaged, which is why. Each manifest has the id of the archive, too; it is that of the
// newest one that can be read. Nothing is written to an archive of which no more is
// known.
func (j *Journal) listWithoutDocument(ctx context.Context, why error) (*List, error) {
	if _, ok := errors.AsType[*DamagedDocumentError](why); !ok {
		return nil, why
	}
	seqs, written, err := listAll(ctx, j.store, &marks{})
	if err != nil {
		return nil, err
	}
	if err := j.learnWithoutDocument(ctx, seqs); err != nil {
		return nil, err
	}
	for i := len(seqs) - 1; i >= 0; i-- {
		d, err := j.store.ReadDocument(ctx, seqs[i].Key())
		if err != nil && !IsDamaged(err) {
			return nil, err
		}
		if m, err := manifest.DecodeManifest(d.Bytes); err == nil && m.Seq == seqs[i] {
			j.log.Warn("reading without archive.json, which is damaged", "err", why)
			a := &manifest.Archive{ArchiveID: m.ArchiveID}
			if !j.store.Ring.IsSealed() {
				return &List{Archive: a, Records: seqs, Written: written, Document: why}, j.store.Ring.Learn(ctx, seal.Announced{ArchiveID: m.ArchiveID})
			}
			return &List{Archive: a, Records: seqs, Written: written, Document: why}, nil
		}
	}
	return nil, why
}

// learnWithoutDocument finds out whether an archive whose archive.json is damaged is encrypted, and
// with which keys: records of kind keys and full backups say so.
func (j *Journal) learnWithoutDocument(ctx context.Context, records []manifest.Seq) error {
	if j.store.Ring.IsSealed() {
		return nil
	}
	isNewest := true // of those that can be read
	for _, record := range slices.Backward(records) {
		isFound, err := j.store.LearnKeys(ctx, record, isNewest)
		isNewest = isNewest && err != nil
		switch {
		case isFound && err == nil, errors.Is(err, objects.ErrPlain):
			return nil
		case err != nil && !IsDamaged(err) && !errors.Is(err, storage.ErrNotExist):
			return err
		}
	}
	return nil
}
