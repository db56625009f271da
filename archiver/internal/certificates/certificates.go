// Package certificates reads and writes what drills and verifications have proved.
//
// The newest certificate tells all: each carries on what the ones before it say. So one list
// and one read are enough, however old the archive is. None is ever changed, so of two that
// are put at the same time, neither knows the other; who sees that puts another one, which has
// what both say.
package certificates

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

const (
	// recent is how far back the newest certificate is looked for, before all are listed.
	recent = 400 * 24 * time.Hour

	// maxListed is how many certificates or digests an archive may have: one every ten minutes for 19 years.
	maxListed = 1 << 20

	// maxDamaged is how many certificates at the end may be damaged: the rest is not looked at.
	maxDamaged = 16
)

// Newest returns the newest certificate of the archive with this id, nil if there is none. One that is
// damaged, of another archive, or that is listed and missing, is passed over, with a warning: an earlier one says
// less, and nothing wrong. If all are, nobody knows what they said: that is a
// [*manifest.ObjectError].
func Newest(ctx context.Context, s *objects.Store, archiveID string) (*manifest.Certificate, error) {
	c, _, err := NewestRead(ctx, s, archiveID)
	return c, err
}

// NewestRead is [Newest], and also returns what is wrong with the newest of those that it has passed over,
// nil if there is none: what that one said of the newest drill is not known.
func NewestRead(ctx context.Context, s *objects.Store, archiveID string) (c *manifest.Certificate, unread *manifest.ObjectError, err error) {
	c, unread, err = newest(ctx, s, archiveID)
	if err == nil && c == nil && unread != nil {
		return nil, nil, unread
	}
	return c, unread, err
}

// newest returns the newest certificate, nil if none can be read; and what is wrong with the newest
// of those that cannot be.
func newest(ctx context.Context, s *objects.Store, archiveID string) (c *manifest.Certificate, damage *manifest.ObjectError, err error) {
	keys, err := listRecent(ctx, s, maxDamaged)
	if err != nil {
		return nil, nil, err
	}
	for _, key := range slices.Backward(keys) {
		c, err := read(ctx, s, archiveID, key)
		if object, isDamaged := errors.AsType[*manifest.ObjectError](err); isDamaged {
			s.Log.Warn("a certificate cannot be read: the one before it counts", "key", key, "err", object.Problem)
			damage = cmp.Or(damage, object)
			continue
		}
		return c, damage, err
	}
	return nil, damage, nil
}

// listRecent returns the keys of the newest certificates, at most so many.
func listRecent(ctx context.Context, s *objects.Store, most int) ([]string, error) {
	keys, err := listAfter(ctx, s, manifest.CertificatesFrom(time.Now().Add(-recent)), most)
	if err != nil || len(keys) > 0 {
		return keys, err
	}
	return listAfter(ctx, s, "", most)
}

// listAfter returns the keys of the newest certificates after a key, at most so many.
func listAfter(ctx context.Context, s *objects.Store, after string, most int) ([]string, error) {
	var keys []string
	for info, err := range s.ListAfter(ctx, manifest.CertificatePrefix, after, maxListed) {
		if err != nil {
			return nil, err
		}
		if _, ok := manifest.ParseCertificateKey(info.Key); !ok {
			continue
		}
		if keys = append(keys, info.Key); len(keys) > most {
			keys = keys[1:]
		}
	}
	return keys, nil
}

// read reads a certificate. One that is damaged, missing, or stored under another key than its own
// is a [*manifest.ObjectError].
func read(ctx context.Context, s *objects.Store, archiveID, key string) (*manifest.Certificate, error) {
	d, err := s.ReadDocument(ctx, key)
	if errors.Is(err, storage.ErrNotExist) {
		return nil, &manifest.ObjectError{Key: key, Problem: "it is listed, and missing"}
	}
	if err != nil {
		return nil, err
	}
	c, err := manifest.DecodeCertificate(d.Bytes)
	switch {
	case errors.Is(err, manifest.ErrDamaged):
		return nil, &manifest.ObjectError{Key: key, Problem: err.Error()}
	case err != nil:
		return nil, fmt.Errorf("%s: %w", key, err)
	case c.Key != key:
		return nil, &manifest.ObjectError{Key: key, Problem: "it is a copy of " + c.Key}
	case c.ArchiveID != archiveID:
		return nil, &manifest.ObjectError{Key: key, Problem: "it belongs to another archive"}
	}
	return c, nil
}
