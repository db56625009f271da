package mirroring

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// readBack reads all of the target, and compares it with what records, keys and documents say of
// it.
func (r *run) readBack(ctx context.Context) error {
	g, running := errgroup.WithContext(ctx)
	g.SetLimit(r.Workers)
	for info, err := range r.Target.List(running, "", maxObjects) {
		if err != nil {
			return errors.Join(err, g.Wait())
		}
		if _, isRecord := manifest.ParseKey(info.Key); !isRecord && !r.isMirrored(info.Key) && info.Key != manifest.ArchiveKey {
			continue
		}
		g.Go(func() error { return r.readObject(running, info) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

func (r *run) readObject(ctx context.Context, info storage.ObjectInfo) error {
	_, err := r.Target.ReadMatching(ctx, info.Key, info.Size, r.matches(info.Key), nil)
	object, isDamaged := errors.AsType[*manifest.ObjectError](err)
	if isDamaged {
		if isGone, err := isMissing(ctx, r.Target, *object); isGone || err != nil {
			return err // an expiry of the mirror has deleted it
		}
	}
	switch {
	case isDamaged:
		r.spoil(Damage{*object, false})
		return nil
	case err != nil:
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.ReadBack++
	return nil
}
