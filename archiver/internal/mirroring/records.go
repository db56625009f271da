package mirroring

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// order returns the records that the target lacks, in the order in which they are mirrored: that of
// their numbers. So the target is, after each of them, what the source was once.
//
// If the source has deleted what some of them name, it cannot be. Then those that are not needed
// come last: what the target shows meanwhile are backups that exist. After a time as long as
// that, the newest one may not be restored before the newest keep is there.
func (r *run) order() []manifest.Seq {
	var all, last []manifest.Seq
	for _, seq := range r.records {
		switch {
		case r.has[seq] || seq >= r.stop || r.list != nil && !r.isRead(seq):
		case r.isUneven && !r.isNeeded(seq):
			last = append(last, seq)
		default:
			all = append(all, seq)
		}
	}
	return append(all, last...)
}

// mirrorRecords mirrors records. In a first mirroring there is no archive before all are there, and
// their order is of no interest; else they come one after the other.
func (r *run) mirrorRecords(ctx context.Context) error {
	g, running := errgroup.WithContext(ctx)
	g.SetLimit(1)
	if r.isFirst {
		g.SetLimit(r.Workers)
	}
	order := r.order()
	if r.isFirst && len(order) > 0 {
		// A first backup that has begun before there was anything to be seen commits record 1, too: only one
		// of us can, and then the other one leaves all of this alone.
		if err := r.checkAbsent(ctx); err != nil {
			return err
		}
		if err := r.mirrorRecord(ctx, order[0]); err != nil {
			return err
		}
		order = order[1:]
	}
	for _, seq := range order {
		if running.Err() != nil {
			break
		}
		g.Go(func() error {
			if running.Err() != nil { // the one before is not there
				return context.Cause(running)
			}
			return r.mirrorRecord(running, seq)
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	for seq := range r.has {
		r.report.UpTo = max(r.report.UpTo, seq)
	}
	return nil
}

// mirrorRecord mirrors one record.
func (r *run) mirrorRecord(ctx context.Context, seq manifest.Seq) error {
	key := seq.Key()
	b, err := readDocument(ctx, r.Source.Store(), key)
	if errors.Is(err, storage.ErrNotExist) {
		err = &manifest.ObjectError{Key: key, Problem: "it is missing"}
	}
	if sum, isRead := r.digests[seq]; err == nil && isRead && manifest.Sum(b) != sum {
		err = &manifest.ObjectError{Key: key, Problem: "it is another one than a moment ago"}
	}
	if object, ok := errors.AsType[*manifest.ObjectError](err); ok {
		if !r.isNeeded(seq) {
			if isGone, err := isMissing(ctx, r.Source.Store(), *object); isGone || err != nil {
				return err // an expiry has deleted it
			}
		}
		r.spoil(Damage{*object, true})
		return &DamageError{First: Damage{*object, true}, Count: 1, Stop: seq}
	}
	if err != nil {
		return err
	}
	isFresh, err := r.Target.CreateAt(ctx, key, b)
	if _, isOther := errors.AsType[*objects.OtherContentError](err); isOther {
		return r.meets(ctx, seq)
	}
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.has[seq] = true
	if isFresh {
		r.report.Records++
		r.report.Bytes += int64(len(b))
	}
	return nil
}

// meets returns the error for a record of the target that is another one.
func (r *run) meets(ctx context.Context, seq manifest.Seq) error {
	if _, err := readDocument(ctx, r.Target, seq.Key()); err != nil {
		return r.ofTarget(err)
	}
	return &DivergedError{r.SourceName, r.TargetName, seq, false}
}
