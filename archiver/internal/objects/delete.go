package objects

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/gbak-s3/gbak-s3/storage"
)

// DeleteAll is [storage.DeleteAll], with the same contract, but asks again for keys that
// the store was too busy for or did not answer about, as [Retry] does. No key may ever
// be used again: a request that seems lost may arrive at any time.
func (s *Store) DeleteAll(ctx context.Context, keys []string) (map[string]error, error) {
	kept := map[string]error{}
	var whole error
	_, err := Retry(ctx, s.Patience, func() (struct{}, error) {
		var answers map[string]error
		if answers, whole = storage.DeleteAll(ctx, s.Storage, keys); whole != nil {
			return struct{}{}, noRetry(whole) // the backend has retried it
		}
		for _, key := range keys {
			delete(kept, key)
		}
		maps.Copy(kept, answers)
		var err error
		keys, err = toRepeat(answers)
		return struct{}{}, err
	})
	switch {
	case whole != nil:
		return nil, whole
	case err != nil && ctx.Err() != nil: // during a pause
		return nil, &storage.Error{Op: storage.OpDelete, Key: keys[0], Err: context.Cause(ctx)}
	}
	return kept, nil
}

// toRepeat returns the keys that another attempt may delete, and an error that says so,
// a temporary one if there is any.
func toRepeat(answers map[string]error) (keys []string, err error) {
	for _, key := range slices.Sorted(maps.Keys(answers)) {
		answer := answers[key]
		if IsPermanent(answer) {
			continue
		}
		keys = append(keys, key)
		if err == nil || isTemporary(answer) && !isTemporary(err) {
			err = answer
		}
	}
	return keys, err
}

// Now returns the time by the store's clock, or [storage.ErrNoTime] if it shows none.
func (s *Store) Now(ctx context.Context) (time.Time, error) { return storage.Now(ctx, s.Storage) }

// DeleteVersions is [storage.VersionDeleter].DeleteVersions.
func (s *Store) DeleteVersions(ctx context.Context, versions []storage.VersionID) (map[storage.VersionID]error, error) {
	return storage.VersionsOf(s.Storage).DeleteVersions(ctx, versions)
}
