package mirroring

import (
	"context"
	"errors"

	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// Detach makes an archive like any other of a mirror. From then on nothing is mirrored into it.
// It reports whether this call has done that, and not an earlier one. What is no mirror is a
// [*NotMirrorError], and one in which the first mirroring has not come to its end a
// [*journal.NoArchiveError].
func Detach(ctx context.Context, s *objects.Store, address, tool, host string) (isFresh bool, err error) {
	m, err := journal.ReadMirror(ctx, s)
	if err != nil {
		return false, err
	}
	if m == nil {
		return false, &NotMirrorError{Address: address, Problem: "is no mirror: it has no " + manifest.MirrorKey}
	}
	detached, err := journal.ReadDetached(ctx, s)
	if err != nil || detached != nil {
		return false, err
	}
	switch _, err := s.Storage.Head(ctx, manifest.ArchiveKey); {
	case errors.Is(err, storage.ErrNotExist): // and nothing would ever complete it
		return false, &journal.NoArchiveError{Address: address, IsMirror: true}
	case err != nil:
		return false, err
	}
	document := manifest.Mirror{ArchiveID: m.ArchiveID, At: manifest.Now(), Tool: tool, Host: host}
	isFresh, err = s.CreateAt(ctx, manifest.DetachedKey, document.EncodeDetached())
	if _, isOther := errors.AsType[*objects.OtherContentError](err); isOther {
		return false, nil // somebody else did at the same time
	}
	return isFresh, err
}
