package mirroring

import (
	"bytes"
	"context"
	"errors"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/internal/progress"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// transfer mirrors the objects that the target lacks. A damaged one stays behind.
func (r *run) transfer(ctx context.Context) error {
	var total int64
	for _, o := range r.lacking {
		total += o.size
	}
	r.tracker = progress.Track(ctx, total)
	g, running := errgroup.WithContext(ctx)
	g.SetLimit(r.Workers)
	buffers := make(chan []byte, r.Workers)
	for range r.Workers {
		buffers <- nil
	}
	for _, o := range r.lacking {
		if running.Err() != nil {
			break
		}
		g.Go(func() error {
			buffer := <-buffers
			defer func() { buffers <- buffer }()
			err := r.mirror(running, o, &buffer)
			r.tracker.Add(o.size)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// mirror mirrors one object. What is wrong with it is noted.
func (r *run) mirror(ctx context.Context, o object, buffer *[]byte) error {
	if r.ServerSide && strings.HasPrefix(o.key, manifest.SegmentPrefix) {
		if done, err := r.letStoreCopy(ctx, o); done || err != nil {
			return err
		}
	}
	b, err := r.Source.Store().ReadMatching(ctx, o.key, o.size, r.matches(o.key), func() []byte { return *buffer })
	if object, ok := errors.AsType[*manifest.ObjectError](err); ok {
		return r.damaged(ctx, *object)
	}
	if err != nil {
		return err
	}
	if cap(b) > cap(*buffer) {
		*buffer = b
	}
	isFresh, err := r.Target.CreateAt(ctx, o.key, b)
	if _, isOther := errors.AsType[*objects.OtherContentError](err); isOther {
		if !r.isHashed(o.key) {
			return nil // see [run.compare]
		}
		r.spoil(Damage{manifest.ObjectError{Key: o.key, Problem: "it exists already, with other content"}, false})
		return nil
	}
	if err == nil && isFresh {
		r.done(o.size, false)
	}
	return err
}

// damaged notes what is wrong with an object of the source. If it was deleted since, and nothing that
// is needed names it, nothing is.
func (r *run) damaged(ctx context.Context, object manifest.ObjectError) error {
	if n := r.named[object.Key]; r.list != nil && (n == nil || n.by == 0) {
		isGone, err := isMissing(ctx, r.Source.Store(), object)
		if err != nil {
			return err
		}
		if isGone {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.isUneven = r.isUneven || n != nil
			return nil
		}
	}
	r.spoil(Damage{object, true})
	return nil
}

// done counts an object that was mirrored.
func (r *run) done(bytes int64, sizeOnly bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Objects++
	r.report.Bytes += bytes
	if sizeOnly {
		r.report.SizeOnly++
	}
}

// matches returns what reports whether bytes are those of an object: by the whole hash, if a record
// that was read names it, else by that in its key, or by a document's own.
func (r *run) matches(key string) func([]byte) bool {
	n := r.named[key]
	digits, isHashed := manifest.HashInKey(key)
	return func(b []byte) bool {
		switch {
		case n != nil:
			return manifest.Sum(b) == n.sum
		case isHashed:
			return strings.HasPrefix(manifest.Sum(b).String(), digits)
		case key == manifest.InstructionsKey:
			return bytes.Equal(b, manifest.Instructions(r.id, r.isSealed))
		}
		return manifest.Intact(b)
	}
}

// letStoreCopy lets the store copy a segment. It is not done if the store cannot: then nobody asks it
// again.
func (r *run) letStoreCopy(ctx context.Context, o object) (done bool, err error) {
	copier := storage.CopierOf(r.Target.Storage)
	r.mu.Lock()
	isStreamed := r.isStreamed
	r.mu.Unlock()
	if copier == nil || isStreamed {
		return false, nil
	}
	// What is damaged already must not get there at all: a later run would find it there, and as large
	// as it is to be.
	source, err := r.Source.Store().Storage.Head(ctx, o.key)
	if err != nil || source.Size != o.size || source.SHA256 != nil && !r.hasSum(o.key, *source.SHA256) {
		return false, nil // reading it says what is wrong
	}
	err = copier.CopyFrom(ctx, o.key, r.Source.Store().Storage)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return false, err
	case errors.Is(err, storage.ErrNotExist), errors.Is(err, storage.ErrPreconditionFailed), errors.Is(err, storage.ErrUnavailable):
		return false, nil // reading and storing it says what is wrong, or is patient
	default:
		r.mu.Lock()
		defer r.mu.Unlock()
		if !r.isStreamed {
			r.Log.Info("the store does not copy by itself; everything goes through this host", "err", err)
		}
		r.isStreamed = true
		return false, nil
	}
	info, err := r.Target.Storage.Head(ctx, o.key)
	switch {
	case err != nil:
		return false, err
	case info.Size != o.size || info.SHA256 != nil && !r.hasSum(o.key, *info.SHA256):
		r.spoil(Damage{manifest.ObjectError{Key: o.key, Problem: "the store has copied other bytes than those that were stored"}, true})
		return true, nil
	}
	r.done(o.size, info.SHA256 == nil)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.ServerSide++
	return true, nil
}

// hasSum reports whether an object must have a digest.
func (r *run) hasSum(key string, sum manifest.Digest) bool {
	if n := r.named[key]; n != nil {
		return n.sum == sum
	}
	digits, _ := manifest.HashInKey(key)
	return strings.HasPrefix(sum.String(), digits)
}
