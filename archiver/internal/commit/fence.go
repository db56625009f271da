package commit

import (
	"bytes"
	"context"
	"errors"

	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// Create-if-absent shows a writer that it is the first with a number only as long as no
// manifest is deleted. A writer that slept between reading the head and its commit may find
// its number free again. So:
//
//   - before the keep that follows keep g is created, there is the fence of g, for good;
//   - manifests are deleted only for a keep, and never those up to the first one. Before a
//     group of them is, there is the fence of its last number, for good;
//   - whoever has committed on a head whose newest keep is g looks for the fence of g. If
//     there is none, no keep has followed g, and no number after g was ever deleted. If
//     there is one, and one of the record's own group, that record does not count. Otherwise
//     the newest keep says whether it does.
//
// The fence of the group is for a writer whose lists are late: they may show neither the
// manifests that were deleted nor the keep for which they were.

// CreateFence makes sure that the fence of a number exists: of a keep, or of the last number of a
// group.
func CreateFence(ctx context.Context, s *objects.Store, archiveID string, keep manifest.Seq) error {
	document, err := s.SealFence(ctx, &manifest.Fence{ArchiveID: archiveID, Keep: keep})
	if err != nil {
		return err
	}
	key := manifest.FenceKey(keep)
	sum := manifest.Sum(document)
	for range objects.Attempts {
		result, err := objects.Retry(ctx, s.Patience, func() (storage.PutResult, error) {
			return s.Storage.Put(ctx, key, bytes.NewReader(document), storage.PutOptions{IfAbsent: true, SHA256: (*[32]byte)(&sum)})
		})
		if err == nil && result.Proved {
			return nil
		}
		if err != nil && !objects.MayExist(err) {
			return err
		}
		if _, readErr := s.Storage.Head(ctx, key); readErr == nil {
			return nil // that it exists is all that counts
		} else if !errors.Is(readErr, storage.ErrNotExist) {
			return readErr
		}
	}
	return objects.ErrLost
}

// isInLog reports whether the record m, which was created on a head whose newest keep is
// m.Keep, is a part of the log: whether its number was never used before.
func (h *Head) isInLog(ctx context.Context, m *manifest.Committed) (bool, error) {
	if m.Keep == 0 {
		return true, nil
	}
	_, err := h.Store.Storage.Head(ctx, manifest.FenceKey(m.Keep))
	if errors.Is(err, storage.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	_, err = h.Store.Storage.Head(ctx, manifest.FenceKey(m.Seq.GroupEnd()))
	switch {
	case err == nil:
		return false, nil // its number is one of those that were deleted
	case !errors.Is(err, storage.ErrNotExist):
		return false, err
	}
	last, err := h.journal.FindLast(ctx, m.Seq)
	if err != nil {
		return false, err
	}
	newest, err := h.Load(ctx, last)
	if err != nil {
		return false, err
	}
	if m.Kind != manifest.Keep && m.Seq > newest.NewestKeep() {
		return true, nil
	}
	keep := newest
	if seq := newest.NewestKeep(); seq != newest.Seq {
		if keep, err = h.Load(ctx, seq); err != nil {
			return false, err
		}
	}
	switch {
	case keep.Keeping == nil:
		return false, &manifest.ObjectError{Key: keep.Seq.Key(), Problem: "it is no keep, but the newest record says that it is"}
	case m.Kind == manifest.Keep:
		return keep.CommitID == m.CommitID, nil
	case m.Kind == manifest.KeyChange && keep.Keys != m.Seq:
		return h.isFollowed(ctx, m)
	case m.Kind == manifest.KeyChange: // whose manifest was never deleted
		return true, nil
	}
	return keep.Keeping.Alive.Contains(m.Seq), nil
}

// isFollowed reports whether the record after m, of kind keys, was committed on m, which another one
// of its kind has followed since.
func (h *Head) isFollowed(ctx context.Context, m *manifest.Committed) (bool, error) {
	next, err := h.Load(ctx, m.Seq+1)
	if journal.IsDamaged(err) {
		return false, nil // it was deleted, and so had m been
	}
	if err != nil {
		return false, err
	}
	return next.Previous != nil && *next.Previous == m.Digest, nil
}
