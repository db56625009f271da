package certificates

import (
	"context"
	"errors"
	"fmt"

	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// maxPins is how many digests an epoch may have, by one scheme.
const maxPins = 1000

// ConflictError says that a state has another digest than the one that was reported.
type ConflictError struct {
	Reported string
	Pinned   *manifest.DigestPin
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("the digest is %s, and %s was pinned for this state", e.Reported, e.Pinned.Digest)
}

// Pin compares p with the digests that its state has, and makes p one if it has none of that
// scheme. It returns the one that p is equal to, and whether that is p itself. The error is a
// [*ConflictError] if they differ; then nothing was stored.
func Pin(ctx context.Context, s *objects.Store, p manifest.DigestPin) (pinned *manifest.DigestPin, isNew bool, err error) {
	if pinned, err := compare(ctx, s, &p); pinned != nil || err != nil {
		return pinned, false, err
	}
	document, err := s.SealDigest(ctx, &p)
	if err != nil {
		return nil, false, err
	}
	isOurs, err := s.CreateOnce(ctx, p.ObjectKey(), document)
	if isOurs || err != nil {
		return &p, err == nil, err
	}
	if pinned, err = compare(ctx, s, &p); pinned == nil && err == nil {
		err = fmt.Errorf("the store has %s, and does not list it", p.ObjectKey())
	}
	return pinned, false, err
}

// CopyPins pins the digests of one archive in a copy of it, which has this id. It returns why some are not
// pinned there: they are damaged, or the copy has others.
func CopyPins(ctx context.Context, from, to *objects.Store, id string) (skipped []error, err error) {
	for info, err := range from.List(ctx, manifest.DigestPrefix, maxListed) {
		if err != nil {
			return skipped, err
		}
		if !manifest.IsDigestKey(info.Key) {
			continue
		}
		p, err := readPin(ctx, from, info.Key)
		if err == nil {
			p.ArchiveID = id
			_, _, err = Pin(ctx, to, *p)
		}
		_, isDamaged := errors.AsType[*manifest.ObjectError](err)
		_, isInConflict := errors.AsType[*ConflictError](err)
		if isDamaged || isInConflict {
			skipped = append(skipped, err)
		} else if err != nil {
			return skipped, err
		}
	}
	return skipped, nil
}

// Compare compares p with the digests that its state has, and returns the one that it is equal to, nil
// if it has none of that scheme. The error is a [*ConflictError] if they differ.
func Compare(ctx context.Context, s *objects.Store, p manifest.DigestPin) (*manifest.DigestPin, error) {
	return compare(ctx, s, &p)
}

func compare(ctx context.Context, s *objects.Store, p *manifest.DigestPin) (equal *manifest.DigestPin, err error) {
	for info, err := range s.List(ctx, manifest.DigestsOf(p.ArchiveID, p.State, manifest.DigestScheme(p.Digest)), maxPins) {
		if err != nil {
			return nil, err
		}
		if !manifest.IsDigestKey(info.Key) {
			continue
		}
		other, err := readPin(ctx, s, info.Key)
		switch {
		case err != nil:
			return nil, err
		case other.Digest != p.Digest && isOf(other, p):
			return nil, &ConflictError{p.Digest, other}
		case other.Digest == p.Digest:
			equal = other
		}
	}
	return equal, nil
}

// isOf reports whether a digest that is pinned must be that of the state of p. Of states with one epoch,
// and where the place of one of the two is not known, only those who have the database open say which
// state is meant: the last one.
func isOf(pinned, p *manifest.DigestPin) bool {
	switch {
	case pinned.State == p.State:
		return true
	case pinned.State.IsPlaced() && p.State.IsPlaced():
		return false
	}
	return pinned.By == manifest.PinnedByApp || p.By == manifest.PinnedByApp
}

// readPin reads a digest. One that is damaged, or stored under another key than its own, is a
// [*manifest.ObjectError].
func readPin(ctx context.Context, s *objects.Store, key string) (*manifest.DigestPin, error) {
	d, err := s.ReadDocument(ctx, key)
	if errors.Is(err, storage.ErrNotExist) {
		return nil, &manifest.ObjectError{Key: key, Problem: "it is listed, and missing"}
	}
	if err != nil {
		return nil, err
	}
	p, err := manifest.DecodeDigestPin(d.Bytes)
	switch {
	case errors.Is(err, manifest.ErrDamaged):
		return nil, &manifest.ObjectError{Key: key, Problem: err.Error()}
	case err != nil:
		return nil, fmt.Errorf("%s: %w", key, err)
	case p.ObjectKey() != key:
		return nil, &manifest.ObjectError{Key: key, Problem: "it is the digest of another state"}
	}
	return p, nil
}
