package journal

import (
	"context"
	"errors"
	"fmt"

	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// This file is about the two documents on which everything hangs: the newest
// manifest, and archive.json. If one of them is damaged, or empty, as after a loss of
// power or a copy that broke off, the error says what there still is.

// DamagedNewestError says that the manifest of the newest backup is damaged. Nobody knows
// what that backup was, so nothing can go on after it; those before it are not
// touched by that.
type DamagedNewestError struct {
	Key    string // of the manifest
	Seq    uint64 // the number of the backup
	Before uint64 // that of the one before it, 0 if there is none
	Err    error
}

func (e *DamagedNewestError) Error() string {
	return fmt.Sprintf("backup %d, the newest, cannot be read: %v", e.Seq, e.Err)
}

// Unwrap returns the [*manifest.ObjectError] that it is.
func (e *DamagedNewestError) Unwrap() error { return e.Err }

// AboutNewest makes err a [*DamagedNewestError] if it is about the newest manifest of h.
func (h *History) AboutNewest(err error) error {
	var object *manifest.ObjectError
	if !errors.As(err, &object) || len(h.Seqs) == 0 || object.Key != h.Last().Key() {
		return err
	}
	last := uint64(h.Last())
	return &DamagedNewestError{Key: object.Key, Seq: last, Before: last - 1, Err: err} // no number is left out
}

// DamagedDocumentError says that archive.json is damaged, or missing where there are
// backups.
type DamagedDocumentError struct{ Err error }

func (e *DamagedDocumentError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *DamagedDocumentError) Unwrap() error { return e.Err }

// byManifests is what readers can know of an archive whose archive.json is damaged,
// which is why. Each manifest has the id of the archive, too; it is that of the
// newest one that is whole. Nothing is written to an archive of which no more is
// known.
func (j *Journal) byManifests(ctx context.Context, why error) (*History, error) {
	var document *DamagedDocumentError
	if !errors.As(why, &document) {
		return nil, why
	}
	h := History{Document: why}
	for info, err := range j.Store.List(ctx, manifest.ManifestPrefix, objects.MaxManifests) {
		if err != nil {
			return nil, err
		}
		if seq, ok := manifest.ParseKey(info.Key); ok {
			h.Seqs = append(h.Seqs, seq)
		}
	}
	for i := len(h.Seqs) - 1; i >= 0; i-- {
		b, err := j.Store.ReadDocument(ctx, h.Seqs[i].Key())
		var object *manifest.ObjectError
		if err != nil && !errors.As(err, &object) {
			return nil, err
		}
		if m, err := manifest.DecodeManifest(b); err == nil && m.Seq == h.Seqs[i] {
			h.Archive = &manifest.Archive{ArchiveID: m.ArchiveID}
			j.Log.Warn("reading without archive.json, which is damaged", "err", why)
			return &h, nil
		}
	}
	return nil, why
}
