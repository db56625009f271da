// Package certificates reads and writes what drills and verifications have proved.
//
// The newest certificate tells all: each carries on what the ones before it say. So one list
// and one read are enough, however old the archive is. None is ever changed, so of two that
// are put at the same time, neither knows the other; who sees that puts another one, which has
// what both say.
package certificates

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

const (
	// recent is how far back the newest certificate is looked for, before all are listed.
	recent = 400 * 24 * time.Hour

	// maxListed is how many certificates an archive may have: one every ten minutes for 19 years.
	maxListed = 1 << 20

	// maxDamaged is how many certificates at the end may be damaged.
	maxDamaged = 16
)

// Newest returns the newest certificate of an archive, nil if there is none. One that is
// damaged, or that is listed and missing, is passed over, with a warning: an earlier one says
// less, and nothing wrong.
func Newest(ctx context.Context, s *objects.Store) (*manifest.Certificate, error) {
	keys, err := listRecent(ctx, s)
	if err != nil {
		return nil, err
	}
	for i := len(keys) - 1; i >= 0; i-- {
		c, err := read(ctx, s, keys[i])
		if damage, isDamaged := errors.AsType[*manifest.ObjectError](err); isDamaged {
			s.Log.Warn("a certificate cannot be read: the one before it counts", "key", keys[i], "err", damage.Problem)
			continue
		}
		return c, err
	}
	if len(keys) == maxDamaged {
		return nil, &manifest.ObjectError{Key: keys[len(keys)-1], Problem: fmt.Sprintf("it is damaged, and so are the %d certificates before it", maxDamaged-1)}
	}
	return nil, nil
}

// listRecent returns the keys of the newest certificates, at most maxDamaged.
func listRecent(ctx context.Context, s *objects.Store) ([]string, error) {
	keys, err := listAfter(ctx, s, manifest.CertificatesFrom(time.Now().Add(-recent)))
	if err != nil || len(keys) > 0 {
		return keys, err
	}
	return listAfter(ctx, s, "")
}

// listAfter returns the keys of the newest certificates after a key, at most maxDamaged.
func listAfter(ctx context.Context, s *objects.Store, after string) ([]string, error) {
	var keys []string
	for info, err := range s.ListAfter(ctx, manifest.CertificatePrefix, after, maxListed) {
		if err != nil {
			return nil, err
		}
		if _, ok := manifest.ParseCertificateKey(info.Key); !ok {
			continue
		}
		if keys = append(keys, info.Key); len(keys) > maxDamaged {
			keys = keys[1:]
		}
	}
	return keys, nil
}

// read reads a certificate. One that is damaged, missing, or stored under another key than its own
// is a [*manifest.ObjectError].
func read(ctx context.Context, s *objects.Store, key string) (*manifest.Certificate, error) {
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
	}
	return c, nil
}
