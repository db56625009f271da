package journal

import (
	"context"
	"fmt"
	"slices"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// PublicKeys returns the newest key list of the archive, and the number of the record that has it,
// as anybody can read them in the store, without a key: nothing shows that they are right. The list is
// nil if the archive is not encrypted.
func (j *Journal) PublicKeys(ctx context.Context) (archiveID string, record manifest.Seq, list *manifest.KeyList, err error) {
	stored, err := j.store.ReadStored(ctx, manifest.ArchiveKey)
	if err != nil {
		return "", 0, nil, err
	}
	if !manifest.HasMAC(stored) {
		return "", 0, nil, nil
	}
	a, err := manifest.DecodeSealedArchive(stored)
	if err != nil {
		return "", 0, nil, fmt.Errorf("%s: %w", manifest.ArchiveKey, err)
	}
	records, err := searchEnd(ctx, j.store, nil, &marks{})
	if err != nil {
		return "", 0, nil, err
	}
	for _, seq := range slices.Backward(records) {
		m, err := j.readSealed(ctx, seq)
		if err == nil && m.Keys != 0 && m.KeyList == nil {
			m, err = j.readSealed(ctx, m.Keys)
		}
		switch {
		case IsDamaged(err):
			continue
		case err != nil:
			return "", 0, nil, err
		case m.KeyList != nil:
			return a.ArchiveID, m.Keys, m.KeyList, nil
		}
		break
	}
	return a.ArchiveID, 0, &a.Encryption.Keys, nil
}

// readSealed reads what is in the clear of the manifest of a record.
func (j *Journal) readSealed(ctx context.Context, seq manifest.Seq) (*manifest.SealedManifest, error) {
	stored, err := j.store.ReadStored(ctx, seq.Key())
	if err != nil {
		return nil, err
	}
	m, err := manifest.DecodeSealedManifest(stored)
	if err != nil {
		return nil, &manifest.ObjectError{Key: seq.Key(), Problem: err.Error()}
	}
	return m, nil
}
