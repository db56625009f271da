package mirroring

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// maxObjects is how many objects a list of a whole archive may have.
const maxObjects = objects.MaxManifests + 4*objects.MaxSegments

// isMirrored reports whether an object is one of those that come before the records, by its key.
// Documents of a mirror are no part of what is mirrored, and what is not in the format is not either.
// Nor are certificates: what was read and restored is the source, and the target has its own.
func (r *run) isMirrored(key string) bool {
	if _, ok := manifest.HashInKey(key); ok {
		return true
	}
	if _, ok := manifest.ParseFenceKey(key); ok {
		return true
	}
	return key == manifest.InstructionsKey || manifest.IsDigestKey(key) || r.named[key] != nil
}

// isHashed reports whether something else than its bytes says what bytes an object has.
func (r *run) isHashed(key string) bool {
	_, ok := manifest.HashInKey(key)
	return ok || r.named[key] != nil
}

// compare lists both archives, and finds what the target lacks, and what has another size there. The
// records of the source are known already, so everything that they name is in its list, unless it
// was deleted.
func (r *run) compare(ctx context.Context) error {
	for o, err := range r.both(ctx) {
		if err != nil {
			return err
		}
		n := r.named[o.key]
		if n != nil {
			n.isSeen = true
		}
		_, isRecord := manifest.ParseKey(o.key)
		isRight := func(size int64) bool { return n == nil || n.size == size }
		switch {
		case isRecord && o.inTarget < 0: // see [run.mirrorRecords]
		case o.inTarget < 0 && !isRight(o.inSource):
			r.spoil(Damage{manifest.ObjectError{Key: o.key, Problem: fmt.Sprintf("it has %d bytes instead of %d", o.inSource, n.size)}, true})
		case o.inTarget < 0:
			r.lacking = append(r.lacking, object{o.key, o.inSource})
		case !r.isHashed(o.key):
			if err := r.compareDocument(ctx, o); err != nil {
				return err
			}
		case o.inSource >= 0 && o.inSource != o.inTarget || !isRight(o.inTarget):
			inSource := n != nil && isRight(o.inTarget)
			r.spoil(Damage{manifest.ObjectError{Key: o.key, Problem: fmt.Sprintf("it has %d bytes, and %d in the other archive", o.inTarget, o.inSource)}, inSource})
		}
	}
	for _, key := range slices.Sorted(maps.Keys(r.named)) {
		n := r.named[key]
		switch {
		case n.isSeen:
		case n.by == 0: // an expiry has deleted it
			r.isUneven = true
		default:
			r.spoil(Damage{manifest.ObjectError{Key: key, Problem: "it is missing"}, true})
		}
	}
	return nil
}

// compareDocument finds out which of two documents is damaged, if they have different sizes. Both may
// be intact: fences and digests of states, of which an expiry or a drill of the mirror may have made
// one of its own, which is as good. A record is the same one or none. No new record waits for what is
// damaged here: the target has its records already, and no restore needs the others.
func (r *run) compareDocument(ctx context.Context, o pair) error {
	if o.inSource < 0 || o.inSource == o.inTarget {
		return nil
	}
	isSpoilt := false
	for _, side := range []struct {
		store        *objects.Store
		size, others int64
		inSource     bool
	}{
		{r.Target, o.inTarget, o.inSource, false},
		{r.Source.Store(), o.inSource, o.inTarget, true},
	} {
		_, err := side.store.ReadMatching(ctx, o.key, side.size, r.matches(o.key), nil)
		object, isDamaged := errors.AsType[*manifest.ObjectError](err)
		if isDamaged {
			if isGone, err := isMissing(ctx, side.store, *object); isGone || err != nil {
				return err // an expiry has deleted it
			}
		}
		switch {
		case isDamaged:
			isSpoilt = true
			problem := fmt.Sprintf("it has %d bytes, and %d in the other archive", side.size, side.others)
			r.report.Damaged = append(r.report.Damaged, Damage{manifest.ObjectError{Key: o.key, Problem: problem}, side.inSource})
		case err != nil:
			return err
		}
	}
	if seq, isRecord := manifest.ParseKey(o.key); isRecord && !isSpoilt {
		return &DivergedError{r.SourceName, r.TargetName, seq, false}
	}
	return nil
}

// pair is an object, with its size in each of the archives; -1 if it is not there.
type pair struct {
	key                string
	inSource, inTarget int64
}

// both lists what is mirrored in both archives at once, in the order of the keys. What no record
// of the source names, and only the target has, is left out.
func (r *run) both(ctx context.Context) iter.Seq2[pair, error] {
	return func(yield func(pair, error) bool) {
		source, stopSource := iter.Pull2(r.listed(ctx, r.Source.Store()))
		defer stopSource()
		target, stopTarget := iter.Pull2(r.listed(ctx, r.Target))
		defer stopTarget()
		s, sourceErr, inSource := source()
		t, targetErr, inTarget := target()
		for inSource || inTarget {
			if err := firstOf(sourceErr, targetErr); err != nil {
				yield(pair{}, err)
				return
			}
			p := pair{s.Key, s.Size, -1}
			isTarget := inTarget && (!inSource || t.Key <= s.Key)
			isSource := inSource && (!inTarget || s.Key <= t.Key)
			switch {
			case isTarget && isSource:
				p.inTarget = t.Size
			case isTarget:
				p = pair{t.Key, -1, t.Size}
			}
			if (isSource || r.named[p.key] != nil) && !yield(p, nil) {
				return
			}
			if isSource {
				s, sourceErr, inSource = source()
			}
			if isTarget {
				t, targetErr, inTarget = target()
			}
		}
	}
}

func firstOf(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// listed lists what is mirrored of an archive, and its records.
func (r *run) listed(ctx context.Context, s *objects.Store) iter.Seq2[storage.ObjectInfo, error] {
	return func(yield func(storage.ObjectInfo, error) bool) {
		for info, err := range s.List(ctx, "", maxObjects) {
			_, isRecord := manifest.ParseKey(info.Key)
			if (err != nil || isRecord || r.isMirrored(info.Key)) && !yield(info, err) {
				return
			}
		}
	}
}
